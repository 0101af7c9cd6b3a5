//! `klamm.journal`.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::Printer;
use crate::env::Files;
use crate::inspect::row::Row;
use crate::log::LogError;
use crate::log::journal::reader;

/// Shows the rounds and what is in them; the batches themselves lie in the partitions' logs, too.
pub(super) fn rounds(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    let mut printed = Ok(());
    let walked = reader::walk(files, path, &mut |round, pieces| {
        let row = Row::new("round")
            .with("generation", round.header.id.generation)
            .with("number", round.header.id.round)
            .with("position", round.position)
            .with("size", round.header.blocks());
        let entries = pieces.iter().map(|piece| {
            let entry = &piece.header;
            Row::part("entry")
                .with("topicId", entry.topic_id.to_string())
                .with("partition", entry.partition)
                .with("leaderEpoch", entry.epoch.get())
                .with("baseOffset", entry.offset.get())
                .with("nextOffset", entry.next_offset.get())
                .with("segment", entry.base.get())
                .with("position", entry.position)
                .with("size", entry.length)
        });
        printed = [row].into_iter().chain(entries).try_for_each(|row| printer.row(&row));
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    printed?;
    match walked {
        Ok(Some(slot)) => {
            let row = Row::new("journal").with("id", slot.id).with("generation", slot.generation);
            printer.row(&row.with("sideBytes", slot.side_bytes))
        }
        Ok(None) => Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: not there", path.display()))),
        Err(LogError::Corrupt { reason, .. }) => printer.damage(Row::new("damage"), &reason),
        Err(error) => Err(io::Error::other(error)),
    }
}
