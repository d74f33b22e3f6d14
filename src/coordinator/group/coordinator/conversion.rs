//! A name changes hands between the two kinds of groups.

use std::sync::Arc;

use super::super::classic;
use super::super::consumer;
use super::super::consumer::conversion::{downgraded, upgraded};
use super::super::consumer::heartbeat::Refused;
use super::super::consumer::live::Live;
use super::super::record::GroupRecord;
use super::super::stored;
use super::consumer_calls::no_consumer_group;
use super::kinds::{Group, Saved};
use super::replay::Undo;
use super::{Coordinator, Then, Topics, Turn, Write};
use crate::model::TimestampMs;

/// The consumer group that a heartbeat is about, out of the coordinator's hands for so long.
pub(super) struct Successor {
    pub(super) live: Box<Live>,
    /// What makes it of what was there before.
    pub(super) records: Vec<GroupRecord>,
    /// Whether it takes the place of something else, or of nothing.
    pub(super) succeeds: bool,
}

impl Coordinator {
    /// Takes a consumer group out, or makes one of what has its name: who joins makes a group of
    /// nothing and of an empty one, and turns a classic group of consumers into one.
    pub(super) fn consumer_group_for(
        &mut self,
        id: &Arc<str>,
        joins: bool,
        topics: &dyn Topics,
        now: TimestampMs,
    ) -> Result<Successor, Refused> {
        if let Some(Group::Consumer(_)) = self.groups.get(id) {
            let Some(Group::Consumer(live)) = self.groups.remove(id) else {
                unreachable!("it was just seen");
            };
            return Ok(Successor {
                live,
                records: Vec::new(),
                succeeds: false,
            });
        }
        let mut group = consumer::group::Group::new(id.clone());
        let records = match self.groups.get(id) {
            _ if !joins => return Err(no_consumer_group(id)),
            None => Vec::new(),
            Some(before) if before.is_empty() => before.tombstones(),
            Some(Group::Classic(before)) => self.upgraded(before, topics, now)?,
            Some(Group::Consumer(_)) => unreachable!("it was just seen that it is none"),
        };
        records.iter().for_each(|record| group.replay(record));
        Ok(Successor {
            live: Box::new(Live::new(group, now)),
            records,
            succeeds: true,
        })
    }

    fn upgraded(
        &self,
        before: &classic::Group,
        topics: &dyn Topics,
        now: TimestampMs,
    ) -> Result<Vec<GroupRecord>, Refused> {
        let limits = &self.config.consumer;
        let may = limits.migration.upgrades()
            && before.has_consumers()
            && before.members().count() <= limits.members_max;
        let records = upgraded(before, topics, now).filter(|_| may);
        let Some(mut records) = records else {
            log::info!("group {}: stays a classic group", before.id());
            return Err(no_consumer_group(before.id()));
        };
        log::info!("group {}: is a consumer group from now on", before.id());
        records.insert(0, stored::group_tombstone(before.id()));
        Ok(records)
    }

    /// Makes a classic group of a consumer group whose last consumer of the new protocol goes.
    /// Gives `then` back if the group stays what it is.
    pub(super) fn downgrade(
        &mut self,
        id: &Arc<str>,
        leaving: &Arc<str>,
        then: Then,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> Result<(), Then> {
        let Some(Group::Consumer(live)) = self.groups.get(id) else {
            return Err(then);
        };
        let stay = live.group.members().len() - 1;
        let may = self.config.consumer.migration.downgrades()
            && live.group.is_classic_without(leaving)
            && (1..=self.config.members_max).contains(&stay);
        let classic = match may {
            true => downgraded(&live.group, Some(leaving), topics, now),
            false => None,
        };
        let Some((snapshot, offers)) = classic else {
            return Err(then);
        };
        log::info!("group {id}: is a classic group from now on");
        let mut records = live.group.tombstones();
        records.push(stored::group_record(id, snapshot.clone()));
        let Some(Group::Consumer(live)) = self.groups.remove(id) else {
            unreachable!("it was just seen");
        };
        let (_, mut cx) = self.open(id, now, &mut turn.answers);
        let before = Saved::Consumer(Box::new(live.end(&mut cx)));
        let mut group = classic::Group::restored(id.clone(), snapshot, &mut cx);
        group.take_offers(offers);
        group.resume(&mut cx);
        self.groups
            .insert(id.clone(), Group::Classic(Box::new(group)));
        turn.writes.push(Write {
            records,
            then,
            undo: Some(vec![Undo::Swap(id.clone(), Some(before))]),
        });
        self.with_classic(id, now, turn, |group, cx| group.rebalance_anew(cx));
        Ok(())
    }

    /// A consumer group goes, to make room for a classic one: what the log is to hear of that, and
    /// what takes it back.
    pub(super) fn drop_consumer_group(
        &mut self,
        id: &Arc<str>,
        now: TimestampMs,
    ) -> Option<(Vec<GroupRecord>, Undo)> {
        let Some(Group::Consumer(_)) = self.groups.get(id) else {
            return None;
        };
        let Some(Group::Consumer(live)) = self.groups.remove(id) else {
            unreachable!("it was just seen");
        };
        let records = live.group.tombstones();
        let mut nobody = Vec::new();
        let (_, mut cx) = self.open(id, now, &mut nobody);
        let before = Saved::Consumer(Box::new(live.end(&mut cx)));
        Some((records, Undo::Swap(id.clone(), Some(before))))
    }
}
