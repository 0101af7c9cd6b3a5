//! Whether a broker answers yet: one Metadata request on a new connection.
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use klamm_schema::clients::metadata_request::{MetadataRequest, MetadataRequestTopic};
use klamm_schema::clients::metadata_response::MetadataResponse;
use klamm_schema::{Reader, Writer};

/// A version that is not flexible, so that headers are simple.
const VERSION: i16 = 1;
const METADATA: i16 = 3;

/// Whether the broker names itself, and a leader for all partitions of these topics.
pub fn is_ready(port: u16, topics: &[(&str, usize)]) -> bool {
    ask(port, topics).unwrap_or(false)
}

fn ask(port: u16, topics: &[(&str, usize)]) -> io::Result<bool> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    let name = |(name, _): &(&str, usize)| MetadataRequestTopic {
        name: Some((*name).to_owned().into()),
        ..Default::default()
    };
    let request = MetadataRequest { topics: Some(topics.iter().map(name).collect()), ..Default::default() };
    let mut writer = Writer::new();
    writer.i32(0);
    writer.i16(METADATA);
    writer.i16(VERSION);
    writer.i32(1);
    writer.i16(-1);
    request.encode(&mut writer, VERSION);
    let length = u32::try_from(writer.buf.len() - 4).unwrap_or(0);
    writer.buf[..4].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&writer.buf)?;
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let mut reply = vec![0; u32::from_be_bytes(prefix).min(64 << 20) as usize];
    stream.read_exact(&mut reply)?;
    let response = MetadataResponse::decode(&mut Reader::new(&reply[4..]), VERSION)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let has_leaders = topics.iter().all(|(name, count)| {
        let topic = response.topics.iter().find(|topic| topic.name.as_deref() == Some(name));
        topic.is_some_and(|topic| {
            let led = topic.partitions.iter().filter(|p| p.error_code == 0 && p.leader_id >= 0);
            topic.error_code == 0 && led.count() == *count
        })
    });
    Ok(!response.brokers.is_empty() && has_leaders)
}
