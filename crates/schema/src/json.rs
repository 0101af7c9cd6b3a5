//! How bytes and ids look in the JSON of Kafka's dump tool: base64.

use serde_json::Value;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64], pad: bool) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = 0u32;
        for i in 0..3 {
            word = (word << 8) | u32::from(chunk.get(i).copied().unwrap_or(0));
        }
        for i in 0..4 {
            if i <= chunk.len() {
                let digit = (word >> (18 - 6 * i)) & 63;
                out.push(alphabet.get(digit as usize).copied().unwrap_or(b'A') as char);
            } else if pad {
                out.push('=');
            }
        }
    }
    out
}

/// Bytes in standard base64 with padding.
#[must_use]
pub fn bytes(bytes: &[u8]) -> Value {
    Value::from(base64(bytes, STANDARD, true))
}

/// An id in base64url without padding.
#[must_use]
pub fn uuid(id: &[u8; 16]) -> Value {
    Value::from(base64(id, URL, false))
}
