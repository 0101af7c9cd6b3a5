//! What no client should send: the right code or the end of the connection, one line that a person
//! understands, and nobody else notices.

use std::time::Duration;

use klamm::schema::clients::metadata_request::MetadataRequest;
use klamm::schema::{Api, ErrorCode, api_key};
use klamm::wire::request;

use crate::support::batches::{self, patched};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, produce};
use crate::support::{lines, wait_for};

/// A frame around bytes.
fn framed(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

/// A request with this body, whatever it is.
fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    request::encode(Api::by_key(key).unwrap(), version, 1, Some("test"), |w| w.buf.extend_from_slice(body))
}

#[test]
fn each_ends_its_connection_with_one_line() {
    lines::capture();
    let broker = TestBroker::start();
    let mut witness = broker.client();
    let topic = witness.topic("t", 1, &[]);
    let billion = 1_000_000_000u32.to_be_bytes();
    let metadata = Client::frame(1, &MetadataRequest::default(), 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a negative length", (-5i32).to_be_bytes().to_vec(), "-5 bytes"),
        ("an oversized frame", i32::MAX.to_be_bytes().to_vec(), "socket.request.max.bytes"),
        ("HTTP", b"GET /metrics HTTP/1.1\r\nHost: kafka\r\n\r\n".to_vec(), "HTTP"),
        ("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 500]].concat(), "TLS"),
        ("an unknown API", framed(&[0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff]), "no API has the key 32512"),
        ("an API that is not served", request(api_key::VOTE, 0, &[]), "Vote"),
        ("an unknown version", request(api_key::METADATA, 99, &[]), "versions 0 to 13"),
        ("an old version", request(api_key::FETCH, 3, &[]), "versions 4 to 18"),
        ("an empty frame", framed(&[]), "header"),
        ("half a header", framed(&[0, 3, 0]), "header"),
        ("a truncated body", framed(&metadata[4..metadata.len() - 2]), "cannot be read"),
        ("a billion topics", request(api_key::METADATA, 1, &billion), "cannot be read"),
        (
            "a billion topics, compact",
            request(api_key::METADATA, 12, &[0x80, 0x94, 0xeb, 0xdc, 3]),
            "cannot be read",
        ),
        (
            "a billion partitions",
            request(api_key::FETCH, 4, &[&[0; 17][..], &billion, &billion].concat()),
            "cannot be read",
        ),
        ("random bytes", (0..400u32).map(|n| ((n * 7919) >> 3) as u8 | 0x40).collect(), "bytes"),
    ];
    for (name, bytes, says) in cases {
        let mut client = broker.client();
        let peer = client.local();
        client.send_raw(&bytes);
        client.assert_closed();
        let found = wait_for(name, || Some(lines::about(peer)).filter(|found| !found.is_empty()));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains(says) && found[0].contains("WARN"), "{name}: {found:?}");
        witness.append(&topic, 0, &batches::count(1));
        // Only so many such lines are written in a while.
        broker.clock.advance(Duration::from_secs(10));
    }
}

#[test]
fn half_a_request_and_then_the_end_is_nobodys_business() {
    lines::capture();
    let broker = TestBroker::start();
    for bytes in [&[][..], &[0, 0], &[0, 0, 1, 0, 0, 3]] {
        let mut client = broker.client();
        client.send_raw(bytes);
        client.finish();
        client.assert_closed();
        assert_eq!(lines::about(client.local()), [""; 0]);
    }
}

/// Code of a batch.
fn code(client: &mut Client, topic: &Topic, batch: &[u8]) -> ErrorCode {
    ErrorCode(client.produce(topic, 0, batch).error_code)
}

#[test]
fn batches_that_lie_are_refused_and_the_connection_lives() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let good = batches::of(&["a", "b", "c"]);
    let (corrupt, invalid) = (ErrorCode::CORRUPT_MESSAGE, ErrorCode::INVALID_RECORD);
    let with_length = |length: u32| {
        let mut batch = good.clone();
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch
    };
    let whole = u32::try_from(good.len() - 12).unwrap();
    let cases: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("nothing", Vec::new(), invalid),
        ("a flipped bit", [&good[..good.len() - 1], &[good[good.len() - 1] ^ 4]].concat(), corrupt),
        ("a byte less", good[..good.len() - 1].to_vec(), invalid),
        ("the length of all memory", with_length(u32::MAX / 2), invalid),
        ("a negative length", with_length(u32::MAX), corrupt),
        ("a length of zero", with_length(0), corrupt),
        ("a short length", with_length(whole - 1), corrupt),
        ("a count that is too high", patched(good.clone(), 57, &4u32.to_be_bytes()), invalid),
        ("a count of a billion", patched(good.clone(), 57, &1_000_000_000u32.to_be_bytes()), invalid),
        ("a negative count", patched(good.clone(), 57, &u32::MAX.to_be_bytes()), invalid),
        ("a last offset that lies", patched(good.clone(), 23, &9u32.to_be_bytes()), invalid),
        (
            "count and last offset that lie together",
            { patched(patched(good.clone(), 23, &8u32.to_be_bytes()), 57, &9u32.to_be_bytes()) },
            invalid,
        ),
        ("a record of a gigabyte", patched(good.clone(), 61, &[0xfe, 0xff]), invalid),
        (
            "magic 9",
            {
                let mut batch = good.clone();
                batch[16] = 9;
                batch
            },
            corrupt,
        ),
        ("gzip that is none", patched(good.clone(), 22, &[1]), invalid),
        ("a control batch", patched(good.clone(), 22, &[0x20]), invalid),
    ];
    for (name, batch, want) in cases {
        assert_eq!(code(&mut client, &topic, &batch), want, "{name}");
    }
    assert_eq!(code(&mut client, &topic, &good), ErrorCode::NONE);
    assert_eq!(client.offsets(&topic, 0, 0), [0, 1, 2], "nothing else was stored");
}

#[test]
fn a_client_that_sends_nonsense_after_sense_gets_its_replies_first() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let batch = batches::count(1);
    let id = client.send(13, &produce(&topic, -1, &[(0, &batch)]));
    client.send_raw(b"nonsense that goes on for a while");
    let reply = client.receive::<klamm::schema::clients::produce_request::ProduceRequest<'_>>(13, id);
    assert_eq!(reply.responses[0].partition_responses[0].error_code, 0);
    client.assert_closed();
}
