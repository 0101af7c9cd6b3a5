//! Starting where nobody else is, and stopping in order.
use super::*;

#[tokio::test]
async fn an_orderly_stop_answers_what_was_accepted() {
    let f = Fixture::start(|_| ()).await;
    let (mut waiting, mut idle) = (f.client().await, f.client().await);
    idle.expect_echo(1, b"").await;
    waiting.send(&[frame(PARK, 1, b"a"), frame(PARK, 2, b"b"), frame(ECHO, 3, b"c")].concat()).await;
    f.handled(4).await;
    let Fixture { server, handler, address } = f;
    let stop = tokio::spawn(server.stop(Duration::from_secs(10)));
    idle.expect_end().await;
    // A request that comes too late is not answered and does not harm those before it.
    waiting.send(&frame(ECHO, 4, b"late")).await;
    handler.released.send_replace(2);
    for (id, body) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        assert_eq!(waiting.receive().await.unwrap(), (id, body.to_vec()));
    }
    waiting.expect_end().await;
    drop(waiting);
    assert_eq!(stop.await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_ends_in_time_whatever_waits() {
    let f = Fixture::start(|_| ()).await;
    let mut client = f.client().await;
    client.send(&frame(PARK, 1, b"")).await;
    f.handled(1).await;
    assert_eq!(f.server.stop(Duration::from_millis(50)).await, 1);
    client.expect_end().await;
}

#[tokio::test]
async fn a_port_in_use_is_explained() {
    let f = Fixture::start(|_| ()).await;
    let listener = ListenerConfig {
        name: "CLIENTS".into(),
        kind: ListenerKind::Broker,
        host: "127.0.0.1".into(),
        port: f.address.port(),
    };
    let error = Server::bind(ServerConfig { listeners: vec![listener], ..Default::default() }).await;
    let text = error.unwrap_err().to_string();
    let port = f.address.port();
    assert!(
        text.starts_with(&format!("listener CLIENTS cannot listen on 127.0.0.1:{port}: another program"))
    );
}

#[tokio::test]
async fn all_interfaces_take_both_families() {
    let listener =
        ListenerConfig { name: "A".into(), kind: ListenerKind::Broker, host: String::new(), port: 0 };
    let bound = Server::bind(ServerConfig { listeners: vec![listener], ..Default::default() }).await.unwrap();
    let port = bound.addresses()[0].1.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
}
