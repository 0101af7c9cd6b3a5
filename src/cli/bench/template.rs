//! Produce requests that are made once and sent often: only what differs from one to the next is patched.
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::Arc;

use crate::cli::client::{CLIENT_ID, Request};
use crate::cli::produce::partitioner;
use crate::env::{Rng, SeededRng};
use crate::record::{
    BatchBuilder, BatchHeader, Compression, CompressionError, HEADER_LEN, NO_SEQUENCE, NewRecord,
    next_sequence,
};
use crate::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::schema::{Api, Records, api_key};
use crate::types::{ProducerEpoch, ProducerId, Timestamp};
use crate::wire::{frame, request};

/// Where the correlation id stands in a frame: behind length, API key and version.
const CORRELATION: std::ops::Range<usize> = 8..12;
/// Keys that are looked at before one of another partition is taken.
const MAX_TRIES: u64 = 100_000;
/// What the part of a value that is not random repeats.
const PHRASE: &[u8] = b"a stream passes through the gorge, and nothing of it is lost; ";

/// What records look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Records of a batch.
    pub records: u64,
    /// Bytes of a value.
    pub value: usize,
    /// Percentage of a value that is random; the rest compresses well.
    pub entropy: u8,
    /// Distinct keys; 0 for none.
    pub keys: u64,
    /// How batches are compressed.
    pub compression: Compression,
}

/// The records of a batch, and the CRC of their bytes.
#[derive(Debug)]
pub struct Body {
    header: BatchHeader,
    bytes: Vec<u8>,
    crc: u32,
    /// Bytes of keys and values.
    pub content: u64,
}

/// Makes the records of a batch for `partition` of `partitions`.
///
/// # Errors
/// [`CompressionError`] if the codec fails.
pub fn body(shape: &Shape, seed: u64, partition: i32, partitions: usize) -> Result<Body, CompressionError> {
    let rng = SeededRng::new(seed);
    let mut builder = BatchBuilder::new(shape.compression);
    let mut content = 0u64;
    let mut value: Vec<u8> = PHRASE.iter().copied().cycle().take(shape.value).collect();
    let random = shape.value.saturating_mul(usize::from(shape.entropy)) / 100;
    for _ in 0..shape.records {
        rng.fill(value.get_mut(..random).unwrap_or_default());
        let key = (shape.keys > 0).then(|| key_for(&rng, shape.keys, partition, partitions));
        content += value.len() as u64 + key.as_ref().map_or(0, |key| key.len() as u64);
        builder.push(&NewRecord {
            key: key.as_deref().map(str::as_bytes),
            value: Some(&value),
            ..NewRecord::default()
        });
    }
    let batch = builder.build()?;
    let bytes = batch.body().to_vec();
    let crc = crc32c::crc32c(&bytes);
    Ok(Body { header: *batch.header(), bytes, crc, content })
}

/// A key that belongs to the partition, as Java's producer would have it: the first from a random one on; any key
/// if none of them does.
fn key_for(rng: &SeededRng, keys: u64, partition: i32, partitions: usize) -> String {
    let first = rng.below(keys);
    let name = |step: u64| format!("key-{}", first.wrapping_add(step) % keys.max(1));
    let is_home =
        |key: &String| i32::try_from(partitioner::of_key(key.as_bytes(), partitions)) == Ok(partition);
    let tries = keys.min(MAX_TRIES);
    (0..tries).map(name).find(is_home).unwrap_or_else(|| name(0))
}

/// What all requests of a connection have in common.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Version of Produce.
    pub version: i16,
    /// As in the request.
    pub acks: i16,
    /// How long the broker may take, in ms.
    pub timeout_ms: i32,
    /// The topic's name.
    pub topic: String,
    /// The topic's id.
    pub topic_id: [u8; 16],
    /// Of a transactional producer.
    pub transactional_id: Option<String>,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// Producer id.
    pub id: ProducerId,
    /// Its generation.
    pub epoch: ProducerEpoch,
    /// Whether the batches belong to a transaction.
    pub is_transactional: bool,
}

/// A request, ready but for its number, its time and its author.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    tail: Vec<u8>,
    /// Records in the request.
    pub records: u64,
    /// Bytes of their keys and values.
    pub content: u64,
}

#[derive(Debug)]
struct Part {
    /// What stands before the batch, and the batch's header.
    lead: Vec<u8>,
    body: Arc<Body>,
    partition: i32,
}

