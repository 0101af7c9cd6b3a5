//! `klamm consume`: records become lines.

mod committed;
mod fetcher;
mod layout;
mod start;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::client::{Cluster, Isolation, Options};
use super::progress::Progress;
use super::{CliError, escape};
use crate::env::{Clock, SystemClock};
use crate::record::{BatchView, Batches, Record};
use crate::schema::Records;
use crate::schema::clients::fetch_response::PartitionData;
use committed::Aborted;
use fetcher::{Fetcher, Round};
use layout::{Layout, Part, Place};
use start::Start;

/// Largest content of one batch, in bytes; a batch that unpacks to more is not shown.
const MAX_PAYLOAD: usize = 512 << 20;

const EXAMPLES: &str = "\
Examples:
  klamm consume greetings                       from the beginning, then wait for more
  klamm consume greetings --exit                stop at the end
  klamm consume orders --from -10 --exit        the last 10 of each partition
  klamm consume orders --from 2026-01-31T12:30  since then (UTC); @MS takes milliseconds
  klamm consume orders --from end --max 1       the next record
  klamm consume orders -p 0 --from 42 --max 1   the record at an offset
  klamm consume orders -K : --headers           headers, a tab, key:value
  klamm consume orders --format '%t-%p@%o %D %k=%v\\n'
  klamm consume orders --exit --json | jq .value

A format knows %t topic, %p partition, %o offset, %k key, %v value, %h headers, %T time in ms, %D time \
as a date, %K and %S sizes of key and value, %%, and \\n \\t \\r \\0 \\\\ \\xHH. Bytes are written as they are. \
In JSON, bytes that are no UTF-8 stand in key_base64 and value_base64.";

/// Print the records of topics
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to read
    #[arg(value_name = "TOPIC", required = true)]
    topics: Vec<String>,
    /// Where to begin: beginning, end, an offset, -N (the last N), a date, @MS
    #[arg(long, default_value = "beginning", allow_hyphen_values = true, value_parser = Start::parse)]
    from: Start,
    /// Only this partition; may be repeated
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,
    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "N")]
    max: Option<u64>,
    /// Wait for more at the end (the default)
    #[arg(short, long, conflicts_with = "exit")]
    follow: bool,
    /// Stop at what is the end now
    #[arg(short, long)]
    exit: bool,
    /// Stop when nothing has come for so long
    #[arg(long, value_name = "MS")]
    idle: Option<u64>,
    /// Leave out records of transactions that are open or aborted
    #[arg(long)]
    read_committed: bool,
    /// Print one JSON object per record
    #[arg(long, conflicts_with_all = ["format", "key_separator", "headers", "delimiter", "null_value"])]
    json: bool,
    /// Print each record so (see below)
    #[arg(long, conflicts_with_all = ["key_separator", "headers", "delimiter"], value_parser = format)]
    format: Option<Format>,
    /// Print the key too, and this after it (\t is a tab)
    #[arg(short = 'K', long, value_name = "SEP")]
    key_separator: Option<String>,
    /// Print the headers too, before all else, and a tab after them
    #[arg(long)]
    headers: bool,
    /// What ends a record
    #[arg(long, default_value = "\\n")]
    delimiter: String,
    /// What stands for null
    #[arg(long, value_name = "TEXT", default_value = "")]
    null_value: String,
    #[command(flatten)]
    options: Options,
}

/// A template that was read.
#[derive(Clone, Debug)]
struct Format(Vec<Part>);

fn format(text: &str) -> Result<Format, String> {
    layout::template(text).map(Format)
}

impl Args {
    fn layout(&self) -> Result<Layout, CliError> {
        if self.json {
            return Ok(Layout::Json);
        }
        let null = self.null_value.clone().into_bytes();
        if let Some(Format(parts)) = &self.format {
            return Ok(Layout::Parts(parts.clone(), null));
        }
        let text = |text: &str| escape::unescape(text).map(Part::Text).map_err(CliError::failed);
        let mut parts = Vec::new();
        if self.headers {
            parts.extend([Part::Headers, Part::Text(b"\t".to_vec())]);
        }
        if let Some(separator) = &self.key_separator {
            parts.extend([Part::Key, text(separator)?]);
        }
        parts.extend([Part::Value, text(&self.delimiter)?]);
        Ok(Layout::Parts(parts, null))
    }
}

