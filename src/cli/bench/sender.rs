//! One connection that produces: a loop of one thread, so that no hand-over between threads is measured.
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::link::Link;
use super::pace::Pace;
use super::run::Run;
use super::tally::{Seen, Tally};
use super::template::{Author, Template};
use crate::cli::CliError;
use crate::cli::client::{ClientError, Request};
use crate::env::Clock;
use crate::schema::clients::produce_request::ProduceRequest;
use crate::schema::clients::produce_response::ProduceResponse;
use crate::schema::{Api, Reader, api_key};
use crate::wire::request;

/// Sends templates in turn.
#[derive(Debug)]
pub struct Sender {
    /// The connection.
    pub link: Link,
    /// Version of Produce in the templates.
    pub version: i16,
    /// What is sent, one after the other, over and over.
    pub templates: Vec<Template>,
    /// Records per second of this connection; `None`: as fast as replies come.
    pub rate: Option<f64>,
    /// Most requests without reply.
    pub window: usize,
    /// Whether replies come at all.
    pub has_replies: bool,
    /// Of an idempotent producer.
    pub author: Option<Author>,
    /// Next sequence number of each partition.
    pub sequences: BTreeMap<i32, i32>,
    /// Ends after this many records.
    pub quota: Option<u64>,
    /// Whether each batch is noted in [`Tally::seen`].
    pub is_noted: bool,
    /// The topic, for errors.
    pub topic: String,
}

/// A request without reply.
#[derive(Clone, Copy, Debug)]
struct Sent {
    correlation: i32,
    template: usize,
    /// When its first record was due; in a closed loop, when it was sent.
    due: Duration,
}

/// The loop's state.
struct Loop<'a> {
    sender: &'a mut Sender,
    run: &'a Run,
    pace: Pace,
    pending: VecDeque<Sent>,
    tally: Tally,
    /// Records sent so far.
    sent: u64,
    next: usize,
}

impl Sender {
    /// Sends until the run is over or the quota is reached, and all replies are there.
    ///
    /// # Errors
    /// The connection breaks, or the broker refuses a batch.
    pub fn work(mut self, run: &Run) -> Result<Tally, CliError> {
        let pace = Pace::new(run.start, self.rate);
        let tally = Tally::new()?;
        let mut work =
            Loop { sender: &mut self, run, pace, pending: VecDeque::new(), tally, sent: 0, next: 0 };
        work.turn()?;
        Ok(work.tally)
    }

    /// The templates that hold the next `records` records, beginning at template `next`.
    pub fn share(&self, next: usize, records: u64) -> Vec<usize> {
        let mut left = records;
        let mut share = Vec::new();
        for at in (0..self.templates.len()).cycle().skip(next) {
            let Some(template) = self.templates.get(at).filter(|_| left > 0) else { break };
            left = left.saturating_sub(template.records);
            share.push(at);
        }
        share
    }

    /// Sends these templates, as many at once as the window allows, and waits for all replies.
    ///
    /// # Errors
    /// As [`work`](Self::work).
    pub fn burst(&mut self, share: &[usize], run: &Run) -> Result<(), ClientError> {
        let mut pending: VecDeque<i32> = VecDeque::new();
        let mut rest = share.iter();
        loop {
            let next = if pending.len() < self.window { rest.next() } else { None };
            if let Some(template) = next.and_then(|&at| self.templates.get_mut(at)) {
                let correlation = self.link.next_correlation();
                template.stamp(correlation, run.clock.now(), self.author, &mut self.sequences);
                self.link.write(&mut template.slices())?;
                pending.push_back(correlation);
            } else if pending.is_empty() {
                return Ok(());
            } else {
                self.link.fill(None)?;
                while let Some(frame) = self.link.frame()? {
                    let reply = read(frame, self.version, &self.topic);
                    let (correlation, _) = reply.map_err(|unfit| unfit.blame(&self.link))?;
                    if pending.pop_front() != Some(correlation) {
                        return Err(out_of_turn(&self.link, correlation));
                    }
                }
            }
        }
    }
}

