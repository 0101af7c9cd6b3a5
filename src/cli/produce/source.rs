//! Where lines come from: files or stdin, read by a thread of its own, so that a slow pipe never keeps
//! back records that were read already.
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Longest line accepted, in bytes. No broker takes records of this size unless told to.
const MAX_LINE: usize = 256 << 20;
/// Bytes asked for at once.
const READ_SIZE: usize = 128 * 1024;
/// Blocks of lines that may wait to be sent.
const QUEUE: usize = 8;

/// A step of the input.
#[derive(Debug)]
pub enum Step {
    /// The lines after this come from the named file.
    File(String),
    /// Whole lines, the last of which may lack its line end.
    Lines(Vec<u8>),
    /// Reading failed; nothing follows.
    Failed(String),
}

/// Reads the files one after the other, or stdin if there is none. The channel closes at the end.
#[must_use]
pub fn start(files: Vec<PathBuf>) -> Receiver<Step> {
    let (sender, receiver) = sync_channel(QUEUE);
    std::thread::spawn(move || {
        let result = if files.is_empty() { read_stdin(&sender) } else { read_files(&files, &sender) };
        if let Err(text) = result {
            let _ = sender.send(Step::Failed(text));
        }
    });
    receiver
}

fn read_stdin(sender: &SyncSender<Step>) -> Result<(), String> {
    let _ = sender.send(Step::File("stdin".to_owned()));
    read_lines(io::stdin().lock(), sender).map_err(|error| format!("cannot read stdin: {error}"))
}

#[allow(clippy::disallowed_methods, reason = "files that a person names, pipes among them, not a broker's")]
fn read_files(files: &[PathBuf], sender: &SyncSender<Step>) -> Result<(), String> {
    for path in files {
        let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
        if path.as_os_str() == "-" {
            read_stdin(sender)?;
            continue;
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        let _ = sender.send(Step::File(path.display().to_string()));
        read_lines(file, sender).map_err(failed)?;
    }
    Ok(())
}

/// Hands on all whole lines after each read. Ends early, without error, if nobody listens any more.
fn read_lines(mut input: impl Read, sender: &SyncSender<Step>) -> io::Result<()> {
    let mut held = Vec::new();
    loop {
        // Nothing before this place is a line end.
        let searched = held.len();
        let read = read_some(&mut input, &mut held)?;
        let fresh = held.get(searched..).unwrap_or_default();
        let whole = match fresh.iter().rposition(|&byte| byte == b'\n') {
            Some(at) => searched + at + 1,
            None if read == 0 => held.len(),
            None if held.len() > MAX_LINE => {
                let text = format!("a line is longer than {} MiB", MAX_LINE >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            None => 0,
        };
        let rest = held.split_off(whole);
        let lines = std::mem::replace(&mut held, rest);
        let heard = lines.is_empty() || sender.send(Step::Lines(lines)).is_ok();
        if read == 0 || !heard {
            return Ok(());
        }
    }
}

/// One read that appends to `out`.
fn read_some(input: &mut impl Read, out: &mut Vec<u8>) -> io::Result<usize> {
    let start = out.len();
    out.resize(start.saturating_add(READ_SIZE), 0);
    let result = loop {
        match input.read(out.get_mut(start..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    out.truncate(start.saturating_add(*result.as_ref().unwrap_or(&0)));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields one piece per read.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            out[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn lines_are_handed_on_as_soon_as_they_are_whole() {
        let (sender, receiver) = sync_channel(8);
        read_lines(Pieces(vec![b"a\nb", b"c", b"\n\nd\n", b"e"]), &sender).unwrap();
        drop(sender);
        let blocks: Vec<_> = receiver
            .iter()
            .map(|step| match step {
                Step::Lines(bytes) => String::from_utf8(bytes).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(blocks, ["a\n", "bc\n\nd\n", "e"]);
    }
}