impl Template {
    /// A request with one batch for each partition named.
    #[must_use]
    pub fn new(envelope: &Envelope, batches: &[(i32, Arc<Body>)]) -> Self {
        let data = |(partition, body): &(i32, Arc<Body>)| PartitionProduceData {
            index: *partition,
            records: Some(Records::Splice { len: HEADER_LEN + body.bytes.len() }),
            ..Default::default()
        };
        let produce = ProduceRequest {
            transactional_id: envelope.transactional_id.as_deref().map(Into::into),
            acks: envelope.acks,
            timeout_ms: envelope.timeout_ms,
            topic_data: vec![TopicProduceData {
                name: envelope.topic.as_str().into(),
                topic_id: envelope.topic_id,
                partition_data: batches.iter().map(data).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut splices = Vec::new();
        let mut bytes = Api::by_key(api_key::PRODUCE).map_or_else(Vec::new, |api| {
            request::encode(api, envelope.version, 0, Some(CLIENT_ID), |w| {
                Request::encode(&produce, w, envelope.version);
                splices.clone_from(&w.splices);
            })
        });
        let spliced = splices.iter().fold(bytes.len(), |sum, splice| sum + splice.len);
        let length = u32::try_from(spliced - frame::PREFIX.min(spliced)).unwrap_or(u32::MAX);
        if let Some(prefix) = bytes.first_chunk_mut() {
            *prefix = length.to_be_bytes();
        }
        let tail = bytes.split_off(splices.last().map_or(bytes.len(), |splice| splice.at));
        let mut parts = Vec::new();
        let mut from = 0;
        for (splice, (partition, body)) in splices.iter().zip(batches) {
            let mut lead = bytes.get(from..splice.at).unwrap_or_default().to_vec();
            lead.extend_from_slice(&body.header.to_bytes());
            parts.push(Part { lead, body: Arc::clone(body), partition: *partition });
            from = splice.at;
        }
        let records = batches.iter().map(|(_, body)| records(body)).sum();
        Self { parts, tail, records, content: batches.iter().map(|(_, body)| body.content).sum() }
    }

    /// Sets what differs: the request's number, the time of its records, and with an author the next
    /// sequence numbers of its partitions.
    pub fn stamp(
        &mut self,
        correlation: i32,
        now: Timestamp,
        author: Option<Author>,
        sequences: &mut BTreeMap<i32, i32>,
    ) {
        for part in &mut self.parts {
            let mut header = part.body.header;
            (header.base_timestamp, header.max_timestamp) = (now, now);
            header.base_sequence = NO_SEQUENCE;
            if let Some(author) = author {
                let sequence = sequences.entry(part.partition).or_default();
                header.producer_id = author.id;
                header.producer_epoch = author.epoch;
                header.set_transactional(author.is_transactional);
                header.base_sequence = *sequence;
                *sequence = next_sequence(*sequence, header.record_count);
            }
            header.crc = header.crc_with_body(part.body.crc, part.body.bytes.len());
            if let Some(place) = part.lead.last_chunk_mut() {
                *place = header.to_bytes();
            }
        }
        if let Some(place) = self.parts.first_mut().and_then(|part| part.lead.get_mut(CORRELATION)) {
            place.copy_from_slice(&correlation.to_be_bytes());
        }
    }

    /// The request as it goes over the wire.
    #[must_use]
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let parts = self.parts.iter().flat_map(|part| [&part.lead[..], &part.body.bytes]);
        parts.chain([&self.tail[..]]).map(IoSlice::new).collect()
    }

    /// The partitions, with the number of records that each gets.
    pub fn partitions(&self) -> impl Iterator<Item = (i32, u64)> {
        self.parts.iter().map(|part| (part.partition, records(&part.body)))
    }
}

fn records(body: &Body) -> u64 {
    u64::try_from(body.header.record_count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Batches, Codec};
    use crate::schema::Reader;
    use crate::wire::request::RequestHead;

    fn shape(codec: Codec) -> Shape {
        Shape { records: 3, value: 100, entropy: 50, keys: 97, compression: Compression::of(codec) }
    }

    #[test]
    fn what_goes_out_is_what_the_codec_reads() {
        for (codec, version) in [(Codec::None, 3), (Codec::Lz4, 9), (Codec::Zstd, 13)] {
            let envelope = Envelope {
                version,
                acks: -1,
                timeout_ms: 5,
                topic: "t".into(),
                topic_id: [7; 16],
                transactional_id: None,
            };
            let batches: Vec<_> =
                [4, 9].into_iter().map(|p| (p, Arc::new(body(&shape(codec), 1, p, 12).unwrap()))).collect();
            let mut template = Template::new(&envelope, &batches);
            let author = Author { id: ProducerId(5), epoch: ProducerEpoch(2), is_transactional: true };
            let mut sequences = BTreeMap::from([(4, 10)]);
            for round in 0..2 {
                template.stamp(77, Timestamp(1234), Some(author), &mut sequences);
                let bytes: Vec<u8> = template.slices().iter().flat_map(|part| part.to_vec()).collect();
                let (content, rest) = frame::split(&bytes, 1 << 20).unwrap().unwrap();
                assert!(rest.is_empty());
                let mut reader = Reader::new(content);
                assert_eq!(RequestHead::decode(&mut reader).unwrap().correlation_id, 77);
                let produce = ProduceRequest::decode(&mut reader, version).unwrap();
                let parts = &produce.topic_data[0].partition_data;
                for (part, (index, first)) in parts.iter().zip([(4, 10), (9, 0)]) {
                    assert_eq!(part.index, index);
                    let batch = Batches::new(part.records.as_ref().unwrap().as_bytes()).next();
                    let batch = batch.unwrap().unwrap();
                    batch.verify_crc().unwrap();
                    let header = batch.header();
                    assert_eq!(header.base_sequence, first + 3 * round);
                    assert_eq!((header.max_timestamp, header.producer_id), (Timestamp(1234), author.id));
                    let payload = batch.payload(1 << 20).unwrap();
                    for record in batch.records(&payload) {
                        let record = record.unwrap();
                        assert_eq!(record.value.unwrap().len(), 100);
                        let home = partitioner::of_key(record.key.unwrap(), 12);
                        assert_eq!(home, index as usize, "keys lie where a Java producer puts them");
                    }
                }
            }
            assert_eq!((template.records, template.partitions().count()), (6, 2));
        }
    }
}
