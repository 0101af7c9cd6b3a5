//! One member of a group: it joins, beats, commits and leaves.
use std::time::Duration;

use super::groups::beat;
use super::pace::Pace;
use super::run::Run;
use super::tally::Tally;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Connection};
use crate::env::{Clock, Rng, SystemRng};
use crate::schema::ErrorCode;
use crate::schema::clients::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::schema::clients::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use crate::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::schema::clients::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};

/// Time without heartbeat after which a classic member is dead, in ms.
const SESSION: i32 = 45_000;
/// Time that a member has for joining, in ms.
const REBALANCE: i32 = 60_000;
/// Pause before a member tries to join again.
const PAUSE: Duration = Duration::from_millis(20);
/// The epoch with which a member leaves.
const LEAVE: i32 = -1;

/// How a member speaks to its coordinator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// KIP-848: one request that does everything.
    #[default]
    Consumer,
    /// JoinGroup, SyncGroup, Heartbeat.
    Classic,
}

impl Protocol {
    /// As on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Classic => "classic",
        }
    }
}

/// What the coordinator told a member.
#[derive(Clone, Debug, Default)]
pub struct State {
    member: String,
    /// Epoch or generation.
    epoch: i32,
}

/// A member. It takes whatever partitions it gets and consumes nothing.
#[derive(Debug)]
pub struct Member {
    /// To the coordinator.
    pub connection: Connection,
    /// Its group.
    pub group: String,
    /// What it subscribes to.
    pub topic: String,
    /// The topic's id.
    pub topic_id: [u8; 16],
    /// The partition whose offset it commits.
    pub partition: i32,
    /// How it speaks.
    pub protocol: Protocol,
    /// Time between two heartbeats.
    pub heartbeat: Duration,
    /// Commits per second.
    pub commits: Option<f64>,
    /// Which of all members it is,
    pub shift: u32,
    /// and how many there are.
    pub of: u32,
    /// What it knows.
    pub state: State,
}

impl Member {
    /// Joins, then beats and commits until the run is over, then leaves.
    ///
    /// # Errors
    /// The coordinator refuses something, or the connection breaks.
    pub fn work(mut self, run: &Run) -> Result<Tally, CliError> {
        let mut tally = Tally::new()?;
        self.join(run)?;
        let joined = run.clock.elapsed();
        let beats = beat(joined, self.heartbeat, self.shift, self.of);
        let commits =
            self.commits.map(|rate| beat(joined, Duration::from_secs_f64(1.0 / rate), self.shift, self.of));
        let (mut beaten, mut committed, mut rejoined) = (0, 0, 0.0);
        let mut counted = (0.0, 0.0);
        loop {
            let next_commit = commits.as_ref().map(|pace: &Pace| pace.due(committed));
            let next_beat = beats.due(beaten);
            let is_commit = next_commit.is_some_and(|due| due < next_beat);
            let due = next_commit.filter(|_| is_commit).unwrap_or(next_beat);
            if run.is_over(run.clock.elapsed().max(due)) {
                break;
            }
            run.sleep_until(due);
            let outcome = if is_commit { self.commit(committed) } else { self.beat() };
            match outcome {
                Err(error) if error.code().is_some_and(means_rejoin) => {
                    rejoined += 1.0;
                    self.join(run)?;
                }
                other => other?,
            }
            if is_commit {
                committed += 1
            } else {
                beaten += 1
            }
            let now = run.clock.elapsed();
            run.progress(1, 0);
            if run.counts(now) {
                tally.records = tally.records.saturating_add(1);
                tally.requests = tally.requests.saturating_add(1);
                tally.latencies.add(now.saturating_sub(due), 1);
                tally.last = now;
                if is_commit { counted.1 += 1.0 } else { counted.0 += 1.0 }
            }
        }
        self.leave()?;
        let late = f64::from(u8::from(joined > run.from));
        tally.extra = vec![
            ("heartbeats", counted.0),
            ("commits", counted.1),
            ("joined_after_the_warmup", late),
            ("rejoins", rejoined),
        ];
        Ok(tally)
    }

    fn refused(&self, code: i16, message: Option<&str>) -> Result<(), ClientError> {
        ClientError::check(code, message, || format!("group {}", self.group))
    }

    fn join(&mut self, run: &Run) -> Result<(), ClientError> {
        loop {
            let joined = match self.protocol {
                Protocol::Consumer => self.join_consumer(),
                Protocol::Classic => self.join_classic(),
            };
            match joined {
                Err(error) if error.code().is_some_and(means_again) && !run.is_over(run.clock.elapsed()) => {
                    run.sleep_until(run.clock.elapsed().saturating_add(PAUSE));
                }
                other => return other,
            }
        }
    }

