//! How long a broker that was just started takes until it knows all groups again.

use std::time::{Duration, Instant};

use super::ground::group_names;
use super::requests::positions_of;
use crate::bench::BenchError;
use crate::client::{Address, ClientError, Connection, ConnectionSettings};
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
};

/// Groups asked about at a time: every answer finds so many.
const ASKED_AT_ONCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct LoadedGroups {
    /// The topic that the groups committed; they are named after it.
    pub topic: String,
    /// Its id.
    pub topic_id: Uuid,
    /// How many groups.
    pub groups: u32,
    /// What each committed last for partition 0.
    pub offset: i64,
}

/// When what was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loaded {
    /// The first answer of whatever content.
    pub answered: Duration,
    /// Every group has said where it stands.
    pub loaded: Duration,
}

/// Asks until every group tells its offset, and checks that it is the one committed last; times are
/// since `begun`.
pub fn await_loaded(
    address: &str,
    wanted: &LoadedGroups,
    begun: Instant,
    patience: Duration,
) -> Result<Loaded, BenchError> {
    let address = Address::parse_list(address)?;
    let names = group_names(&wanted.topic, wanted.groups);
    let mut names = names.chunks(ASKED_AT_ONCE).peekable();
    let (mut connection, mut answered) = (None, None);
    while let Some(some) = names.peek() {
        match ask(&mut connection, &address[0], wanted, some) {
            Ok(response) => {
                answered.get_or_insert_with(|| begun.elapsed());
                if are_loaded(&response, wanted, some)? {
                    names.next();
                    continue;
                }
            }
            Err(error) if begun.elapsed() > patience => return Err(error.into()),
            Err(_) => connection = None,
        }
        if begun.elapsed() > patience {
            return Err(BenchError::Unsettled {
                what: format!("group {} is not loaded", some[0]),
                seconds: patience.as_secs(),
            });
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Loaded {
        answered: answered.unwrap_or_default(),
        loaded: begun.elapsed(),
    })
}

fn ask(
    connection: &mut Option<Connection>,
    address: &Address,
    wanted: &LoadedGroups,
    groups: &[String],
) -> Result<OffsetFetchResponse, ClientError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open(address, &ConnectionSettings::default())?),
    };
    let of = |group: &String| positions_of(group, None, &wanted.topic, wanted.topic_id, &[0]);
    let request = OffsetFetchRequest {
        groups: groups.iter().map(of).collect(),
        ..Default::default()
    };
    connection.call(&request)?.decode()
}

/// Whether all have answered with the right offset; anything but a coordinator that is not ready
/// fails.
fn are_loaded(
    response: &OffsetFetchResponse,
    wanted: &LoadedGroups,
    asked: &[String],
) -> Result<bool, BenchError> {
    let mut loaded = response.groups.len() == asked.len();
    for group in &response.groups {
        let refused = |code| BenchError::Group {
            doing: "tell offsets",
            group: group.group_id.clone(),
            code,
        };
        match ErrorCode::from_code(group.error_code) {
            ErrorCode::None => check_offset(group, wanted.offset)?,
            ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable => loaded = false,
            code => return Err(refused(code)),
        }
    }
    Ok(loaded)
}

fn check_offset(group: &OffsetFetchResponseGroup, expected: i64) -> Result<(), BenchError> {
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    let found = partitions
        .map(|partition| partition.committed_offset)
        .next();
    match found {
        Some(found) if found == expected => Ok(()),
        found => Err(BenchError::Lost {
            group: group.group_id.clone(),
            expected,
            found: found.unwrap_or(-1),
        }),
    }
}
