//! The options that hold for one group: its own where it has them, within the broker's limits.

use super::super::View;
use super::super::assignor::Assignor;
use super::member::Member;

/// Options of a group.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    view: &'a View<'a>,
    group: &'a str,
}

impl<'a> Options<'a> {
    pub fn of(view: &'a View<'a>, group: &'a str) -> Self {
        Self { view, group }
    }

    fn own(self, option: &str, broker: i32, (least, most): (i32, i32)) -> i32 {
        let own = self.view.cluster.group_option(self.group, option);
        let own: Option<i32> = own.and_then(|text| text.trim().parse().ok());
        own.map_or(broker, |own| own.min(most).max(least))
    }

    /// What members are told to wait between heartbeats, in ms.
    pub fn heartbeat_interval_ms(self) -> i32 {
        let c = self.view.config;
        let limits = (c.group_consumer_min_heartbeat_interval_ms, c.group_consumer_max_heartbeat_interval_ms);
        self.own("consumer.heartbeat.interval.ms", c.group_consumer_heartbeat_interval_ms, limits)
    }

    /// How long a member may be silent, in ms.
    pub fn session_timeout_ms(self, member: &Member) -> i32 {
        if let Some(classic) = &member.wants.classic {
            return classic.session_timeout_ms;
        }
        let c = self.view.config;
        let limits = (c.group_consumer_min_session_timeout_ms, c.group_consumer_max_session_timeout_ms);
        self.own("consumer.session.timeout.ms", c.group_consumer_session_timeout_ms, limits)
    }

    /// Shortest time between two target assignments, in ms.
    pub fn assignment_interval_ms(self) -> i32 {
        let c = self.view.config;
        let limits =
            (c.group_consumer_min_assignment_interval_ms, c.group_consumer_max_assignment_interval_ms);
        self.own("consumer.assignment.interval.ms", c.group_consumer_assignment_interval_ms, limits)
    }

    /// How long a resolved pattern stands, in ms.
    pub fn regex_refresh_ms(self) -> i64 {
        i64::from(self.view.config.group_consumer_regex_refresh_interval_ms)
    }

    /// The assignor of that name if it is allowed, else the first one that is.
    pub fn assignor(self, preferred: Option<Box<str>>) -> Assignor {
        let allowed = &self.view.config.group_consumer_assignors;
        let preferred = preferred.filter(|name| allowed.iter().any(|a| **a == **name));
        preferred
            .as_deref()
            .or(allowed.first().map(String::as_str))
            .and_then(Assignor::parse)
            .unwrap_or(Assignor::Uniform)
    }
}
