//! DescribeTransactions and ListTransactions.

use std::collections::HashSet;

use regex::Regex;

use super::{Decision, State, Txn, TxnShard};
use crate::coordinator::view::View;
use crate::schema::ErrorCode;
use crate::schema::clients::describe_transactions_response::{TopicData, TransactionState};
use crate::schema::clients::list_transactions_response::TransactionState as Listed;

/// Largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// Which transactions are listed; what is empty asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Option<Vec<State>>,
    /// Of one of these producers.
    pub producers: HashSet<i64>,
    /// Begun more than so many ms ago.
    pub longer_than_ms: Option<i64>,
    /// With an id that matches.
    pub pattern: Option<Regex>,
}

/// Compiles a pattern that must match a whole id.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION.
pub fn compile(pattern: &str) -> Result<Regex, ErrorCode> {
    let build = |text: &str| regex::RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
    // By itself first: `a)(b` is no pattern, though it would be one inside of the brackets below.
    let built = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
    built.map_err(|_| ErrorCode::INVALID_REGULAR_EXPRESSION)
}

impl Filter {
    fn lets(&self, view: &View<'_>, id: &str, txn: &Txn) -> bool {
        let age = view.now.get().saturating_sub(txn.started.get());
        self.states.as_ref().is_none_or(|states| states.contains(&txn.state))
            && (self.producers.is_empty() || self.producers.contains(&txn.producer_id.get()))
            && self.longer_than_ms.is_none_or(|limit| age > limit)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    }
}

impl TxnShard {
    /// Describes one transactional id.
    #[must_use]
    pub fn describe(&self, id: &str) -> Decision<TransactionState<'static>> {
        let found = match self.txn(id) {
            _ if id.is_empty() => Err(ErrorCode::INVALID_REQUEST),
            None => Err(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND),
            Some(txn) => Ok(txn),
        };
        Decision::reply(match found {
            Err(code) => TransactionState {
                error_code: code.code(),
                transactional_id: id.to_owned().into(),
                ..Default::default()
            },
            Ok(txn) => TransactionState {
                transactional_id: id.to_owned().into(),
                transaction_state: txn.state.name().into(),
                transaction_timeout_ms: txn.timeout_ms,
                transaction_start_time_ms: txn.started.get(),
                producer_id: txn.producer_id.get(),
                producer_epoch: txn.epoch.get(),
                topics: topics(txn),
                ..Default::default()
            },
        })
    }

    /// Lists transactional ids.
    #[must_use]
    pub fn list(&self, view: &View<'_>, filter: &Filter) -> Decision<Vec<Listed<'static>>> {
        let listed = self.iter().filter(|(id, txn)| filter.lets(view, id, txn)).map(|(id, txn)| Listed {
            transactional_id: id.to_string().into(),
            producer_id: txn.producer_id.get(),
            transaction_state: txn.state.name().into(),
            ..Default::default()
        });
        Decision::reply(listed.collect())
    }
}

fn topics(txn: &Txn) -> Vec<TopicData<'static>> {
    let topic = |(topic, partitions): (&std::sync::Arc<str>, &std::collections::BTreeSet<i32>)| TopicData {
        topic: topic.to_string().into(),
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    };
    txn.partitions.iter().map(topic).collect()
}
