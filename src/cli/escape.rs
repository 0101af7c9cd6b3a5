//! Characters that are hard to type: `\n`, `\t`, `\r`, `\0`, `\\`, `\xHH`.

/// The bytes that a text with escapes stands for.
///
/// # Errors
/// A sentence about the escape that is none.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let wrong = || format!("\\{escape} begins no escape: there are \\n \\t \\r \\0 \\\\ and \\xHH");
        let letter = escape.chars().next().ok_or_else(wrong)?;
        let mut taken = 1;
        out.push(match letter {
            'n' => b'\n',
            't' => b'\t',
            'r' => b'\r',
            '0' => 0,
            '\\' => b'\\',
            'x' => {
                taken = 3;
                let digits = escape.get(1..3).ok_or_else(wrong)?;
                u8::from_str_radix(digits, 16).map_err(|_| wrong())?
            }
            _ => return Err(wrong()),
        });
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_what_is_none() {
        assert_eq!(unescape(r"a\tb\n\\\x00\xfFc").unwrap(), b"a\tb\n\\\0\xffc");
        assert_eq!(unescape("é").unwrap(), "é".as_bytes());
        for bad in ["\\", "\\q", "\\x1", "\\xg0", "\\é", "\\x1é"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }
}
