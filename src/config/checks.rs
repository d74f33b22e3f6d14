//! Settings that must agree with each other and with the machine.

use std::path::PathBuf;

use super::broker::{CoreSelection, Host};
use super::error::ConfigError;
use super::group::check_groups;
use super::layers::Settings;
use super::value::split_list;

/// Refuses roles, directories and identities that klamm cannot serve or that contradict.
pub(super) fn check_agreement(settings: &Settings, errors: &mut Vec<ConfigError>) {
    errors.extend(roles(settings));
    errors.extend(several_controllers(settings, "controller.quorum.voters"));
    errors.extend(several_controllers(
        settings,
        "controller.quorum.bootstrap.servers",
    ));
    errors.extend(several_directories(settings));
    errors.extend(two_identities(settings));
    errors.extend(replicas_without_brokers(settings));
    errors.extend(nobody_may_connect(settings));
    errors.extend(check_groups(settings));
}

/// The one data directory.
pub(super) fn data_dir(settings: &Settings) -> PathBuf {
    PathBuf::from(
        settings
            .text(directory_setting(settings))
            .unwrap_or_default()
            .trim(),
    )
}

/// The cores to run on; `None` and an error where there are not so many.
pub(super) fn cores(
    settings: &Settings,
    host: &Host,
    errors: &mut Vec<ConfigError>,
) -> Option<CoreSelection> {
    let name = "klamm.cores";
    let text = settings.text(name).unwrap_or("all");
    let selection = parse_cores(text);
    let (why, cure) = match &selection {
        None => (
            "it is no number and no list".to_owned(),
            "Give a number, a list such as 0,2-3, or `all`.",
        ),
        Some(CoreSelection::Count(count)) if *count > host.cores => (
            format!("this process may use {} cores", host.cores),
            "Give fewer.",
        ),
        _ => return selection,
    };
    errors.push(invalid(settings, name, why, cure));
    None
}

/// The memory that was asked for; an error where the machine has less.
pub(super) fn memory_bytes(
    settings: &Settings,
    host: &Host,
    errors: &mut Vec<ConfigError>,
) -> Option<u64> {
    let name = "klamm.memory";
    let bytes = settings.value(name)?.number()?.unsigned_abs();
    if bytes > host.memory_bytes {
        let why = format!("this machine or cgroup has {} bytes", host.memory_bytes);
        errors.push(invalid(settings, name, why, "Give less."));
    }
    Some(bytes)
}

fn parse_cores(text: &str) -> Option<CoreSelection> {
    if text.eq_ignore_ascii_case("all") {
        return Some(CoreSelection::All);
    }
    if let Ok(count) = text.parse::<usize>() {
        return (count > 0).then_some(CoreSelection::Count(count));
    }
    let mut cores = Vec::new();
    for element in split_list(text) {
        let (first, last) = element.split_once('-').unwrap_or((&element, &element));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last > CORE_NUMBER_MAX || first > last {
            return None;
        }
        cores.extend(first..=last);
    }
    let count = cores.len();
    cores.sort_unstable();
    cores.dedup();
    (cores.len() == count).then_some(CoreSelection::List(cores))
}

/// No machine numbers its cores higher; bounds what a list can expand to.
const CORE_NUMBER_MAX: usize = 65_535;

fn roles(settings: &Settings) -> Option<ConfigError> {
    let mut roles = split_list(settings.text("process.roles")?);
    roles.sort();
    let why = match roles.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["broker", "controller"] => return None,
        ["broker"] => "joining a controller quorum is not there yet",
        ["controller"] => "a controller of its own is not there yet",
        _ => "a node is broker and controller in one",
    };
    let cure = "Set it to `broker,controller` or leave it out.";
    Some(refused(settings, "process.roles", why, cure))
}

fn several_controllers(settings: &Settings, name: &str) -> Option<ConfigError> {
    let several = split_list(settings.given(name)?).len() > 1;
    let why = "clusters of several nodes are not there yet";
    several.then(|| refused(settings, name, why, "Name this node only or leave it out."))
}

/// `log.dirs` wins over `log.dir`, as far as either is set.
fn directory_setting(settings: &Settings) -> &'static str {
    let only_dir = settings.given("log.dirs").is_none() && settings.given("log.dir").is_some();
    if only_dir { "log.dir" } else { "log.dirs" }
}

fn several_directories(settings: &Settings) -> Option<ConfigError> {
    let name = directory_setting(settings);
    let directories = split_list(settings.text(name)?);
    match directories.len() {
        1 if !directories[0].is_empty() => None,
        0 | 1 => {
            let why = "it names no directory".to_owned();
            Some(invalid(settings, name, why, "Name one directory."))
        }
        _ => {
            let why = "several data directories are not there yet";
            Some(refused(settings, name, why, "Name one directory."))
        }
    }
}

fn two_identities(settings: &Settings) -> Option<ConfigError> {
    let broker_id = settings.given("broker.id")?;
    let node_id = settings.text("node.id")?;
    let agree = broker_id == node_id || broker_id == "-1";
    let why = format!("node.id is {node_id}");
    let cure = "Set node.id alone.";
    (!agree).then(|| invalid(settings, "broker.id", why, cure))
}

fn replicas_without_brokers(settings: &Settings) -> Option<ConfigError> {
    let name = "default.replication.factor";
    let alone = settings.text(name)? == "1";
    let why = "this broker is alone, every new topic would be refused".to_owned();
    (!alone).then(|| invalid(settings, name, why, "Set it to 1."))
}

/// Kafka's rule: no connection from anywhere makes sense only with exceptions.
fn nobody_may_connect(settings: &Settings) -> Option<ConfigError> {
    let name = "max.connections.per.ip";
    let exceptions = settings.text("max.connections.per.ip.overrides")?;
    let nobody = settings.value(name)?.number() == Some(0) && exceptions.trim().is_empty();
    let why = "nobody could connect without max.connections.per.ip.overrides".to_owned();
    nobody.then(|| invalid(settings, name, why, "Give more, or name exceptions."))
}

/// An error about a setting that was set, or whose default does not fit the machine.
pub(super) fn invalid(settings: &Settings, name: &str, why: String, cure: &str) -> ConfigError {
    ConfigError::Invalid {
        name: name.to_owned(),
        value: settings.text(name).unwrap_or_default().to_owned(),
        place: settings.place(name),
        why,
        cure: cure.to_owned(),
    }
}

/// An error about a setting that klamm cannot serve.
pub(super) fn refused(settings: &Settings, name: &str, why: &str, cure: &str) -> ConfigError {
    ConfigError::Refused {
        name: name.to_owned(),
        value: settings.text(name).unwrap_or_default().to_owned(),
        place: settings.place(name),
        why: why.to_owned(),
        cure: cure.to_owned(),
    }
}
