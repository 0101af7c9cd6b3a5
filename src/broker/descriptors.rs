//! The limit of open files: each partition and each connection needs some.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Below this many, a broker of modest size runs out.
const MODEST: u64 = 4096;

/// Raises the soft limit to the hard one, and says so if that is little.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < MODEST) {
        tracing::warn!(
            most,
            "few files may be open at once; raise the limit (ulimit -n) to {MODEST} or more"
        );
    }
}
