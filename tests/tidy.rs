//! Holds the code against the house plan of `docs/architecture.md`.
#![allow(clippy::disallowed_methods, reason = "this test reads the source tree")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Room and the rooms that it may import. `metadata/store` is the part of metadata that has files.
const ROOMS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("env", &["types"]),
    ("wire", &["schema", "env", "types"]),
    ("record", &["schema", "types"]),
    ("config", &["types"]),
    ("metrics", &["types"]),
    ("log", &["record", "schema", "config", "metrics", "env", "types"]),
    ("tier", &["log", "record", "schema", "config", "metrics", "env", "types"]),
    ("metadata", &["record", "schema", "config", "types"]),
    ("metadata/store", &["metadata", "record", "schema", "config", "types", "log", "env"]),
    ("partition", &["tier", "log", "record", "metadata", "schema", "config", "metrics", "env", "types"]),
    ("coordinator", &["schema", "config", "types"]),
    ("coordinator/group", &["coordinator", "schema", "config", "types"]),
    ("coordinator/txn", &["coordinator", "schema", "config", "types"]),
    (
        "coordinator/runtime",
        &[
            "metrics",
            "coordinator",
            "coordinator/group",
            "coordinator/txn",
            "partition",
            "metadata",
            "metadata/store",
            "record",
            "schema",
            "env",
            "types",
            "config",
            "log",
        ],
    ),
    (
        "api",
        &[
            "metrics",
            "coordinator",
            "coordinator/group",
            "coordinator/txn",
            "coordinator/runtime",
            "partition",
            "metadata",
            "metadata/store",
            "record",
            "wire",
            "schema",
            "config",
            "env",
            "types",
            "log",
        ],
    ),
    ("server", &["api", "wire", "config", "metrics", "env", "types", "schema"]),
    (
        "broker",
        &[
            "metrics",
            "coordinator",
            "coordinator/runtime",
            "tier",
            "server",
            "api",
            "partition",
            "metadata",
            "metadata/store",
            "record",
            "wire",
            "schema",
            "config",
            "env",
            "types",
            "log",
        ],
    ),
    ("inspect", &["tier", "log", "record", "metadata", "metadata/store", "schema", "config", "env", "types"]),
    (
        "cli",
        &[
            "broker",
            "inspect",
            "tier",
            "wire",
            "record",
            "metadata",
            "metadata/store",
            "schema",
            "config",
            "env",
            "types",
            "log",
        ],
    ),
];

const MAX_LINES: usize = 600;

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The room of a file below `src/`; `None` for `main.rs` and `lib.rs`.
fn room_of(relative: &Path) -> Option<String> {
    let text = relative.to_string_lossy();
    if ["metadata/store", "metadata/format", "metadata/meta_properties"].iter().any(|p| text.starts_with(p)) {
        return Some("metadata/store".to_owned());
    }
    if let Some(part) = ["coordinator/group", "coordinator/txn", "coordinator/runtime"]
        .into_iter()
        .find(|p| text.starts_with(p))
    {
        return Some(part.to_owned());
    }
    let first = relative.iter().next()?.to_string_lossy().into_owned();
    let name = first.trim_end_matches(".rs").to_owned();
    (name != "main" && name != "lib").then_some(name)
}

/// The rooms that a source names by `crate::room`, also inside `crate::{...}`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        if text[..at].lines().last().is_some_and(|l| l.trim_start().starts_with("//")) {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let names: Vec<&str> = if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let end = group.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth < 0
            });
            let mut depth = 0;
            group[..end.unwrap_or(0)]
                .split(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    c == ',' && depth == 0
                })
                .collect()
        } else {
            vec![rest]
        };
        for name in names {
            let name = name.trim();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            if name.starts_with("metadata::store") {
                out.push((line, "metadata/store".to_owned()));
            } else if let Some(part) =
                ["group", "txn", "runtime"].iter().find(|p| name.starts_with(&format!("coordinator::{p}")))
            {
                out.push((line, format!("coordinator/{part}")));
            } else {
                out.push((line, name[..end].to_owned()));
            }
        }
    }
    out
}

#[test]
fn rooms_import_only_what_the_plan_allows() {
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let plan: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let known: Vec<&str> = ROOMS.iter().map(|(r, _)| *r).chain(["schema"]).collect();
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&src).unwrap();
        let Some(room) = room_of(relative) else { continue };
        let Some(allowed) = plan.get(room.as_str()) else {
            wrong.push(format!("{}: room `{room}` is not in the plan", relative.display()));
            continue;
        };
        for (line, import) in imports(&std::fs::read_to_string(file).unwrap()) {
            let own = import == room || room.starts_with(&format!("{import}/"));
            if known.contains(&import.as_str()) && !own && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{}:{line}: `{room}` may not import `{import}`", relative.display()));
            }
        }
    }
    assert!(files.len() > 10, "no sources found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_short_and_finished() {
    let mut files = Vec::new();
    for dir in ["src", "tests", "crates", "compat-tests"] {
        sources(&root().join(dir), &mut files);
    }
    let mut wrong = Vec::new();
    for file in files.iter().filter(|f| !f.to_string_lossy().contains("/target/")) {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines, at most {MAX_LINES}", file.display()));
        }
        for mark in ["todo!(", "unimplemented!(", concat!("TO", "DO"), concat!("FIX", "ME")] {
            if !file.ends_with("tidy.rs") && text.contains(mark) {
                wrong.push(format!("{}: holds `{mark}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_house_plan_names_every_room() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for (room, _) in ROOMS.iter().filter(|(r, _)| !r.contains('/')) {
        assert!(page.contains(&format!("| `{room}` |")), "docs/architecture.md has no row for `{room}`");
    }
}
