//! Reads the primitive types of Kafka's protocol from a frame that may lie.

use std::borrow::Cow;
use std::fmt;

use crate::{RawTaggedField, Records, Str};

/// Why bytes are not the message that they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The frame ends before the field does.
    Truncated {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A length that is negative where null is not allowed, or that no frame can hold.
    BadLength(i64),
    /// More elements than this frame may ask memory for.
    TooManyElements(usize),
    /// A string that is not UTF-8.
    NotUtf8,
    /// A variable-length number of more than its five or ten bytes.
    BadVarint,
    /// A tagged field whose size disagrees with its content.
    BadTaggedField(u32),
    /// The schema does not define this version.
    UnsupportedVersion(i16),
    /// The message ended and bytes are left over.
    TrailingBytes(usize),
    /// A type of record that is not known.
    UnknownType(i64),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => write!(f, "a field needs {needed} bytes and {left} are left"),
            Self::BadLength(len) => write!(f, "a length of {len} is not possible here"),
            Self::TooManyElements(n) => {
                write!(f, "an array claims {n} elements, more than its frame may hold")
            }
            Self::NotUtf8 => f.write_str("a string is not valid UTF-8"),
            Self::BadVarint => f.write_str("a variable-length number does not end"),
            Self::BadTaggedField(tag) => write!(f, "tagged field {tag} disagrees with its size"),
            Self::UnsupportedVersion(v) => write!(f, "version {v} is not defined"),
            Self::TrailingBytes(n) => write!(f, "{n} bytes are left after the end of the message"),
            Self::UnknownType(t) => write!(f, "type {t} is not known"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// What elements of arrays may take in memory for each byte of the frame: the widest element of
/// an honest message stays well below it.
const MEMORY_PER_FRAME_BYTE: usize = 16;
/// The same for a whole frame, in bytes, however long it is: large frames are large because of
/// their records, which are borrowed.
const MEMORY_PER_FRAME: usize = 64 << 20;
/// What the smallest frame may take, in bytes.
const MEMORY_FLOOR: usize = 64 << 10;

/// A cursor over the bytes of one message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    memory: usize,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $ty:ty) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self) -> Result<$ty, DecodeError> {
            match self.bytes.split_first_chunk::<{ size_of::<$ty>() }>() {
                Some((head, rest)) => {
                    self.bytes = rest;
                    Ok(<$ty>::from_be_bytes(*head))
                }
                None => Err(DecodeError::Truncated { needed: size_of::<$ty>(), left: self.bytes.len() }),
            }
        }
    };
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let memory = bytes.len().saturating_mul(MEMORY_PER_FRAME_BYTE).min(MEMORY_PER_FRAME) + MEMORY_FLOOR;
        Self { bytes, memory }
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Number of bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Fails if bytes are left over.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes(self.bytes.len())) }
    }

    /// Takes the next `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.bytes.split_at_checked(len) {
            Some((head, rest)) => {
                self.bytes = rest;
                Ok(head)
            }
            None => Err(DecodeError::Truncated { needed: len, left: self.bytes.len() }),
        }
    }

    number! {
        /// Reads an `int8`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        i8: i8
    }
    number! {
        /// Reads an `int16`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        i16: i16
    }
    number! {
        /// Reads a `uint16`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        u16: u16
    }
    number! {
        /// Reads an `int32`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        i32: i32
    }
    number! {
        /// Reads a `uint32`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        u32: u32
    }
    number! {
        /// Reads an `int64`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        i64: i64
    }
    number! {
        /// Reads a `float64`.
        #[doc = "\n# Errors\n[`DecodeError::Truncated`]."]
        f64: f64
    }

    /// Reads a `bool`: any byte but 0 is true.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// Reads a `uuid`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        let bytes = self.take(16)?;
        bytes.try_into().map_err(|_| DecodeError::Truncated { needed: 16, left: 0 })
    }

    /// Reads an unsigned number of variable length (LEB128), at most five bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] and [`DecodeError::BadVarint`].
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0u32, 7, 14, 21, 28] {
            let byte = self.i8()? as u8;
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::BadVarint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadVarint)
    }

    fn length(&mut self, flexible: bool, width: Width) -> Result<Option<usize>, DecodeError> {
        let len = match (flexible, width) {
            (true, _) => i64::from(self.uvarint()?) - 1,
            (false, Width::Short) => i64::from(self.i16()?),
            (false, Width::Int) => i64::from(self.i32()?),
        };
        match len {
            -1 => Ok(None),
            _ => usize::try_from(len).map(Some).map_err(|_| DecodeError::BadLength(len)),
        }
    }

    /// Reads a `string` that must not be null.
    ///
    /// # Errors
    /// Any of a bad length, missing bytes or bytes that are not UTF-8.
    pub fn string(&mut self, flexible: bool) -> Result<Str<'a>, DecodeError> {
        self.nullable_string(flexible)?.ok_or(DecodeError::BadLength(-1))
    }

    /// Reads a `string` or null.
    ///
    /// # Errors
    /// Any of a bad length, missing bytes or bytes that are not UTF-8.
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<Str<'a>>, DecodeError> {
        let Some(len) = self.length(flexible, Width::Short)? else { return Ok(None) };
        let bytes = self.take(len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)?;
        Ok(Some(Cow::Borrowed(text)))
    }

    /// Reads `bytes` that must not be null.
    ///
    /// # Errors
    /// A bad length or missing bytes.
    pub fn bytes(&mut self, flexible: bool) -> Result<Cow<'a, [u8]>, DecodeError> {
        self.nullable_bytes(flexible)?.ok_or(DecodeError::BadLength(-1))
    }

    /// Reads `bytes` or null.
    ///
    /// # Errors
    /// A bad length or missing bytes.
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        match self.length(flexible, Width::Int)? {
            Some(len) => Ok(Some(Cow::Borrowed(self.take(len)?))),
            None => Ok(None),
        }
    }

    /// Reads `records` or null.
    ///
    /// # Errors
    /// A bad length or missing bytes.
    pub fn records(&mut self, flexible: bool) -> Result<Option<Records<'a>>, DecodeError> {
        Ok(self.nullable_bytes(flexible)?.map(Records::Bytes))
    }

    /// Reads an array that must not be null.
    ///
    /// # Errors
    /// What `element` returns, or a length that the frame cannot hold.
    pub fn array<T>(
        &mut self,
        flexible: bool,
        element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.nullable_array(flexible, element)?.ok_or(DecodeError::BadLength(-1))
    }

    /// Reads an array or null.
    ///
    /// # Errors
    /// What `element` returns, or a length that the frame cannot hold.
    pub fn nullable_array<T>(
        &mut self,
        flexible: bool,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.length(flexible, Width::Int)? else { return Ok(None) };
        // An element takes one byte at the least.
        if count > self.bytes.len() {
            return Err(DecodeError::TooManyElements(count));
        }
        let cost = count.saturating_mul(size_of::<T>());
        self.memory = self.memory.checked_sub(cost).ok_or(DecodeError::TooManyElements(count))?;
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            out.push(element(self)?);
        }
        Ok(Some(out))
    }

    /// Reads a struct or null, outside tagged fields: a byte below 0 is null.
    ///
    /// # Errors
    /// What `decode` returns.
    pub fn nullable_struct<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.i8()? < 0 { Ok(None) } else { decode(self).map(Some) }
    }

    /// Reads a struct or null inside a tagged field: 0 is null.
    ///
    /// # Errors
    /// What `decode` returns.
    pub fn nullable_tagged_struct<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.uvarint()? == 0 { Ok(None) } else { decode(self).map(Some) }
    }

    /// Reads the tagged fields that end a flexible struct. `known` decodes a field that the
    /// schema has and answers whether it did; the others are kept.
    ///
    /// # Errors
    /// What `known` returns, or a field whose size disagrees with its content.
    pub fn tagged_fields(
        &mut self,
        unknown: &mut Vec<RawTaggedField>,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            let data = self.take(size)?;
            let mut field = Self { bytes: data, memory: self.memory };
            if known(tag, &mut field)? {
                self.memory = field.memory;
                if field.remaining() > 0 {
                    return Err(DecodeError::BadTaggedField(tag));
                }
            } else {
                let cost = size_of::<RawTaggedField>() + data.len();
                self.memory =
                    self.memory.checked_sub(cost).ok_or(DecodeError::TooManyElements(unknown.len()))?;
                unknown.push(RawTaggedField { tag, data: data.to_vec() });
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Width {
    Short,
    Int,
}
