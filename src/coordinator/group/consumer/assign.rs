//! The target assignment: who is to read what at the group's epoch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::super::View;
use super::super::assignor::{self, Assignment, Assignor, Problem};
use super::group::ConsumerGroup;
use super::member::{Member, Subscription};
use super::pattern::Resolved;

/// What the members subscribe to, patterns resolved.
struct Topics<'a> {
    resolved: &'a BTreeMap<Arc<str>, Arc<Resolved>>,
    /// Topics that exist, by id.
    found: Vec<assignor::Topic>,
    position: HashMap<Arc<str>, usize>,
}

impl<'a> Topics<'a> {
    /// Looks up all that `members` subscribe to. Racks are asked for only where a member has one.
    fn of<'m>(
        view: &View<'_>,
        resolved: &'a BTreeMap<Arc<str>, Arc<Resolved>>,
        members: impl Iterator<Item = &'m Member> + Clone,
    ) -> Self {
        let mut topics = Self { resolved, found: Vec::new(), position: HashMap::new() };
        let with_racks = members.clone().any(|member| member.wants.rack.is_some());
        let mut seen: BTreeMap<crate::types::TopicId, (Arc<str>, assignor::Topic)> = BTreeMap::new();
        let mut last: Option<&Subscription> = None;
        for member in members {
            let wants = &member.wants;
            if last
                .replace(wants)
                .is_some_and(|last| last.topics == wants.topics && last.regex == wants.regex)
            {
                continue;
            }
            for name in topics.names(wants) {
                if topics.position.contains_key(&name) {
                    continue;
                }
                let Some(info) = view.cluster.topic(&name) else { continue };
                let racks = |partition| view.cluster.racks(info.id, partition);
                let racks = if with_racks { (0..info.partitions).map(racks).collect() } else { Vec::new() };
                let topic = assignor::Topic { id: info.id, partitions: info.partitions, racks };
                topics.position.insert(Arc::clone(&name), 0);
                seen.insert(info.id, (name, topic));
            }
        }
        for (at, (name, topic)) in seen.into_values().enumerate() {
            topics.position.insert(name, at);
            topics.found.push(topic);
        }
        topics
    }

    fn names(&self, wants: &Subscription) -> BTreeSet<Arc<str>> {
        let mut names: BTreeSet<Arc<str>> = wants.topics.iter().cloned().collect();
        if let Some(resolved) = wants.pattern().and_then(|pattern| self.resolved.get(pattern)) {
            names.extend(resolved.topics.iter().cloned());
        }
        names
    }

    fn positions(&self, wants: &Subscription) -> Vec<usize> {
        let position = |name: &Arc<str>| self.position.get(name).copied();
        let mut positions: Vec<usize> = match wants.pattern() {
            None => wants.topics.iter().filter_map(position).collect(),
            Some(_) => self.names(wants).iter().filter_map(position).collect(),
        };
        positions.sort_unstable();
        positions
    }

    /// Assigns all topics to the members, each with its last target.
    fn assign<'m>(
        self,
        assignor: Assignor,
        members: impl Iterator<Item = (&'m Member, &'m Assignment)>,
    ) -> Vec<Assignment> {
        let mut problem = Problem { topics: Vec::new(), members: Vec::new() };
        let mut last: Option<(&Subscription, Vec<usize>)> = None;
        for (member, current) in members {
            let wants = &*member.wants;
            let topics = match &last {
                Some((last, topics)) if last.topics == wants.topics && last.regex == wants.regex => {
                    topics.clone()
                }
                _ => self.positions(wants),
            };
            last = Some((wants, topics.clone()));
            problem.members.push(assignor::Member {
                id: &member.id,
                instance: member.instance(),
                rack: wants.rack.as_deref(),
                topics,
                current,
            });
        }
        problem.topics = self.found;
        assignor.assign(&problem)
    }
}

/// The new target of each member whose target changes. `new` stands for itself as it is to be.
pub(super) fn changed_targets(
    group: &ConsumerGroup,
    view: &View<'_>,
    assignor: Assignor,
    resolved: &BTreeMap<Arc<str>, Arc<Resolved>>,
    new: Option<&Member>,
) -> Vec<(Arc<str>, Arc<Assignment>)> {
    let others = group.members.values().filter(|member| new.is_none_or(|new| new.id != member.id));
    let members = others.chain(new);
    let nothing = Assignment::new();
    let topics = Topics::of(view, resolved, members.clone());
    let current = |member: &Member| group.targets.get(&member.id).map_or(&nothing, |target| &**target);
    let assigned = topics.assign(assignor, members.clone().map(|member| (member, current(member))));
    members
        .zip(assigned)
        .filter(|(member, target)| group.targets.get(&member.id).is_none_or(|old| **old != *target))
        .map(|(member, target)| (Arc::clone(&member.id), Arc::new(target)))
        .collect()
}
