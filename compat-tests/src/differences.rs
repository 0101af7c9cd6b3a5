//! The known differences between Klamm's replies and Kafka's, each with its reason.

/// One line of `differences.tsv`.
#[derive(Debug)]
pub struct Known {
    scenario: String,
    step: String,
    path: String,
    /// Why it is so.
    pub reason: String,
}

/// Reads the table: scenario, step, path (`*` stands for anything), reason.
///
/// # Panics
/// When a line has not four columns.
#[must_use]
pub fn table() -> Vec<Known> {
    let lines = include_str!("../differences.tsv").lines();
    let lines = lines.filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [scenario, step, path, reason] = columns[..] else {
                panic!("four columns are needed: {line}")
            };
            let own = str::to_owned;
            Known { scenario: own(scenario), step: own(step), path: own(path), reason: own(reason) }
        })
        .collect()
}

impl Known {
    /// Whether this line is about a field of a step's reply.
    #[must_use]
    pub fn explains(&self, scenario: &str, step: &str, path: &str) -> bool {
        fits(&self.scenario, scenario) && fits(&self.step, step) && fits(&self.path, path)
    }

    /// Whether this line is about this scenario alone, and so must explain something in it.
    #[must_use]
    pub fn is_of(&self, scenario: &str) -> bool {
        self.scenario == scenario
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} / {} / {} ({})", self.scenario, self.step, self.path, self.reason)
    }
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).filter(|&i| tail.is_char_boundary(i)).any(|i| fits(rest, &tail[i..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("topics[*].errorCode", "topics[a].errorCode"));
        assert!(fits("*", "") && fits("a*", "a") && fits("*b", "ab"));
        assert!(!fits("a*c", "ab") && !fits("", "a"));
    }

    #[test]
    fn the_table_is_whole() {
        assert!(table().iter().all(|k| !k.reason.trim().is_empty()));
    }
}
