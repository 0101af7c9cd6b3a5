//! Reading partitions of several brokers without a pause: the next requests go out before the records
//! of the last replies are looked at.
use std::collections::BTreeMap;
use std::time::Duration;

use super::start::{Span, Start, spans};
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, Isolation, Reply, Ticket};
use crate::record::{BatchError, Batches};
use crate::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use crate::schema::clients::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::schema::{ErrorCode, Records};

/// Most bytes of a reply, and of one partition in it. A larger batch comes alone.
const MAX_BYTES: i32 = 32 << 20;
const MAX_PARTITION_BYTES: i32 = 4 << 20;
/// Longest that a broker holds a request back while it has no records, in ms. With several brokers one
/// must not keep the records of another waiting for long.
const LONG_POLL_MS: i32 = 5_000;
const SHORT_POLL_MS: i32 = 250;
/// A fetch without session (KIP-227).
const NO_SESSION_EPOCH: i32 = -1;

/// A partition by topic and index.
pub type Place = (String, i32);

/// How far a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// Next offset to ask for.
    next: i64,
    /// Offset at which reading ends; `None` follows for ever.
    end: Option<i64>,
}

impl Position {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

/// The replies of all leaders to one question, and from where their records count.
#[derive(Debug)]
pub struct Round {
    replies: Vec<Reply<FetchRequest<'static>>>,
    /// The offset that was asked for in each partition. A batch may begin before it.
    pub asked: BTreeMap<Place, i64>,
    names: BTreeMap<[u8; 16], String>,
}

impl Round {
    /// The responses.
    ///
    /// # Errors
    /// [`ClientError::Unreadable`].
    pub fn responses(&self) -> Result<Vec<FetchResponse<'_>>, ClientError> {
        self.replies.iter().map(Reply::decode).collect()
    }

    /// The topic that a part of a response is about: newer brokers give only its id.
    #[must_use]
    pub fn topic<'a>(&'a self, response: &'a FetchableTopicResponse<'_>) -> &'a str {
        self.names.get(&response.topic_id).map_or(&response.topic, String::as_str)
    }
}

/// What a request to each leader asked.
#[derive(Debug)]
struct Question {
    tickets: Vec<(i32, Ticket)>,
    asked: BTreeMap<Place, i64>,
    names: BTreeMap<[u8; 16], String>,
}

/// Reads partitions from their positions on.
#[derive(Debug)]
pub struct Fetcher {
    cluster: Cluster,
    isolation: Isolation,
    positions: BTreeMap<Place, Position>,
    question: Option<Question>,
    /// What a person should know, for instance that records were gone.
    pub remarks: Vec<String>,
}

impl Fetcher {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(cluster: Cluster, isolation: Isolation) -> Self {
        Self { cluster, isolation, positions: BTreeMap::new(), question: None, remarks: Vec::new() }
    }

    /// Adds partitions of a topic (all if none is named). With `to_end`, each is read up to what is its
    /// end now.
    ///
    /// # Errors
    /// What the brokers refuse.
    pub fn assign(
        &mut self,
        topic: &str,
        partitions: &[i32],
        from: Start,
        to_end: bool,
    ) -> Result<(), ClientError> {
        // A topic that is not there is an answer, not a reason to wait.
        let known = self.cluster.topic(topic, false)?;
        let all = known.partitions.iter().map(|partition| partition.index).collect();
        let partitions = if partitions.is_empty() { all } else { partitions.to_vec() };
        for (partition, Span { start, end }) in
            spans(&mut self.cluster, topic, &partitions, from, self.isolation)?
        {
            if let Start::Offset(offset) = from
                && offset != start
            {
                self.remarks
                    .push(format!("{topic}-{partition} has no offset {offset}: it is read from {start} on"));
            }
            let position = Position { next: start, end: to_end.then_some(end) };
            self.positions.insert((topic.to_owned(), partition), position);
        }
        Ok(())
    }

