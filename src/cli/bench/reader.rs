//! One connection that consumes and throws away: it looks at the headers of batches only, to know what to
//! ask for next and to see that no offset is missing.
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use super::link::Link;
use super::run::Run;
use super::tally::{Seen, Tally};
use crate::cli::CliError;
use crate::cli::client::{CLIENT_ID, ClientError, Request};
use crate::env::Clock;
use crate::record::{BatchError, BatchHeader};
use crate::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use crate::schema::clients::fetch_response::PartitionData;
use crate::schema::{Api, Reader as Bytes, Records, api_key};
use crate::wire::request;

/// The last version of Fetch that a consumer speaks here.
pub const LAST_FETCH: i16 = 17;
/// A fetch without session (KIP-227).
const NO_SESSION_EPOCH: i32 = -1;

/// How a partition is read.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Its index.
    pub partition: i32,
    /// Next offset to ask for.
    pub next: i64,
    /// Where reading ends; `None`: with the run.
    pub end: Option<i64>,
}

impl Position {
    fn has_records(&self) -> bool {
        self.end.is_none_or(|end| self.next < end)
    }
}

/// What a fetch asks for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The topic's name.
    pub topic: String,
    /// The topic's id.
    pub topic_id: [u8; 16],
    /// Most bytes of a reply.
    pub max_bytes: i32,
    /// Most bytes of one partition in a reply.
    pub partition_bytes: i32,
    /// Bytes that the broker shall wait for.
    pub min_bytes: i32,
    /// How long it may wait for them, in ms.
    pub max_wait_ms: i32,
}

/// Reads partitions of one leader.
#[derive(Debug)]
pub struct Reader {
    /// The connection.
    pub link: Link,
    /// Version of Fetch.
    pub version: i16,
    /// What each request asks.
    pub question: Question,
    /// The partitions, in groups: each group has a request of its own on its way.
    pub groups: Vec<Vec<Position>>,
    /// Whether each batch is noted in [`Tally::seen`].
    pub is_noted: bool,
    /// Whether a gap between offsets is an error; not so where records may be compacted or expire.
    pub is_strict: bool,
    /// Bytes per second that this connection takes at most; `None`: all it can.
    pub rate: Option<f64>,
}

impl Reader {
    /// Reads until the ends are reached or the run is over.
    ///
    /// # Errors
    /// The connection breaks, the broker refuses a partition, or offsets are missing.
    pub fn work(mut self, run: &Run) -> Result<Tally, CliError> {
        let mut tally = Tally::new()?;
        self.pass(run, &mut tally)?;
        Ok(tally)
    }

    fn pass(&mut self, run: &Run, tally: &mut Tally) -> Result<(), CliError> {
        let mut pending = VecDeque::new();
        for group in 0..self.groups.len() {
            self.ask(group, run, &mut pending)?;
        }
        let mut taken = 0u64;
        while let Some((group, sent)) = pending.pop_front() {
            let progress = self.take(group, sent, run, tally)?;
            run.progress(progress.records, progress.bytes);
            taken = taken.saturating_add(progress.bytes);
            if let Some(rate) = self.rate.filter(|&rate| rate > 0.0) {
                run.sleep_until(run.start.saturating_add(Duration::from_secs_f64(taken as f64 / rate)));
            }
            self.ask(group, run, &mut pending)?;
        }
        Ok(())
    }

    /// Reads all that is there over and over until the run is over.
    ///
    /// # Errors
    /// As [`work`](Self::work).
    pub fn replay(mut self, run: &Run) -> Result<Tally, CliError> {
        let mut tally = Tally::new()?;
        let whole = self.groups.clone();
        while !run.is_over(run.clock.elapsed()) && whole.iter().flatten().any(Position::has_records) {
            self.groups.clone_from(&whole);
            self.pass(run, &mut tally)?;
        }
        Ok(tally)
    }

