//! Requests that the controller decides: the decision runs on the metadata store's thread, and the reply
//! leaves when its records are durable and the partitions have followed.

use super::{Context, Handling, Services};
use crate::metadata::Image;
use crate::metadata::change::{Decision, Site};
use crate::schema::Writer;
use crate::types::NodeId;

/// Hands a decision to the store; `encode` writes its reply.
pub(super) fn decide<R: Send + 'static>(
    services: &Services,
    ctx: &Context<'_>,
    encode: fn(&R, &mut Writer, i16),
    decision: impl FnOnce(&Image, Site<'_>) -> Decision<R> + Send + 'static,
) -> Handling {
    let (head, node) = (ctx.head(), services.node_id);
    let settings = std::sync::Arc::clone(&services.settings);
    let decided = services
        .metadata
        .submit(move |image, _| decision(image, Site { node: NodeId(node.get()), settings: &settings }));
    Handling::parked(async move {
        match decided.await {
            Ok(reply) => head.reply(|w| encode(&reply, w, head.version)),
            // The metadata log has failed and the process is about to end: nothing true can be said.
            Err(_) => std::future::pending().await,
        }
    })
}