    /// The next replies; `None` when all partitions are read to their end.
    ///
    /// # Errors
    /// What the brokers refuse for good, and batches that are damaged.
    pub fn next(&mut self) -> Result<Option<Round>, CliError> {
        loop {
            let first = match self.question.take() {
                Some(question) => receive(&mut self.cluster, question),
                None if self.is_done() => return Ok(None),
                None => self.ask_and_receive(),
            };
            let round = match first {
                Err(error) if error.is_retriable() => {
                    self.cluster.forget();
                    self.retry()
                }
                other => other,
            };
            match round {
                Err(error) if error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) => {
                    self.return_to_range()?
                }
                Err(error) => return Err(error.into()),
                Ok(round) => {
                    self.advance(&round)?;
                    if !self.is_done() {
                        // If this fails, the next call finds out, and tries again.
                        self.question = ask(&mut self.cluster, &self.positions, self.isolation).ok();
                    }
                    return Ok(Some(round));
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        self.positions.values().all(Position::is_done)
    }

    fn ask_and_receive(&mut self) -> Result<Round, ClientError> {
        let question = ask(&mut self.cluster, &self.positions, self.isolation)?;
        receive(&mut self.cluster, question)
    }

    fn retry(&mut self) -> Result<Round, ClientError> {
        let (positions, isolation) = (&self.positions, self.isolation);
        self.cluster.retrying(|cluster| {
            let question = ask(cluster, positions, isolation)?;
            receive(cluster, question)
        })
    }

    /// Moves behind the last whole batch of each partition.
    fn advance(&mut self, round: &Round) -> Result<(), CliError> {
        let mut is_idle = true;
        for response in round.responses()? {
            is_idle &= response.throttle_time_ms == 0;
            for topic in &response.responses {
                for partition in &topic.partitions {
                    let place = (round.topic(topic).to_owned(), partition.partition_index);
                    let next = next_offset(partition).map_err(|error| damaged(&place, &error))?;
                    if let (Some(next), Some(position)) = (next, self.positions.get_mut(&place)) {
                        position.next = position.next.max(next);
                        is_idle = false;
                    }
                }
            }
        }
        if is_idle {
            // Compaction may have taken the last records: then nothing is left before the end.
            for position in self.positions.values_mut() {
                position.next = position.next.max(position.end.unwrap_or(0));
            }
        }
        Ok(())
    }

    /// Retention or DeleteRecords has overtaken a reader: it goes on at what is left.
    fn return_to_range(&mut self) -> Result<(), CliError> {
        self.cluster.forget();
        for ((topic, partition), position) in &mut self.positions {
            let from = Start::Offset(position.next);
            let found = spans(&mut self.cluster, topic, &[*partition], from, self.isolation)?;
            let Some(&Span { start, end }) = found.get(partition) else { continue };
            if start < position.next {
                return Err(CliError::failed(format!(
                    "{topic}-{partition} ends at {end}, but was read up to {}: the broker has lost records, \
                     or the topic was made anew",
                    position.next
                )));
            }
            if start > position.next {
                let lost = format!("{} to {}", position.next, start.saturating_sub(1));
                self.remarks.push(format!("{topic}-{partition}: the offsets {lost} are deleted already"));
                position.next = start;
            }
        }
        Ok(())
    }
}

fn damaged((topic, partition): &Place, error: &BatchError) -> CliError {
    CliError::failed(format!("{topic}-{partition}: a batch that the broker sent is damaged: {error}"))
}

/// The offset after the last whole batch; `None` if there is none. The last batch of a reply may be cut.
fn next_offset(partition: &PartitionData<'_>) -> Result<Option<i64>, BatchError> {
    let bytes = partition.records.as_ref().map_or(&[][..], Records::as_bytes);
    let mut next = None;
    for batch in Batches::new(bytes) {
        match batch {
            Ok(batch) => next = Some(batch.next_offset().get()),
            Err(BatchError::Incomplete { .. }) if next.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(next)
}

/// Sends a request to each leader of partitions that are not done.
fn ask(
    cluster: &mut Cluster,
    positions: &BTreeMap<Place, Position>,
    isolation: Isolation,
) -> Result<Question, ClientError> {
    let mut leaders: BTreeMap<i32, BTreeMap<String, FetchTopic<'static>>> = BTreeMap::new();
    let (mut asked, mut names) = (BTreeMap::new(), BTreeMap::new());
    for ((name, index), position) in positions.iter().filter(|(_, position)| !position.is_done()) {
        let topic = cluster.topic(name, false)?;
        let topics = leaders.entry(topic.leader(*index)?).or_default();
        let fetch = topics.entry(name.clone()).or_insert_with(|| FetchTopic {
            topic: name.clone().into(),
            topic_id: topic.id,
            ..Default::default()
        });
        fetch.partitions.push(FetchPartition {
            partition: *index,
            current_leader_epoch: -1,
            fetch_offset: position.next,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: MAX_PARTITION_BYTES,
            ..Default::default()
        });
        asked.insert((name.clone(), *index), position.next);
        names.insert(topic.id, name.clone());
    }
    // A broker older than ids gives none, and every id is zero.
    names.remove(&[0; 16]);
    let half = i32::try_from(cluster.timeout().saturating_sub(Duration::from_millis(500)).as_millis());
    let longest = if leaders.len() > 1 { SHORT_POLL_MS } else { LONG_POLL_MS };
    let mut tickets = Vec::new();
    for (leader, topics) in leaders {
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: half.unwrap_or(longest).min(longest),
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            isolation_level: isolation.id(),
            session_epoch: NO_SESSION_EPOCH,
            topics: topics.into_values().collect(),
            ..Default::default()
        };
        tickets.push((leader, cluster.broker(leader)?.send(&request)?));
    }
    Ok(Question { tickets, asked, names })
}

/// Takes the replies to a question. The first partition that a broker refuses is the error.
fn receive(cluster: &mut Cluster, question: Question) -> Result<Round, ClientError> {
    let Question { tickets, asked, names } = question;
    let mut round = Round { replies: Vec::new(), asked, names };
    for (leader, ticket) in tickets {
        round.replies.push(cluster.broker(leader)?.receive(ticket)?);
    }
    for response in round.responses()? {
        ClientError::check(response.error_code, None, || "reading".into())?;
        for topic in &response.responses {
            for partition in &topic.partitions {
                ClientError::check(partition.error_code, None, || {
                    format!("partition {}-{}", round.topic(topic), partition.partition_index)
                })?;
            }
        }
    }
    Ok(round)
}
