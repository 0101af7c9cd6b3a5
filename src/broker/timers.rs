//! What happens by the clock: retention, flushes by time, checkpoints. All of it is disk work and runs
//! beside the connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::replicas::Replicas;
use crate::log::checkpoint::Offsets;
use crate::log::{LogDirectory, LogError};

/// How often logs are looked at: the finest grain of `retention.ms` on files and of `flush.ms`.
const TICK: Duration = Duration::from_secs(1);

/// The tasks that run until the broker stops.
#[derive(Debug)]
pub struct Timers {
    tasks: Vec<JoinHandle<()>>,
}

impl Timers {
    /// Starts them. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(replicas: &Arc<Replicas>, failed: watch::Sender<Option<String>>) -> Self {
        let config = Arc::clone(&replicas.effective().config);
        let every = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1));
        let checkpoint = every(i64::from(config.log_flush_offset_checkpoint_interval_ms));
        let watermarks = every(config.replica_high_watermark_checkpoint_interval_ms);
        let mut saved = Vec::new();
        let tasks = vec![
            repeat(TICK, Arc::clone(replicas), move |replicas| {
                each(replicas, |_, dir| dir.tick());
                if let Some(reason) = replicas.all_failed() {
                    failed.send_replace(Some(reason));
                }
            }),
            repeat(checkpoint, Arc::clone(replicas), |replicas| each(replicas, |_, dir| dir.checkpoint())),
            repeat(watermarks, Arc::clone(replicas), move |replicas| {
                let now: Vec<Offsets> =
                    replicas.directories().iter().map(|dir| replicas.high_watermarks(dir)).collect();
                // An idle broker writes nothing.
                if now != saved {
                    each(replicas, |replicas, dir| dir.save_high_watermarks(&replicas.high_watermarks(dir)));
                    saved = now;
                }
            }),
        ];
        Self { tasks }
    }

    /// Ends them; work that has begun is waited for.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // An aborted task ends with an error that says so.
            let _ = task.await;
        }
    }
}

fn each(replicas: &Replicas, work: impl Fn(&Replicas, &LogDirectory) -> Result<(), LogError>) {
    for directory in replicas.directories().iter().filter(|d| d.env().health.failure().is_none()) {
        if let Err(error) = work(replicas, directory) {
            tracing::warn!(dir = %directory.path().display(), %error, "periodic work failed; it is tried again");
        }
    }
}

fn repeat(
    every: Duration,
    replicas: Arc<Replicas>,
    mut work: impl FnMut(&Replicas) + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let replicas = Arc::clone(&replicas);
            let done = tokio::task::spawn_blocking(move || {
                work(&replicas);
                work
            });
            work = match done.await {
                Ok(work) => work,
                Err(_) => return,
            };
        }
    })
}
