//! One member, one request: what is refused, what is written, what is answered.

use super::*;
use crate::coordinator::group::consumer::hash::group_hash;

#[test]
fn requests_that_are_refused_unseen() {
    use ErrorCode as E;
    let base = || join("m", &["t"]);
    let of = |change: &dyn Fn(&mut Request<'static>)| {
        let mut request = base();
        change(&mut request);
        request
    };
    let cases: Vec<(&str, i16, Request<'static>, E)> = vec![
        ("no member id", 1, of(&|r| r.member_id = "".into()), E::INVALID_REQUEST),
        ("a blank member id", 1, of(&|r| r.member_id = " ".into()), E::INVALID_REQUEST),
        ("no member id in version 0", 0, of(&|r| r.member_id = "".into()), E::NONE),
        ("no group id", 1, of(&|r| r.group_id = "".into()), E::INVALID_REQUEST),
        ("an empty instance id", 1, of(&|r| r.instance_id = Some("".into())), E::INVALID_REQUEST),
        ("an empty rack", 1, of(&|r| r.rack_id = Some("".into())), E::INVALID_REQUEST),
        ("no rebalance timeout", 1, of(&|r| r.rebalance_timeout_ms = -1), E::INVALID_REQUEST),
        ("no owned partitions", 1, of(&|r| r.topic_partitions = None), E::INVALID_REQUEST),
        ("owned partitions of one who joins", 1, owns(base(), Uuid([1; 16]), &[0]), E::INVALID_REQUEST),
        ("no subscription", 1, of(&|r| r.subscribed_topic_names = None), E::INVALID_REQUEST),
        ("an epoch below -2", 1, of(&|r| r.member_epoch = -3), E::INVALID_REQUEST),
        ("a dynamic member for a while", 1, of(&|r| r.member_epoch = -2), E::INVALID_REQUEST),
        (
            "an assignor that is not there",
            1,
            of(&|r| r.server_assignor = Some("x".into())),
            E::UNSUPPORTED_ASSIGNOR,
        ),
        (
            "a pattern that is none",
            1,
            of(&|r| r.subscribed_topic_regex = Some("a)(b".into())),
            E::INVALID_REGULAR_EXPRESSION,
        ),
        ("an unknown group", 1, of(&|r| r.member_epoch = 1), E::GROUP_ID_NOT_FOUND),
        ("leaving an unknown group", 1, of(&|r| r.member_epoch = -1), E::GROUP_ID_NOT_FOUND),
    ];
    for (name, version, request, expected) in cases {
        let mut world = World::new(&[("t", 2)]);
        assert_eq!(code(&world.beat_as(version, &request)), expected, "{name}");
    }
}

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut world = World::new(&[("t", 2), ("u", 1)]);
    let reply = ok(world.beat(&join("m", &["u", "t", "missing"])));
    assert_eq!(reply.member_id.as_deref(), Some("m"));
    assert_eq!((reply.member_epoch, reply.heartbeat_interval_ms), (2, 5000));
    let all = [(world.id_of("t"), 0), (world.id_of("t"), 1), (world.id_of("u"), 0)];
    assert_eq!(given(&reply), Some(all.into()));
    assert_eq!(world.kinds(), [5, 3, 7, 6, 8], "in Kafka's order");
    assert_eq!(world.group().state_name(), "Stable");

    let reply = ok(world.beat(&stay("m", 2)));
    assert_eq!((given(&reply), reply.member_epoch), (None, 2));
    assert!(world.kinds().is_empty(), "a heartbeat writes nothing");
    let full = Request { member_epoch: 2, ..join("m", &["u", "t", "missing"]) };
    assert_eq!(given(&ok(world.beat(&full))), Some(all.into()), "a full request is answered in full");
    assert!(world.kinds().is_empty());
}

#[test]
fn a_server_made_id_in_version_0() {
    let mut world = World::new(&[("t", 1)]);
    let reply = ok(world.beat_as(0, &join("", &["t"])));
    let id = reply.member_id.unwrap();
    assert!(world.group().members().contains_key(&*id) && id.len() == 22);
}

