//! Java's `.properties` syntax: the text of a file to names, values and lines.
//!
//! `#` and `!` begin a comment; `=`, `:` or white space ends a name; a backslash at the end of a line
//! continues it, leading white space of the next line apart; `\t \n \r \f` and `\uXXXX` are escapes, and
//! a backslash before anything else stands for that. (java.util.Properties, `load`.)
use std::iter::Peekable;
use std::str::Chars;

/// One entry of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Line on which it begins, from 1.
    pub line: usize,
    /// Name, escapes resolved.
    pub name: String,
    /// Value, escapes resolved; white space at its end is part of it.
    pub value: String,
    /// Whether a `\u` was not followed by four hexadecimal digits. Java refuses such a file.
    pub malformed: bool,
}

/// Reads every entry, in order. A name may come more than once; Java's last one counts.
#[must_use]
pub fn parse_properties(text: &str) -> Vec<Property> {
    logical_lines(text).into_iter().map(|(line, content)| property(line, &content)).collect()
}

/// Lines without comments and blank ones, continuations joined; each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.split(['\n', '\r']).enumerate() {
        let content = raw.trim_start_matches(is_blank);
        if open.is_none() && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index.saturating_add(1), String::new()));
        let is_continued = content.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1;
        joined.push_str(if is_continued { content.strip_suffix('\\').unwrap_or(content) } else { content });
        if is_continued {
            open = Some((number, joined));
        } else {
            lines.push((number, joined));
        }
    }
    lines.extend(open.filter(|(_, content)| !content.is_empty()));
    lines
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn property(line: usize, content: &str) -> Property {
    let mut entry = Property { line, name: String::new(), value: String::new(), malformed: false };
    let mut rest = content.chars().peekable();
    while let Some(c) = rest.next_if(|&c| !is_blank(c) && c != '=' && c != ':') {
        take(c, &mut rest, &mut entry.name, &mut entry.malformed);
    }
    skip_blanks(&mut rest);
    if rest.next_if(|&c| c == '=' || c == ':').is_some() {
        skip_blanks(&mut rest);
    }
    while let Some(c) = rest.next() {
        take(c, &mut rest, &mut entry.value, &mut entry.malformed);
    }
    entry
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|&c| is_blank(c)).is_some() {}
}

/// Adds one character, or the one for which an escape stands.
fn take(c: char, rest: &mut Peekable<Chars<'_>>, out: &mut String, malformed: &mut bool) {
    if c != '\\' {
        out.push(c);
        return;
    }
    match rest.next() {
        Some('t') => out.push('\t'),
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('f') => out.push('\x0c'),
        Some('u') => match unicode(rest) {
            Some(c) => out.push(c),
            None => *malformed = true,
        },
        Some(other) => out.push(other),
        None => {}
    }
}

/// The character of `XXXX`, or of `XXXX\uXXXX` where that is a surrogate pair.
fn unicode(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let unit = four_digits(rest)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit);
    }
    rest.next_if_eq(&'\\')?;
    rest.next_if_eq(&'u')?;
    let low = four_digits(rest)?;
    let units = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
    char::decode_utf16(units).next()?.ok()
}

fn four_digits(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let digits: String = (0..4).map_while(|_| rest.next_if(char::is_ascii_hexdigit)).collect();
    if digits.len() == 4 { u32::from_str_radix(&digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, name and value.
    type Entry<'a> = (usize, &'a str, &'a str);

    fn read(text: &str) -> Vec<(usize, String, String)> {
        parse_properties(text).into_iter().map(|p| (p.line, p.name, p.value)).collect()
    }

    #[test]
    fn entries_are_read_as_java_reads_them() {
        let cases: &[(&str, &[Entry<'_>])] = &[
            ("", &[]),
            ("a=b", &[(1, "a", "b")]),
            ("  a = b ", &[(1, "a", "b ")]),
            ("a:b\na b\na\tb", &[(1, "a", "b"), (2, "a", "b"), (3, "a", "b")]),
            ("a = : b", &[(1, "a", ": b")]),
            ("a", &[(1, "a", "")]),
            ("=b", &[(1, "", "b")]),
            ("# a=b\n! c=d\n\n  # e\nf=g", &[(5, "f", "g")]),
            ("a=b # not a comment", &[(1, "a", "b # not a comment")]),
            ("a=b,\\\n   c,\\\n\td\ne=f", &[(1, "a", "b,c,d"), (4, "e", "f")]),
            ("a=b\\\\\nc=d", &[(1, "a", "b\\"), (2, "c", "d")]),
            ("a=b\\\n# part of the value", &[(1, "a", "b# part of the value")]),
            ("a=b\\", &[(1, "a", "b")]),
            ("a\\=b=c", &[(1, "a=b", "c")]),
            ("a\\ b=c", &[(1, "a b", "c")]),
            ("a=\\t\\n\\q\\u00e9", &[(1, "a", "\t\nqé")]),
            ("a=\\ud83d\\ude00", &[(1, "a", "😀")]),
            ("a=1\r\nb=2\rc=3", &[(1, "a", "1"), (2, "b", "2"), (3, "c", "3")]),
            ("path=c:\\\\data", &[(1, "path", "c:\\data")]),
        ];
        for (text, want) in cases {
            let want: Vec<_> = want.iter().map(|(l, n, v)| (*l, (*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(text), want, "{text:?}");
        }
    }

    #[test]
    fn half_an_escape_is_malformed() {
        for text in ["a=\\u12", "a=\\uzzzz", "a=\\ud83d", "a=\\ud83dx"] {
            assert!(parse_properties(text).iter().all(|p| p.malformed), "{text}");
        }
    }
}
