//! A broker's coordinators and partitions on logs in memory, from one start to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use klamm::config::{BrokerConfig, TopicConfig};
use klamm::coordinator::group::GroupShard;
use klamm::coordinator::machine::Machine;
use klamm::coordinator::runtime::{Groups, Later, Markers, Metadata, Transactions};
use klamm::coordinator::txn::TxnShard;
use klamm::env::{FakeClock, Files, MemoryFiles, SeededRng};
use klamm::log::{
    AbortedTxn, Appended, Description, Log, LogDirectory, LogEnv, LogError, Observer, ReadRequest, Slice,
};
use klamm::metadata::Image;
use klamm::partition::{Bounds, Found, LocalLog, Partition, Partitions, Storage, log_config};
use klamm::record::{BatchHeader, ValidBatch};
use klamm::schema::metadata::MetadataRecord;
use klamm::schema::metadata::feature_level_record::FeatureLevelRecord;
use klamm::schema::metadata::partition_record::PartitionRecord;
use klamm::schema::metadata::topic_record::TopicRecord;
use klamm::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicId, TopicPartition, Uuid,
};

/// The topics and how many partitions they have.
const TOPICS: [(&str, u8, i32); 4] =
    [("a", 1, 2), ("b", 2, 1), (GroupShard::TOPIC, 3, 1), (TxnShard::TOPIC, 4, 2)];
/// The partitions that producers write to.
pub const DATA: [(&str, i32); 3] = [("a", 0), ("a", 1), ("b", 0)];
const PATH: &str = "/data";

fn topic_id(byte: u8) -> Uuid {
    Uuid([byte; 16])
}

/// What outlives a broker.
pub struct Disk {
    pub files: MemoryFiles,
    pub clock: Arc<FakeClock>,
    pub image: Arc<Image>,
    next_producer_id: AtomicI64,
    config: Arc<TopicConfig>,
}

impl Disk {
    pub fn new(seed: u64, transaction_version: i16) -> Self {
        let mut image = Image::default();
        let replay = |image: &mut Image, record| image.replay(&record).unwrap();
        for (name, id, partitions) in TOPICS {
            let topic = TopicRecord { name: name.into(), topic_id: topic_id(id).0, ..Default::default() };
            replay(&mut image, MetadataRecord::Topic(topic));
            for partition_id in 0..partitions {
                let partition = PartitionRecord {
                    topic_id: topic_id(id).0,
                    partition_id,
                    leader: 1,
                    replicas: vec![1],
                    ..Default::default()
                };
                replay(&mut image, MetadataRecord::Partition(partition));
            }
        }
        let feature = FeatureLevelRecord {
            name: "transaction.version".into(),
            feature_level: transaction_version,
            ..Default::default()
        };
        replay(&mut image, MetadataRecord::FeatureLevel(feature));
        Self {
            files: MemoryFiles::new(seed),
            clock: Arc::new(FakeClock::new(1_790_000_000_000)),
            image: Arc::new(image),
            next_producer_id: AtomicI64::new(100),
            config: Arc::new(TopicConfig { retention_ms: -1, ..TopicConfig::default() }),
        }
    }

    /// A producer id that nobody has.
    pub fn producer_id(&self) -> ProducerId {
        ProducerId(self.next_producer_id.fetch_add(1, Ordering::Relaxed))
    }
}

struct Fixed(Arc<Image>);

impl Metadata for Fixed {
    fn image(&self) -> Arc<Image> {
        Arc::clone(&self.0)
    }
    fn config(&self, _: &Image) -> BrokerConfig {
        BrokerConfig::default()
    }
    fn create_topic(&self, _: &'static str) -> Later<bool> {
        Box::pin(async { true })
    }
}

/// A log that is flushed when the schedule says so.
pub struct Held {
    log: Arc<Log>,
    rest: LocalLog,
    wanted: AtomicBool,
}

impl Held {
    /// Flushes if someone has asked for it; whether that was so.
    pub fn flush_if_wanted(&self) -> bool {
        let wanted = self.wanted.swap(false, Ordering::Relaxed);
        if wanted {
            self.log.flush().unwrap();
        }
        wanted
    }
}

