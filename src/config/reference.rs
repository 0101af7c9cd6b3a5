//! The pages `docs/config-reference.md` and `docs/config-differences.md`, printed from the tables.
use std::fmt::Write;

use super::differences::differences;
use super::option::{Meaning, Opt, Scope, Type, Unit};
use super::options::TABLE;
use super::table::find;
use super::value::allowed;

/// `docs/config-reference.md`: every option, by subject.
#[must_use]
pub fn reference_page() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    for (title, options) in TABLE {
        push(&mut out, format_args!("\n## {title}\n"));
        for option in *options {
            describe(&mut out, option);
        }
    }
    out
}

/// `docs/config-differences.md`: where Klamm's defaults are not Kafka's.
#[must_use]
pub fn differences_page() -> String {
    let mut out = String::from(DIFFERENCES_HEAD);
    for d in differences() {
        let kafka = find(d.scope, d.name).map_or_else(String::new, |o| match o.kafka_default {
            _ if o.required => "must be set".to_owned(),
            default => code(default),
        });
        push(
            &mut out,
            format_args!(
                "| `{}` ({}) | {kafka} | {} | {} |\n",
                d.name,
                d.scope.name(),
                code(d.default),
                d.why
            ),
        );
    }
    out.push_str(DIFFERENCES_TAIL);
    out
}

fn describe(out: &mut String, option: &Opt) {
    push(out, format_args!("\n### `{}`\n{}\n\n", option.name, option.doc));
    if option.scope != Scope::Broker {
        push(out, format_args!("- Set on: {}\n", option.scope.name()));
    }
    push(out, format_args!("- Value: {}\n- Default: {}\n", allowed(option), default(option)));
    if option.scope == Scope::Broker {
        push(out, format_args!("- Update: {}\n", option.update_mode.name()));
    }
    if let Some(names) = synonyms(option) {
        push(out, format_args!("- Where unset: {names}\n"));
    }
    if let Some(note) = note(option) {
        push(out, format_args!("- In Klamm: {note}\n"));
    }
}

fn default(option: &Opt) -> String {
    let own = option.default_text();
    if own == option.kafka_default {
        code(own)
    } else {
        format!("{} (Kafka: {})", code(own), code(option.kafka_default))
    }
}

fn code(text: Option<&str>) -> String {
    match text {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

fn synonyms(option: &Opt) -> Option<String> {
    let name = |s: &super::option::Synonym| match s.unit {
        Unit::Same => format!("`{}`", s.name),
        Unit::Minutes => format!("`{}` (minutes)", s.name),
        Unit::Hours => format!("`{}` (hours)", s.name),
        Unit::First => format!("the first of `{}`", s.name),
    };
    let names: Vec<String> = option.synonyms.iter().map(name).collect();
    (!names.is_empty()).then(|| names.join(", then "))
}

fn note(option: &Opt) -> Option<String> {
    match option.meaning {
        Meaning::Active if option.kind == Type::Password => Some("never shown".to_owned()),
        Meaning::Active => None,
        Meaning::Pending => Some("accepted; what it governs is not built yet".to_owned()),
        Meaning::Protects => {
            Some("not built yet; set, it stops the start unless `klamm.allow.unprotected=true`".to_owned())
        }
        Meaning::SecureListener => {
            Some("matters only to a listener that speaks SSL or SASL, which is not built yet".to_owned())
        }
        Meaning::Inert(why) => Some(format!("no effect, {}", why.reason())),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

const REFERENCE_HEAD: &str = "# Options

Every option of Kafka 4.4 and Klamm's own. This page is printed from the option table in
`src/config/options/`; `KLAMM_REGENERATE=1 cargo test config` writes it anew.

What is set later counts more: defaults, the file, `KAFKA_*` variables, `--override key=value` flags,
and at run time the default of all brokers, then the broker's own value. A topic's or group's own value
goes before all of these.

- The file is a Java `.properties` file: `#` and `!` begin comments, `=`, `:` or white space divide name
  and value, a backslash at the end of a line continues it.
- A variable `KAFKA_LOG_DIRS` sets `log.dirs`: `_` stands for `.`, `__` for `_`, `___` for `-`. Variables
  of Kafka's scripts such as `KAFKA_HEAP_OPTS` or `KAFKA_OPTS` are passed over. `CLUSTER_ID` names the
  cluster when a directory is formatted.
- `listener.name.<listener>.<option>` sets an option for one listener.
- An option that does not exist is a warning with the nearest name that does.
";

const DIFFERENCES_HEAD: &str = "# Where defaults differ from Kafka's

Every option has Kafka's name, type and meaning. These defaults are Klamm's own. This page is printed from
the table in `src/config/differences.rs`; `KLAMM_REGENERATE=1 cargo test config` writes it anew.

| option (set on) | Kafka | Klamm | why |
|---|---|---|---|
";

const DIFFERENCES_TAIL: &str = "
Besides:

- `advertised.listeners` can be altered while the broker runs; in Kafka only a restart changes it.
- A file for several nodes starts on one: counts of replicas above 1 count as 1, each with a warning.
  `process.roles` without both roles, and voters other than this node, stop the start.
- An option that protects (a listener that is not PLAINTEXT, an authorizer, a policy, a limit of the rate of
  connections) and is not built yet stops the start unless `klamm.allow.unprotected=true`.
- A listener of `controller.listener.names` that is not among `listeners` is a warning, not an error.
";
