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
    versions
);
