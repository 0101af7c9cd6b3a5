//! Options that only Klamm has. Their names begin with `klamm.`.
use crate::config::option::{Opt, boolean, int, string};

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
    string("klamm.log.format").default("auto").one_of(&["auto", "text", "json"]).low()
        .doc("Form of Klamm's own log lines; `auto` is text, in colour on a terminal."),
    string("klamm.log.level").default("info").low()
        .doc("Which of Klamm's own log lines are written: error, warn, info, debug, trace, or a filter such as `info,klamm::log=debug`."),
];
