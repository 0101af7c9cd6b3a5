//! The loads whose client is librdkafka.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::server::Server;

/// What went wrong in a load.
pub type Failure = Box<dyn std::error::Error>;

/// Longest that anything of a load may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of producing.
#[derive(Clone, Copy, Debug)]
pub struct Produced {
    /// Megabytes of values acknowledged per second.
    pub mb: f64,
    /// Records acknowledged per second.
    pub records: f64,
    /// CPU seconds of the broker for a gigabyte of values.
    pub cpu: f64,
}

/// Counts what was acknowledged, and tells who waits for each.
#[derive(Clone, Default)]
struct Counter {
    records: Arc<AtomicU64>,
    waiter: Option<SyncSender<bool>>,
}

impl ClientContext for Counter {}

impl ProducerContext for Counter {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.records.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(waiter) = &self.waiter {
            // Who has stopped waiting does not want to know.
            let _ = waiter.try_send(result.is_ok());
        }
    }
}

fn config(server: &Server) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", server.address())
        .set("socket.nagle.disable", "true")
        .set("broker.address.family", "v4");
    config
}

fn producer_config(server: &Server) -> ClientConfig {
    let mut config = config(server);
    config
        .set("acks", "all")
        .set("queue.buffering.max.kbytes", "262144")
        .set("queue.buffering.max.messages", "1000000")
        .set("message.timeout.ms", "60000");
    config
}

/// As much as goes for `time`, after a warm-up of a fifth of it.
pub fn produce(
    server: &Server,
    topic: &str,
    size: usize,
    is_idempotent: bool,
    time: Duration,
) -> Result<Produced, Failure> {
    let counter = Counter::default();
    let mut config = producer_config(server);
    config.set("linger.ms", "5").set("enable.idempotence", is_idempotent.to_string());
    let producer: ThreadedProducer<Counter> = config.create_with_context(counter.clone())?;
    let value = noise(size);
    let send = |until: Instant| -> Result<(), Failure> {
        while Instant::now() < until {
            for _ in 0..100 {
                let record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).payload(&value);
                match producer.send(record) {
                    Ok(()) => {}
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                        std::thread::sleep(Duration::from_millis(1));
                        break;
                    }
                    Err((error, _)) => return Err(error.into()),
                }
            }
        }
        Ok(())
    };
    send(Instant::now() + time / 5)?;
    let (before, records, begun) = (server.usage(), counter.records.load(Ordering::Relaxed), Instant::now());
    send(begun + time)?;
    let (after, acked) = (server.usage(), counter.records.load(Ordering::Relaxed) - records);
    let seconds = begun.elapsed().as_secs_f64();
    producer.purge(rdkafka::producer::PurgeConfig::default().queue());
    producer.flush(PATIENCE)?;
    let bytes = acked as f64 * size as f64;
    Ok(Produced {
        mb: bytes / 1e6 / seconds,
        records: acked as f64 / seconds,
        cpu: (after.cpu - before.cpu) / (bytes / 1e9),
    })
}

/// Bytes that do not compress.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Latencies in ms: p50, p99, p99.9.
pub type Quantiles = [f64; 3];

/// Records at a rate, each on its own, from the time at which it was to be sent to the time at which a
/// consumer has it.
pub fn end_to_end(
    server: &Server,
    topic: &str,
    partitions: i32,
    rate: u64,
    time: Duration,
) -> Result<Quantiles, Failure> {
    let consumer: BaseConsumer = config(server)
        .set("group.id", "compare")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "500")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let producer: ThreadedProducer<Counter> =
        producer_config(server).set("linger.ms", "0").create_with_context(Counter::default())?;
    let epoch = Instant::now();
    let warmup = rate * time.as_secs().max(1) / 5;
    let count = warmup + rate * time.as_secs();
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    std::thread::scope(|scope| -> Result<(), Failure> {
        let sender = scope.spawn(|| -> Result<(), KafkaError> {
            let mut value = noise(1024);
            for n in 0..count {
                let due = Duration::from_nanos(200_000_000 + n * 1_000_000_000 / rate);
                let now = epoch.elapsed();
                if due > now {
                    std::thread::sleep(due - now);
                }
                value[..8].copy_from_slice(&due.as_nanos().to_be_bytes()[8..]);
                value[8..16].copy_from_slice(&n.to_be_bytes());
                let record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).payload(&value);
                producer.send(record).map_err(|(error, _)| error)?;
            }
            producer.flush(PATIENCE)
        });
        let mut seen = 0;
        while seen < count {
            if epoch.elapsed() > time * 2 + PATIENCE {
                return Err(format!("{seen} of {count} records came").into());
            }
            let Some(message) = consumer.poll(Duration::from_secs(1)) else { continue };
            let message = message?;
            let now = epoch.elapsed();
            let value = message.payload().unwrap_or_default();
            let number = |at: usize| {
                value.get(at..at + 8).map_or(0, |b| u64::from_be_bytes(b.try_into().unwrap_or_default()))
            };
            if number(8) >= warmup {
                let latency = now.saturating_sub(Duration::from_nanos(number(0)));
                histogram.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
            }
            seen += 1;
        }
        sender.join().map_err(|_| "the sender died")??;
        Ok(())
    })?;
    Ok([0.5, 0.99, 0.999].map(|share| histogram.value_at_quantile(share) as f64 / 1e6))
}

/// Records per second of a producer that waits for each.
pub fn one_in_flight(server: &Server, topic: &str, time: Duration) -> Result<f64, Failure> {
    let (waiter, acknowledged) = sync_channel(1);
    let counter = Counter { waiter: Some(waiter), ..Counter::default() };
    let producer: ThreadedProducer<Counter> =
        producer_config(server).set("linger.ms", "0").create_with_context(counter)?;
    let value = noise(1024);
    per_second(time, || {
        let record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        match acknowledged.recv_timeout(PATIENCE) {
            Ok(true) => Ok(()),
            _ => Err("a record was not acknowledged".into()),
        }
    })
}

/// How often something can be done in a second, after a warm-up.
fn per_second(time: Duration, mut once: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let warm = Instant::now() + time / 5;
    while Instant::now() < warm {
        once()?;
    }
    let (begun, mut count) = (Instant::now(), 0u64);
    while begun.elapsed() < time {
        once()?;
        count += 1;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
