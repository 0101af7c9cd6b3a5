//! A real Kafka of one node, for recording what it answers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::broker::{Process, free_port};
use crate::java::{jars, jvm};
use crate::programs::{have, run};

/// A running Kafka on an empty directory.
pub struct Kafka {
    _process: Process,
    _folder: tempfile::TempDir,
    address: String,
}

impl Kafka {
    /// Starts one, with options `key=value`; none if Java is missing.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(options: &[String]) -> Option<Self> {
        if !have(&["java", "mvn"]) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (port, controller) = (free_port(), free_port());
        let file = folder.path().join("server.properties");
        let mut text = properties(port, controller, folder.path());
        options.iter().for_each(|o| text.push_str(&format!("{o}\n")));
        std::fs::write(&file, text).expect("the properties can be written");
        // The level that Klamm formats with too.
        let format =
            ["format", "--standalone", "--release-version", "4.3", "-t", "5L6g3nShT-eMCtK--X86sw", "-c"];
        let mut tool = java("kafka.tools.StorageTool");
        let _ = run(tool.args(format).arg(&file), "", Duration::from_secs(60)).good();
        let mut command = java("kafka.Kafka");
        command.arg(&file);
        let mut process = Process::start(command, folder.path().join("output.txt"));
        let address = format!("127.0.0.1:{port}");
        process.ready(&address);
        Some(Self { _process: process, _folder: folder, address })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn java(class: &str) -> Command {
    jvm(&format!("{}/*", jars("kafka").display()), class)
}

fn properties(port: u16, controller: u16, folder: &Path) -> String {
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
         log.dirs={}\noffsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n",
        folder.join("data").display()
    )
}
