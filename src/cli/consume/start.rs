//! Where reading begins: what `--from` may say, and the offset that it means in each partition.
use std::collections::BTreeMap;

use crate::cli::client::{ClientError, Cluster, EARLIEST, Isolation, LATEST};
use crate::cli::time;

/// Where to begin in each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record that is still there.
    Beginning,
    /// After the last record.
    End,
    /// At this offset.
    Offset(i64),
    /// So many records before the end.
    Last(i64),
    /// At the first record of this time (ms since 1970) or later.
    Time(i64),
}

impl Start {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// A sentence that names what is possible.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse().ok().filter(|n| *n >= 0i64);
        let parsed = match text {
            "beginning" | "earliest" => Some(Self::Beginning),
            "end" | "latest" => Some(Self::End),
            _ => match text.split_at_checked(1) {
                Some(("-", digits)) => number(digits).map(Self::Last),
                Some(("@", digits)) => number(digits).map(Self::Time),
                _ => number(text).map(Self::Offset).or_else(|| time::parse(text).map(Self::Time)),
            },
        };
        parsed.ok_or_else(|| {
            "say beginning, end, an offset, -N for the last N, a date as 2026-01-31T12:30 (UTC), or @ and \
             milliseconds since 1970"
                .to_owned()
        })
    }
}

/// The part of a partition that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first offset to read.
    pub start: i64,
    /// The offset after the last record that is there now.
    pub end: i64,
}

/// What `from` means in each of these partitions.
///
/// # Errors
/// Those of a request.
pub fn spans(
    cluster: &mut Cluster,
    topic: &str,
    partitions: &[i32],
    from: Start,
    isolation: Isolation,
) -> Result<BTreeMap<i32, Span>, ClientError> {
    let mut ask = |timestamp| {
        let timestamps = partitions.iter().map(|&partition| (partition, timestamp)).collect();
        cluster.offsets(topic, &timestamps, isolation)
    };
    let (first, end) = (ask(EARLIEST)?, ask(LATEST)?);
    let at_time = if let Start::Time(ms) = from { ask(ms)? } else { BTreeMap::new() };
    let span = |&partition: &i32| {
        let of = |offsets: &BTreeMap<i32, Option<i64>>| offsets.get(&partition).copied().flatten();
        let first = of(&first).unwrap_or(0);
        let end = of(&end).unwrap_or(first);
        (partition, Span { start: place(from, first, end, of(&at_time)), end })
    };
    Ok(partitions.iter().map(span).collect())
}

/// The offset to begin at, in a partition that has the offsets from `first` up to `end`.
fn place(from: Start, first: i64, end: i64, at_time: Option<i64>) -> i64 {
    let wanted = match from {
        Start::Beginning => first,
        Start::End => end,
        Start::Offset(offset) => offset,
        Start::Last(count) => end.saturating_sub(count),
        Start::Time(_) => at_time.unwrap_or(end),
    };
    wanted.min(end).max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_may_say() {
        let cases = [
            ("beginning", Some(Start::Beginning)),
            ("latest", Some(Start::End)),
            ("0", Some(Start::Offset(0))),
            ("-10", Some(Start::Last(10))),
            ("@1700000000000", Some(Start::Time(1_700_000_000_000))),
            ("2023-11-14T22:13:20Z", Some(Start::Time(1_700_000_000_000))),
            ("1970-01-01", Some(Start::Time(0))),
            ("", None),
            ("-", None),
            ("--1", None),
            ("@-1", None),
            ("yesterday", None),
            ("99999999999999999999", None),
        ];
        for (text, want) in cases {
            assert_eq!(Start::parse(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_start_lies_within_the_partition() {
        let cases = [
            (Start::Beginning, None, 5),
            (Start::End, None, 20),
            (Start::Offset(7), None, 7),
            (Start::Offset(1), None, 5),
            (Start::Offset(99), None, 20),
            (Start::Last(3), None, 17),
            (Start::Last(i64::MAX), None, 5),
            (Start::Time(1), Some(9), 9),
            (Start::Time(1), None, 20),
        ];
        for (from, at_time, want) in cases {
            assert_eq!(place(from, 5, 20, at_time), want, "{from:?}");
        }
    }
}
