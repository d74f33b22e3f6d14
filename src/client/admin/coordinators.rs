//! Who coordinates a group, and questions that follow it while it moves.
//!
//! Every question opens connections of its own: which fields of a request may be filled depends
//! on the version agreed with that very broker.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::Admin;
use crate::client::error::Refusal;
use crate::client::{Address, AutoCreate, ClientError, Connection};
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::find_coordinator::{
    Coordinator as FoundCoordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

/// The broker that coordinates a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinator {
    /// Its id.
    pub node: NodeId,
    /// Where it listens.
    pub address: Address,
}

/// What became of one group.
#[derive(Debug)]
pub struct GroupOutcome<T> {
    /// The group asked about.
    pub group: String,
    /// What came of it.
    pub outcome: Result<T, ClientError>,
}

/// Groups that have one coordinator.
type Coordinated = (Coordinator, Vec<String>);

/// The version of FindCoordinator that takes several keys (KIP-699).
const SEVERAL_KEYS_SINCE: i16 = 4;

impl Admin {
    /// The coordinator of each of these groups, in their order.
    ///
    /// A group need not exist to have one.
    pub fn find_coordinators(
        &self,
        groups: &[&str],
    ) -> Result<Vec<GroupOutcome<Coordinator>>, ClientError> {
        let what = "find the coordinators of groups";
        let mut answers = Answers::new(groups);
        self.cluster.try_until(self.patience(), what, |attempt| {
            for found in self.find_coordinators_once(&answers.pending(), attempt > 0)? {
                answers.take(found);
            }
            answers.check_round()
        })?;
        Ok(answers.into_outcomes(what))
    }

    /// Asks the coordinators of these groups, each about its own, until every group has a final
    /// answer; they come in the order of the groups.
    pub(super) fn ask_coordinators<T>(
        &self,
        groups: &[&str],
        what: &str,
        mut ask: impl FnMut(
            &mut Connection,
            &Coordinator,
            &[String],
        ) -> Result<Vec<GroupOutcome<T>>, ClientError>,
    ) -> Result<Vec<GroupOutcome<T>>, ClientError> {
        let mut answers = Answers::new(groups);
        self.cluster.try_until(self.patience(), what, |attempt| {
            let pending = answers.pending();
            let found = self.by_coordinator(&pending, attempt > 0, &mut answers)?;
            for (coordinator, groups) in found {
                let mut connection = self.open_coordinator(&coordinator)?;
                for answer in ask(&mut connection, &coordinator, &groups)? {
                    answers.take(answer);
                }
            }
            answers.check_round()
        })?;
        Ok(answers.into_outcomes(what))
    }

    /// Asks the coordinator of one group, and again while `ask` fails for a reason that may pass.
    pub(super) fn ask_coordinator<T>(
        &self,
        group: &str,
        what: &str,
        mut ask: impl FnMut(&mut Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.cluster.try_until(self.patience(), what, |attempt| {
            let found = self.find_coordinators_once(&[group.to_owned()], attempt > 0)?;
            let found = found.into_iter().next().ok_or_else(|| left_out(what))?;
            let mut connection = self.open_coordinator(&found.outcome?)?;
            ask(&mut connection)
        })
    }

    /// The coordinator of one group, asked once.
    pub(in crate::client) fn find_coordinator_once(
        &self,
        group: &str,
        refresh: bool,
    ) -> Result<Coordinator, ClientError> {
        let found = self.find_coordinators_once(&[group.to_owned()], refresh)?;
        let found = found.into_iter().next();
        found
            .ok_or_else(|| left_out("find the coordinator"))?
            .outcome
    }

    pub(super) fn patience(&self) -> Duration {
        self.cluster.settings().deadline
    }

    /// The pending groups by coordinator; those that have none get their answer here.
    fn by_coordinator<T>(
        &self,
        pending: &[String],
        refresh: bool,
        answers: &mut Answers<T>,
    ) -> Result<Vec<Coordinated>, ClientError> {
        let mut found: BTreeMap<NodeId, Coordinated> = BTreeMap::new();
        for one in self.find_coordinators_once(pending, refresh)? {
            let group = one.group;
            match one.outcome {
                Ok(coordinator) => {
                    let place = found.entry(coordinator.node);
                    let (_, groups) = place.or_insert_with(|| (coordinator, Vec::new()));
                    groups.push(group);
                }
                Err(error) => answers.take(GroupOutcome {
                    group,
                    outcome: Err(error),
                }),
            }
        }
        Ok(found.into_values().collect())
    }

    fn find_coordinators_once(
        &self,
        groups: &[String],
        refresh: bool,
    ) -> Result<Vec<GroupOutcome<Coordinator>>, ClientError> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        if refresh {
            self.cluster.refresh(&[], AutoCreate::Never)?;
        }
        let mut connection = self.open_any()?;
        let version = connection.version_of::<FindCoordinatorRequest>()?;
        if version >= SEVERAL_KEYS_SINCE {
            return find_several(&mut connection, groups);
        }
        let mut found = Vec::with_capacity(groups.len());
        for group in groups {
            found.push(find_one(&mut connection, group)?);
        }
        Ok(found)
    }

