//! Which names a topic can have.

use super::Rejection;
use crate::metadata::Image;
use crate::schema::ErrorCode;

/// The longest name of a topic, in bytes: with `-<partition>` and a suffix it still fits a file name.
pub const MAX_TOPIC_NAME: usize = 249;

/// Checks the form of a topic's name.
///
/// # Errors
/// What is wrong with it.
pub fn validate_topic_name(name: &str) -> Result<(), String> {
    let is_legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if name.is_empty() {
        Err("the name of a topic cannot be empty".to_owned())
    } else if name == "." || name == ".." {
        Err(format!("`{name}` cannot be the name of a topic"))
    } else if name.len() > MAX_TOPIC_NAME {
        Err(format!("a topic's name has at most {MAX_TOPIC_NAME} characters, `{name}` has more"))
    } else if !name.bytes().all(is_legal) {
        Err(format!("`{name}` has characters other than letters, digits, `.`, `_` and `-`"))
    } else {
        Ok(())
    }
}

pub(super) fn check(name: &str) -> Result<(), Rejection> {
    validate_topic_name(name).map_err(|text| Rejection::new(ErrorCode::INVALID_TOPIC_EXCEPTION, text))
}

/// The names of metrics turn `.` into `_`, so two names that differ only there would share them.
pub(super) fn check_collision(image: &Image, name: &str) -> Result<(), Rejection> {
    let ambiguous = |c: u8| c == b'.' || c == b'_';
    if !name.bytes().any(ambiguous) {
        return Ok(());
    }
    let same = |a: u8, b: u8| a == b || (ambiguous(a) && ambiguous(b));
    let collides =
        |other: &str| other.len() == name.len() && other.bytes().zip(name.bytes()).all(|(a, b)| same(a, b));
    match image.topics().iter().find(|topic| collides(&topic.name)) {
        Some(other) => {
            let text =
                format!("`{name}` differs from the existing topic `{}` in `.` and `_` only", other.name);
            Err(Rejection::new(ErrorCode::INVALID_TOPIC_EXCEPTION, text))
        }
        None => Ok(()),
    }
}
