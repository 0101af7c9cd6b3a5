//! Request and response headers, from the broker's side and from a client's.
use std::borrow::Cow;

use crate::schema::clients::request_header::RequestHeader;
use crate::schema::clients::response_header::ResponseHeader;
use crate::schema::{Api, DecodeError, Reader, Writer};

use super::frame::PREFIX;

/// The header of a request. Borrows the client id from the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The API that is called.
    pub api: &'static Api,
    /// Version of the request; any number.
    pub version: i16,
    /// What the reply repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Cow<'a, str>>,
}

/// Why a frame does not begin with a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No API has this key; how its header goes on is not known.
    #[error("no API has the key {key} (version {version} was asked)")]
    UnknownApi {
        /// The key in the header.
        key: i16,
        /// The version in the header.
        version: i16,
    },
    /// The header itself is broken.
    #[error("the request header cannot be read: {0}")]
    Undecodable(#[from] DecodeError),
}

impl<'a> RequestHead<'a> {
    /// Reads the header; `r` then stands at the body.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn decode(r: &mut Reader<'a>) -> Result<Self, HeaderError> {
        let mut peek = r.clone();
        let (key, version) = (peek.i16()?, peek.i16()?);
        let api = Api::by_key(key).ok_or(HeaderError::UnknownApi { key, version })?;
        let header = RequestHeader::decode(r, api.request_header_version(version))?;
        Ok(Self { api, version, correlation_id: header.correlation_id, client_id: header.client_id })
    }
}

/// Builds the frame of a request: prefix, header, and the body that `body` writes.
pub fn encode(
    api: &Api,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut w = Writer::onto(vec![0; PREFIX]);
    let header = RequestHeader {
        request_api_key: api.key,
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(Cow::Borrowed),
        ..Default::default()
    };
    header.encode(&mut w, api.request_header_version(version));
    body(&mut w);
    let len = u32::try_from(w.buf.len().saturating_sub(PREFIX)).unwrap_or(u32::MAX);
    if let Some(prefix) = w.buf.first_chunk_mut::<PREFIX>() {
        *prefix = len.to_be_bytes();
    }
    w.buf
}

/// Reads the header of a reply (a frame without its prefix) to a request of this `version`: the
/// correlation id. `r` then stands at the body.
///
/// # Errors
/// The header is broken.
pub fn decode_reply(api: &Api, version: i16, r: &mut Reader<'_>) -> Result<i32, DecodeError> {
    Ok(ResponseHeader::decode(r, api.response_header_version(version))?.correlation_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::api_key;
    use crate::wire::frame;

    #[test]
    fn a_header_survives_the_way() {
        for (key, version, client) in [(api_key::FETCH, 11, Some("ä")), (api_key::FETCH, 12, None)] {
            let api = Api::by_key(key).unwrap();
            let bytes = encode(api, version, 77, client, |w| w.i8(9));
            let (content, rest) = frame::split(&bytes, 1000).unwrap().unwrap();
            assert!(rest.is_empty());
            let mut r = Reader::new(content);
            let head = RequestHead::decode(&mut r).unwrap();
            assert_eq!((head.api, head.version, head.correlation_id), (api, version, 77));
            assert_eq!(head.client_id.as_deref(), client);
            assert_eq!(r.rest(), [9]);
        }
    }

    #[test]
    fn broken_headers_are_told_apart() {
        let decode = |bytes: &[u8]| RequestHead::decode(&mut Reader::new(bytes)).map(|_| ()).unwrap_err();
        assert_eq!(decode(&[0x7f, 0, 0, 1]), HeaderError::UnknownApi { key: 0x7f00, version: 1 });
        assert!(matches!(decode(&[0, 1]), HeaderError::Undecodable(DecodeError::Truncated { .. })));
        assert!(matches!(decode(&[0, 1, 0, 4, 0, 0, 0, 0, 0, 9]), HeaderError::Undecodable(_)));
    }
}
