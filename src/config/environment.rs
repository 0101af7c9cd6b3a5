//! `KAFKA_*` variables, as the container image of Kafka maps them to options.

/// The variable that names the cluster's id for a directory that is formatted at the start.
pub const CLUSTER_ID: &str = "CLUSTER_ID";

const PREFIX: &str = "KAFKA_";

/// Variables of Kafka's scripts, which are not options.
const NOT_OPTIONS: &[&str] = &[
    "KAFKA_CLUSTER_ID",
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
    // What Kubernetes adds for a service that is called "kafka".
    "KAFKA_PORT",
    "KAFKA_SERVICE_HOST",
    "KAFKA_SERVICE_PORT",
];

/// Beginnings of further variables that Kubernetes adds for a service that is called "kafka".
const NOT_OPTIONS_BEGIN: &[&str] = &["KAFKA_PORT_", "KAFKA_SERVICE_PORT_"];

/// The option that a variable sets, `None` if it sets none.
///
/// `_` stands for `.`, `__` for `_`, and `___` for `-`.
#[must_use]
pub fn option_of_variable(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX).filter(|rest| !rest.is_empty())?;
    if NOT_OPTIONS.contains(&variable) || NOT_OPTIONS_BEGIN.iter().any(|p| variable.starts_with(p)) {
        return None;
    }
    let mut name = String::with_capacity(rest.len());
    let mut underscores = 0usize;
    for c in rest.chars() {
        if c == '_' {
            underscores = underscores.saturating_add(1);
            continue;
        }
        push_underscores(&mut name, underscores);
        underscores = 0;
        name.push(c.to_ascii_lowercase());
    }
    name.extend(std::iter::repeat_n('_', underscores));
    Some(name)
}

/// A run of underscores between two letters; at the beginning it stays as it is.
fn push_underscores(name: &mut String, count: usize) {
    match count {
        1 if !name.is_empty() => name.push('.'),
        2 if !name.is_empty() => name.push('_'),
        3 if !name.is_empty() => name.push('-'),
        _ => name.extend(std::iter::repeat_n('_', count)),
    }
}

#[cfg(test)]
mod tests {
    use super::option_of_variable;

    #[test]
    fn variables_become_options() {
        let cases = [
            ("KAFKA_LOG_DIRS", Some("log.dirs")),
            ("KAFKA_NODE_ID", Some("node.id")),
            (
                "KAFKA_LISTENER_NAME_DOCKER__INTERNAL_MAX_CONNECTIONS",
                Some("listener.name.docker_internal.max.connections"),
            ),
            ("KAFKA_LISTENER_NAME_A___B_MAX_CONNECTIONS", Some("listener.name.a-b.max.connections")),
            ("KAFKA_KLAMM_REPLICATION_CLAMP", Some("klamm.replication.clamp")),
            ("KAFKA_A____B", Some("a____b")),
            ("KAFKA_", None),
            ("KAFKA_HEAP_OPTS", None),
            ("KAFKA_OPTS", None),
            ("KAFKA_LOG4J_OPTS", None),
            ("KAFKA_VERSION", None),
            ("KAFKA_PORT_9092_TCP_ADDR", None),
            ("PATH", None),
            ("CLUSTER_ID", None),
        ];
        for (variable, want) in cases {
            assert_eq!(option_of_variable(variable).as_deref(), want, "{variable}");
        }
    }
}