#[test]
fn epochs_are_checked() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&join("m", &["t"])));
    world.set_topic("t", 3);
    let reply = ok(world.beat(&stay("m", 2)));
    assert_eq!(reply.member_epoch, 3, "the new partition raises the epoch");
    let t = world.id_of("t");
    let cases = [
        ("the epoch", stay("m", 3), ErrorCode::NONE),
        ("a future one", stay("m", 4), ErrorCode::FENCED_MEMBER_EPOCH),
        ("the one before", stay("m", 2), ErrorCode::FENCED_MEMBER_EPOCH),
        ("the one before, owning what it was given", owns(stay("m", 2), t, &[0, 1]), ErrorCode::NONE),
        ("the one before, owning more", owns(stay("m", 2), t, &[7]), ErrorCode::FENCED_MEMBER_EPOCH),
        ("one before that", owns(stay("m", 1), t, &[]), ErrorCode::FENCED_MEMBER_EPOCH),
        ("an unknown member", stay("x", 3), ErrorCode::UNKNOWN_MEMBER_ID),
        ("joining anew under the same id", join("m", &["t"]), ErrorCode::NONE),
    ];
    for (name, request, expected) in cases {
        assert_eq!(code(&world.beat(&request)), expected, "{name}");
    }
}

#[test]
fn the_group_may_be_full() {
    let mut world = World::new(&[("t", 2)]);
    world.config.group_consumer_max_size = 1;
    let first = Request { instance_id: Some("i".into()), ..join("m", &["t"]) };
    ok(world.beat(&first));
    assert_eq!(code(&world.beat(&join("n", &["t"]))), ErrorCode::GROUP_MAX_SIZE_REACHED);
    ok(world.beat(&Request { instance_id: Some("i".into()), member_epoch: -2, ..stay("m", -2) }));
    ok(world.beat(&Request { instance_id: Some("i".into()), ..join("n", &["t"]) }));
}

#[test]
fn a_member_that_leaves_is_gone_and_the_group_stays() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&join("m", &["t"])));
    world.kinds();
    let reply = ok(world.beat(&stay("m", -1)));
    assert_eq!((reply.member_epoch, reply.member_id.as_deref()), (-1, Some("m")));
    assert_eq!(world.kinds(), [8, 7, 5, 3, 6]);
    assert_eq!(world.group().state_name(), "Empty");
    assert_eq!(code(&world.beat(&stay("m", 2))), ErrorCode::UNKNOWN_MEMBER_ID);
    for record in world.group().tombstones("g") {
        world.commit(Changes { records: vec![record], ..Changes::default() });
    }
    assert!(world.shard.groups.is_empty() && world.shadow.groups.is_empty());
}

#[test]
fn a_silent_member_is_fenced_after_its_session() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&join("m", &["t"])));
    world.pass(44_999);
    ok(world.beat(&stay("m", 2)));
    world.pass(44_999);
    ok(world.beat(&stay("m", 2)));
    world.pass(45_000);
    assert!(world.group().is_empty());
    world.topics.options.insert("consumer.session.timeout.ms".into(), "50000".into());
    world.topics.options.insert("consumer.heartbeat.interval.ms".into(), "7000".into());
    assert_eq!(ok(world.beat(&join("m", &["t"]))).heartbeat_interval_ms, 7000);
    world.pass(49_999);
    assert!(!world.group().is_empty());
    world.pass(1);
    assert!(world.group().is_empty());
}

