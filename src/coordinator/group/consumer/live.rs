//! A consumer group at work: besides what the log says of it, the deadlines of its members and the
//! assignment that is being made for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::group::{Group, Member};
use crate::coordinator::group::effects::{Cx, Deadline};
use crate::coordinator::timers::TimerId;
use crate::model::TimestampMs;

/// A consumer group and what is not in the log of it.
#[derive(Debug)]
pub struct Live {
    /// What the log says.
    pub group: Group,
    /// The assignment that another thread makes, if one does.
    pub assigning: Option<Assigning>,
    /// When its regular expressions were looked up last.
    pub regexes_at: TimestampMs,
    /// Topics have changed since.
    pub regexes_are_stale: bool,
    /// It was loaded, and what it subscribes to was not looked at since.
    pub topics_are_unseen: bool,
    /// The number of the last append that was about it.
    pub last_write: u64,
    deadlines: HashMap<Arc<str>, Deadlines, foldhash::fast::RandomState>,
}

/// An assignment that is being made elsewhere.
#[derive(Debug)]
pub struct Assigning {
    /// Which; a result of another one is of no use.
    pub job: u64,
    /// The static members it is made for: they may be back under other ids when it comes.
    pub static_members: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Debug)]
struct Deadlines {
    session: TimerId,
    /// Set while the member has something to do: to give up partitions, to join again, to sync.
    step: Option<TimerId>,
}

impl Live {
    /// A group that nobody waits for yet; [`Live::resume`] starts its deadlines.
    pub fn new(group: Group, now: TimestampMs) -> Self {
        Self {
            group,
            assigning: None,
            regexes_at: now,
            regexes_are_stale: false,
            topics_are_unseen: false,
            last_write: 0,
            deadlines: HashMap::default(),
        }
    }

    /// Gives every member a full session, and time to give up what it was asked for: after a start.
    pub fn resume(&mut self, session_timeout_ms: i32, cx: &mut Cx<'_>) {
        let ids: Vec<_> = self.group.members().keys().cloned().collect();
        for id in &ids {
            self.resume_member(id, session_timeout_ms, cx);
        }
    }

    /// The same for one of whom something was taken back; it may not be in the group any more.
    pub fn resume_member(&mut self, id: &str, session_timeout_ms: i32, cx: &mut Cx<'_>) {
        match self.group.members().get_key_value(id) {
            Some((id, _)) => {
                let id = id.clone();
                self.keep_alive(&id, session_timeout_ms, cx);
                self.see_to_revocation(&id, cx);
            }
            None => self.forget(id, cx),
        }
    }

    /// A member has been heard of. Nothing for one that is gone.
    pub fn keep_alive(&mut self, id: &Arc<str>, session_timeout_ms: i32, cx: &mut Cx<'_>) {
        let Some(member) = self.group.members().get(id) else {
            return;
        };
        let timeout_ms = match &member.profile.classic {
            Some(classic) => classic.session_timeout_ms,
            None => session_timeout_ms,
        };
        self.put_off_session(id, timeout_ms, cx);
    }

    /// A session of a member that is there begins anew.
    pub fn put_off_session(&mut self, id: &Arc<str>, timeout_ms: i32, cx: &mut Cx<'_>) {
        let session = match self.deadlines.get(id) {
            Some(deadlines) => deadlines.session,
            None => {
                let session = cx.session_timer(self.group.id(), id);
                let deadlines = Deadlines {
                    session,
                    step: None,
                };
                self.deadlines.insert(id.clone(), deadlines);
                session
            }
        };
        cx.timers.set(session, cx.now + i64::from(timeout_ms));
    }

    /// A member that has to give up partitions gets its rebalance timeout for it.
    pub fn see_to_revocation(&mut self, id: &Arc<str>, cx: &mut Cx<'_>) {
        let Some(member) = self.group.members().get(id) else {
            return;
        };
        match member.is_asked_to_revoke() && !member.profile.is_classic() {
            true => self.expect_step(id, cx),
            false => self.on_step(id, cx),
        }
    }

    /// A member has to do something within its rebalance timeout, from now on.
    pub fn expect_step(&mut self, id: &Arc<str>, cx: &mut Cx<'_>) {
        let Some(member) = self.group.members().get(id) else {
            return;
        };
        let deadline = cx.now + i64::from(step_timeout_ms(member));
        let deadlines = self.deadlines.get_mut(id).expect("members have sessions");
        let step = *deadlines.step.get_or_insert_with(|| {
            cx.timers.add(Deadline::Step {
                group: self.group.id().clone(),
                member: id.clone(),
            })
        });
        cx.timers.set(step, deadline);
    }

    /// The same, unless it is to do something already.
    pub fn expect_step_if_none(&mut self, id: &Arc<str>, cx: &mut Cx<'_>) {
        let is_expected = self.deadlines.get(id).is_some_and(|one| one.step.is_some());
        if !is_expected {
            self.expect_step(id, cx);
        }
    }

    /// A member has done what it was to do.
    pub fn on_step(&mut self, id: &str, cx: &mut Cx<'_>) {
        let step = self.deadlines.get_mut(id).and_then(|one| one.step.take());
        if let Some(step) = step {
            cx.timers.remove(step);
        }
    }

    /// A member is gone.
    pub fn forget(&mut self, id: &str, cx: &mut Cx<'_>) {
        self.on_step(id, cx);
        if let Some(deadlines) = self.deadlines.remove(id) {
            cx.timers.remove(deadlines.session);
        }
    }

    /// Gives back the deadlines of a group that goes; what the log says of it stays.
    pub fn end(mut self, cx: &mut Cx<'_>) -> Group {
        let ids: Vec<_> = self.deadlines.keys().cloned().collect();
        for id in ids {
            self.forget(&id, cx);
        }
        self.group
    }
}

fn step_timeout_ms(member: &Member) -> i32 {
    member.profile.rebalance_timeout_ms.max(0)
}
