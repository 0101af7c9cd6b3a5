//! The threads of the cleaner, and what they remember: how far each log was cleaned.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::copy::{CleanError, Cleaned, Means};
use super::plan::Plan;
use super::throttle::Throttle;
use crate::env::Clock;
use crate::log::checkpoint::{self, Offsets};
use crate::log::{Log, LogDirectory, LogError};
use crate::types::{Offset, TopicId, TopicPartition};

/// A thread that pauses looks this often whether more is allowed now.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The broker's options of the cleaner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerOptions {
    /// `log.cleaner.threads`; with 0 nothing is cleaned.
    pub threads: usize,
    /// `log.cleaner.backoff.ms`: the pause when nothing is due.
    pub backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size`: bytes of all threads' key tables. A table takes what its log needs,
    /// while it is cleaned.
    pub dedupe_bytes: u64,
    /// `log.cleaner.io.buffer.load.factor`: how full a table may get.
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size`: bytes of all threads' read and write buffers. A larger batch takes what
    /// it needs.
    pub io_bytes: u64,
    /// `log.cleaner.io.max.bytes.per.second`, reads and writes of all threads together.
    pub bytes_per_second: f64,
}

impl CleanerOptions {
    /// A thread's share.
    fn means<'a>(&self, pace: &'a dyn Fn(u64) -> bool) -> Means<'a> {
        let threads = u64::try_from(self.threads).unwrap_or(u64::MAX).max(1);
        let block = self.io_bytes.checked_div(threads.saturating_mul(2)).unwrap_or(0);
        Means {
            map_bytes: self.dedupe_bytes.checked_div(threads).unwrap_or(0),
            load_factor: self.load_factor,
            block: usize::try_from(block).unwrap_or(usize::MAX).max(4096),
            pace,
        }
    }
}

/// Cleans a log on this thread, whether it is due or not, as far as one key table reaches; `cleaned` is how
/// far it was cleaned before. For tools and benchmarks: a log must not be cleaned by two at once.
///
/// # Errors
/// [`CleanError`].
pub fn clean(log: &Log, cleaned: Option<Offset>, options: &CleanerOptions) -> Result<Cleaned, CleanError> {
    let plan = Plan::new(&log.cleaner_state()?, cleaned, &log.config(), log.env.clock.now());
    log.clean(&plan, &options.means(&|_| true))
}

/// How far a log was cleaned. A topic made anew under an old name starts from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    topic_id: TopicId,
    upto: Offset,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    /// Threads at work, the first one not counted.
    helpers: usize,
    busy: BTreeSet<TopicPartition>,
    /// Logs with a batch that cannot be read.
    given_up: BTreeMap<TopicPartition, TopicId>,
    progress: BTreeMap<TopicPartition, Progress>,
    throttle: Throttle,
}

struct Shared {
    directories: Vec<Arc<LogDirectory>>,
    options: Box<dyn Fn() -> CleanerOptions + Send + Sync>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    wake: Condvar,
    /// One writer of a checkpoint at a time.
    saving: Mutex<()>,
    helpers: Mutex<Vec<JoinHandle<()>>>,
}

/// The cleaner of a broker.
pub struct Cleaner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner").finish_non_exhaustive()
    }
}

/// A log to be cleaned.
struct Job {
    directory: Arc<LogDirectory>,
    log: Arc<Log>,
    plan: Plan,
}

