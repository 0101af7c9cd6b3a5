//! Kafka's variable-length numbers: zigzag, then seven bits a byte, lowest first.
//!
//! Reading is generic over where bytes come from: a slice, or a stream that is being decompressed.

use super::records::RecordError;

/// Most bytes a `varlong` takes.
const MAX_LEN: usize = 10;

/// A sequence of bytes read once, from front to back.
pub(super) trait Input {
    /// What a run of bytes becomes: a slice, or nothing where they are only skipped.
    type Bytes;

    /// The next byte.
    fn byte(&mut self) -> Result<u8, RecordError>;
    /// The next `n` bytes.
    fn take(&mut self, n: usize) -> Result<Self::Bytes, RecordError>;
    /// Bytes taken so far.
    fn position(&self) -> usize;
    /// Whether nothing is left.
    fn at_end(&mut self) -> Result<bool, RecordError>;
}

/// [`Input`] over a slice.
#[derive(Clone, Debug)]
pub(super) struct SliceInput<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> SliceInput<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }
}

impl<'a> Input for SliceInput<'a> {
    type Bytes = &'a [u8];

    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        let (&first, rest) = self.rest.split_first().ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8], RecordError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn position(&self) -> usize {
        self.total.saturating_sub(self.rest.len())
    }

    fn at_end(&mut self) -> Result<bool, RecordError> {
        Ok(self.rest.is_empty())
    }
}

/// Reads a 32-bit number of at most 5 bytes.
#[inline]
pub(super) fn read_varint<I: Input>(input: &mut I) -> Result<i32, RecordError> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = input.byte()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let fits = shift < 28 || byte <= 0x0f;
            return if fits { Ok(unzigzag(u64::from(value)) as i32) } else { Err(RecordError::BadNumber) };
        }
    }
    Err(RecordError::BadNumber)
}

/// Reads a 64-bit number of at most 10 bytes.
#[inline]
pub(super) fn read_varlong<I: Input>(input: &mut I) -> Result<i64, RecordError> {
    let mut value = 0u64;
    for shift in [0, 7, 14, 21, 28, 35, 42, 49, 56, 63] {
        let byte = input.byte()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let fits = shift < 63 || byte <= 1;
            return if fits { Ok(unzigzag(value)) } else { Err(RecordError::BadNumber) };
        }
    }
    Err(RecordError::BadNumber)
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ (value & 1).wrapping_neg() as i64
}

/// Appends a number; 32-bit ones have the same form.
pub(super) fn write_varlong(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    for _ in 1..MAX_LEN {
        if rest < 0x80 {
            break;
        }
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that [`write_varlong`] appends.
pub(super) fn varlong_len(value: i64) -> usize {
    let bits = u64::BITS.saturating_sub(zigzag(value).leading_zeros());
    bits.div_ceil(7).max(1) as usize
}

fn zigzag(value: i64) -> u64 {
    (value << 1) as u64 ^ (value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_numbers_have_known_bytes() {
        let cases: [(i64, &[u8]); 7] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[126]),
            (-65, &[0x81, 1]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (number, bytes) in cases {
            let mut out = Vec::new();
            write_varlong(&mut out, number);
            assert_eq!(out, bytes, "{number}");
            assert_eq!(read_varlong(&mut SliceInput::new(bytes)), Ok(number));
        }
    }

    #[test]
    fn numbers_too_long_or_cut_off_are_refused() {
        let long = [0xffu8; 11];
        assert_eq!(read_varint(&mut SliceInput::new(&long)), Err(RecordError::BadNumber));
        assert_eq!(read_varlong(&mut SliceInput::new(&long)), Err(RecordError::BadNumber));
        let five = [0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(read_varint(&mut SliceInput::new(&five)), Err(RecordError::BadNumber));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert_eq!(read_varlong(&mut SliceInput::new(&ten)), Err(RecordError::BadNumber));
        assert_eq!(read_varint(&mut SliceInput::new(&[0x80])), Err(RecordError::Truncated));
    }

    proptest! {
        #[test]
        fn numbers_survive(number: i64, small: i32) {
            for number in [number, i64::from(small)] {
                let mut out = Vec::new();
                write_varlong(&mut out, number);
                prop_assert_eq!(out.len(), varlong_len(number));
                prop_assert_eq!(read_varlong(&mut SliceInput::new(&out)), Ok(number));
            }
            let mut out = Vec::new();
            write_varlong(&mut out, i64::from(small));
            prop_assert_eq!(read_varint(&mut SliceInput::new(&out)), Ok(small));
        }
    }
}