    /// A connection to some broker: any of them knows the coordinators.
    fn open_any(&self) -> Result<Connection, ClientError> {
        let metadata = self.cluster.metadata();
        let nodes = metadata.nodes();
        let chosen = nodes.get(fastrand::usize(..nodes.len().max(1)));
        self.cluster.open(chosen.map_or(-1, |(node, _)| *node))
    }

    /// The coordinator may be a broker so new that the metadata does not have it yet.
    fn open_coordinator(&self, coordinator: &Coordinator) -> Result<Connection, ClientError> {
        let settings = &self.cluster.settings().connection;
        Connection::open(&coordinator.address, settings)
    }
}

/// The final word on one partition or member; a reason that may pass is an error of the whole
/// question, which is asked again.
pub(super) fn final_word(code: i16, what: String) -> Result<Result<(), ClientError>, ClientError> {
    match Refusal::check(code, None).map_err(|refusal| refusal.of(what)) {
        Err(error) if is_passing(&error) => Err(error),
        outcome => Ok(outcome),
    }
}

/// Answers about several groups, as they come in round by round.
struct Answers<T> {
    asked: Vec<String>,
    settled: BTreeMap<String, Result<T, ClientError>>,
    /// Why a group has no final answer yet.
    passing: Option<ClientError>,
}

impl<T> Answers<T> {
    fn new(groups: &[&str]) -> Self {
        let mut seen = HashSet::new();
        let distinct = groups.iter().filter(|group| seen.insert(**group));
        Self {
            asked: distinct.map(|group| (*group).to_owned()).collect(),
            settled: BTreeMap::new(),
            passing: None,
        }
    }

    /// The groups without a final answer.
    fn pending(&self) -> Vec<String> {
        let asked = self.asked.iter();
        asked
            .filter(|group| !self.settled.contains_key(*group))
            .cloned()
            .collect()
    }

    fn take(&mut self, answer: GroupOutcome<T>) {
        match answer.outcome {
            Err(error) if is_passing(&error) => self.passing = Some(error),
            outcome => {
                self.settled.insert(answer.group, outcome);
            }
        }
    }

    /// Whether the round brought every answer; if not, the reason to begin another.
    fn check_round(&mut self) -> Result<(), ClientError> {
        match self.passing.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn into_outcomes(self, what: &str) -> Vec<GroupOutcome<T>> {
        let Self {
            asked, mut settled, ..
        } = self;
        let outcome = |group: String| {
            let answer = settled.remove(&group);
            GroupOutcome {
                group,
                outcome: answer.unwrap_or_else(|| Err(left_out(what))),
            }
        };
        asked.into_iter().map(outcome).collect()
    }
}

/// Whether the coordinator moves, loads or waits for a transaction, so that the same question may
/// be answered soon. Other codes that clients take as retriable, such as that of a topic that is
/// not there, are final for an admin.
fn is_passing(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator
                | ErrorCode::UnstableOffsetCommit
        )
    )
}

