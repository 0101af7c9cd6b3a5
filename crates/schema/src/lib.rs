//! Kafka's messages: the primitive codec, and every message generated from Kafka's own schemas.
//!
//! Owns: [`Reader`] and [`Writer`] (the primitive types of Kafka's protocol), the error codes, the
//! table of APIs, and a struct with `decode` and `encode` for each schema under `kafka/`, in every
//! version of it.
//!
//! Promises: a decoded message borrows its strings and bytes from the frame; no length that was
//! read sizes an allocation beyond what the frame can hold; nothing here panics on any input.
//!
//! Must not know: sockets, files, record batches, or what any message means.

pub mod json;
mod reader;
mod writer;

use std::borrow::Cow;

pub use reader::{DecodeError, Reader};
pub use writer::{Splice, Writer};

/// A string of a message: borrowed from the frame, or owned by whoever builds the message.
pub type Str<'a> = Cow<'a, str>;

/// A tagged field that the schema does not know, kept so that it can be written back (KIP-482).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTaggedField {
    /// Number of the field.
    pub tag: u32,
    /// Its bytes, without tag and size.
    pub data: Vec<u8>,
}

/// Record batches inside a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records<'a> {
    /// The bytes themselves.
    Bytes(Cow<'a, [u8]>),
    /// A place for `len` bytes which the wire puts in later from a file: only the length is
    /// written, and the place is noted in [`Writer::splices`].
    Splice {
        /// Length in bytes.
        len: usize,
    },
}

impl Records<'_> {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Splice { len } => *len,
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes; none of a splice.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Splice { .. } => &[],
        }
    }

    /// Owns the bytes.
    #[must_use]
    pub fn into_static(self) -> Records<'static> {
        match self {
            Self::Bytes(bytes) => Records::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Splice { len } => Records::Splice { len },
        }
    }
}

/// An error code of Kafka's protocol. The constants carry Kafka's names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Whether this is [`ErrorCode::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ERROR_{}", self.0),
        }
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

/// One API of Kafka's protocol, as its request schema describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Number of the API on the wire.
    pub key: i16,
    /// Kafka's name, for instance `Fetch`.
    pub name: &'static str,
    /// Lowest version that the schema defines.
    pub min_version: i16,
    /// Highest version that is stable.
    pub max_version: i16,
    /// First flexible version (KIP-482); `i16::MAX` if there is none.
    pub first_flexible: i16,
    /// Served on a broker listener.
    pub on_broker: bool,
    /// Served on a controller listener.
    pub on_controller: bool,
}

impl Api {
    /// Finds an API by its number.
    #[must_use]
    pub fn by_key(key: i16) -> Option<&'static Self> {
        APIS.binary_search_by_key(&key, |api| api.key).ok().and_then(|i| APIS.get(i))
    }

    /// Version of the request header that goes with `version` of the request.
    #[must_use]
    pub const fn request_header_version(&self, version: i16) -> i16 {
        if version >= self.first_flexible { 2 } else { 1 }
    }

    /// Version of the response header. That of ApiVersions is always 0: its reader does not know
    /// yet what the broker speaks.
    #[must_use]
    pub const fn response_header_version(&self, version: i16) -> i16 {
        if version >= self.first_flexible && self.key != 18 { 1 } else { 0 }
    }
}

/// Entry of [`MESSAGES`]: a message seen through plain functions, for tools and tests that go over all.
#[derive(Clone, Copy)]
pub struct MessageInfo {
    /// Folder of the schema, for instance `clients`.
    pub room: &'static str,
    /// Name of the schema, for instance `FetchRequest`.
    pub name: &'static str,
    /// API key, record type or key type; `None` for plain data.
    pub api_key: Option<i16>,
    /// Lowest version.
    pub min_version: i16,
    /// Highest version.
    pub max_version: i16,
    /// Decodes all of the bytes as the given version and encodes the result again.
    pub recode: fn(&[u8], i16) -> Result<Vec<u8>, DecodeError>,
    /// Encodes the message with every field at its default.
    pub encode_default: fn(i16) -> Vec<u8>,
    /// Decodes all of the bytes as the given version and shows them as Kafka's dump tool does; `None`
    /// for messages that only pass over the wire.
    pub to_json: Option<ToJson>,
}

