//! The transaction coordinator.
use crate::config::option::{Opt, boolean, int, short};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    int("transaction.max.timeout.ms").default("900000").at_least(1).high()
        .doc("Longest transaction timeout in ms that a producer may ask for."),
    boolean("transaction.partition.verification.enable").default("true").low().cluster_wide()
        .doc("Whether a partition checks that it belongs to the transaction before it takes the first record of one."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms").default("10000").at_least(1).low()
        .doc("Interval in ms at which transactions past their timeout are aborted."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms").default("3600000").at_least(1).low()
        .doc("Interval in ms at which expired transactional ids are removed."),
    int("transaction.state.log.load.buffer.size").default("5242880").at_least(1).high().pending()
        .doc("Bytes that are read at a time while transaction state is loaded."),
    int("transaction.state.log.min.isr").default("2").at_least(1).high()
        .doc("In-sync replicas that a write to the transaction state topic needs."),
    int("transaction.state.log.num.partitions").default("50").at_least(1).high()
        .doc("Partitions of the transaction state topic when it is created."),
    short("transaction.state.log.replication.factor").default("3").at_least(1).high()
        .doc("Replicas of the transaction state topic."),
    int("transaction.state.log.segment.bytes").default("104857600").at_least(1).high()
        .doc("Segment size in bytes of the transaction state topic."),
    boolean("transaction.two.phase.commit.enable").default("false").low()
        .doc("Whether producers may take part in transactions that an outside coordinator commits."),
    int("transactional.id.expiration.ms").default("604800000").at_least(1).high()
        .doc("How long in ms an unused transactional id is remembered."),
    int("add.partitions.to.txn.retry.backoff.ms").default("20").at_least(1).high().pending()
        .doc("Pause in ms before the broker tries again to add a partition to a transaction."),
    int("add.partitions.to.txn.retry.backoff.max.ms").default("100").at_least(0).high().pending()
        .doc("Most ms that the broker spends on adding a partition to a transaction."),
];
