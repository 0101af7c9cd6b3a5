//! What happens by the clock: retention, flushes by time, checkpoints. All of it is disk work and runs
//! beside the connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::replicas::Replicas;
use crate::log::checkpoint::Offsets;
use crate::log::{LogDirectory, LogEnv, LogError};

/// How often logs are looked at: the finest grain of `retention.ms` on files and of `flush.ms`.
const TICK: Duration = Duration::from_secs(1);

/// The tasks that run until the broker stops.
#[derive(Debug)]
pub struct Timers {
    tasks: Vec<JoinHandle<()>>,
    end: watch::Sender<()>,
}

impl Timers {
    /// Starts them. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(
        replicas: &Arc<Replicas>,
        metadata: Arc<LogEnv>,
        failed: watch::Sender<Option<String>>,
    ) -> Self {
        let config = Arc::clone(&replicas.effective().config);
        let every = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1));
        let checkpoint = every(i64::from(config.log_flush_offset_checkpoint_interval_ms));
        let watermarks = every(config.replica_high_watermark_checkpoint_interval_ms);
        let mut saved = Vec::new();
        let end = watch::Sender::new(());
        let tasks = vec![
            repeat(TICK, replicas, &end, move |replicas| {
                each(replicas, |_, dir| dir.tick().and(dir.keep_reserve()));
                if let Err(error) = replicas.catch_up() {
                    tracing::debug!(%error, "partitions still cannot be made");
                }
                let lost =
                    metadata.health.failure().map(|reason| format!("the metadata log is lost: {reason}"));
                if let Some(reason) = replicas.all_failed().or(lost) {
                    failed.send_replace(Some(reason));
                }
            }),
            repeat(checkpoint, replicas, &end, |replicas| each(replicas, |_, dir| dir.checkpoint())),
            repeat(watermarks, replicas, &end, move |replicas| {
                let now: Vec<Offsets> =
                    replicas.directories().iter().map(|dir| replicas.high_watermarks(dir)).collect();
                // An idle broker writes nothing.
                if now != saved {
                    each(replicas, |replicas, dir| dir.save_high_watermarks(&replicas.high_watermarks(dir)));
                    saved = now;
                }
            }),
        ];
        Self { tasks, end }
    }

    /// Ends them; work that has begun is waited for.
    pub async fn stop(self) {
        drop(self.end);
        for task in self.tasks {
            // A panic in it was reported when it happened.
            let _ = task.await;
        }
    }
}

fn each(replicas: &Replicas, work: impl Fn(&Replicas, &LogDirectory) -> Result<(), LogError>) {
    for directory in replicas.directories().iter().filter(|d| d.env().health.failure().is_none()) {
        // A full volume was reported when it filled up.
        if let Err(error) = work(replicas, directory)
            && !matches!(error, LogError::NoSpace { .. })
        {
            tracing::warn!(dir = %directory.path().display(), %error, "periodic work failed; it is tried again");
        }
    }
}

fn repeat(
    every: Duration,
    replicas: &Arc<Replicas>,
    end: &watch::Sender<()>,
    mut work: impl FnMut(&Replicas) + Send + 'static,
) -> JoinHandle<()> {
    let (replicas, mut end) = (Arc::clone(replicas), end.subscribe());
    tokio::spawn(async move {
        // The sender sends nothing: that it is dropped is the end.
        while tokio::time::timeout(every, end.changed()).await.is_err() {
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