/// See [`MessageInfo::to_json`].
pub type ToJson = fn(&[u8], i16) -> Result<serde_json::Value, DecodeError>;

impl MessageInfo {
    /// Finds the key (suffix `Key`) or value (suffix `Value`) of an internal topic's records by the
    /// folder of its schemas and the type that the key begins with.
    #[must_use]
    pub fn of_record(room: &str, kind: i16, suffix: &str) -> Option<&'static Self> {
        MESSAGES.iter().find(|m| m.room == room && m.api_key == Some(kind) && m.name.ends_with(suffix))
    }
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));
include!(concat!(env!("OUT_DIR"), "/messages.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_every_message_round_trips_its_defaults() {
        assert!(MESSAGES.len() > 250);
        for m in MESSAGES {
            for version in m.min_version..=m.max_version {
                let bytes = (m.encode_default)(version);
                assert_eq!((m.recode)(&bytes, version).as_deref(), Ok(&bytes[..]), "{} v{version}", m.name);
            }
        }
    }

    #[test]
    fn versions_outside_the_schema_are_refused() {
        for m in MESSAGES {
            for version in [m.min_version - 1, m.max_version + 1, i16::MIN, i16::MAX] {
                assert_eq!((m.recode)(&[0; 512], version), Err(DecodeError::UnsupportedVersion(version)));
            }
        }
    }

    #[test]
    fn an_array_that_claims_a_billion_entries_asks_for_no_memory() {
        let mut frame = vec![0, 0, 0, 0];
        frame[0..4].copy_from_slice(&1_000_000_000i32.to_be_bytes());
        let mut r = Reader::new(&frame);
        let got = clients::metadata_request::MetadataRequest::decode(&mut r, 1);
        assert_eq!(got, Err(DecodeError::TooManyElements(1_000_000_000)));
    }

    #[test]
    fn unknown_tagged_fields_are_kept() {
        use metadata::topic_record::TopicRecord;
        let mut w = Writer::new();
        let record = TopicRecord {
            name: "t".into(),
            unknown_tagged_fields: vec![RawTaggedField { tag: 77, data: vec![1, 2, 3] }],
            ..Default::default()
        };
        record.encode(&mut w, 0);
        assert_eq!(TopicRecord::decode(&mut Reader::new(&w.buf), 0), Ok(record));
    }

    #[test]
    fn unknown_tagged_fields_keep_the_order_of_the_numbers() {
        use clients::fetch_request::FetchRequest;
        let mut request = FetchRequest { cluster_id: Some("c".into()), ..Default::default() };
        request.replica_state.replica_id = 3;
        let raw = |tag| RawTaggedField { tag, data: vec![9] };
        request.replica_state.unknown_tagged_fields = vec![raw(0), raw(5)];
        request.unknown_tagged_fields = vec![raw(2), raw(3)];
        let mut w = Writer::new();
        request.encode(&mut w, 17);
        let cluster = [0, 2, 2, b'c'];
        let replica = [1, 19, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let its_unknown = [2, 0, 1, 9, 5, 1, 9];
        let expected = [&[4][..], &cluster, &replica, &its_unknown, &[2, 1, 9, 3, 1, 9]].concat();
        assert!(w.buf.ends_with(&expected), "{:?}", w.buf);
    }

    #[test]
    fn a_splice_leaves_its_place_open() {
        let mut w = Writer::new();
        w.i8(7);
        w.records(Some(&Records::Splice { len: 5 }), false);
        w.i8(8);
        assert_eq!(w.buf, [7, 0, 0, 0, 5, 8]);
        assert_eq!(w.splices, [Splice { at: 5, len: 5 }]);
        assert_eq!(w.total_len(), 11);
    }

    #[test]
    fn apis_are_sorted_and_found() {
        assert!(APIS.is_sorted_by_key(|a| a.key));
        let fetch = Api::by_key(api_key::FETCH).unwrap();
        assert_eq!((fetch.name, fetch.min_version, fetch.max_version), ("Fetch", 4, 18));
        assert_eq!((fetch.request_header_version(11), fetch.request_header_version(12)), (1, 2));
        let versions = Api::by_key(api_key::API_VERSIONS).unwrap();
        assert_eq!(versions.response_header_version(4), 0);
    }
}
