//! What can go wrong between this program and a broker.
use std::io;

use thiserror::Error;

use crate::schema::{DecodeError, ErrorCode};

/// Why a broker did not do what it was asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// An address cannot be read.
    #[error("{0:?} is not an address: give host:port, several separated by commas")]
    BadAddress(String),
    /// No connection could be made.
    #[error("no broker answers at {servers} ({reason}): is it running? start one with `klamm serve`")]
    Unreachable {
        /// The addresses tried, as the user wrote them.
        servers: String,
        /// What the last one said.
        reason: String,
    },
    /// Something answers, but not as a Kafka broker does.
    #[error("what answers at {address} is not a Kafka broker with a PLAINTEXT listener ({reason})")]
    NotKafka {
        /// Where.
        address: String,
        /// What it did.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to {address} broke: {source}")]
    Lost {
        /// The broker.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The broker is there, but says nothing.
    #[error("the broker at {address} did not answer {api} within {seconds} s")]
    Silent {
        /// The broker.
        address: String,
        /// What it was asked.
        api: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Broker and client have no version of a request in common.
    #[error("the broker at {address} does not speak {api} in a version that this program knows")]
    NoCommonVersion {
        /// The broker.
        address: String,
        /// The request.
        api: &'static str,
    },
    /// A reply that cannot be read.
    #[error("the broker at {address} sent a reply to {api} that cannot be read: {source}")]
    Unreadable {
        /// The broker.
        address: String,
        /// What it was asked.
        api: &'static str,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// The broker answered with an error code.
    #[error("{}", refusal(subject, *code, message.as_deref()))]
    Refused {
        /// What it was about, for instance "topic a".
        subject: String,
        /// Kafka's code.
        code: ErrorCode,
        /// The broker's own words, if any.
        message: Option<String>,
    },
}

fn refusal(subject: &str, code: ErrorCode, message: Option<&str>) -> String {
    match (code, message.filter(|text| !text.is_empty())) {
        (_, Some(text)) => format!("{subject}: {code}: {text}"),
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID, None) => {
            format!("{subject} does not exist ({code}); `klamm topic list` shows what does")
        }
        (ErrorCode::GROUP_ID_NOT_FOUND, None) => {
            format!("there is no {subject} ({code}); `klamm group list` shows what there is")
        }
        (ErrorCode::NON_EMPTY_GROUP, None) => format!("{subject} has members ({code}): stop them first"),
        (ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, None) => {
            format!("{subject}: members of the group read the topic ({code}): stop them first")
        }
        (ErrorCode::LEADER_NOT_AVAILABLE, None) => format!("{subject} has no leader now ({code})"),
        (ErrorCode::INVALID_TOPIC_EXCEPTION, None) => format!(
            "{subject}: a topic's name has 1 to 249 letters, digits, '.', '_' and '-', and is not '.' or '..' ({code})"
        ),
        (_, None) => format!("{subject}: {code}"),
    }
}

impl ClientError {
    /// The broker's refusal of something about `subject`; `Ok` if the code is none.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for every other code.
    pub fn check(code: i16, message: Option<&str>, subject: impl FnOnce() -> String) -> Result<(), Self> {
        if code == 0 {
            return Ok(());
        }
        let message = message.map(str::to_owned);
        Err(Self::Refused { subject: subject(), code: ErrorCode(code), message })
    }

    /// The code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same request may succeed later, on a new connection or with newer metadata.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } | Self::Silent { .. } => true,
            Self::Refused { code, .. } => code.is_retriable(),
            Self::BadAddress(_)
            | Self::NotKafka { .. }
            | Self::NoCommonVersion { .. }
            | Self::Unreadable { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_why() {
        let say = |code: ErrorCode, text| {
            ClientError::check(code.code(), text, || "topic a".into()).unwrap_err().to_string()
        };
        assert_eq!(say(ErrorCode::TOPIC_ALREADY_EXISTS, None), "topic a: TOPIC_ALREADY_EXISTS");
        assert_eq!(say(ErrorCode::INVALID_CONFIG, Some("no")), "topic a: INVALID_CONFIG: no");
        assert!(say(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some("")).starts_with("topic a does not exist"));
        assert!(ClientError::check(0, None, String::new).is_ok());
    }
}
