//! How a metadata record lies in the value of a log record (KIP-631): frame version, type, version, all
//! as unsigned varints, then the message. Nothing may follow.

use crate::schema::metadata::MetadataRecord;
use crate::schema::{DecodeError, Reader, Writer};

/// The only frame version there is.
const FRAME_VERSION: u32 = 1;

/// The bytes of a record in the given version of its schema.
#[must_use]
pub fn encode(record: &MetadataRecord<'_>, version: i16) -> Vec<u8> {
    let mut w = Writer::new();
    w.uvarint(FRAME_VERSION);
    w.uvarint(u32::from(record.api_key().unsigned_abs()));
    w.uvarint(u32::from(version.unsigned_abs()));
    record.encode(&mut w, version);
    w.buf
}

/// Reads a record; also answers the version that it was written in.
///
/// # Errors
/// The bytes are no frame of version 1, their type or version is unknown, or the message is damaged.
pub fn decode(bytes: &[u8]) -> Result<(MetadataRecord<'_>, i16), DecodeError> {
    let mut r = Reader::new(bytes);
    let frame = r.uvarint()?;
    if frame != FRAME_VERSION {
        return Err(DecodeError::UnsupportedVersion(i16::try_from(frame).unwrap_or(i16::MAX)));
    }
    let kind = r.uvarint()?;
    let kind = i16::try_from(kind).map_err(|_| DecodeError::UnknownType(i64::from(kind)))?;
    let version = r.uvarint()?;
    let version = i16::try_from(version).map_err(|_| DecodeError::UnsupportedVersion(i16::MAX))?;
    let record = MetadataRecord::decode(&mut r, kind, version)?;
    r.finish()?;
    Ok((record, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::metadata::feature_level_record::FeatureLevelRecord;

    #[test]
    fn a_record_of_kafkas_bootstrap_checkpoint() {
        // The second record of a bootstrap.checkpoint written by `kafka-storage format` of 4.3.
        let bytes = b"\x01\x0c\x00\x0egroup.version\x00\x01\x00";
        let record = MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "group.version".into(),
            feature_level: 1,
            ..Default::default()
        });
        assert_eq!(decode(bytes), Ok((record.clone(), 0)));
        assert_eq!(encode(&record, 0), bytes);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let good = b"\x01\x0c\x00\x0egroup.version\x00\x01\x00";
        for end in 0..good.len() {
            assert!(decode(&good[..end]).is_err(), "{end}");
        }
        assert_eq!(decode(&[&good[..], &[0]].concat()), Err(DecodeError::TrailingBytes(1)));
        assert_eq!(decode(b"\x02\x0c\x00"), Err(DecodeError::UnsupportedVersion(2)));
        assert!(matches!(decode(b"\x01\x7f\x00"), Err(DecodeError::UnknownType(127))));
        assert_eq!(decode(b"\x01\x0c\x05"), Err(DecodeError::UnsupportedVersion(5)));
    }
}
