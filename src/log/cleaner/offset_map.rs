//! The table of a cleaning: for each key of the dirty part, the offset of its newest record.
//!
//! Keys are held as 128-bit hashes, 24 bytes for each entry, as in Kafka. The hash is keyed by a secret, so
//! that nobody can make two keys that are taken for one.
use std::hash::{DefaultHasher, Hasher};

use crate::types::Offset;

/// Bytes of an entry.
pub const ENTRY_BYTES: u64 = 24;
const LEAST_SLOTS: u64 = 64;

/// Two hashes of the key, and its newest offset + 1; 0 in an empty slot.
type Slot = [u64; 3];

/// Newest offsets by key.
#[derive(Debug)]
pub struct OffsetMap {
    slots: Vec<Slot>,
    used: u64,
    load_factor: f64,
    secret: [u64; 2],
    end: Offset,
}

impl OffsetMap {
    /// A table for at most `keys` keys, or fewer if they do not fit into `max_bytes`. A fraction of
    /// `load_factor` of it is used.
    #[must_use]
    pub fn new(keys: u64, max_bytes: u64, load_factor: f64, secret: [u64; 2]) -> Self {
        let most = max_bytes.checked_div(ENTRY_BYTES).unwrap_or(0).max(LEAST_SLOTS);
        let load_factor = if load_factor > 0.05 && load_factor < 0.95 { load_factor } else { 0.9 };
        let mut this = Self { slots: Vec::new(), used: 0, load_factor, secret, end: Offset::NONE };
        this.slots = vec![[0; 3]; as_len(this.slots_for(keys).min(most))];
        this
    }

    fn slots_for(&self, keys: u64) -> u64 {
        let slots = (keys as f64 / self.load_factor).ceil();
        (slots as u64).saturating_add(1).max(LEAST_SLOTS)
    }

    /// Whether that many more keys fit.
    #[must_use]
    pub fn has_room_for(&self, keys: u64) -> bool {
        let most = (self.slots.len() as f64 * self.load_factor) as u64;
        self.used.saturating_add(keys) <= most
    }

    /// Makes room for that many keys whatever the limit says, in a table that is still empty: a batch is
    /// taken in whole, or cleaning would never get past it.
    pub fn insist_on(&mut self, keys: u64) {
        if self.used == 0 {
            self.slots = vec![[0; 3]; as_len(self.slots_for(keys))];
        }
    }

    /// Notes that `key` occurs at `offset`, later than before. The key must have room.
    pub fn put(&mut self, key: &[u8], offset: Offset) {
        let hash = self.hash(key);
        if let Some(slot) = self.find(hash).and_then(|at| self.slots.get_mut(at)) {
            if slot[2] == 0 {
                self.used = self.used.saturating_add(1);
            }
            *slot = [hash[0], hash[1], as_entry(offset)];
        }
    }

    /// The newest offset of `key` in the dirty part.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = self.slots.get(self.find(self.hash(key))?)?;
        (slot[2] > 0).then(|| Offset(i64::try_from(slot[2].wrapping_sub(1)).unwrap_or(i64::MAX)))
    }

    /// The offset up to which the log was taken in, exclusive: records from here on all stay.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Notes that all below `end` was taken in.
    pub fn advance(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// The slot of this hash, or the empty one where it belongs. There always is one: the table never
    /// gets full.
    fn find(&self, hash: [u64; 2]) -> Option<usize> {
        let len = self.slots.len();
        let mut at = usize::try_from(hash[0]).unwrap_or(usize::MAX).checked_rem(len)?;
        for _ in 0..len {
            let slot = self.slots.get(at)?;
            if slot[2] == 0 || (slot[0], slot[1]) == (hash[0], hash[1]) {
                return Some(at);
            }
            at = at.saturating_add(1);
            if at == len {
                at = 0;
            }
        }
        None
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.secret.map(|secret| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(secret);
            hasher.write(key);
            hasher.finish()
        })
    }
}

fn as_len(slots: u64) -> usize {
    usize::try_from(slots).unwrap_or(usize::MAX)
}

fn as_entry(offset: Offset) -> u64 {
    u64::try_from(offset.get()).unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_newest_offset() {
        let mut map = OffsetMap::new(1000, u64::MAX, 0.9, [1, 2]);
        for n in 0..3000i64 {
            map.put(format!("key-{}", n % 1000).as_bytes(), Offset(n));
        }
        for n in 0..1000i64 {
            assert_eq!(map.get(format!("key-{n}").as_bytes()), Some(Offset(2000 + n)));
        }
        assert_eq!(map.get(b"another"), None);
        assert_eq!(map.get(b""), None);
        map.put(b"", Offset(0));
        assert_eq!(map.get(b""), Some(Offset(0)));
    }

    #[test]
    fn the_table_is_no_larger_than_its_keys_or_its_limit_ask_for() {
        assert!(OffsetMap::new(10, 128 << 20, 0.9, [1, 2]).slots.len() <= 64);
        let limited = OffsetMap::new(u64::MAX, 2400, 0.9, [1, 2]);
        assert_eq!(limited.slots.len(), 100);
        assert!(limited.has_room_for(90) && !limited.has_room_for(91));
    }

    #[test]
    fn one_batch_always_fits() {
        let mut map = OffsetMap::new(u64::MAX, 0, 0.9, [1, 2]);
        assert!(!map.has_room_for(500));
        map.insist_on(500);
        assert!(map.has_room_for(500));
        map.put(b"k", Offset(1));
        map.insist_on(5000);
        assert_eq!(map.get(b"k"), Some(Offset(1)));
    }
}
