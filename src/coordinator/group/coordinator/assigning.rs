//! New targets for consumer groups: in the turn of a heartbeat where that is quick, else on another
//! thread; not more often than a group may be assigned (KIP-1263).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::assignor::{AssignError, Assignment, Assignor, GroupSpec};
use super::super::consumer::change;
use super::super::consumer::live::{Assigning, Live};
use super::super::consumer::target::{install, size, spec};
use super::super::consumer::tx::Tx;
use super::consumer_calls::consumer_write;
use super::kinds::Group;
use super::{Coordinator, Then, Topics, Turn};
use crate::model::TimestampMs;

/// An assignment to be made on another thread: it owns all that it needs.
#[derive(Debug)]
pub struct AssignmentJob {
    group: Arc<str>,
    epoch: i32,
    number: u64,
    assignor: Assignor,
    spec: GroupSpec,
}

/// What came of an [`AssignmentJob`].
#[derive(Debug)]
pub struct Assigned {
    group: Arc<str>,
    epoch: i32,
    number: u64,
    result: Result<Assignment, AssignError>,
}

impl AssignmentJob {
    /// The group it is for: its result goes to the same coordinator.
    pub fn group(&self) -> &Arc<str> {
        &self.group
    }

    /// Does the work; it may take a while.
    pub fn run(self) -> Assigned {
        Assigned {
            result: self.assignor.assign(&self.spec),
            group: self.group,
            epoch: self.epoch,
            number: self.number,
        }
    }
}

impl Assigned {
    /// The group it is for.
    pub fn group(&self) -> &Arc<str> {
        &self.group
    }
}

impl Coordinator {
    /// Brings an assignment back. One that nobody waits for any more does nothing.
    pub fn assigned(&mut self, assigned: Assigned, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        let id = assigned.group;
        let Some(Group::Consumer(live)) = self.groups.get_mut(&id) else {
            return turn;
        };
        let assigning = live
            .assigning
            .take_if(|assigning| assigning.job == assigned.number);
        let Some(assigning) = assigning else {
            return turn;
        };
        let group = &mut live.group;
        if !(group.target_epoch() + 1..=group.epoch()).contains(&assigned.epoch) {
            return turn;
        }
        match assigned.result {
            Ok(assignment) => {
                let was_static = &assigning.static_members;
                let mut tx = Tx::default();
                install(group, assigned.epoch, &assignment, was_static, now, &mut tx);
                turn.writes.push(consumer_write(&id, tx, Then::Nothing));
            }
            Err(error) => log::error!("group {id}: cannot be assigned: {error}"),
        }
        turn
    }

    /// The topics of the cluster have changed.
    pub fn refresh(&mut self, topics: &dyn Topics, _now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        let names: Vec<_> = self.groups.names().cloned().collect();
        for id in &names {
            let Some(Group::Consumer(live)) = self.groups.get_mut(id) else {
                continue;
            };
            // Expressions are looked up with the next heartbeats, so that many changes in a row
            // cost one look.
            live.regexes_are_stale = true;
            live.topics_are_unseen = false;
            let mut tx = Tx::default();
            change::refresh(&mut live.group, topics, &mut tx);
            if !tx.records.is_empty() {
                turn.writes.push(consumer_write(id, tx, Then::Nothing));
            }
        }
        turn
    }

    /// What a group that was loaded subscribes to is looked at with its next heartbeat, as in Kafka:
    /// one whose members are away stays as it is.
    pub(super) fn see_topics(&mut self, id: &Arc<str>, topics: &dyn Topics, turn: &mut Turn) {
        let Some(Group::Consumer(live)) = self.groups.get_mut(id) else {
            return;
        };
        if !std::mem::take(&mut live.topics_are_unseen) {
            return;
        }
        let mut tx = Tx::default();
        change::refresh(&mut live.group, topics, &mut tx);
        if !tx.records.is_empty() {
            turn.writes.push(consumer_write(id, tx, Then::Nothing));
        }
    }

    /// Makes a new target, if the group needs one and may have it now; or leaves that to others.
    pub(super) fn assign_if_due(
        &mut self,
        live: &mut Live,
        topics: &dyn Topics,
        now: TimestampMs,
        tx: &mut Tx,
    ) -> Option<AssignmentJob> {
        let id = live.group.id().clone();
        let epoch = live.group.epoch();
        let interval_ms = i64::from(self.assignment_interval_ms(&id));
        let is_first = live.group.target_at() == 0;
        let is_due = is_first || interval_ms == 0 || now >= live.group.target_at() + interval_ms;
        if epoch <= live.group.target_epoch() || live.assigning.is_some() || !is_due {
            return None;
        }
        let limits = &self.config.consumer;
        let default = limits.assignors.first().copied().unwrap_or_default();
        let wished = live.group.assignor();
        let wished = wished.filter(|wished| limits.assignors.contains(wished));
        let assignor = wished.unwrap_or(default);
        let spec = spec(&live.group, topics);
        // The first member of a group is told its part at once, however large that is.
        if live.group.target_epoch() > 0 && size(&spec) > limits.inline_assignment_max {
            return Some(self.leave_to_others(live, assignor, spec));
        }
        let assignment = assignor.assign(&spec).expect("a spec knows its topics");
        install(
            &mut live.group,
            epoch,
            &assignment,
            &BTreeMap::new(),
            now,
            tx,
        );
        log::info!("group {id}: assigned epoch {epoch} by {}", assignor.name());
        None
    }

    fn leave_to_others(
        &mut self,
        live: &mut Live,
        assignor: Assignor,
        spec: GroupSpec,
    ) -> AssignmentJob {
        self.jobs += 1;
        let members = live.group.members().iter();
        let static_members = members.filter_map(|(id, member)| {
            let instance_id = member.profile.instance_id.clone()?;
            Some((instance_id, id.clone()))
        });
        live.assigning = Some(Assigning {
            job: self.jobs,
            static_members: static_members.collect(),
        });
        AssignmentJob {
            group: live.group.id().clone(),
            epoch: live.group.epoch(),
            number: self.jobs,
            assignor,
            spec,
        }
    }
}
