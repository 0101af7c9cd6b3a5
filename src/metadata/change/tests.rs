//! Each decision as a table of requests and answers. The codes are those that Kafka 4.3.1 gave to the same
//! requests.

mod configs;
mod partitions;
mod topics;

use super::*;
use crate::types::Uuid;

const DIRECTORY: Uuid = Uuid([7; 16]);

/// A cluster of one live broker, 1.
fn cluster() -> Image {
    let registration = Registration {
        node: NodeId(1),
        log_dirs: vec![DIRECTORY],
        endpoints: vec![("PLAINTEXT".into(), "localhost".into(), 9092, 0)],
        ..Default::default()
    };
    let mut image = Image::default();
    replay(&mut image, &bootstrap(&default_features(30), 1));
    replay(&mut image, &register(&registration, 30, 11));
    image
}

fn replay(image: &mut Image, records: &[MetadataRecord<'_>]) {
    for record in records {
        image.replay(record).unwrap();
    }
}

fn ids() -> impl FnMut() -> Uuid {
    let mut next = 0u8;
    move || {
        next += 1;
        Uuid([next; 16])
    }
}

fn with_settings<T>(test: impl FnOnce(Site<'_>) -> T) -> T {
    let settings = Settings::default();
    test(Site { node: NodeId(1), settings: &settings })
}
