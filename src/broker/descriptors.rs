//! The limit of open files, and what it is spent on: each connection needs one, each partition that is
//! written or read one or more.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Below this many, a broker of modest size runs out.
const MODEST: u64 = 4096;

/// What the limit of open files allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Connections at most; more wait to be accepted.
    pub connections: usize,
    /// Segments' files that logs keep open for the next use.
    pub kept_files: usize,
}

impl Allowance {
    /// Three quarters for connections; of the rest, one half is kept open by logs, the other is for what is
    /// open only for a moment: indexes, files of replies on their way, flushes.
    const fn of(limit: usize) -> Self {
        Self { connections: limit / 4 * 3, kept_files: limit / 8 }
    }
}

/// Raises the soft limit to the hard one, says so if that is little, and tells what it allows.
pub(super) fn raise_limit() -> Allowance {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    let Some(most) = getrlimit(Resource::Nofile).current else {
        return Allowance { connections: usize::MAX, kept_files: usize::MAX };
    };
    let allowance = Allowance::of(usize::try_from(most).unwrap_or(usize::MAX));
    if most < MODEST {
        tracing::warn!(
            most,
            connections = allowance.connections,
            "few files may be open at once, and connections beyond what they allow wait; raise the limit \
            (ulimit -n) to {MODEST} or more"
        );
    }
    allowance
}

#[cfg(test)]
mod tests {
    use super::Allowance;

    #[test]
    fn connections_never_take_what_logs_need() {
        for limit in [0, 1, 256, 1024, 20_000, 1 << 20, usize::MAX] {
            let Allowance { connections, kept_files } = Allowance::of(limit);
            assert!(connections + kept_files <= limit - limit / 8, "{limit}");
        }
        assert!(Allowance::of(20_000).connections > 10_000);
    }
}
