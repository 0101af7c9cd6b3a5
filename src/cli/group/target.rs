//! Where a group shall read on: the ways to say it, and the offset that each means in a partition.
use super::duration;
use crate::cli::time;

/// Where each partition shall be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// At the first offset that is still there.
    Earliest,
    /// At the log end offset.
    Latest,
    /// At this offset.
    Offset(i64),
    /// At the first record of this time (ms since 1970) or later.
    Time(i64),
    /// So many offsets behind the committed one, or before it if negative.
    Shift(i64),
    /// Where it is; at the log end offset if nothing is committed.
    Current,
}

/// One of the ways to say it.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct To {
    /// Read on at the first offset that is still there
    #[arg(long)]
    to_earliest: bool,
    /// Read on at the end
    #[arg(long)]
    to_latest: bool,
    /// Read on at this offset
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// Read on at the first record of this time or later: 2026-01-31, 2026-01-31T12:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = datetime)]
    to_datetime: Option<i64>,
    /// Read on at what is so old: 30s, 90m, 1d12h, P1DT12H
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    by_duration: Option<i64>,
    /// Move each committed offset forward, or back if negative
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// Read on where it is, and at the end where nothing is committed
    #[arg(long)]
    to_current: bool,
}

fn datetime(text: &str) -> Result<i64, String> {
    time::parse(text).ok_or_else(|| "give it as 2026-01-31 or 2026-01-31T12:30:00.000Z".to_owned())
}

impl To {
    /// What was said. `now` is in ms since 1970.
    pub fn target(&self, now: i64) -> Target {
        match *self {
            Self { to_earliest: true, .. } => Target::Earliest,
            Self { to_latest: true, .. } => Target::Latest,
            Self { to_offset: Some(offset), .. } => Target::Offset(offset),
            Self { to_datetime: Some(ms), .. } => Target::Time(ms),
            // Times before 1970 are no times to brokers.
            Self { by_duration: Some(ms), .. } => Target::Time(now.saturating_sub(ms).max(0)),
            Self { shift_by: Some(count), .. } => Target::Shift(count),
            Self { .. } => Target::Current,
        }
    }
}

/// What is known of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The first offset that is still there.
    pub first: i64,
    /// The log end offset.
    pub end: i64,
    /// What the group has committed.
    pub committed: Option<i64>,
    /// The first offset of the time asked for; `None` if no record is that late.
    pub at_time: Option<i64>,
}

impl Target {
    /// The offset at which a partition is read on; `None` if that hangs on a committed one and there is
    /// none. What a person computes is brought to the offsets that are there.
    pub fn place(self, known: Known) -> Option<i64> {
        let within = |offset: i64| offset.min(known.end).max(known.first);
        match self {
            Self::Earliest => Some(known.first),
            Self::Latest => Some(known.end),
            Self::Offset(offset) => Some(within(offset)),
            Self::Time(_) => Some(known.at_time.unwrap_or(known.end)),
            Self::Shift(count) => known.committed.map(|offset| within(offset.saturating_add(count))),
            Self::Current => Some(known.committed.unwrap_or(known.end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_of_each_target() {
        let cases = [
            (Target::Earliest, Some(7), None, Some(5)),
            (Target::Latest, Some(7), None, Some(20)),
            (Target::Offset(9), None, None, Some(9)),
            (Target::Offset(0), None, None, Some(5)),
            (Target::Offset(99), None, None, Some(20)),
            (Target::Time(1), None, Some(9), Some(9)),
            (Target::Time(1), Some(7), None, Some(20)),
            (Target::Shift(3), Some(7), None, Some(10)),
            (Target::Shift(-1), Some(7), None, Some(6)),
            (Target::Shift(-99), Some(7), None, Some(5)),
            (Target::Shift(i64::MAX), Some(7), None, Some(20)),
            (Target::Shift(1), None, None, None),
            (Target::Current, Some(7), None, Some(7)),
            // As it is, even if records have gone since.
            (Target::Current, Some(2), None, Some(2)),
            (Target::Current, None, None, Some(20)),
        ];
        for (target, committed, at_time, want) in cases {
            let known = Known { first: 5, end: 20, committed, at_time };
            assert_eq!(target.place(known), want, "{target:?} {committed:?}");
        }
    }

    #[test]
    fn one_option_is_one_target() {
        let cases = [
            (To { to_earliest: true, ..To::default() }, Target::Earliest),
            (To { to_latest: true, ..To::default() }, Target::Latest),
            (To { to_offset: Some(3), ..To::default() }, Target::Offset(3)),
            (To { to_datetime: Some(3), ..To::default() }, Target::Time(3)),
            (To { by_duration: Some(300), ..To::default() }, Target::Time(700)),
            (To { by_duration: Some(3_000), ..To::default() }, Target::Time(0)),
            (To { shift_by: Some(-3), ..To::default() }, Target::Shift(-3)),
            (To { to_current: true, ..To::default() }, Target::Current),
        ];
        for (to, want) in cases {
            assert_eq!(to.target(1_000), want);
        }
    }
}
