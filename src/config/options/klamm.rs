//! Options that only Klamm has. Their names begin with `klamm.`.
use crate::config::option::{Opt, boolean, int, long, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    boolean("klamm.allow.unprotected").default("false").high()
        .doc("Starts although the configuration asks for a protection that is not built yet. Every such option is named in a warning."),
    boolean("klamm.replication.clamp").default("false").medium()
        .doc("Creates a topic with one replica where more are asked for than there are nodes, instead of refusing it."),
    string("klamm.produce.validation").default("record").one_of(&["record", "header"]).medium()
        .doc("How far a produced batch is checked before it is stored: every `record`, as Kafka does, or only its `header` and checksum."),
    boolean("klamm.announce.as.kafka").default("false").low()
        .doc("Prints, once the broker is ready, the lines on standard output by which Testcontainers modules and other programs know that Kafka has started."),
    int("klamm.journal.bytes").default("33554432").between(0, 1 << 30).low()
        .doc("Length in bytes of each log directory's journal, by which one flush makes many partitions durable that got little each. It is made when it is first of use; 0 turns it off."),
    string("klamm.remote.url").default("").high()
        .doc("Where tiered storage keeps its objects: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `file:///directory`. Credentials come from each cloud's usual environment variables."),
    boolean("klamm.remote.single.writer").default("false").medium()
        .doc("Promises that no other broker writes below the prefix of `klamm.remote.url`. Only then is a store accepted that cannot create an object on the condition that it does not exist."),
    long("klamm.remote.upload.interval.ms").default("3600000").at_least(1000).medium()
        .doc("A segment of a tiered topic that has held records for this many ms is closed and uploaded though it is not full: what a restore from the bucket could miss."),
    long("klamm.remote.sweep.grace.ms").default("86400000").at_least(1000).low()
        .doc("Age in ms at which an object in the bucket that belongs to nothing is removed."),
    long("klamm.remote.cache.bytes").default("134217728").at_least(16777216).medium()
        .doc("Bytes of memory for what was read from the bucket, and for reading ahead there."),
    long("klamm.remote.upload.bytes").default("134217728").at_least(67108864).medium()
        .doc("Bytes of memory for uploads. A segment goes in parts of 64 MiB."),
    string("klamm.log.format").default("auto").one_of(&["auto", "text", "json"]).low()
        .doc("Form of Klamm's own log lines; `auto` is text, in colour on a terminal."),
    string("klamm.log.level").default("info").low()
        .doc("Which of Klamm's own log lines are written: error, warn, info, debug, trace, or a filter such as `info,klamm::log=debug`."),
];
