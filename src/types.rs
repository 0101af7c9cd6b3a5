//! Offsets, epochs and ids: one newtype each, and nothing else.
//!
//! They exist so that an offset cannot be handed to a function that wants an epoch. They hold no
//! rules: the rooms that give them meaning do. This room imports nothing.

use std::fmt;
use std::sync::Arc;

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The plain number, as it stands on the wire and on disk.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

newtype! {
    /// Position of a record in a partition. Valid ones are >= 0; -1 stands for "none" on the wire.
    Offset(i64)
}
newtype! {
    /// Count of leader changes of a partition. -1 stands for "unknown" on the wire.
    LeaderEpoch(i32)
}
newtype! {
    /// Identity of an idempotent producer. -1 stands for "none".
    ProducerId(i64)
}
newtype! {
    /// Generation of a producer id. -1 stands for "none".
    ProducerEpoch(i16)
}
newtype! {
    /// `node.id` of a broker. -1 stands for "none" or "any".
    NodeId(i32)
}
newtype! {
    /// Milliseconds since 1970-01-01 UTC; -1 stands for "none".
    Timestamp(i64)
}

impl Offset {
    /// The first offset of any log.
    pub const ZERO: Self = Self(0);
    /// "No offset" on the wire.
    pub const NONE: Self = Self(-1);

    /// The offset `n` records later; saturates.
    #[must_use]
    pub const fn plus(self, n: i64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl LeaderEpoch {
    /// "No epoch" on the wire.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// The batch was not written by an idempotent producer.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// The batch was not written by an idempotent producer.
    pub const NONE: Self = Self(-1);
}

impl Timestamp {
    /// "No timestamp" on the wire.
    pub const NONE: Self = Self(-1);
}

/// A 128-bit id: of a topic, a log directory, an incarnation.
///
/// Printed and parsed as Kafka does: base64url without padding, 22 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// The id of a topic; a topic created anew under an old name has another one.
pub type TopicId = Uuid;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// "No id" on the wire.
    pub const ZERO: Self = Self([0; 16]);
    /// The id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is the "no id" value.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Makes a version 4 (random) id of 16 random bytes.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Reads the 22-character form; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut out = [0u8; 16];
        let (mut bits, mut held, mut at) = (0u32, 0u32, 0usize);
        for c in text.bytes() {
            let digit = BASE64URL.iter().position(|&b| b == c)?;
            bits = (bits << 6) | u32::try_from(digit).ok()?;
            held += 6;
            if held >= 8 {
                held -= 8;
                *out.get_mut(at)? = (bits >> held) as u8;
                bits &= (1 << held) - 1;
                at += 1;
            }
        }
        (bits == 0).then_some(Self(out))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        for i in 0..22u32 {
            // 22 digits hold 132 bits: the last one carries four padding bits.
            let digit = if i == 21 { (value << 4) & 63 } else { (value >> (122 - 6 * i)) & 63 };
            let c = BASE64URL.get(digit as usize).copied().unwrap_or(b'A');
            fmt::Write::write_char(f, c as char)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// One partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Index of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// Splits a directory name `<topic>-<partition>` at its last `-`.
    #[must_use]
    pub fn parse(dir: &str) -> Option<Self> {
        let (topic, partition) = dir.rsplit_once('-')?;
        let index: i32 = partition.parse().ok()?;
        (!topic.is_empty() && index >= 0 && partition == index.to_string()).then(|| Self::new(topic, index))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_print_as_kafka_prints_them() {
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"), Some(Uuid::METADATA_TOPIC));
        let id = Uuid::from_random([0xab; 16]);
        assert_eq!(Uuid::parse(&id.to_string()), Some(id));
        for bad in ["", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAR", "AAAAAAAAAAAAAAAAAAAAA!"] {
            assert_eq!(Uuid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn partition_directories_split_at_the_last_dash() {
        let cases = [
            ("a-0", Some(("a", 0))),
            ("a-b-12", Some(("a-b", 12))),
            ("a", None),
            ("-1", None),
            ("a-01", None),
            ("a--1", Some(("a-", 1))),
        ];
        for (dir, want) in cases {
            let got = TopicPartition::parse(dir);
            assert_eq!(got, want.map(|(t, p)| TopicPartition::new(t, p)), "{dir}");
        }
    }
}
