//! The subcommands as a person runs them: what goes where, and the exit codes.

use std::path::Path;
use std::process::{Command, Output};

use crate::unpack;

fn klamm(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_klamm")).current_dir(dir).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn check_exits_with_1_if_there_is_damage() {
    let (clean, crashed) = (unpack("clean"), unpack("crashed"));
    let (code, out, error) = klamm(clean.path(), &["check", "--quiet", "data"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.starts_with("checked partitions=37 segments=52 "), "{out}");
    let (code, out, error) = klamm(crashed.path(), &["check", "data/torn-zeros-0"]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(
        out.starts_with("repair: data/torn-zeros-0/00000000000000000000.log at byte 4560 (offset 30): "),
        "{out}"
    );
    assert_eq!(error, "klamm: to repair: 1, which the next start does\n");
}

#[test]
fn dump_shows_what_it_can_and_names_the_rest() {
    let disk = unpack("crashed");
    let files = ["data/torn-crc-0/00000000000000000000.log", "data/.lock", "data/meta.properties"];
    let (code, out, error) = klamm(disk.path(), &[&["dump"][..], &files].concat());
    assert_eq!(code, 1);
    assert!(out.contains("\ndamaged baseOffset=27 ") && out.contains("reason=\"the batch's CRC is"), "{out}");
    assert!(out.contains("property name=node.id value=1"), "{out}");
    assert!(error.contains("data/.lock: not a file of a log directory"), "{error}");
    assert!(error.contains("damages: 1, see above"), "{error}");
}

#[test]
fn format_takes_kafkas_flags() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path();
    let properties = "process.roles=broker,controller\nnode.id=7\nlog.dirs=a,b\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n";
    std::fs::write(path.join("s.properties"), properties).unwrap();
    let (code, id, _) = klamm(path, &["format", "random-uuid"]);
    assert_eq!((code, id.len()), (0, 23));
    assert_eq!(klamm(path, &["format", "info", "-c", "s.properties"]).0, 1);

    let flags = [
        "format",
        "-c",
        "s.properties",
        "-t",
        id.trim(),
        "--standalone",
        "-r",
        "4.2",
        "-f",
        "group.version=0",
    ];
    let (code, out, error) = klamm(path, &flags);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("a: formatted for cluster ") && out.contains("metadata.version 4.2-IV1"), "{out}");
    let (code, _, error) = klamm(path, &flags);
    assert!(code == 1 && error.contains("is formatted already; --ignore-formatted"), "{error}");
    let (code, out, _) = klamm(path, &[&flags[..], &["-g"]].concat());
    assert!(code == 0 && out.contains("a: formatted before, left alone"), "{out}");
    let (code, out, _) = klamm(path, &["format", "info", "-c", "s.properties"]);
    assert!(code == 0 && out.contains("b: cluster.id=") && out.contains("node.id=7"), "{out}");

    let scram = ["format", "-c", "s.properties", "-S", "SCRAM-SHA-256=[name=alice,password=x]"];
    let (code, _, error) = klamm(path, &scram);
    assert!(code == 1 && error.contains("--add-scram: credentials are not supported yet"), "{error}");
    let both = ["format", "-c", "s.properties", "-s", "-N"];
    assert_eq!(klamm(path, &both).0, 2);
}
