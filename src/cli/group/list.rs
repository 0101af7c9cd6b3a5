//! `klamm group list`.
use serde_json::json;

use crate::cli::CliError;
use crate::cli::client::ListedGroup;
use crate::cli::session::{Session, note};
use crate::cli::table::Table;

/// List the groups
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct List {
    /// Only groups in this state: empty, stable, assigning, ...; may be repeated
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// Only groups of this type: classic, consumer, share, streams; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    kind: Vec<String>,
}

impl List {
    /// Whether a group is asked for. Upper and lower case count the same.
    fn admits(&self, group: &ListedGroup) -> bool {
        let among = |wanted: &[String], it: &str| {
            wanted.is_empty() || wanted.iter().any(|one| one.trim().eq_ignore_ascii_case(it))
        };
        among(&self.state, &group.state) && among(&self.kind, &group.kind)
    }
}

pub(super) fn list(session: &mut Session<'_>, args: &List) -> Result<(), CliError> {
    let mut groups = session.cluster.groups()?;
    groups.retain(|group| args.admits(group));
    if session.json {
        let document = |group: &ListedGroup| {
            json!({
                "group": group.id,
                "type": group.kind,
                "protocol": group.protocol_type,
                "state": group.state,
                "coordinator": group.coordinator,
            })
        };
        return session.print_json(&groups.iter().map(document).collect());
    }
    if groups.is_empty() {
        note("There is no such group; one comes to be with its first member or commit.");
        return Ok(());
    }
    let mut table = Table::new(&["GROUP", "TYPE", "PROTOCOL", "STATE"]);
    for group in groups {
        table.row([group.id, group.kind, group.protocol_type, group.state]);
    }
    Ok(table.write(session.out, "")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_admit_what_they_name_in_any_case() {
        let group = ListedGroup {
            id: "g".into(),
            kind: "classic".into(),
            protocol_type: "consumer".into(),
            state: "Stable".into(),
            coordinator: 1,
        };
        let cases: [(&[&str], &[&str], bool); 6] = [
            (&[], &[], true),
            (&["stable"], &[], true),
            (&["Empty"], &[], false),
            (&["Empty", "STABLE"], &["Classic"], true),
            (&[], &["consumer"], false),
            (&["Empty"], &["classic"], false),
        ];
        for (state, kind, want) in cases {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let list = List { state: own(state), kind: own(kind) };
            assert_eq!(list.admits(&group), want, "{state:?} {kind:?}");
        }
    }
}