    fn ask(
        &mut self,
        group: usize,
        run: &Run,
        pending: &mut VecDeque<(usize, Duration)>,
    ) -> Result<(), ClientError> {
        let now = run.clock.elapsed();
        let open = |position: &&Position| position.has_records();
        let wanted: Vec<Position> =
            self.groups.get(group).into_iter().flatten().filter(open).copied().collect();
        if wanted.is_empty() || run.is_over(now) {
            return Ok(());
        }
        let correlation = self.link.next_correlation();
        let request = self.question.request(&wanted);
        let frame = Api::by_key(api_key::FETCH).map_or_else(Vec::new, |api| {
            request::encode(api, self.version, correlation, Some(CLIENT_ID), |w| {
                Request::encode(&request, w, self.version);
            })
        });
        self.link.write(&mut [IoSlice::new(&frame)])?;
        pending.push_back((group, run.clock.elapsed()));
        Ok(())
    }

    fn take(
        &mut self,
        group: usize,
        sent: Duration,
        run: &Run,
        tally: &mut Tally,
    ) -> Result<Progress, CliError> {
        let Self { link, version, groups, question, is_noted, is_strict, .. } = self;
        let positions = groups.get_mut(group).map_or(&mut [][..], Vec::as_mut_slice);
        let mut seen = Vec::new();
        let reply = link.receive()?;
        let now = run.clock.elapsed();
        let mut skim = Skim {
            topic: &question.topic,
            positions,
            is_strict: *is_strict,
            seen: is_noted.then_some(&mut seen),
            now,
            progress: Progress::default(),
        };
        let skimmed = skim.reply(reply, *version);
        let progress = skim.progress;
        match skimmed {
            Ok(()) => {}
            Err(Fault::Undecodable(source)) => return Err(link.unreadable("Fetch", source).into()),
            Err(Fault::Refused(error)) => return Err(error.into()),
            Err(Fault::Wrong(text)) => return Err(CliError::failed(text)),
        }
        tally.seen.append(&mut seen);
        if run.counts(now) {
            tally.records = tally.records.saturating_add(progress.records);
            tally.bytes = tally.bytes.saturating_add(progress.bytes);
            tally.requests = tally.requests.saturating_add(1);
            tally.latencies.add(now.saturating_sub(sent), 1);
            tally.last = now;
        }
        Ok(progress)
    }
}

impl Question {
    fn request(&self, wanted: &[Position]) -> FetchRequest<'_> {
        let partition = |position: &Position| FetchPartition {
            partition: position.partition,
            current_leader_epoch: -1,
            fetch_offset: position.next,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: self.partition_bytes,
            ..Default::default()
        };
        FetchRequest {
            replica_id: -1,
            max_wait_ms: self.max_wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            session_epoch: NO_SESSION_EPOCH,
            topics: vec![FetchTopic {
                topic: self.topic.as_str().into(),
                topic_id: self.topic_id,
                partitions: wanted.iter().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }
}

/// What a reply brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    records: u64,
    bytes: u64,
}

/// Why a reply is none to go on from.
#[derive(Debug)]
enum Fault {
    Undecodable(crate::schema::DecodeError),
    Refused(ClientError),
    Wrong(String),
}

/// Goes over a reply from batch header to batch header.
struct Skim<'a> {
    topic: &'a str,
    positions: &'a mut [Position],
    is_strict: bool,
    seen: Option<&'a mut Vec<Seen>>,
    now: Duration,
    progress: Progress,
}