fn find_several(
    connection: &mut Connection,
    groups: &[String],
) -> Result<Vec<GroupOutcome<Coordinator>>, ClientError> {
    let request = FindCoordinatorRequest {
        coordinator_keys: groups.to_vec(),
        ..Default::default()
    };
    let response = connection.call(&request)?;
    let response: FindCoordinatorResponse = response.decode()?;
    let outcome = |found: FoundCoordinator| {
        let refused = Refusal::check(found.error_code, found.error_message.as_deref());
        let coordinator = coordinator(found.node_id, found.host, found.port);
        outcome_of(found.key, refused, coordinator)
    };
    Ok(response.coordinators.into_iter().map(outcome).collect())
}

fn find_one(
    connection: &mut Connection,
    group: &str,
) -> Result<GroupOutcome<Coordinator>, ClientError> {
    let request = FindCoordinatorRequest {
        key: group.to_owned(),
        ..Default::default()
    };
    let response = connection.call(&request)?;
    let found: FindCoordinatorResponse = response.decode()?;
    let refused = Refusal::check(found.error_code, found.error_message.as_deref());
    let coordinator = coordinator(found.node_id, found.host, found.port);
    Ok(outcome_of(group.to_owned(), refused, coordinator))
}

fn coordinator(node: NodeId, host: String, port: i32) -> Coordinator {
    let port = port as u16;
    let address = Address { host, port };
    Coordinator { node, address }
}

fn outcome_of(
    group: String,
    refused: Result<(), Refusal>,
    coordinator: Coordinator,
) -> GroupOutcome<Coordinator> {
    let what = format!("find the coordinator of group `{group}`");
    let outcome = refused
        .map(|()| coordinator)
        .map_err(|refusal| refusal.of(what));
    GroupOutcome { group, outcome }
}

fn left_out(what: &str) -> ClientError {
    let refusal = Refusal {
        code: ErrorCode::UnknownServerError,
        message: Some("the broker's answer leaves the group out".to_owned()),
    };
    refusal.of(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> ClientError {
        let refusal = Refusal {
            code,
            message: None,
        };
        refusal.of("ask")
    }

    fn answer(group: &str, outcome: Result<i32, ClientError>) -> GroupOutcome<i32> {
        GroupOutcome {
            group: group.to_owned(),
            outcome,
        }
    }

    #[test]
    fn a_group_stays_pending_until_its_answer_is_final() {
        let mut answers = Answers::new(&["b", "a", "b"]);
        answers.take(answer("a", Err(refused(ErrorCode::NotCoordinator))));
        answers.take(answer("b", Ok(1)));
        assert_eq!(answers.pending(), ["a"]);
        assert!(answers.check_round().unwrap_err().is_retriable());
        answers.take(answer("a", Err(refused(ErrorCode::GroupIdNotFound))));
        assert!(answers.pending().is_empty() && answers.check_round().is_ok());
        let outcomes = answers.into_outcomes("ask");
        assert_eq!((outcomes.len(), outcomes[0].group.as_str()), (2, "b"));
        let code = outcomes[1].outcome.as_ref().unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::GroupIdNotFound));
    }

    #[test]
    fn a_group_that_the_answer_leaves_out_is_told() {
        let mut answers = Answers::<i32>::new(&["a"]);
        assert!(answers.check_round().is_ok());
        let outcomes = answers.into_outcomes("ask");
        let error = outcomes[0].outcome.as_ref().unwrap_err();
        assert!(error.to_string().contains("leaves the group out"));
    }

    #[test]
    fn a_topic_that_is_not_there_is_a_final_word() {
        let word = |code: ErrorCode| final_word(code.code(), "ask".to_owned());
        assert!(word(ErrorCode::None).unwrap().is_ok());
        let missing = word(ErrorCode::UnknownTopicOrPartition);
        assert!(missing.unwrap().is_err());
        assert!(word(ErrorCode::CoordinatorLoadInProgress).is_err());
    }
}