impl Loop<'_> {
    fn turn(&mut self) -> Result<(), ClientError> {
        loop {
            let now = self.run.clock.elapsed();
            let has_more = !self.run.is_over(now) && self.sender.quota.is_none_or(|quota| self.sent < quota);
            if !has_more && self.pending.is_empty() {
                return Ok(());
            }
            let may_send = has_more && self.pending.len() < self.sender.window;
            let due = self.due();
            if may_send && due <= now {
                self.send(now)?;
            } else if may_send && self.pending.is_empty() {
                self.run.sleep_until(due);
            } else {
                // With room in the window, the next record's time ends the wait.
                self.receive(may_send.then(|| due.saturating_sub(now)))?;
            }
        }
    }

    /// When the next request goes: when its last record is due.
    fn due(&self) -> Duration {
        let records = self.template().map_or(1, |template| template.records);
        self.pace.due(self.sent.saturating_add(records).saturating_sub(1))
    }

    fn template(&self) -> Option<&Template> {
        self.sender.templates.get(self.next)
    }

    fn send(&mut self, now: Duration) -> Result<(), ClientError> {
        let Sender { link, templates, author, sequences, has_replies, .. } = &mut *self.sender;
        let Some(template) = templates.get_mut(self.next) else { return Ok(()) };
        let correlation = link.next_correlation();
        template.stamp(correlation, self.run.clock.now(), *author, sequences);
        link.write(&mut template.slices())?;
        let due = if self.pace.is_open() { self.pace.due(self.sent) } else { now };
        let sent = Sent { correlation, template: self.next, due };
        self.sent = self.sent.saturating_add(template.records);
        self.next = self.next.wrapping_add(1).checked_rem(templates.len()).unwrap_or(0);
        if *has_replies {
            self.pending.push_back(sent);
        } else {
            self.count(&sent, self.run.clock.elapsed());
        }
        Ok(())
    }

    fn receive(&mut self, limit: Option<Duration>) -> Result<(), ClientError> {
        self.sender.link.fill(limit)?;
        let now = self.run.clock.elapsed();
        loop {
            let offsets = match self.sender.link.frame()? {
                None => return Ok(()),
                Some(frame) => read(frame, self.sender.version, &self.sender.topic),
            };
            let (correlation, offsets) = offsets.map_err(|unfit| unfit.blame(&self.sender.link))?;
            let Some(sent) = self.pending.pop_front().filter(|sent| sent.correlation == correlation) else {
                return Err(out_of_turn(&self.sender.link, correlation));
            };
            self.count(&sent, now);
            if self.sender.is_noted {
                self.note(&sent, &offsets);
            }
        }
    }

    fn count(&mut self, sent: &Sent, now: Duration) {
        let Some(template) = self.sender.templates.get(sent.template) else { return };
        self.run.progress(template.records, template.content);
        if !self.run.counts(now) {
            return;
        }
        let tally = &mut self.tally;
        tally.records = tally.records.saturating_add(template.records);
        tally.bytes = tally.bytes.saturating_add(template.content);
        tally.requests = tally.requests.saturating_add(1);
        tally.last = now;
        let first = now.saturating_sub(sent.due);
        if !self.pace.is_open() {
            return tally.latencies.add(first, template.records);
        }
        let mut latency = first;
        for _ in 0..template.records {
            tally.latencies.add(latency, 1);
            latency = latency.saturating_sub(self.pace.period());
        }
    }

    fn note(&mut self, sent: &Sent, offsets: &[(i32, i64)]) {
        let Some(template) = self.sender.templates.get(sent.template) else { return };
        let mut at = sent.due;
        for (partition, records) in template.partitions() {
            let Some(&(_, base)) = offsets.iter().find(|(index, _)| *index == partition) else { continue };
            self.tally.seen.push(Seen { partition, base, records, at, period: self.pace.period() });
            at = at.saturating_add(
                self.pace.period().saturating_mul(u32::try_from(records).unwrap_or(u32::MAX)),
            );
        }
    }
}

fn out_of_turn(link: &Link, correlation: i32) -> ClientError {
    link.not_kafka(format!("it answered request {correlation} out of turn"))
}

/// Why a reply to Produce is no success.
#[derive(Debug)]
pub enum Unfit {
    /// Its bytes are wrong.
    Undecodable(crate::schema::DecodeError),
    /// The broker refused a batch.
    Refused(ClientError),
}

impl Unfit {
    /// The error that a person reads.
    #[must_use]
    pub fn blame(self, link: &Link) -> ClientError {
        match self {
            Self::Undecodable(source) => link.unreadable("Produce", source),
            Self::Refused(error) => error,
        }
    }
}

/// Correlation id, and the base offset of each partition.
///
/// # Errors
/// A batch was refused, or the bytes are wrong.
pub fn read(frame: &[u8], version: i16, topic: &str) -> Result<(i32, Vec<(i32, i64)>), Unfit> {
    let mut reader = Reader::new(frame);
    let api = Api::by_key(api_key::PRODUCE)
        .ok_or(Unfit::Refused(ClientError::NoCommonVersion { address: String::new(), api: "Produce" }))?;
    let correlation = request::decode_reply(api, version, &mut reader).map_err(Unfit::Undecodable)?;
    let response: ProduceResponse<'_> =
        <ProduceRequest<'_> as Request>::decode(&mut reader, version).map_err(Unfit::Undecodable)?;
    let mut offsets = Vec::new();
    for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
        let index = partition.index;
        ClientError::check(partition.error_code, partition.error_message.as_deref(), || {
            format!("partition {topic}-{index}")
        })
        .map_err(Unfit::Refused)?;
        offsets.push((index, partition.base_offset));
    }
    Ok((correlation, offsets))
}
