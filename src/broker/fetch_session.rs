//! Incremental fetch sessions (KIP-227): what a consumer asked for last time, so that it need not
//! say it again. Pure: time and session ids are arguments.
//!
//! A session lives on the core that accepted its connection; a client that reconnects to another
//! core is told FETCH_SESSION_ID_NOT_FOUND and begins anew with a full fetch, as after a restart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{LeaderEpoch, Offset, TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;

/// Epoch with which a client asks for a new session.
const INITIAL_EPOCH: i32 = 0;
/// Epoch with which a client says that it wants no session.
const FINAL_EPOCH: i32 = -1;
/// A session unused for this long may make room for another one.
const EVICTION_IDLE_MS: TimestampMs = 120_000;

/// A topic as the request names it: by name up to version 12, by id from version 13.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum TopicKey {
    /// Versions 4 to 12.
    Name(Arc<str>),
    /// Versions 13 and later (KIP-516).
    Id(Uuid),
}

/// A partition as the request names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FetchKey {
    /// The topic.
    pub(super) topic: TopicKey,
    /// The partition's index.
    pub(super) partition: i32,
}

/// What a consumer asks of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FetchPosition {
    /// First offset wanted.
    pub(super) fetch_offset: Offset,
    /// At most this many bytes, unless the first batch is larger.
    pub(super) partition_bytes_max: i32,
    /// The epoch of which the client believes the leader to be; −1 asks for no check.
    pub(super) current_leader_epoch: LeaderEpoch,
    /// Epoch of the last record that the client has; −1 asks for no check (KIP-595).
    pub(super) last_fetched_epoch: LeaderEpoch,
}

/// What of an answer decides whether an incremental response names the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FetchState {
    /// High watermark of the answer.
    pub(super) high_watermark: Offset,
    /// Log start offset of the answer.
    pub(super) log_start_offset: Offset,
    /// Bytes of records in the answer.
    pub(super) record_bytes: usize,
    /// Whether the answer carries an error or a diverging epoch.
    pub(super) exceptional: bool,
}

/// How the response to a request is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FetchPlan {
    /// Read these, answer all of them; `session_id` is 0 where there is no session.
    Full {
        /// The session begun with this request.
        session_id: i32,
        /// In the order of the request.
        partitions: Vec<(FetchKey, FetchPosition)>,
    },
    /// Read these, answer only those that changed.
    Incremental {
        /// The session that goes on.
        session_id: i32,
        /// In the session's order: what gave data last stands last.
        partitions: Vec<(FetchKey, FetchPosition)>,
    },
    /// Answer this code and nothing else.
    Error(ErrorCode),
}

/// The sessions of one core.
#[derive(Debug)]
pub(super) struct FetchSessions {
    slots: usize,
    sessions: HashMap<i32, Session>,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    by_topic_id: bool,
    created_ms: TimestampMs,
    used_ms: TimestampMs,
    partitions: Vec<Cached>,
    index: HashMap<FetchKey, usize>,
}

#[derive(Debug)]
struct Cached {
    key: FetchKey,
    position: FetchPosition,
    /// The high watermark and log start last told to the client; `None` forces an answer.
    told: Option<(Offset, Offset)>,
}

/// The part of a Fetch request that concerns sessions.
#[derive(Debug)]
pub(super) struct SessionRequest {
    /// 0 for none.
    pub(super) session_id: i32,
    /// −1: no session; 0: a new one; else the next of the session.
    pub(super) session_epoch: i32,
    /// Whether the request names topics by id.
    pub(super) by_topic_id: bool,
    /// Added or changed partitions; all of them in a full request.
    pub(super) partitions: Vec<(FetchKey, FetchPosition)>,
    /// Partitions that leave the session.
    pub(super) forgotten: Vec<FetchKey>,
}

