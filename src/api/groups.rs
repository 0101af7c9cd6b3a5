//! What requests to the group coordinator have in common.

use super::{Context, Handling};
use crate::coordinator::group::Client;
use crate::coordinator::runtime::{Answer, Pending};
use crate::schema::Writer;

/// Replies with what the coordinator answers, now or when it is durable.
pub(super) fn answer<T: Send + 'static>(
    ctx: &Context<'_>,
    pending: Pending<T>,
    encode: impl FnOnce(Answer<T>, &mut Writer, i16) + Send + 'static,
) -> Handling {
    let head = ctx.head();
    match pending {
        Pending::Ready(answer) => Handling::Ready(head.reply(|w| encode(answer, w, head.version))),
        Pending::Later(answer) => Handling::parked(async move {
            let answer = answer.await;
            head.reply(|w| encode(answer, w, head.version))
        }),
    }
}

/// Replies with all that the coordinator answers to the parts of a request, in their order.
pub(super) fn answer_all<T: Send + 'static>(
    ctx: &Context<'_>,
    pending: Vec<Pending<T>>,
    encode: impl FnOnce(Vec<Answer<T>>, &mut Writer, i16) + Send + 'static,
) -> Handling {
    let head = ctx.head();
    if pending.iter().all(|pending| matches!(pending, Pending::Ready(_))) {
        let ready = |pending| if let Pending::Ready(answer) = pending { Some(answer) } else { None };
        let answers = pending.into_iter().filter_map(ready).collect();
        return Handling::Ready(head.reply(|w| encode(answers, w, head.version)));
    }
    Handling::parked(async move {
        let mut answers = Vec::with_capacity(pending.len());
        for pending in pending {
            answers.push(pending.wait().await);
        }
        head.reply(|w| encode(answers, w, head.version))
    })
}

/// Calls `with` with the sender of a request, as groups remember it.
pub(super) fn with_client<T>(ctx: &Context<'_>, with: impl FnOnce(Client<'_>) -> T) -> T {
    let host = format!("/{}", ctx.peer.ip().to_canonical());
    with(Client { id: ctx.client_id.unwrap_or_default(), host: &host })
}
