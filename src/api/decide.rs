//! Requests that the controller decides: the decision runs on the metadata store's thread, and the reply
//! leaves when its records are durable and the partitions have followed.

use std::sync::Arc;

use super::{Context, Handling, Services};
use crate::metadata::Image;
use crate::metadata::change::{Decision, Refuse, Site};
use crate::schema::Writer;

/// Hands the decision on `request` to the store; `encode` writes its reply.
pub(super) fn decide<Q: Refuse + Send + Sync + 'static>(
    services: &Services,
    ctx: &Context<'_>,
    request: Q,
    encode: fn(&Q::Reply, &mut Writer, i16),
    decision: impl FnOnce(&Image, Site<'_>, &Q) -> Decision<Q::Reply> + Send + 'static,
) -> Handling
where
    Q::Reply: Send,
{
    let (head, node) = (ctx.head(), services.node_id);
    let settings = Arc::clone(&services.settings);
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided =
        services.metadata.submit(move |image, _| decision(image, Site { node, settings: &settings }, &asked));
    Handling::parked(async move {
        let reply = match decided.await {
            Ok(reply) => reply,
            Err(failed) => request.refuse(failed.code(), &failed.to_string()),
        };
        head.reply(|w| encode(&reply, w, head.version))
    })
}