impl Skim<'_> {
    fn reply(&mut self, frame: &[u8], version: i16) -> Result<(), Fault> {
        let mut bytes = Bytes::new(frame);
        if let Some(api) = Api::by_key(api_key::FETCH) {
            request::decode_reply(api, version, &mut bytes).map_err(Fault::Undecodable)?;
        }
        let response =
            <FetchRequest<'_> as Request>::decode(&mut bytes, version).map_err(Fault::Undecodable)?;
        ClientError::check(response.error_code, None, || "reading".into()).map_err(Fault::Refused)?;
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            self.partition(partition)?;
        }
        Ok(())
    }

    fn partition(&mut self, data: &PartitionData<'_>) -> Result<(), Fault> {
        let index = data.partition_index;
        let name = || format!("partition {}-{index}", self.topic);
        ClientError::check(data.error_code, None, name).map_err(Fault::Refused)?;
        let Some(position) = self.positions.iter_mut().find(|position| position.partition == index) else {
            return Err(Fault::Wrong(format!("{}-{index} was not asked for, but came", self.topic)));
        };
        let mut rest = data.records.as_ref().map_or(&[][..], Records::as_bytes);
        while !rest.is_empty() {
            let header = match BatchHeader::parse(rest) {
                Ok(header) => header,
                // The limit may cut the last batch.
                Err(BatchError::Incomplete { .. }) => return Ok(()),
                Err(error) => {
                    return Err(Fault::Wrong(format!("{}-{index}: a batch is damaged: {error}", self.topic)));
                }
            };
            let Some(behind) = rest.get(header.size()..) else { return Ok(()) };
            let (base, next) = (header.base_offset.get(), header.next_offset().get());
            if next <= position.next || (self.is_strict && base > position.next) {
                return Err(Fault::Wrong(format!(
                    "{}-{index}: offset {} was asked for, offsets {base} to {} came: records are missing",
                    self.topic,
                    position.next,
                    next.saturating_sub(1)
                )));
            }
            position.next = next;
            let records = u64::try_from(header.record_count).unwrap_or(0);
            self.progress.records = self.progress.records.saturating_add(records);
            self.progress.bytes = self.progress.bytes.saturating_add(header.size() as u64);
            if let Some(seen) = &mut self.seen {
                seen.push(Seen { partition: index, base, records, at: self.now, period: Duration::ZERO });
            }
            rest = behind;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, NewRecord};
    use crate::types::{LeaderEpoch, Offset};

    fn batch(base: i64, records: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::default().at(Offset(base), LeaderEpoch(0));
        (0..records).for_each(|_| builder.push(&NewRecord { value: Some(b"v"), ..NewRecord::default() }));
        builder.build_uncompressed().to_vec()
    }

    /// Next offset and records, or why not.
    fn skim(next: i64, is_strict: bool, bytes: Vec<u8>) -> Result<(i64, u64), String> {
        let mut positions = [Position { partition: 0, next, end: None }];
        let mut skim = Skim {
            topic: "t",
            positions: &mut positions,
            is_strict,
            seen: None,
            now: Duration::ZERO,
            progress: Progress::default(),
        };
        let data = PartitionData { records: Some(Records::Bytes(bytes.into())), ..Default::default() };
        match skim.partition(&data) {
            Ok(()) => Ok((skim.progress.records, positions[0].next)).map(|(n, next)| (next, n)),
            Err(Fault::Wrong(text)) => Err(text),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn offsets_go_on_or_the_reader_complains() {
        let two = [batch(10, 3), batch(13, 2)].concat();
        assert_eq!(skim(10, true, two.clone()), Ok((15, 5)));
        assert_eq!(skim(11, true, two.clone()), Ok((15, 5)), "a batch may begin before what was asked for");
        let mut cut = two.clone();
        cut.pop();
        assert_eq!(skim(10, true, cut), Ok((13, 3)), "the limit may cut the last batch");
        assert_eq!(skim(10, true, Vec::new()), Ok((10, 0)));
        let gap = [batch(10, 3), batch(14, 2)].concat();
        assert!(
            skim(10, true, gap.clone()).unwrap_err().contains("offset 13 was asked for, offsets 14 to 15")
        );
        assert_eq!(skim(10, false, gap), Ok((16, 5)), "compaction leaves gaps");
        assert!(skim(15, true, two).unwrap_err().contains("missing"), "the broker may not repeat itself");
        let mut damaged = batch(10, 1);
        damaged[16] = 9;
        assert!(skim(10, true, damaged).unwrap_err().contains("damaged"));
    }
}
