//! One transactional producer: add the partitions, write, end; the next one when that is done.
use std::collections::BTreeSet;
use std::time::Duration;

use super::run::Run;
use super::sender::Sender;
use super::tally::Tally;
use super::template::Author;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Connection};
use crate::env::Clock;
use crate::schema::ErrorCode;
use crate::schema::clients::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use crate::schema::clients::end_txn_request::EndTxnRequest;

/// A producer and its coordinator. It speaks the first version of the protocol of transactions, which
/// every broker knows.
#[derive(Debug)]
pub struct Transactor {
    /// Where transactions are opened and ended.
    pub coordinator: Connection,
    /// Where records go.
    pub sender: Sender,
    /// Its transactional id.
    pub id: String,
    /// Its identity.
    pub author: Author,
    /// Records of a transaction.
    pub records: u64,
    /// Ends after this many records.
    pub quota: Option<u64>,
}

impl Transactor {
    /// Commits transactions until the run is over.
    ///
    /// # Errors
    /// A connection breaks, or a broker refuses something.
    pub fn work(mut self, run: &Run) -> Result<Tally, CliError> {
        let mut tally = Tally::new()?;
        let (mut next, mut written) = (0, 0u64);
        loop {
            let begun = run.clock.elapsed();
            if run.is_over(begun) || self.quota.is_some_and(|quota| written >= quota) {
                return Ok(tally);
            }
            let share = self.sender.share(next, self.records);
            let templates: Vec<_> = share.iter().filter_map(|&at| self.sender.templates.get(at)).collect();
            let records: u64 = templates.iter().map(|template| template.records).sum();
            let content: u64 = templates.iter().map(|template| template.content).sum();
            let partitions: BTreeSet<i32> =
                templates.iter().flat_map(|template| template.partitions()).map(|(index, _)| index).collect();
            self.add(partitions.into_iter().collect(), run)?;
            self.sender.burst(&share, run)?;
            self.commit(run)?;
            next = share.last().map_or(0, |&last| last.wrapping_add(1));
            next = next.checked_rem(self.sender.templates.len()).unwrap_or(0);
            written = written.saturating_add(records);
            run.progress(records, content);
            let now = run.clock.elapsed();
            if run.counts(now) {
                tally.records = tally.records.saturating_add(records);
                tally.bytes = tally.bytes.saturating_add(content);
                tally.requests = tally.requests.saturating_add(1);
                tally.latencies.add(now.saturating_sub(begun), 1);
                tally.last = now;
            }
        }
    }

    fn add(&mut self, partitions: Vec<i32>, run: &Run) -> Result<(), ClientError> {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.id.as_str().into(),
            v3_and_below_producer_id: self.author.id.get(),
            v3_and_below_producer_epoch: self.author.epoch.get(),
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: self.sender.topic.as_str().into(),
                partitions,
                ..Default::default()
            }],
            ..Default::default()
        };
        loop {
            let reply = self.coordinator.ask(&request)?;
            let results = reply.decode()?.results_by_topic_v3_and_below;
            let partitions = results.iter().flat_map(|topic| &topic.results_by_partition);
            let codes: Vec<i16> = partitions.map(|partition| partition.partition_error_code).collect();
            // The one before is committed, but its markers are still being written.
            if codes.iter().any(|&code| ErrorCode(code) == ErrorCode::CONCURRENT_TRANSACTIONS) {
                run.sleep_until(run.clock.elapsed().saturating_add(Duration::from_millis(1)));
                continue;
            }
            let bad = codes.into_iter().find(|&code| code != 0).unwrap_or(0);
            return ClientError::check(bad, None, || {
                format!("adding partitions to the transaction of {}", self.id)
            });
        }
    }

    fn commit(&mut self, run: &Run) -> Result<(), ClientError> {
        let request = EndTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: self.author.id.get(),
            producer_epoch: self.author.epoch.get(),
            committed: true,
            ..Default::default()
        };
        loop {
            let code = self.coordinator.ask(&request)?.decode()?.error_code;
            if ErrorCode(code) == ErrorCode::CONCURRENT_TRANSACTIONS {
                run.sleep_until(run.clock.elapsed().saturating_add(Duration::from_millis(1)));
                continue;
            }
            return ClientError::check(code, None, || format!("the transaction of {}", self.id));
        }
    }
}
