//! The decisions about the remote part of a partition, as functions of what is known. Pure.
use super::layout::{self, Name};
use super::manifest::{Manifest, RemoteSegment};
use crate::log::SealedSegment;
use crate::log::retention::Rule;
use crate::types::{Offset, Timestamp, Uuid};

/// What the options of a topic want of the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Segments are uploaded: not with `remote.log.copy.disable`.
    pub copies: bool,
    /// `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// `retention.ms`; -1 for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 for no limit.
    pub retention_bytes: i64,
    /// Age in ms and bytes that stay on the local disk; -1 for no limit.
    pub local: (i64, i64),
    /// `remote.copy.lag.ms`: age at which a segment is due; 0 at once, -1 with the local retention.
    pub lag_ms: i64,
    /// `remote.copy.lag.bytes`: bytes behind the log end at which it is due; 0 at once, -1 with the local retention.
    pub lag_bytes: i64,
}

/// The first sealed segment that should be uploaded now. `after` is the number of bytes in the log behind each of
/// them. A segment of a compacted log that is not any more what was uploaded is due again.
#[must_use]
pub fn next_upload<'a>(
    sealed: &'a [(SealedSegment, u64)],
    manifest: &Manifest,
    rules: &Rules,
    now: Timestamp,
) -> Option<&'a SealedSegment> {
    if !rules.copies {
        return None;
    }
    let end = manifest.end().unwrap_or(Offset::ZERO).max(manifest.log_start);
    let first = sealed.iter().find(|(segment, _)| {
        segment.len > 0 && (segment.end > end || (rules.compact && was_compacted(segment, manifest)))
    });
    first.filter(|(segment, after)| is_due(segment, *after, rules, now)).map(|(segment, _)| segment)
}

fn is_due(segment: &SealedSegment, after: u64, rules: &Rules, now: Timestamp) -> bool {
    let follow = |lag: i64, local: i64| if lag == -1 { local } else { lag };
    let (ms, bytes) = (follow(rules.lag_ms, rules.local.0), follow(rules.lag_bytes, rules.local.1));
    let age = now.get().saturating_sub(segment.newest.get().min(now.get()));
    let by_age = ms >= 0 && age >= ms;
    let by_size = u64::try_from(bytes).is_ok_and(|bytes| after >= bytes);
    by_age || by_size
}

/// Whether the bucket holds other segments where the cleaner has made this one.
fn was_compacted(segment: &SealedSegment, manifest: &Manifest) -> bool {
    let mut replaced = forebears(segment, manifest).peekable();
    let are_there = replaced.peek().is_some();
    let is_same = |remote: &RemoteSegment| {
        (remote.base, remote.end, remote.log_bytes) == (segment.base, segment.end, segment.len)
    };
    are_there && !replaced.all(is_same)
}

/// The remote segments that lie wholly where this one lies: it takes their place.
fn forebears<'a>(
    segment: &'a SealedSegment,
    manifest: &'a Manifest,
) -> impl Iterator<Item = &'a RemoteSegment> {
    manifest.segments.iter().filter(|remote| remote.base >= segment.base && remote.end <= segment.end)
}

/// The manifest after a segment was uploaded: in its place in the order of offsets, instead of those that lie wholly
/// where it lies. `None` if it does not fit, because another one was uploaded there meanwhile.
#[must_use]
pub fn with_segment(manifest: &Manifest, added: RemoteSegment) -> Option<Manifest> {
    let mut next = manifest.clone();
    next.segments.retain(|one| one.base < added.base || one.end > added.end);
    let at = next.segments.partition_point(|one| one.base < added.base);
    let before = at.checked_sub(1).and_then(|before| next.segments.get(before));
    let fits = before.is_none_or(|before| before.end < added.end)
        && next.segments.get(at).is_none_or(|after| after.base > added.base && after.end > added.end);
    fits.then(|| {
        next.segments.insert(at, added);
        next
    })
}

/// Where the log should begin by `retention.ms` and `retention.bytes`, if `local_bytes` bytes lie behind the remote
/// part: whole segments go, oldest first.
#[must_use]
pub fn expired(manifest: &Manifest, local_bytes: u64, rules: &Rules, now: Timestamp) -> Offset {
    let bytes = manifest.log_bytes().saturating_add(local_bytes);
    let mut rule = Rule::of(rules.delete, rules.retention_ms, rules.retention_bytes, bytes, now);
    let mut start = manifest.log_start;
    for segment in &manifest.segments {
        if !rule.take(segment.log_bytes, segment.written()) {
            break;
        }
        start = start.max(segment.end);
    }
    start
}

