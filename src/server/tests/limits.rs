//! What peers may not do, and what they may not take.
use super::*;
use crate::env::{Files, MemoryFiles, OpenMode, Rng, SeededRng};

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn bad_input_ends_its_connection_and_nothing_else() {
    let f = Fixture::start(|config| config.max_request = 1 << 20).await;
    let mut bystander = f.client().await;
    bystander.expect_echo(1, b"before").await;
    let mut noise = vec![0u8; 4096];
    SeededRng::new(3).fill(&mut noise);
    noise[0] |= 0x80;
    let unknown_api = [0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0];
    let cases: &[(&str, &[u8])] = &[
        ("negative", &[0xff, 0xff, 0xff, 0xff]),
        ("oversized", &[0x7f, 0xff, 0xff, 0xff]),
        ("one byte too long", &[0, 0x10, 0, 1]),
        ("empty", &[0, 0, 0, 0]),
        ("no header", &[0, 0, 0, 3, 0, 1, 2]),
        ("unknown api", &unknown_api),
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("tls", &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
        ("noise", &noise),
        ("refused", &frame(CLOSE, 1, b"")),
    ];
    for (name, bytes) in cases {
        let mut client = f.client().await;
        // What was asked before is still answered.
        client.send(&[&frame(ECHO, 1, b"good")[..], bytes].concat()).await;
        assert_eq!(client.receive().await.unwrap().1, b"good", "{name}");
        client.expect_end().await;
    }
    let mut unlucky = f.client().await;
    unlucky.send(&frame(PANIC, 1, b"")).await;
    unlucky.expect_end().await;
    bystander.expect_echo(2, b"after").await;
    drop(bystander);
    until(|| f.server.connections() == 0).await;
    assert_eq!(f.server.request_memory_used(), 0);
}

#[tokio::test]
async fn addresses_and_totals_are_limited() {
    let f = Fixture::start(|config| {
        config.limits.per_ip = 2;
        config.limits.total = 3;
    })
    .await;
    let (mut a, mut b) = (f.client().await, f.client().await);
    a.expect_echo(1, b"a").await;
    b.expect_echo(1, b"b").await;
    let mut third = f.client().await;
    third.expect_end().await;
    let more = |per_ip| Limits { total: 3, per_ip, ..Default::default() };
    f.server.limiter().set(more(9));
    let mut c = f.client().await;
    c.expect_echo(1, b"c").await;
    // The fourth waits in the backlog until there is room.
    let mut d = f.client().await;
    d.send(&frame(ECHO, 1, b"d")).await;
    c.expect_echo(2, b"c").await;
    assert_eq!((f.server.connections(), f.handler.handled.load(SeqCst)), (3, 4));
    drop(a);
    assert_eq!(d.receive().await.unwrap().1, b"d");
}

#[tokio::test]
async fn idle_connections_end_and_waiting_ones_do_not() {
    let f = Fixture::start(|config| config.max_idle = 250 * MS).await;
    let (mut idle, mut half, mut waiting) = (f.client().await, f.client().await, f.client().await);
    waiting.send(&frame(PARK, 1, b"")).await;
    half.send(&frame(ECHO, 1, b"half a request")[..9]).await;
    idle.expect_end().await;
    half.expect_end().await;
    f.handler.released.send_replace(1);
    assert_eq!(waiting.receive().await.unwrap().0, 1);
    waiting.expect_end().await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_closed() {
    let files = MemoryFiles::new(1);
    let file = files.open("/x".as_ref(), OpenMode::Create).unwrap();
    file.write_all_at(&vec![7; 16 << 20], 0).unwrap();
    let range = FileRange { file, pos: 0, len: 16 << 20 };
    let f = Fixture::with_file(Some(range), |config| config.max_stall = 60 * MS).await;
    let mut client = f.client().await;
    client.send(&frame(FILE, 1, b"")).await;
    f.handled(1).await;
    until(|| f.server.connections() == 0).await;
    assert!(client.receive().await.is_err(), "the reply is cut off");
}

#[tokio::test]
async fn requests_share_a_budget_and_half_ones_cannot_keep_it() {
    let f = Fixture::start(|config| {
        config.request_memory = 1 << 20;
        config.max_half_request = 150 * MS;
    })
    .await;
    let whole = frame(ECHO, 1, &vec![1; 900_000]);
    let half = &whole[..600_000];
    let server = &f.server;
    let used = |at_least| until(move || server.request_memory_used() >= at_least);
    let mut oldest = f.client().await;
    oldest.send(half).await;
    used(600_000).await;
    let mut younger = f.client().await;
    let (sent, ()) = tokio::join!(younger.0.write_all(half), used(1 << 20));
    sent.unwrap();
    // Large requests wait now, small ones do not.
    let mut small = f.client().await;
    small.expect_echo(7, b"small").await;
    let mut large = f.client().await;
    let (mut read, mut write) = large.0.split();
    let mut got = vec![0; 900_008];
    let (sent, received) = tokio::join!(write.write_all(&whole), read.read_exact(&mut got));
    sent.unwrap();
    received.unwrap();
    oldest.expect_end().await;
    drop((oldest, younger, small, large));
    until(|| f.server.request_memory_used() == 0).await;
}
