//! Which partition a record goes to: by its key as Java's producer does, else wherever there is company.

/// MurmurHash2 (32 bits, Kafka's seed) as Java's producer computes it.
#[must_use]
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let mut words = key.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = word.iter().rev().fold(0, |k: u32, &byte| k << 8 | u32::from(byte)).wrapping_mul(M);
        k = (k ^ k >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |k: u32, &byte| k << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

/// The partition of `count` that a key belongs to.
#[must_use]
pub fn of_key(key: &[u8], count: usize) -> usize {
    (murmur2(key) as usize & 0x7fff_ffff).checked_rem(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        // Key, its hash, and its partition of 12: computed with Kafka's own Utils class (4.3.1).
        let cases: [(&[u8], i32, usize); 10] = [
            (b"", 275_646_681, 9),
            (b"a", -1_563_381_124, 4),
            (b"ab", 316_155_434, 2),
            (b"abc", 479_470_107, 3),
            (b"abcd", -1_323_649_548, 8),
            (b"21", -973_932_308, 0),
            (b"foobar", -790_332_482, 6),
            (b"a-little-bit-long-string", -985_981_536, 8),
            (&[0xff, 0x80, 0, 1, 0xfe], -173_560_464, 8),
            ("schlüssel".as_bytes(), 331_429_656, 0),
        ];
        for (key, hash, partition) in cases {
            assert_eq!(murmur2(key), hash as u32, "{key:?}");
            assert_eq!(of_key(key, 12), partition, "{key:?}");
        }
    }
}
