//! Writes the primitive types of Kafka's protocol.

use std::ops::RangeBounds;

use crate::{RawTaggedField, Records};

/// A place in a written message where bytes from elsewhere (a file) belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Position in the buffer before which the bytes go.
    pub at: usize,
    /// How many bytes go there.
    pub len: usize,
}

/// A growing message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    /// What was written so far.
    pub buf: Vec<u8>,
    /// Places for bytes that are not in the buffer, in rising order of position.
    pub splices: Vec<Splice>,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $ty:ty) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, value: $ty) {
            self.buf.extend_from_slice(&value.to_be_bytes());
        }
    };
}

impl Writer {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on behind what `buf` holds.
    #[must_use]
    pub fn onto(buf: Vec<u8>) -> Self {
        Self { buf, splices: Vec::new() }
    }

    /// Length of the message in bytes, the spliced ones included.
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.splices.iter().fold(self.buf.len(), |sum, splice| sum.saturating_add(splice.len))
    }

    number! {
        /// Writes an `int8`.
        i8: i8
    }
    number! {
        /// Writes an `int16`.
        i16: i16
    }
    number! {
        /// Writes a `uint16`.
        u16: u16
    }
    number! {
        /// Writes an `int32`.
        i32: i32
    }
    number! {
        /// Writes a `uint32`.
        u32: u32
    }
    number! {
        /// Writes an `int64`.
        i64: i64
    }
    number! {
        /// Writes a `float64`.
        f64: f64
    }

    /// Writes a `bool`.
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// Writes a `uuid`.
    pub fn uuid(&mut self, value: &[u8; 16]) {
        self.buf.extend_from_slice(value);
    }

    /// Writes an unsigned number of variable length.
    #[inline]
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buf.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.buf.push(value as u8);
    }

    /// Writes a length of at most `i32::MAX`, which every reply keeps to.
    fn length(&mut self, len: Option<usize>, flexible: bool, short: bool) {
        let len = len.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        match (flexible, short) {
            (true, _) => self.uvarint(len.map_or(0, |n| n.saturating_add(1))),
            (false, true) => self.i16(len.map_or(-1, |n| i16::try_from(n).unwrap_or(i16::MAX))),
            (false, false) => self.i32(len.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX))),
        }
    }

    /// Writes a `string`. One longer than the version can say is cut at a character.
    pub fn string(&mut self, value: &str, flexible: bool) {
        let max = if flexible { usize::MAX } else { i16::MAX as usize };
        let text = match value.get(..max) {
            None if value.len() <= max => value,
            Some(head) => head,
            None => {
                let cut = (0..=max).rev().find(|&i| value.is_char_boundary(i)).unwrap_or(0);
                value.get(..cut).unwrap_or_default()
            }
        };
        self.length(Some(text.len()), flexible, true);
        self.buf.extend_from_slice(text.as_bytes());
    }

    /// Writes a `string` or null.
    pub fn nullable_string(&mut self, value: Option<&str>, flexible: bool) {
        match value {
            Some(text) => self.string(text, flexible),
            None => self.length(None, flexible, true),
        }
    }

    /// Writes `bytes`.
    pub fn bytes(&mut self, value: &[u8], flexible: bool) {
        self.length(Some(value.len()), flexible, false);
        self.buf.extend_from_slice(value);
    }

    /// Writes `bytes` or null.
    pub fn nullable_bytes(&mut self, value: Option<&[u8]>, flexible: bool) {
        match value {
            Some(bytes) => self.bytes(bytes, flexible),
            None => self.length(None, flexible, false),
        }
    }

    /// Writes `records` or null; of a splice only the length.
    pub fn records(&mut self, value: Option<&Records<'_>>, flexible: bool) {
        match value {
            Some(Records::Bytes(bytes)) => self.bytes(bytes, flexible),
            Some(Records::Splice { len }) => {
                self.length(Some(*len), flexible, false);
                self.splices.push(Splice { at: self.buf.len(), len: *len });
            }
            None => self.length(None, flexible, false),
        }
    }

    /// Writes an array.
    pub fn array<T>(&mut self, items: &[T], flexible: bool, mut element: impl FnMut(&mut Self, &T)) {
        self.length(Some(items.len()), flexible, false);
        for item in items {
            element(self, item);
        }
    }

    /// Writes an array or null.
    pub fn nullable_array<T>(
        &mut self,
        items: Option<&[T]>,
        flexible: bool,
        element: impl FnMut(&mut Self, &T),
    ) {
        match items {
            Some(items) => self.array(items, flexible, element),
            None => self.length(None, flexible, false),
        }
    }

    /// Writes one tagged field: number, size, content.
    pub fn tagged_field(&mut self, tag: u32, content: impl FnOnce(&mut Self)) {
        let mut field = Self::new();
        content(&mut field);
        self.uvarint(tag);
        self.uvarint(u32::try_from(field.buf.len()).unwrap_or(u32::MAX));
        self.buf.extend_from_slice(&field.buf);
    }

    /// Writes those tagged fields back that the schema does not know and whose number is in `tags`.
    pub fn raw_tagged_fields(&mut self, fields: &[RawTaggedField], tags: impl RangeBounds<u32>) {
        for field in fields.iter().filter(|f| tags.contains(&f.tag)) {
            self.tagged_field(field.tag, |w| w.buf.extend_from_slice(&field.data));
        }
    }
}