impl FetchSessions {
    /// A cache of at most `slots` sessions; 0 switches sessions off.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            slots,
            sessions: HashMap::new(),
        }
    }

    /// Merges a request into its session. `new_id` is a random positive number.
    pub(super) fn plan(
        &mut self,
        request: SessionRequest,
        now_ms: TimestampMs,
        new_id: i32,
    ) -> FetchPlan {
        match request.session_epoch {
            INITIAL_EPOCH | FINAL_EPOCH => self.plan_full(request, now_ms, new_id),
            _ => self.plan_incremental(request, now_ms),
        }
    }

    /// Notes what is about to be told of `key`; whether the response must name the partition.
    pub(super) fn must_tell(&mut self, session_id: i32, key: &FetchKey, state: FetchState) -> bool {
        let Some(session) = self.sessions.get_mut(&session_id) else {
            return true;
        };
        let Some(&at) = session.index.get(key) else {
            return true;
        };
        session.partitions[at].must_tell(state)
    }

    /// Moves the partitions that gave data behind those that did not, so that none starves.
    pub(super) fn rotate(&mut self, session_id: i32, answered: &[FetchKey]) {
        if let Some(session) = self.sessions.get_mut(&session_id) {
            session.rotate(answered);
        }
    }

    fn plan_full(
        &mut self,
        mut request: SessionRequest,
        now_ms: TimestampMs,
        new_id: i32,
    ) -> FetchPlan {
        if request.session_id != 0 {
            self.sessions.remove(&request.session_id);
        }
        drop_repeated(&mut request.partitions);
        let wanted = request.session_epoch == INITIAL_EPOCH && !request.partitions.is_empty();
        let session_id = match wanted && self.make_room(request.partitions.len(), now_ms) {
            true => self.begin(&request, now_ms, new_id),
            false => 0,
        };
        FetchPlan::Full {
            session_id,
            partitions: request.partitions,
        }
    }

    fn begin(&mut self, request: &SessionRequest, now_ms: TimestampMs, new_id: i32) -> i32 {
        assert!(new_id > 0, "session ids are positive");
        let mut session = Session {
            epoch: 1,
            by_topic_id: request.by_topic_id,
            created_ms: now_ms,
            used_ms: now_ms,
            partitions: Vec::with_capacity(request.partitions.len()),
            index: HashMap::with_capacity(request.partitions.len()),
        };
        for (key, position) in &request.partitions {
            session.upsert(key.clone(), *position);
        }
        self.sessions.insert(new_id, session);
        new_id
    }

    fn plan_incremental(&mut self, request: SessionRequest, now_ms: TimestampMs) -> FetchPlan {
        let Some(session) = self.sessions.get_mut(&request.session_id) else {
            return FetchPlan::Error(ErrorCode::FetchSessionIdNotFound);
        };
        if session.epoch != request.session_epoch {
            return FetchPlan::Error(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_topic_id != request.by_topic_id {
            return FetchPlan::Error(ErrorCode::FetchSessionTopicIdError);
        }
        session.merge(request.partitions, &request.forgotten, now_ms);
        let partitions = session.positions();
        if partitions.is_empty() {
            self.sessions.remove(&request.session_id);
            return FetchPlan::Full {
                session_id: 0,
                partitions,
            };
        }
        FetchPlan::Incremental {
            session_id: request.session_id,
            partitions,
        }
    }

    /// Whether a slot is free, if need be after evicting a session that may go.
    fn make_room(&mut self, partitions: usize, now_ms: TimestampMs) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let victim = self
            .idle_victim(now_ms)
            .or_else(|| self.smaller_victim(partitions, now_ms));
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }

    fn idle_victim(&self, now_ms: TimestampMs) -> Option<i32> {
        let (id, session) = self
            .sessions
            .iter()
            .min_by_key(|(_, session)| session.used_ms)?;
        (now_ms - session.used_ms >= EVICTION_IDLE_MS).then_some(*id)
    }

    fn smaller_victim(&self, partitions: usize, now_ms: TimestampMs) -> Option<i32> {
        let old = |session: &Session| now_ms - session.created_ms >= EVICTION_IDLE_MS;
        let candidates = self.sessions.iter().filter(|(_, session)| old(session));
        let (id, session) = candidates.min_by_key(|(_, session)| session.partitions.len())?;
        (session.partitions.len() < partitions).then_some(*id)
    }
}

