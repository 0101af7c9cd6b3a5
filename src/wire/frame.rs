//! The length prefix of a frame: four bytes, big-endian, not counting themselves.

/// Bytes of the prefix.
pub const PREFIX: usize = 4;

/// Why four bytes are not the length of a frame. The connection cannot go on: where the next frame
/// would begin is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is below zero.
    #[error("the frame claims a length of {0} bytes; this is not Kafka's protocol")]
    Negative(i32),
    /// The length is above `socket.request.max.bytes`.
    #[error(
        "the frame claims {len} bytes and socket.request.max.bytes allows {max}; \
         raise it if clients really send requests of this size"
    )]
    TooLarge {
        /// What the frame claims.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// The bytes begin an HTTP request.
    #[error("this is an HTTP request on a port that speaks Kafka's protocol; point it at another port")]
    Http,
    /// The bytes begin a TLS handshake.
    #[error(
        "this is a TLS handshake on a PLAINTEXT listener; \
         set security.protocol=PLAINTEXT at the client or use a listener with TLS"
    )]
    Tls,
}

/// Words that begin an HTTP request (the last one is HTTP/2's preface).
const HTTP: [&[u8; 4]; 10] =
    [b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC", b"PRI "];

/// Reads a prefix: the length of the frame behind it, in bytes.
///
/// # Errors
/// See [`FrameError`]. HTTP and TLS are told apart only where the length is above `max`, which it is
/// for them under every sensible limit (their first bytes read as 352 MiB and more).
pub fn length(prefix: [u8; PREFIX], max: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    let Ok(len) = usize::try_from(claimed) else { return Err(FrameError::Negative(claimed)) };
    if len <= max {
        return Ok(len);
    }
    if HTTP.iter().any(|word| **word == prefix) {
        return Err(FrameError::Http);
    }
    // A record of type "handshake", version 3.0 to 3.4.
    if matches!(prefix, [0x16, 0x03, 0..=4, _]) {
        return Err(FrameError::Tls);
    }
    Err(FrameError::TooLarge { len, max })
}

/// The content of a frame, and the bytes behind it.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// Splits the first whole frame off `bytes`: its content and what follows; `None` while its end has
/// not arrived.
///
/// # Errors
/// See [`length`].
pub fn split(bytes: &[u8], max: usize) -> Result<Option<Split<'_>>, FrameError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    Ok(rest.split_at_checked(length(*prefix, max)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100 << 20;

    #[test]
    fn lengths_are_checked() {
        let cases: &[(&[u8; 4], Result<usize, FrameError>)] = &[
            (&[0, 0, 0, 0], Ok(0)),
            (&[0, 0, 1, 2], Ok(258)),
            (&[0x06, 0x40, 0, 0], Ok(MAX)),
            (&[0x06, 0x40, 0, 1], Err(FrameError::TooLarge { len: MAX + 1, max: MAX })),
            (&[0xff, 0xff, 0xff, 0xff], Err(FrameError::Negative(-1))),
            (&[0x80, 0, 0, 0], Err(FrameError::Negative(i32::MIN))),
            (b"GET ", Err(FrameError::Http)),
            (b"PRI ", Err(FrameError::Http)),
            (&[0x16, 3, 1, 2], Err(FrameError::Tls)),
        ];
        for (prefix, want) in cases {
            assert_eq!(length(**prefix, MAX), *want, "{prefix:?}");
        }
    }

    #[test]
    fn frames_are_split_when_whole() {
        let bytes = [0, 0, 0, 2, 7, 8, 0, 0];
        assert_eq!(split(&bytes[..3], MAX), Ok(None));
        assert_eq!(split(&bytes[..5], MAX), Ok(None));
        assert_eq!(split(&bytes, MAX), Ok(Some((&[7u8, 8][..], &[0u8, 0][..]))));
        assert_eq!(split(&[0, 0, 0, 0], MAX), Ok(Some((&[][..], &[][..]))));
    }
}
