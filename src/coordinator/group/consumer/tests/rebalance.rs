//! Several members: who gives up what, and when the others get it.

use super::*;

#[test]
fn a_second_member_gets_what_the_first_gives_up() {
    let mut world = World::new(&[("t", 4)]);
    let t = world.id_of("t");
    ok(world.beat(&join("a", &["t"])));
    let b = ok(world.beat(&join("b", &["t"])));
    assert_eq!((b.member_epoch, given(&b)), (3, Some(BTreeSet::new())), "nothing is free yet");
    assert_eq!(world.group().state_name(), "Reconciling");

    let a = ok(world.beat(&stay("a", 2)));
    let keeps = given(&a).unwrap();
    assert_eq!((a.member_epoch, keeps.len()), (2, 2), "a must give up two and keeps its epoch");
    assert_eq!(given(&ok(world.beat(&stay("b", 3)))), None, "a may still read them");
    let still: Vec<i32> = (0..4).collect();
    assert_eq!(ok(world.beat(&owns(stay("a", 2), t, &still))).member_epoch, 2);

    let kept: Vec<i32> = keeps.iter().map(|(_, p)| *p).collect();
    let a = ok(world.beat(&owns(stay("a", 2), t, &kept)));
    assert_eq!((a.member_epoch, given(&a)), (3, None));
    let b = given(&ok(world.beat(&stay("b", 3)))).unwrap();
    assert_eq!(b.len(), 2);
    assert!(b.is_disjoint(&keeps));
    assert_eq!(world.group().state_name(), "Stable");
}

#[test]
fn who_does_not_give_up_in_time_is_fenced() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&Request { rebalance_timeout_ms: 10_000, ..join("a", &["t"]) }));
    ok(world.beat(&join("b", &["t"])));
    ok(world.beat(&stay("a", 2)));
    world.pass(9_999);
    ok(world.beat(&stay("a", 2)));
    assert_eq!(world.group().members().len(), 2);
    world.pass(1);
    assert_eq!(world.group().members().len(), 1);
    assert_eq!(code(&world.beat(&stay("a", 2))), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(given(&ok(world.beat(&stay("b", 3)))).unwrap().len(), 2);
}

#[test]
fn a_load_keeps_the_deadline_of_those_who_give_up() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&Request { rebalance_timeout_ms: 10_000, ..join("a", &["t"]) }));
    ok(world.beat(&join("b", &["t"])));
    ok(world.beat(&stay("a", 2)));
    world.shard = world.shadow.clone();
    world.with_view(|shard, view| shard.loaded(view));
    world.pass(10_000);
    assert_eq!(world.group().members().len(), 1);
    world.pass(35_000);
    assert!(world.group().is_empty());
}

#[test]
fn topics_come_grow_and_go() {
    let mut world = World::new(&[("t", 1)]);
    let reply = ok(world.beat(&join("m", &["t", "u"])));
    assert_eq!(given(&reply).unwrap().len(), 1);
    world.set_topic("u", 2);
    let reply = ok(world.beat(&stay("m", 2)));
    assert_eq!((reply.member_epoch, given(&reply).unwrap().len()), (3, 3));
    world.set_topic("t", 2);
    assert_eq!(given(&ok(world.beat(&stay("m", 3)))).unwrap().len(), 4);
    world.kinds();
    world.set_topic("other", 2);
    assert_eq!(given(&ok(world.beat(&stay("m", 4)))), None);
    assert!(world.kinds().is_empty(), "another topic is nobody's business");
    world.set_topic("u", 0);
    let reply = ok(world.beat(&stay("m", 4)));
    assert_eq!(given(&reply).unwrap().len(), 2, "what is gone is taken away");
}