/// The manifest of a log that begins at `start`, and the segments that go; the same if it is not below.
#[must_use]
pub fn started_at(manifest: &Manifest, start: Offset) -> (Manifest, Vec<RemoteSegment>) {
    let mut next = manifest.clone();
    if start <= manifest.log_start {
        return (next, Vec::new());
    }
    next.log_start = start;
    let gone = next.segments.partition_point(|segment| segment.end <= start);
    let gone = next.segments.drain(..gone).collect();
    let in_force = next.leader_epochs.partition_point(|(_, first)| *first <= start).saturating_sub(1);
    next.leader_epochs.drain(..in_force.min(next.leader_epochs.len()));
    if let Some(first) = next.leader_epochs.first_mut() {
        first.1 = first.1.max(start);
    }
    (next, gone)
}

/// An object that was found below the directory of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundObject {
    /// Its name, relative to that directory.
    pub name: String,
    /// When it was stored, by the clock of the store.
    pub stored: Timestamp,
}

/// What may be removed of a partition's objects: segments that the manifest does not name and nobody is uploading
/// (`busy`), and manifests that were replaced; both only when the manifest in force, or the claim of its writer
/// (`claimed`), is younger by `grace_ms` than they are. All times are the store's own.
#[must_use]
pub fn removable<'a>(
    found: &'a [FoundObject],
    manifest: &Manifest,
    busy: &[Uuid],
    claimed: Timestamp,
    grace_ms: i64,
) -> Vec<&'a str> {
    let in_force =
        found.iter().find(|object| layout::parse(&object.name) == Name::Manifest(manifest.version));
    let known = in_force.map_or(claimed, |object| object.stored.max(claimed));
    let is_old = |object: &&FoundObject| known.get().saturating_sub(object.stored.get()) >= grace_ms;
    let is_void = |object: &&FoundObject| match layout::parse(&object.name) {
        Name::Segment(_, id) => !busy.contains(&id) && !manifest.segments.iter().any(|s| s.id == id),
        Name::Manifest(version) => version < manifest.version,
        Name::Other => false,
    };
    found.iter().filter(is_old).filter(is_void).map(|object| object.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::manifest::tests::manifest;

    const NOW: Timestamp = Timestamp(10_000);

    fn rules() -> Rules {
        Rules {
            copies: true,
            delete: true,
            compact: false,
            retention_ms: -1,
            retention_bytes: -1,
            local: (-1, -1),
            lag_ms: 0,
            lag_bytes: -1,
        }
    }

    /// Sealed segments (base, end, bytes, newest), each with so many bytes behind it.
    fn sealed(segments: &[(i64, i64, u64, i64)]) -> Vec<(SealedSegment, u64)> {
        let mut after = 0;
        let mut all: Vec<_> = segments
            .iter()
            .rev()
            .map(|&(base, end, len, newest)| {
                let one =
                    SealedSegment { base: Offset(base), end: Offset(end), len, newest: Timestamp(newest) };
                after += len;
                (one, after - len)
            })
            .collect();
        all.reverse();
        all
    }

    #[test]
    fn segments_are_uploaded_in_order_once_they_are_due() {
        let local = sealed(&[(0, 10, 100, 1_000), (10, 20, 100, 9_000), (20, 30, 100, 9_999)]);
        let none = manifest(&[]);
        let one = manifest(&[(0, 10, 1_000)]);
        let all = manifest(&[(0, 10, 0), (10, 20, 0), (20, 30, 0)]);
        let lag = |lag_ms, lag_bytes| Rules { lag_ms, lag_bytes, ..rules() };
        let local_kept = |local| Rules { local, ..lag(-1, -1) };
        let cases = [
            (&none, rules(), Some(0), "the first"),
            (&one, rules(), Some(10), "the one after what is there"),
            (&all, rules(), None, "all are there"),
            (&none, Rules { copies: false, ..rules() }, None, "copying is off"),
            (&one, lag(1_000, -1), Some(10), "as old as the lag"),
            (&one, lag(1_001, -1), None, "younger than the lag"),
            (&one, lag(1_001, 100), Some(10), "young, but far enough behind the end"),
            (&one, lag(1_001, 101), None, "neither"),
            (&one, lag(-1, -1), None, "kept here for ever"),
            (&one, local_kept((1_000, -1)), Some(10), "the local retention is over"),
            (&one, local_kept((5_000, 200)), None, "it is not"),
        ];
        for (manifest, rules, want, why) in cases {
            let got = next_upload(&local, manifest, &rules, NOW).map(|segment| segment.base.get());
            assert_eq!(got, want, "{why}");
        }
        let (started, _) = started_at(&none, Offset(10));
        assert_eq!(next_upload(&local, &started, &rules(), NOW).unwrap().base, Offset(10), "deleted before");
    }

    #[test]
    fn what_the_cleaner_has_made_takes_the_place_of_its_forebears() {
        let remote = manifest(&[(0, 10, 0), (10, 20, 0), (20, 30, 0)]);
        let cleaned = sealed(&[(0, 20, 120, 0), (20, 30, 100, 0)]);
        assert_eq!(next_upload(&cleaned, &remote, &rules(), NOW), None, "not without compaction");
        let compact = Rules { compact: true, ..rules() };
        let due = next_upload(&cleaned, &remote, &compact, NOW).unwrap();
        assert_eq!((due.base, due.end), (Offset(0), Offset(20)));
        let added = RemoteSegment {
            base: due.base,
            end: due.end,
            log_bytes: due.len,
            tail_bytes: 1,
            newest: due.newest,
            uploaded: NOW,
            aborted: false,
            id: Uuid([77; 16]),
        };
        let next = with_segment(&remote, added).unwrap();
        let bounds: Vec<_> = next.segments.iter().map(|s| (s.base.get(), s.end.get(), s.log_bytes)).collect();
        assert_eq!(bounds, [(0, 20, 120), (20, 30, 100)]);
        assert_eq!(next_upload(&cleaned, &next, &compact, NOW), None, "and not again");
        assert_eq!(with_segment(&next, RemoteSegment { base: Offset(5), end: Offset(15), ..added }), None);
    }

    #[test]
    fn whole_segments_expire_by_age_and_size_oldest_first() {
        let remote = manifest(&[(0, 10, 1_000), (10, 20, 9_000), (20, 30, 2_000)]);
        let retention = |retention_ms, retention_bytes| Rules { retention_ms, retention_bytes, ..rules() };
        let cases = [
            (rules(), 0, "kept for ever"),
            (retention(5_000, -1), 10, "an old one behind a young one stays"),
            (retention(500, -1), 30, "all are old"),
            (retention(-1, 350), 0, "what stays would be less than the limit"),
            (retention(-1, 250), 10, "local bytes count"),
            (retention(-1, 0), 30, "nothing need stay"),
            (Rules { delete: false, ..retention(0, 0) }, 0, "a compacted log keeps all"),
        ];
        for (rules, want, why) in cases {
            assert_eq!(expired(&remote, 50, &rules, NOW).get(), want, "{why}");
        }
    }

    #[test]
    fn a_later_start_lets_whole_segments_go() {
        let remote = manifest(&[(0, 10, 0), (10, 20, 0)]);
        let (same, gone) = started_at(&remote, Offset(0));
        assert_eq!((same, gone.len()), (remote.clone(), 0));
        let (next, gone) = started_at(&remote, Offset(17));
        assert_eq!((next.start(), gone.len(), gone[0].base), (Some(Offset(17)), 1, Offset(0)));
        assert_eq!(next.leader_epochs, [(crate::types::LeaderEpoch(4), Offset(17))]);
        assert_eq!(Manifest::decode(&next.encode()), Ok(next.clone()));
        let (empty, gone) = started_at(&next, Offset(99));
        assert_eq!((empty.start(), gone.len()), (None, 1));
    }

    #[test]
    fn a_sweep_takes_what_nobody_names_after_the_grace_period() {
        let remote = manifest(&[(0, 10, 0)]);
        let at = |name: String, stored| FoundObject {
            name: name.trim_start_matches("d/").to_owned(),
            stored: Timestamp(stored),
        };
        let named = remote.segments[0].id;
        let (busy, orphan) = (Uuid([100; 16]), Uuid([101; 16]));
        let found = [
            at(layout::segment("d", Offset(0), named), 0),
            at(layout::segment("d", Offset(10), busy), 0),
            at(layout::segment("d", Offset(10), orphan), 0),
            at(layout::segment("d", Offset(10), orphan), 950),
            at(layout::manifest("d", 1), 0),
            at(layout::manifest("d", 2), 999),
            at(layout::manifest("d", 3), 1_000),
            at(layout::manifest("d", 4), 0),
            at("notes.txt".to_owned(), 0),
        ];
        let swept = |claimed, grace| removable(&found, &remote, &[busy], Timestamp(claimed), grace);
        assert_eq!(swept(0, 1_000), [&found[2].name, &found[4].name]);
        assert!(swept(0, 1_001).is_empty(), "not before its time");
        assert_eq!(swept(2_000, 1_000).len(), 4, "a new claim makes older ones old");
    }
}