impl Session {
    fn merge(
        &mut self,
        changed: Vec<(FetchKey, FetchPosition)>,
        forgotten: &[FetchKey],
        now_ms: TimestampMs,
    ) {
        for (key, position) in changed {
            self.upsert(key, position);
        }
        if !forgotten.is_empty() {
            let forgotten: HashSet<&FetchKey> = forgotten.iter().collect();
            self.partitions
                .retain(|cached| !forgotten.contains(&cached.key));
            self.reindex();
        }
        self.epoch = if self.epoch == i32::MAX {
            1
        } else {
            self.epoch + 1
        };
        self.used_ms = now_ms;
    }

    fn upsert(&mut self, key: FetchKey, position: FetchPosition) {
        match self.index.get(&key) {
            Some(&at) => self.partitions[at].position = position,
            None => {
                self.index.insert(key.clone(), self.partitions.len());
                self.partitions.push(Cached {
                    key,
                    position,
                    told: None,
                });
            }
        }
    }

    fn positions(&self) -> Vec<(FetchKey, FetchPosition)> {
        self.partitions
            .iter()
            .map(|cached| (cached.key.clone(), cached.position))
            .collect()
    }

    fn rotate(&mut self, answered: &[FetchKey]) {
        if answered.is_empty() || answered.len() == self.partitions.len() {
            return;
        }
        let answered: HashSet<&FetchKey> = answered.iter().collect();
        let partitions = std::mem::take(&mut self.partitions);
        let (last, first): (Vec<_>, Vec<_>) = partitions
            .into_iter()
            .partition(|cached| answered.contains(&cached.key));
        self.partitions = first.into_iter().chain(last).collect();
        self.reindex();
    }

    fn reindex(&mut self) {
        let entries = self.partitions.iter().enumerate();
        self.index = entries
            .map(|(at, cached)| (cached.key.clone(), at))
            .collect();
    }
}

/// Whoever names a partition twice is answered once, as in Kafka.
fn drop_repeated(partitions: &mut Vec<(FetchKey, FetchPosition)>) {
    let mut seen = HashSet::with_capacity(partitions.len());
    let repeated = partitions.iter().map(|(key, _)| !seen.insert(key));
    let repeated: Vec<bool> = repeated.collect();
    if repeated.contains(&true) {
        let mut repeated = repeated.into_iter();
        partitions.retain(|_| !repeated.next().expect("one for each"));
    }
}

