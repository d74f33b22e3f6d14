//! Names that stand in Kafka configurations without being settings of the table: families with a
//! prefix, the authorizer's own, and what Kafka 4 removed.

use super::error::{ConfigError, Warning};
use super::reason::{AUTHORISATION, PLUGIN, TIERED};
use super::suggest::nearest;
use super::table;

/// What to do with a name that is not in the table.
enum Family {
    Ignored(&'static str),
    Refused(&'static str),
}

const REMOVED: &str = "Kafka 4 removed it";

/// Exact names, then prefixes.
const NAMES: &[(&str, Family)] = &[
    ("super.users", Family::Refused(AUTHORISATION)),
    (
        "allow.everyone.if.no.acl.found",
        Family::Refused(AUTHORISATION),
    ),
    ("inter.broker.protocol.version", Family::Refused(REMOVED)),
    ("log.message.format.version", Family::Refused(REMOVED)),
    (
        "log.message.timestamp.difference.max.ms",
        Family::Refused(REMOVED),
    ),
    (
        "log.message.downconversion.enable",
        Family::Refused(REMOVED),
    ),
    ("offsets.commit.required.acks", Family::Refused(REMOVED)),
    ("broker.id.generation.enable", Family::Refused(REMOVED)),
    ("reserved.broker.max.id", Family::Refused(REMOVED)),
    ("control.plane.listener.name", Family::Refused(REMOVED)),
    ("auto.include.jmx.reporter", Family::Refused(REMOVED)),
    ("delegation.token.master.key", Family::Refused(REMOVED)),
];
const PREFIXES: &[(&str, Family)] = &[
    (
        "listener.name.",
        Family::Refused("settings for one listener are not there yet"),
    ),
    ("config.providers.", Family::Refused(PLUGIN)),
    ("rsm.config.", Family::Ignored(TIERED)),
    ("rlmm.config.", Family::Ignored(TIERED)),
    ("zookeeper.", Family::Refused(REMOVED)),
    ("password.encoder.", Family::Refused(REMOVED)),
];

/// Warns of a name that is not in the table, or refuses it.
pub(super) fn judge(
    name: &str,
    text: &str,
    place: String,
    warnings: &mut Vec<Warning>,
    errors: &mut Vec<ConfigError>,
) {
    match family(name) {
        Some(Family::Ignored(why)) => {
            let message = format!("{place}: `{name}={text}` changes nothing: {why}");
            warnings.push(Warning {
                name: name.to_owned(),
                message,
            });
        }
        Some(Family::Refused(why)) => errors.push(ConfigError::Refused {
            name: name.to_owned(),
            value: "...".to_owned(),
            place,
            why: (*why).to_owned(),
            cure: "Remove it.".to_owned(),
        }),
        None => errors.push(ConfigError::Unknown {
            name: name.to_owned(),
            place,
            suggestion: suggestion(name),
        }),
    }
}

/// The setting that an unknown name may mean.
pub(super) fn suggestion(name: &str) -> Option<String> {
    let known = table::settings().iter().map(|setting| setting.name);
    nearest(name, known).map(str::to_owned)
}

fn family(name: &str) -> Option<&'static Family> {
    let exact = NAMES.iter().find(|(known, _)| *known == name);
    let by_prefix = || PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    exact.or_else(by_prefix).map(|(_, family)| family)
}
