//! By which address a client reaches this broker.

use super::{Context, Services};

/// Host and port to tell a client: what `advertised.listeners` says for its listener, or else the address
/// by which it came.
pub(super) fn advertised(services: &Services, ctx: &Context<'_>) -> (String, i32) {
    let config = services.config();
    let told = config.advertised_listeners.iter().flatten();
    match told.filter(|e| e.listener.eq_ignore_ascii_case(ctx.listener)).find(|e| !e.host.is_empty()) {
        Some(endpoint) => (endpoint.host.clone(), i32::from(endpoint.port)),
        None => (ctx.local.ip().to_canonical().to_string(), i32::from(ctx.local.port())),
    }
}