    fn join_consumer(&mut self) -> Result<(), ClientError> {
        self.state = State { member: SystemRng.uuid().to_string(), epoch: 0 };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.state.member.clone().into(),
            rebalance_timeout_ms: REBALANCE,
            subscribed_topic_names: Some(vec![self.topic.clone().into()]),
            topic_partitions: Some(Vec::new()),
            ..Default::default()
        };
        let reply = self.connection.ask(&request)?;
        let response = reply.decode()?;
        self.refused(response.error_code, response.error_message.as_deref())?;
        self.state.epoch = response.member_epoch;
        Ok(())
    }

    fn join_classic(&mut self) -> Result<(), ClientError> {
        let protocol = || JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
        // A first request without id is told the id to come back with (KIP-394).
        let response = loop {
            let request = JoinGroupRequest {
                group_id: self.group.as_str().into(),
                session_timeout_ms: SESSION,
                rebalance_timeout_ms: REBALANCE,
                member_id: self.state.member.clone().into(),
                protocol_type: "consumer".into(),
                protocols: vec![protocol()],
                ..Default::default()
            };
            let reply = self.connection.ask(&request)?;
            let response = reply.decode()?.into_static();
            self.state.member = response.member_id.to_string();
            if ErrorCode(response.error_code) != ErrorCode::MEMBER_ID_REQUIRED {
                break response;
            }
        };
        if ErrorCode(response.error_code) == ErrorCode::UNKNOWN_MEMBER_ID {
            self.state.member.clear();
        }
        self.refused(response.error_code, None)?;
        self.state.epoch = response.generation_id;
        let assignments = response.members.iter().map(|member| SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            ..Default::default()
        });
        let request = SyncGroupRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.state.epoch,
            member_id: self.state.member.clone().into(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: assignments.collect(),
            ..Default::default()
        };
        let code = self.connection.ask(&request)?.decode()?.error_code;
        self.refused(code, None)
    }

    fn beat(&mut self) -> Result<(), ClientError> {
        let (group, member) = (self.group.as_str(), self.state.member.as_str());
        match self.protocol {
            Protocol::Consumer => {
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: group.into(),
                    member_id: member.into(),
                    member_epoch: self.state.epoch,
                    ..Default::default()
                };
                let reply = self.connection.ask(&request)?;
                let response = reply.decode()?;
                self.refused(response.error_code, response.error_message.as_deref())?;
                self.state.epoch = response.member_epoch;
                Ok(())
            }
            Protocol::Classic => {
                let request = HeartbeatRequest {
                    group_id: group.into(),
                    generation_id: self.state.epoch,
                    member_id: member.into(),
                    ..Default::default()
                };
                let code = self.connection.ask(&request)?.decode()?.error_code;
                self.refused(code, None)
            }
        }
    }

    fn commit(&mut self, n: u64) -> Result<(), ClientError> {
        let partition = OffsetCommitRequestPartition {
            partition_index: self.partition,
            committed_offset: i64::try_from(n).unwrap_or(i64::MAX),
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: self.group.as_str().into(),
            generation_id_or_member_epoch: self.state.epoch,
            member_id: self.state.member.as_str().into(),
            topics: vec![OffsetCommitRequestTopic {
                name: self.topic.as_str().into(),
                topic_id: self.topic_id,
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        };
        let reply = self.connection.ask(&request)?;
        let codes = reply.decode()?;
        let partitions = codes.topics.iter().flat_map(|topic| &topic.partitions);
        let code = partitions.map(|partition| partition.error_code).find(|&code| code != 0).unwrap_or(0);
        self.refused(code, None)
    }

    fn leave(&mut self) -> Result<(), ClientError> {
        let (group, member) = (self.group.as_str(), self.state.member.as_str());
        match self.protocol {
            Protocol::Consumer => {
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: group.into(),
                    member_id: member.into(),
                    member_epoch: LEAVE,
                    ..Default::default()
                };
                self.connection.ask(&request)?;
            }
            Protocol::Classic => {
                let request = LeaveGroupRequest {
                    group_id: group.into(),
                    member_id: member.into(),
                    members: vec![MemberIdentity { member_id: member.into(), ..Default::default() }],
                    ..Default::default()
                };
                self.connection.ask(&request)?;
            }
        }
        Ok(())
    }
}

/// The group has moved on without the member, or wants it to join again.
fn means_rejoin(code: ErrorCode) -> bool {
    [
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::FENCED_MEMBER_EPOCH,
        ErrorCode::STALE_MEMBER_EPOCH,
    ]
    .contains(&code)
}

fn means_again(code: ErrorCode) -> bool {
    means_rejoin(code) || code.is_retriable()
}
