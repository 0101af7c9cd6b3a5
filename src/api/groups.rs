//! What requests to the group coordinator have in common.

use super::{Context, Handling, operations};
use crate::coordinator::group::Client;
use crate::coordinator::runtime::{Answer, Pending};
use crate::schema::{Str, Writer};

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

/// What an API tells of a group.
pub(super) trait Description: Default + Send + 'static {
    /// The group's id, the error code, and the operations that the client may carry out.
    fn parts(&mut self) -> (&mut Str<'static>, &mut i16, &mut i32);
}

/// Replies with a description of each group, in their order; `encode` makes them a response.
pub(super) fn describe_all<D: Description>(
    ctx: &Context<'_>,
    ids: &[Str<'_>],
    with_operations: bool,
    describe: impl Fn(&str) -> Pending<D>,
    encode: impl FnOnce(Vec<D>, &mut Writer, i16) + Send + 'static,
) -> Handling {
    let pending = ids.iter().map(|id| describe(id)).collect();
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let operations = if with_operations { operations::ON_GROUP } else { operations::UNKNOWN };
    answer_all(ctx, pending, move |answers, w, version| {
        let describe = |(answer, group_id): (Answer<D>, String)| {
            let (mut group, refused) = match answer {
                Ok(group) => (group, None),
                Err(code) => (D::default(), Some(code)),
            };
            let (id, code, allowed) = group.parts();
            if let Some(refused) = refused {
                *id = group_id.into();
                *code = refused.code();
            }
            if *code == 0 {
                *allowed = operations;
            }
            group
        };
        encode(answers.into_iter().zip(ids).map(describe).collect(), w, version);
    })
}

/// Calls `with` with the sender of a request, as groups remember it.
pub(super) fn with_client<T>(ctx: &Context<'_>, with: impl FnOnce(Client<'_>) -> T) -> T {
    let host = format!("/{}", ctx.peer.ip().to_canonical());
    with(Client { id: ctx.client_id.unwrap_or_default(), host: &host })
}