impl Cached {
    fn must_tell(&mut self, state: FetchState) -> bool {
        let now = (state.high_watermark, state.log_start_offset);
        let must = state.exceptional || state.record_bytes > 0 || self.told != Some(now);
        // After an error the next good answer is news even if its numbers are the old ones.
        self.told = (!state.exceptional).then_some(now);
        must
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> FetchKey {
        FetchKey {
            topic: TopicKey::Id(Uuid::from_u128(7)),
            partition,
        }
    }

    fn at(fetch_offset: Offset) -> FetchPosition {
        FetchPosition {
            fetch_offset,
            partition_bytes_max: 1024,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
        }
    }

    fn request(id: i32, epoch: i32, partitions: Vec<(FetchKey, FetchPosition)>) -> SessionRequest {
        SessionRequest {
            session_id: id,
            session_epoch: epoch,
            by_topic_id: true,
            partitions,
            forgotten: Vec::new(),
        }
    }

    const QUIET: FetchState = FetchState {
        high_watermark: 5,
        log_start_offset: 0,
        record_bytes: 0,
        exceptional: false,
    };

    #[test]
    fn a_session_remembers_what_was_asked() {
        let mut sessions = FetchSessions::new(2);
        let both = vec![(key(0), at(0)), (key(1), at(0))];
        let begun = sessions.plan(request(0, 0, both.clone()), 0, 9);
        assert_eq!(
            begun,
            FetchPlan::Full {
                session_id: 9,
                partitions: both
            }
        );
        let next = sessions.plan(request(9, 1, vec![(key(1), at(4))]), 0, 10);
        let partitions = vec![(key(0), at(0)), (key(1), at(4))];
        assert_eq!(
            next,
            FetchPlan::Incremental {
                session_id: 9,
                partitions
            }
        );
    }

    #[test]
    fn wrong_id_epoch_and_naming_are_told_apart() {
        let mut sessions = FetchSessions::new(2);
        sessions.plan(request(0, 0, vec![(key(0), at(0))]), 0, 9);
        let unknown = sessions.plan(request(8, 1, vec![]), 0, 10);
        assert_eq!(unknown, FetchPlan::Error(ErrorCode::FetchSessionIdNotFound));
        let stale = sessions.plan(request(9, 2, vec![]), 0, 10);
        assert_eq!(stale, FetchPlan::Error(ErrorCode::InvalidFetchSessionEpoch));
        let mut named = request(9, 1, vec![(key(0), at(0))]);
        named.by_topic_id = false;
        let mixed = sessions.plan(named, 0, 10);
        assert_eq!(mixed, FetchPlan::Error(ErrorCode::FetchSessionTopicIdError));
    }

    #[test]
    fn only_news_is_told() {
        let mut sessions = FetchSessions::new(1);
        sessions.plan(request(0, 0, vec![(key(0), at(0))]), 0, 9);
        assert!(sessions.must_tell(9, &key(0), QUIET));
        assert!(!sessions.must_tell(9, &key(0), QUIET));
        assert!(sessions.must_tell(
            9,
            &key(0),
            FetchState {
                high_watermark: 6,
                ..QUIET
            }
        ));
        assert!(sessions.must_tell(
            9,
            &key(0),
            FetchState {
                exceptional: true,
                ..QUIET
            }
        ));
        assert!(sessions.must_tell(
            9,
            &key(0),
            FetchState {
                high_watermark: 6,
                ..QUIET
            }
        ));
    }

    #[test]
    fn partitions_that_gave_data_go_to_the_end() {
        let mut sessions = FetchSessions::new(1);
        let three = (0..3).map(|p| (key(p), at(0))).collect();
        sessions.plan(request(0, 0, three), 0, 9);
        sessions.rotate(9, &[key(0)]);
        let FetchPlan::Incremental { partitions, .. } = sessions.plan(request(9, 1, vec![]), 0, 10)
        else {
            panic!("the session goes on");
        };
        let order: Vec<i32> = partitions.iter().map(|(key, _)| key.partition).collect();
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn a_full_cache_keeps_the_busy_and_gives_up_the_idle() {
        let mut sessions = FetchSessions::new(1);
        sessions.plan(request(0, 0, vec![(key(0), at(0))]), 0, 9);
        let refused = sessions.plan(request(0, 0, vec![(key(1), at(0))]), 1_000, 10);
        assert!(matches!(refused, FetchPlan::Full { session_id: 0, .. }));
        let taken = sessions.plan(request(0, 0, vec![(key(1), at(0))]), EVICTION_IDLE_MS, 11);
        assert!(matches!(taken, FetchPlan::Full { session_id: 11, .. }));
        assert_eq!(sessions.sessions.len(), 1);
    }

    #[test]
    fn a_session_emptied_of_partitions_ends() {
        let mut sessions = FetchSessions::new(1);
        sessions.plan(request(0, 0, vec![(key(0), at(0))]), 0, 9);
        let mut last = request(9, 1, vec![]);
        last.forgotten = vec![key(0)];
        let plan = sessions.plan(last, 0, 10);
        assert_eq!(
            plan,
            FetchPlan::Full {
                session_id: 0,
                partitions: vec![]
            }
        );
        assert!(sessions.sessions.is_empty());
    }
}
