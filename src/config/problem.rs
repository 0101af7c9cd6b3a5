//! What is wrong or worth knowing about a configuration, and where it stands.
use std::fmt;

/// Where a value was written. The order is that of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A default of the container image.
    Image,
    /// A line of a file.
    File {
        /// Name of the file, as the user gave it.
        name: String,
        /// Line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The flag `--override`.
    Override,
    /// Nowhere: it follows from the configuration as a whole.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => f.write_str("default of the image"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Override => f.write_str("--override"),
            Self::Whole => f.write_str("configuration"),
        }
    }
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Probably not what was meant.
    Warning,
    /// The broker does not start.
    Error,
}

/// One remark on a configuration. It prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What it is and what is allowed, as a sentence.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The configuration does not start a broker. It prints every error, one a line.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Rejected {
    /// Every remark, errors and others, in the order of their places.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for problem in self.problems.iter().filter(|p| p.severity == Severity::Error) {
            if !first {
                f.write_str("\n")?;
            }
            first = false;
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Remarks as they are found.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn info(&mut self, place: &Place, text: impl Into<String>) {
        self.push(Severity::Info, place, text);
    }

    pub(super) fn warn(&mut self, place: &Place, text: impl Into<String>) {
        self.push(Severity::Warning, place, text);
    }

    pub(super) fn error(&mut self, place: &Place, text: impl Into<String>) {
        self.push(Severity::Error, place, text);
    }

    fn push(&mut self, severity: Severity, place: &Place, text: impl Into<String>) {
        self.0.push(Problem { severity, place: place.clone(), text: text.into() });
    }

    pub(super) fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }
}