#[test]
fn patterns_follow_the_topics() {
    let mut world = World::new(&[("logs-a", 1), ("logs-b", 1), ("other", 1), ("xlogs-c", 1)]);
    let pattern = |p: &'static str| Request {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some(p.into()),
        ..join("m", &[])
    };
    let reply = ok(world.beat(&pattern("logs-.*")));
    assert_eq!(given(&reply).unwrap().len(), 2, "the whole name must match");
    assert_eq!(world.kinds(), [5, 16, 3, 7, 6, 8]);
    assert!(world.group().is_subscribed("logs-b") && !world.group().is_subscribed("other"));
    world.set_topic("logs-d", 1);
    let reply = ok(world.beat(&stay("m", 2)));
    assert_eq!((reply.member_epoch, given(&reply).unwrap().len()), (3, 3));
    world.kinds();
    let both =
        Request { member_epoch: 3, subscribed_topic_names: Some(vec!["other".into()]), ..pattern("logs-a") };
    let both = owns(both, world.id_of("logs-a"), &[0]);
    let reply = ok(world.beat(&both));
    assert_eq!(given(&reply).unwrap(), [(world.id_of("logs-a"), 0), (world.id_of("other"), 0)].into());
    let tombstones = world.written.iter().filter(|r| r.kind() == 16 && r.encode().1.is_none());
    assert_eq!(tombstones.count(), 1, "the pattern before is forgotten");
    ok(world.beat(&stay("m", -1)));
    assert!(!world.group().is_subscribed("logs-a"));
}

#[test]
fn what_is_unsubscribed_is_taken_away_before_the_next_assignment() {
    let mut world = World::new(&[("t", 1), ("u", 1)]);
    world.config.group_consumer_assignment_interval_ms = 1000;
    ok(world.beat(&join("m", &["t", "u"])));
    world.pass(10);
    let less = Request { member_epoch: 2, topic_partitions: None, ..join("m", &["t"]) };
    let reply = ok(world.beat(&less));
    assert_eq!(given(&reply), Some([(world.id_of("t"), 0)].into()));
    assert_eq!(world.group().state_name(), "Assigning");
}

#[test]
fn assignments_keep_their_distance_and_members_come_back_for_them() {
    let mut world = World::new(&[("t", 2)]);
    world.config.group_consumer_assignment_interval_ms = 1000;
    ok(world.beat(&join("a", &["t"])));
    world.pass(300);
    let b = ok(world.beat(&join("b", &["t"])));
    assert_eq!((b.member_epoch, b.heartbeat_interval_ms), (2, 700), "told when to ask again");
    assert_eq!(world.group().state_name(), "Assigning");
    world.pass(700);
    let b = ok(world.beat(&stay("b", 2)));
    assert_eq!((b.member_epoch, b.heartbeat_interval_ms), (3, 5000));
    for (member, epoch) in [("a", 2), ("b", 3)] {
        ok(world.beat(&stay(member, epoch).clone_leaving()));
    }
    world.pass(10);
    assert_eq!(given(&ok(world.beat(&join("c", &["t"])))).unwrap().len(), 2, "an empty group begins at once");
}

trait Leaving {
    fn clone_leaving(&self) -> Self;
}

impl Leaving for Request<'_> {
    fn clone_leaving(&self) -> Self {
        Self { member_epoch: -1, ..self.clone() }
    }
}

#[test]
fn the_assignor_of_the_majority_counts() {
    let mut world = World::new(&[("t", 2), ("u", 2)]);
    let like = |member, name: &'static str| Request {
        server_assignor: Some(name.into()),
        ..join(member, &["t", "u"])
    };
    ok(world.beat(&like("a", "range")));
    let described = world.with_view(|shard, view| shard.consumer_describe(view, "g"));
    assert_eq!(described.assignor_name, "range");
    assert_eq!(
        (described.group_epoch, described.assignment_epoch, &*described.group_state),
        (2, 2, "Stable")
    );
    assert_eq!(described.members.len(), 1);
    assert_eq!(described.members[0].assignment, described.members[0].target_assignment);
    assert_eq!(described.members[0].member_type, 1);
    let change = Request { member_epoch: 2, topic_partitions: None, ..like("a", "uniform") };
    assert_eq!(ok(world.beat(&change)).member_epoch, 3, "another assignor, another assignment");
    let described = world.with_view(|shard, view| shard.consumer_describe(view, "g"));
    assert_eq!(described.assignor_name, "uniform");
    let missing = world.with_view(|shard, view| shard.consumer_describe(view, "h"));
    assert_eq!(missing.error_code, ErrorCode::GROUP_ID_NOT_FOUND.code());
}
