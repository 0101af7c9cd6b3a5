//! What producers may append where a transaction begins, and which markers end it.

use super::error::LogError;
use super::producers::{Marker, Producers, Verdict};
use crate::record::{BatchBuilder, BatchHeader, Compression, NewRecord};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const ABORT: Marker = Marker { commit: false, coordinator_epoch: 0 };

fn batch(offset: i64, epoch: i16, sequence: i32) -> BatchHeader {
    let mut builder = BatchBuilder::new(Compression::NONE)
        .producer(ProducerId(7), ProducerEpoch(epoch), sequence)
        .transactional()
        .at(Offset(offset), LeaderEpoch(0));
    builder.push(&NewRecord { timestamp: NOW, ..NewRecord::default() });
    *builder.build_uncompressed().header()
}

fn is_gap(checked: Result<Verdict, LogError>) -> bool {
    matches!(checked, Err(LogError::OutOfOrderSequence { .. }))
}

#[test]
fn nothing_overtakes_a_batch_that_the_coordinator_was_asked_about() {
    let mut producers = Producers::default();
    producers.announce(&batch(0, 0, 3), false, NOW).unwrap();
    // It was refused; those that were sent behind it are, too, until it has come again.
    producers.announce(&batch(0, 0, 4), false, NOW).unwrap();
    assert!(is_gap(producers.check(&batch(0, 0, 4), None)));
    assert_eq!(
        producers.check(&batch(0, 0, 3), None).unwrap(),
        Verdict::Append,
        "nobody knows where it stood"
    );
    producers.apply(&batch(0, 0, 3), NOW);
    assert_eq!(producers.check(&batch(1, 0, 4), None).unwrap(), Verdict::Append);
    // Another epoch counts anew.
    producers.announce(&batch(1, 1, 0), false, NOW).unwrap();
    producers.announce(&batch(1, 0, 2), false, NOW).unwrap();
    assert_eq!(producers.check(&batch(1, 1, 0), None).unwrap(), Verdict::Append);
    producers.apply(&batch(1, 1, 0), NOW);
    let late = producers.announce(&batch(2, 0, 2), false, NOW);
    assert!(matches!(late, Err(LogError::InvalidProducerEpoch { .. })), "{late:?}");
}

#[test]
fn a_client_that_numbers_anew_begins_at_zero() {
    for (from_zero, refused) in [(true, true), (false, false)] {
        let mut producers = Producers::default();
        producers.announce(&batch(0, 0, 3), from_zero, NOW).unwrap();
        assert_eq!(is_gap(producers.check(&batch(0, 0, 3), None)), refused, "{from_zero}");
    }
}

#[test]
fn what_was_announced_is_forgotten_in_time() {
    let mut producers = Producers::default();
    producers.announce(&batch(0, 0, 3), true, NOW).unwrap();
    producers.expire(Timestamp(NOW.get() + 1000), 1000);
    assert_eq!(producers, Producers::default());
}

#[test]
fn a_bumped_marker_ends_earlier_epochs_only() {
    let mut producers = Producers::default();
    producers.apply(&batch(0, 4, 0), NOW);
    let check = |producers: &Producers, epoch, bumped| {
        producers.check_marker(&batch(1, epoch, 0), ABORT, bumped).is_ok()
    };
    // Epoch of the marker, whether it is a bumped one, whether it is taken.
    for (epoch, bumped, taken) in
        [(3, false, false), (3, true, false), (4, false, true), (4, true, false), (5, true, true)]
    {
        assert_eq!(check(&producers, epoch, bumped), taken, "epoch {epoch}, bumped: {bumped}");
    }
    assert!(producers.apply_marker(&batch(1, 5, 0), ABORT, NOW).is_some());
    assert!(check(&producers, 5, true), "it may come again");
}