/// Runs `klamm consume`.
///
/// # Errors
/// What the brokers refuse, and batches that are damaged.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let isolation = if args.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let mut fetcher = Fetcher::new(Cluster::connect(&args.options)?, isolation);
    for topic in &args.topics {
        fetcher.assign(topic, &args.partition, args.from, args.exit)?;
    }
    let mut printer = Printer {
        out,
        layout: args.layout()?,
        isolation,
        left: args.max.unwrap_or(u64::MAX),
        idle: args.idle.map(Duration::from_millis),
        clock: SystemClock::new(),
        progress: Progress::new("read", !io::stdout().is_terminal()),
    };
    let result = printer.print_all(&mut fetcher);
    printer.progress.finish();
    result
}

/// Prints records until there are enough.
struct Printer<'a> {
    out: &'a mut dyn Write,
    layout: Layout,
    isolation: Isolation,
    left: u64,
    /// How long nothing may come.
    idle: Option<Duration>,
    clock: SystemClock,
    progress: Progress,
}

impl Printer<'_> {
    fn print_all(&mut self, fetcher: &mut Fetcher) -> Result<(), CliError> {
        let mut last = self.clock.elapsed();
        while self.left > 0 {
            let before = self.left;
            let round = fetcher.next();
            for remark in std::mem::take(&mut fetcher.remarks) {
                self.progress.clear();
                let _ = writeln!(io::stderr(), "klamm: {remark}");
            }
            let Some(round) = round? else { break };
            self.print_round(&round)?;
            // Whoever reads must not wait for what was read already.
            self.out.flush()?;
            self.progress.show();
            let now = self.clock.elapsed();
            if self.left < before {
                last = now;
            } else if self.idle.is_some_and(|idle| now.saturating_sub(last) >= idle) {
                break;
            }
        }
        Ok(())
    }

    fn print_round(&mut self, round: &Round) -> Result<(), CliError> {
        for response in round.responses()? {
            for topic in &response.responses {
                let name = round.topic(topic);
                for data in &topic.partitions {
                    let index = data.partition_index;
                    let from = round.asked.get(&(name.to_owned(), index)).copied().unwrap_or(0);
                    self.print_partition(Place { topic: name, partition: index }, from, data)?;
                }
            }
        }
        Ok(())
    }

    /// Prints the records from offset `from` on; the first batch may begin before it.
    fn print_partition(
        &mut self,
        place: Place<'_>,
        from: i64,
        data: &PartitionData<'_>,
    ) -> Result<(), CliError> {
        let mut aborted = Aborted::new(data.aborted_transactions.as_deref().unwrap_or_default());
        let bytes = data.records.as_ref().map_or(&[][..], Records::as_bytes);
        // The fetcher has told a batch that is merely cut from one that is damaged.
        for batch in Batches::new(bytes).map_while(Result::ok) {
            if self.left == 0 {
                break;
            }
            self.print_batch(place, from, &batch, &mut aborted).map_err(|error| match error {
                BatchFailure::Output(error) => CliError::Io(error),
                BatchFailure::Damaged(text) => CliError::failed(format!(
                    "{}-{}: the batch at offset {} is damaged: {text}",
                    place.topic, place.partition, batch.base_offset
                )),
            })?;
        }
        Ok(())
    }

    fn print_batch(
        &mut self,
        place: Place<'_>,
        from: i64,
        batch: &BatchView<'_>,
        aborted: &mut Aborted,
    ) -> Result<(), BatchFailure> {
        batch.verify_crc().map_err(BatchFailure::damaged)?;
        let admitted = match self.isolation {
            Isolation::ReadCommitted => aborted.admits(batch).map_err(BatchFailure::damaged)?,
            Isolation::ReadUncommitted => !batch.is_control(),
        };
        if !admitted {
            return Ok(());
        }
        let payload = batch.payload(MAX_PAYLOAD).map_err(BatchFailure::damaged)?;
        for record in batch.records(&payload) {
            let record = record.map_err(BatchFailure::damaged)?;
            if record.offset.get() >= from && self.left > 0 {
                self.print_record(place, &record).map_err(BatchFailure::Output)?;
            }
        }
        Ok(())
    }

    fn print_record(&mut self, place: Place<'_>, record: &Record<'_>) -> io::Result<()> {
        self.layout.write(self.out, place, record)?;
        self.left = self.left.saturating_sub(1);
        let size = record.key.map_or(0, <[u8]>::len).saturating_add(record.value.map_or(0, <[u8]>::len));
        self.progress.add(1, size as u64);
        Ok(())
    }
}

enum BatchFailure {
    Output(io::Error),
    Damaged(String),
}

impl BatchFailure {
    fn damaged(error: impl ToString) -> Self {
        Self::Damaged(error.to_string())
    }
}
