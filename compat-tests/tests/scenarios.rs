//! Klamm's replies to scripted requests against what a real Kafka replied, field by field.

use compat_tests::scenario;

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                scenario::run(stringify!($name));
            }
        )*

        #[test]
        fn every_script_is_run() {
            assert_eq!(scenario::all(), [$(stringify!($name)),*]);
        }
    };
}

scenarios!(
    cluster,
    configs,
    consumer_groups,
    fetch,
    groups,
    idempotence,
    metadata,
    offsets,
    produce,
    raw,
    topics,
    txn_admin,
    txn_data,
    txn_data_v1,
    txn_ends,
    txn_ends_v1,
    txn_exhaustion,
    txn_markers,
    txn_markers_v1,
    txn_offsets,
    txn_offsets_v1,
    txn_producers,
    txn_producers_v1,
    txn_time,
    versions
);