impl Cleaner {
    /// Starts cleaning the logs of `directories`, which must be open. `options` are asked for before each
    /// log.
    ///
    /// # Errors
    /// A checkpoint is broken; the system gives no thread.
    pub fn start(
        directories: Vec<Arc<LogDirectory>>,
        clock: Arc<dyn Clock>,
        options: impl Fn() -> CleanerOptions + Send + Sync + 'static,
    ) -> Result<Self, LogError> {
        let mut state = State::default();
        for directory in &directories {
            state.progress.extend(load(directory)?);
        }
        let shared = Arc::new(Shared {
            directories,
            options: Box::new(options),
            clock,
            state: Mutex::new(state),
            wake: Condvar::new(),
            saving: Mutex::default(),
            helpers: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = spawn(move || of_thread.lead()).map_err(|error| LogError::io("".as_ref(), error))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the threads. A cleaning that runs is given up; what it finished stays.
    pub fn stop(&self) {
        self.shared.state().stopping = true;
        self.shared.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let helpers = || std::mem::take(&mut *self.shared.helpers());
        for thread in thread.into_iter().chain(std::iter::once_with(helpers).flatten()) {
            if thread.join().is_err() {
                tracing::error!("a cleaner thread panicked");
            }
        }
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("log-cleaner".to_owned()).spawn(work)
}

/// How far the logs of a directory were cleaned.
fn load(directory: &LogDirectory) -> Result<BTreeMap<TopicPartition, Progress>, LogError> {
    let path = directory.path().join(checkpoint::CLEANER);
    let saved = checkpoint::read(directory.env().files.as_ref(), &path)?;
    let of_log = |(tp, upto): (TopicPartition, Offset)| {
        let topic_id = directory.log(&tp)?.topic_id();
        Some((tp, Progress { topic_id, upto }))
    };
    Ok(saved.into_iter().filter_map(of_log).collect())
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn helpers(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.helpers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first thread: it sees to it that there are as many as there should be.
    fn lead(self: Arc<Self>) {
        loop {
            let options = (self.options)();
            let wanted = options.threads.saturating_sub(1);
            while self.state().helpers < wanted {
                let shared = Arc::clone(&self);
                let index = self.state().helpers;
                match spawn(move || shared.help(index)) {
                    Ok(helper) => self.helpers().push(helper),
                    Err(error) => {
                        tracing::warn!(%error, "no thread for the cleaner");
                        break;
                    }
                }
                self.state().helpers = index.saturating_add(1);
            }
            let worked = options.threads > 0 && self.clean_one(&options);
            if !self.go_on(worked, options.backoff) {
                return;
            }
        }
    }

    fn help(&self, index: usize) {
        loop {
            let options = (self.options)();
            let is_superfluous = {
                let mut state = self.state();
                // The last one goes first, so that the indexes stay dense.
                let last = state.helpers == index.saturating_add(1);
                let superfluous = last && index.saturating_add(1) >= options.threads.max(1);
                state.helpers = state.helpers.saturating_sub(usize::from(superfluous));
                superfluous
            };
            if is_superfluous {
                return;
            }
            let worked = index.saturating_add(1) < options.threads && self.clean_one(&options);
            if !self.go_on(worked, options.backoff) {
                return;
            }
        }
    }

    /// Waits if there was nothing to do. False to stop.
    fn go_on(&self, worked: bool, backoff: Duration) -> bool {
        let state = self.state();
        if worked || state.stopping {
            return !state.stopping;
        }
        let waited = self.wake.wait_timeout_while(state, backoff, |state| !state.stopping);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    /// Cleans the dirtiest log that is due. False if there is none, or if it failed.
    fn clean_one(&self, options: &CleanerOptions) -> bool {
        let Some(job) = self.dirtiest() else { return false };
        let tp = job.log.topic_partition().clone();
        let cleaned = self.run(&job, options);
        self.state().busy.remove(&tp);
        cleaned
    }

    fn run(&self, job: &Job, options: &CleanerOptions) -> bool {
        let tp = job.log.topic_partition();
        let pace = |bytes: u64| self.pace(bytes);
        let means = options.means(&pace);
        let began = self.clock.elapsed();
        let topic_id = job.log.topic_id();
        match job.log.clean(&job.plan, &means) {
            Ok(cleaned) => {
                let ms = self.clock.elapsed().saturating_sub(began).as_millis();
                tracing::info!(partition = %tp, upto = %cleaned.upto, read = cleaned.read,
                    written = cleaned.written, ms, "compacted");
                self.state().progress.insert(tp.clone(), Progress { topic_id, upto: cleaned.upto });
                if let Err(error) = self.save(&job.directory) {
                    tracing::warn!(%error, "cannot save how far logs are compacted");
                }
                true
            }
            Err(CleanError::Stopped | CleanError::Gone) => false,
            Err(CleanError::Log(error @ LogError::Corrupt { .. })) => {
                tracing::error!(partition = %tp, %error, "not compacted any more until the next start");
                self.state().given_up.insert(tp.clone(), topic_id);
                false
            }
            Err(CleanError::Log(error)) => {
                tracing::warn!(partition = %tp, %error, "not compacted; it is tried again");
                false
            }
        }
    }

    /// Accounts for bytes, and pauses if there were too many. False to stop.
    fn pace(&self, bytes: u64) -> bool {
        let mut state = self.state();
        state.throttle.spend(bytes);
        loop {
            let pause = state.throttle.pause(self.clock.elapsed(), (self.options)().bytes_per_second);
            if pause.is_zero() || state.stopping {
                return !state.stopping;
            }
            let wait = pause.min(LONGEST_PAUSE);
            let waited = self.wake.wait_timeout_while(state, wait, |state| !state.stopping);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The log with the largest dirty ratio of those that are due; it is taken.
    fn dirtiest(&self) -> Option<Job> {
        let mut dirtiest: Option<Job> = None;
        for directory in &self.directories {
            for log in directory.logs() {
                let Some(plan) = self.plan(&log) else { continue };
                if dirtiest.as_ref().is_none_or(|job| job.plan.dirty_ratio() < plan.dirty_ratio()) {
                    dirtiest = Some(Job { directory: Arc::clone(directory), log, plan });
                }
            }
        }
        let job = dirtiest?;
        // Another thread may have taken it meanwhile.
        self.state().busy.insert(job.log.topic_partition().clone()).then_some(job)
    }

    fn plan(&self, log: &Log) -> Option<Plan> {
        let config = log.config();
        if !config.compact {
            return None;
        }
        let (tp, id) = (log.topic_partition(), log.topic_id());
        let cleaned = {
            let state = self.state();
            if state.busy.contains(tp) || state.given_up.get(tp) == Some(&id) {
                return None;
            }
            state.progress.get(tp).filter(|progress| progress.topic_id == id).map(|progress| progress.upto)
        };
        let state = log.cleaner_state().ok()?;
        let plan = Plan::new(&state, cleaned, &config, self.clock.now());
        plan.is_due(&config).then_some(plan)
    }

    /// Writes how far the logs of a directory are cleaned; what was deleted is left out.
    fn save(&self, directory: &LogDirectory) -> Result<(), LogError> {
        let _turn = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets = Offsets::new();
        for log in directory.logs() {
            let tp = log.topic_partition();
            if let Some(progress) = self.state().progress.get(tp)
                && progress.topic_id == log.topic_id()
            {
                offsets.insert(tp.clone(), progress.upto);
            }
        }
        checkpoint::write(
            directory.env().files.as_ref(),
            &directory.path().join(checkpoint::CLEANER),
            &offsets,
        )
    }
}