#[test]
fn static_members_come_back() {
    let fixed = |request| Request { instance_id: Some("i".into()), ..request };
    let mut world = World::new(&[("t", 2)]);
    let first = given(&ok(world.beat(&fixed(join("m", &["t"])))));
    assert_eq!(code(&world.beat(&fixed(join("n", &["t"])))), ErrorCode::UNRELEASED_INSTANCE_ID);
    assert_eq!(code(&world.beat(&fixed(stay("n", 2)))), ErrorCode::FENCED_INSTANCE_ID);
    let other = Request { instance_id: Some("j".into()), ..stay("m", 2) };
    assert_eq!(code(&world.beat(&other)), ErrorCode::UNKNOWN_MEMBER_ID);
    world.kinds();

    let reply = ok(world.beat(&fixed(stay("m", -2))));
    assert_eq!((reply.member_epoch, world.kinds()), (-2, vec![8]));
    let reply = ok(world.beat(&fixed(join("n", &["t"]))));
    assert_eq!((reply.member_epoch, given(&reply)), (2, first), "no rebalance");
    assert_eq!(world.kinds(), [8, 7, 5, 5, 7, 8, 8]);
    assert_eq!(code(&world.beat(&fixed(stay("m", 2)))), ErrorCode::FENCED_INSTANCE_ID);
    ok(world.beat(&fixed(stay("n", 2))));
    ok(world.beat(&fixed(join("n", &["t"]))));

    ok(world.beat(&fixed(stay("n", -2))));
    world.pass(45_000);
    assert!(world.group().is_empty(), "it did not come back");
}

#[test]
fn commits_are_checked_by_epoch_and_partition() {
    let mut world = World::new(&[("t", 2)]);
    let t = world.id_of("t");
    ok(world.beat(&join("m", &["t"])));
    world.set_topic("t", 3);
    ok(world.beat(&stay("m", 2)));
    let group = world.group();
    let check = |member: &str, epoch, version, partition| {
        let verdict = group.validate_commit(member, None, epoch, false, version).map_err(|e| e.code);
        verdict.and_then(|check| check.partition(t, partition)).err().unwrap_or(ErrorCode::NONE)
    };
    let cases = [
        ("now", check("m", 3, 9, 2), ErrorCode::NONE),
        ("what it had before", check("m", 2, 9, 0), ErrorCode::NONE),
        ("what it got later", check("m", 2, 9, 2), ErrorCode::STALE_MEMBER_EPOCH),
        ("what is not its own", check("m", 2, 9, 7), ErrorCode::STALE_MEMBER_EPOCH),
        ("the future", check("m", 4, 9, 0), ErrorCode::STALE_MEMBER_EPOCH),
        ("a stranger", check("x", 3, 9, 0), ErrorCode::UNKNOWN_MEMBER_ID),
        ("an admin, while members read", check("", -1, 9, 0), ErrorCode::UNKNOWN_MEMBER_ID),
        ("an old version", check("m", 3, 8, 0), ErrorCode::UNSUPPORTED_VERSION),
    ];
    for (name, got, expected) in cases {
        assert_eq!(got, expected, "{name}");
    }
    let fetch = |member, epoch| group.validate_fetch(member, epoch).err().map(|e| e.code);
    assert_eq!(fetch(None, -1), None);
    assert_eq!(fetch(Some("m"), 3), None);
    assert_eq!(fetch(Some("m"), 2), Some(ErrorCode::STALE_MEMBER_EPOCH));
    assert_eq!(fetch(Some("x"), 2), Some(ErrorCode::UNKNOWN_MEMBER_ID));
}

/// Fingerprints that Kafka 4.3.1 wrote of these topics.
#[test]
fn fingerprints_are_kafkas() {
    let cases: [(&[(&str, &str, i32)], i64); 4] = [
        (
            &[("compress", "kjSTPbCqR3SVjOCXQHhueQ", 5), ("idempotent", "ExZ8pyX9RsaFzWWKWa0Uag", 2)],
            1570640249736728497,
        ),
        (&[("txn", "_IDRN92RRJKoESYEm2E8QA", 2)], -5750289969822780869),
        (
            &[("grown", "c9VOu3d_TzOe5ystjtFlGA", 3), ("headers", "CHLWpQrCRPOYGciP3sGEIw", 1)],
            1716476842584274928,
        ),
        (&[], 0),
    ];
    for (topics, expected) in cases {
        let mut cluster = Topics::default();
        let mut names: Vec<Arc<str>> = vec!["no-such-topic".into()];
        for (name, id, partitions) in topics {
            let topic =
                TopicInfo { name: (*name).into(), id: Uuid::parse(id).unwrap(), partitions: *partitions };
            names.push(Arc::clone(&topic.name));
            cluster.by_name.insert(Arc::clone(&topic.name), topic);
        }
        assert_eq!(group_hash(names.iter(), &cluster), expected, "{topics:?}");
    }
}