impl Storage for Held {
    fn append(
        &self,
        batch: &ValidBatch<'_>,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, LogError> {
        self.log.append(batch, epoch, now)
    }
    fn read(&self, request: &ReadRequest) -> Result<Slice, LogError> {
        self.rest.read(request)
    }
    fn bounds(&self) -> Bounds {
        self.rest.bounds()
    }
    fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        self.rest.last_stable_offset(high_watermark)
    }
    fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        self.rest.has_open_transaction(producer, epoch)
    }
    fn announce(&self, header: &BatchHeader, from_zero: bool, now: Timestamp) -> Result<(), LogError> {
        self.rest.announce(header, from_zero, now)
    }
    fn find_time(&self, timestamp: Timestamp, upto: Offset) -> Result<Option<Found>, LogError> {
        self.rest.find_time(timestamp, upto)
    }
    fn find_max_timestamp(&self, upto: Offset) -> Result<Option<Found>, LogError> {
        self.rest.find_max_timestamp(upto)
    }
    fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.rest.epoch_end(epoch)
    }
    fn epoch_of(&self, offset: Offset) -> LeaderEpoch {
        self.rest.epoch_of(offset)
    }
    fn aborted(&self, from: Offset, upto: Offset) -> Result<Vec<AbortedTxn>, LogError> {
        self.rest.aborted(from, upto)
    }
    fn begin_epoch(&self, epoch: LeaderEpoch) {
        self.rest.begin_epoch(epoch);
    }
    fn delete_before(&self, offset: Offset) -> Result<Offset, LogError> {
        self.rest.delete_before(offset)
    }
    fn flush(&self) -> Result<(), LogError> {
        self.rest.flush()
    }
    fn request_flush(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }
    fn configure(&self, topic: &TopicConfig, producer_id_expiration_ms: i64) {
        self.rest.configure(topic, producer_id_expiration_ms);
    }
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.rest.observe(observer);
    }
    fn describe(&self) -> Description {
        self.rest.describe()
    }
    fn directory(&self) -> PathBuf {
        self.rest.directory()
    }
}

/// One run of the broker.
pub struct Node {
    pub disk: Arc<Disk>,
    pub partitions: Arc<Partitions>,
    pub groups: Arc<Groups>,
    pub transactions: Arc<Transactions>,
    pub held: Vec<Arc<Held>>,
    _markers: Arc<Markers>,
}

impl Node {
    /// Opens what is on the disk, or makes it, and lets the coordinators load.
    pub fn start(disk: &Arc<Disk>, seed: u64) -> Arc<Self> {
        let rng = Arc::new(SeededRng::new(seed));
        let files: Arc<dyn Files> = Arc::new(disk.files.for_a_run());
        let env = LogEnv::new(files, disk.clock.clone(), rng.clone(), PATH.into());
        let (directory, contents) = LogDirectory::open(env, PATH.into(), 1).unwrap();
        let directory = Arc::new(directory);
        directory.env().files.sync_dir("/".as_ref()).unwrap();
        let config = Arc::new(log_config(&disk.config, 86_400_000));
        let opened = directory.open_logs(&contents.partitions, &|_| Arc::clone(&config), 1).unwrap();
        let mut logs: BTreeMap<TopicPartition, Arc<Log>> = BTreeMap::new();
        for (found, log) in contents.partitions.iter().zip(opened) {
            logs.insert(found.tp.clone(), log.unwrap().0);
        }
        let partitions = Arc::new(Partitions::default());
        let mut held = Vec::new();
        for (topic, id, count) in TOPICS {
            for index in 0..count {
                let name = TopicPartition::new(topic, index);
                let log = logs.remove(&name).unwrap_or_else(|| {
                    directory.create_log(&name, topic_id(id), Arc::clone(&config)).unwrap()
                });
                // As at every start: what recovery has kept is made durable before it is served.
                log.flush().unwrap();
                let rest = LocalLog::new(Arc::clone(&log), Arc::clone(&directory));
                let storage = Arc::new(Held { log, rest, wanted: AtomicBool::new(false) });
                held.push(Arc::clone(&storage));
                let options = Arc::clone(&disk.config);
                let partition = Partition::new(name, topic_id(id), LeaderEpoch(0), storage, options);
                partitions.insert(Arc::new(partition));
            }
        }
        directory.sync_names().unwrap();
        let metadata: Arc<dyn Metadata> = Arc::new(Fixed(Arc::clone(&disk.image)));
        let (clock, m) = (disk.clock.clone(), &metadata);
        let groups = Groups::new(Arc::clone(m), Arc::clone(&partitions), clock.clone(), rng.clone());
        let transactions = Transactions::new(Arc::clone(m), Arc::clone(&partitions), clock.clone(), rng);
        let markers =
            Markers::new(metadata, Arc::clone(&partitions), Arc::clone(&groups), &transactions, clock);
        groups.load_all();
        transactions.load_all();
        Arc::new(Self { disk: Arc::clone(disk), partitions, groups, transactions, held, _markers: markers })
    }

    pub fn partition(&self, topic: &str, index: i32) -> Arc<Partition> {
        let (_, id, _) = TOPICS.into_iter().find(|(name, ..)| *name == topic).unwrap();
        self.partitions.get(TopicId::from(topic_id(id)), index).unwrap()
    }

    /// Flushes all that someone waits for; whether there was any.
    pub fn flush_all(&self) -> bool {
        self.held.iter().filter(|held| held.flush_if_wanted()).count() > 0
    }
}
