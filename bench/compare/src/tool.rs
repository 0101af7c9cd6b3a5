//! Klamm's own client: topics, and the loads of `klamm bench`.
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::load::Failure;
use crate::server::Server;

/// The binary.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Where it is.
    pub klamm: PathBuf,
}

impl Tool {
    /// Makes a topic.
    pub fn create(&self, server: &Server, topic: &str, partitions: i32) -> Result<(), Failure> {
        let partitions = partitions.to_string();
        let more = ["--timeout", "120"];
        self.run(server, &[&["topic", "create", topic, "--partitions", &partitions][..], &more].concat())?;
        Ok(())
    }

    /// Runs a load; gives its report.
    pub fn bench(&self, server: &Server, arguments: &[&str]) -> Result<Value, Failure> {
        let pid = server.pid().to_string();
        let fixed = ["--json", "--server-pid", &pid, "--timeout", "120"];
        let output = self.run(server, &[&["bench"][..], arguments, &fixed].concat())?;
        Ok(serde_json::from_str(&output)?)
    }

    fn run(&self, server: &Server, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new(&self.klamm).args(arguments).args(["-b", &server.address()]).output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("klamm {}: {complaint}", arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A number in a report, by its path.
pub fn number(report: &Value, path: &[&str]) -> Result<f64, Failure> {
    let found = path.iter().fold(report, |value, name| &value[*name]);
    found.as_f64().ok_or_else(|| format!("the report has no {}: {report}", path.join(".")).into())
}
