//! Which listeners the broker opens and what it tells its clients.

use std::collections::BTreeSet;

use super::broker::Host;
use super::checks::{invalid, refused};
use super::error::{ConfigError, Warning};
use super::layers::Settings;
use super::listener::{Listener, protocols};
use super::value::split_list;

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const EXAMPLE: &str = "Write it as PLAINTEXT://HOST:PORT.";

/// The listeners and, in the same order, what clients are told; `None` and at least one error
/// where something does not fit.
pub(super) fn resolve(
    settings: &Settings,
    host: &Host,
    warnings: &mut Vec<Warning>,
    errors: &mut Vec<ConfigError>,
) -> Option<(Vec<Listener>, Vec<Listener>)> {
    let controllers = split_list(
        settings
            .text("controller.listener.names")
            .unwrap_or_default(),
    );
    let is_controllers = |listener: &Listener| controllers.contains(&listener.name);
    let all = parse(settings, LISTENERS, errors)?;
    let (dropped, listeners): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controllers);
    warnings.extend(
        dropped
            .iter()
            .map(|listener| dropped_warning(settings, listener)),
    );
    let before = errors.len();
    check_listeners(settings, &listeners, errors);
    let mut told = match settings.given(ADVERTISED) {
        Some(_) => parse(settings, ADVERTISED, errors)?,
        None => Vec::new(),
    };
    told.retain(|listener| !is_controllers(listener));
    errors.extend(
        told.iter()
            .filter_map(|told| stranger(settings, told, &listeners)),
    );
    let advertised: Vec<_> = listeners
        .iter()
        .map(|listener| advertise(listener, &told, host))
        .collect();
    errors.extend(advertised.iter().filter_map(|told| nowhere(settings, told)));
    (errors.len() == before).then_some((listeners, advertised))
}

fn parse(settings: &Settings, name: &str, errors: &mut Vec<ConfigError>) -> Option<Vec<Listener>> {
    let texts = split_list(settings.text(name)?);
    let listeners: Option<Vec<_>> = texts.iter().map(|text| Listener::parse(text)).collect();
    if listeners.is_none() {
        let why = "it is no list of listeners".to_owned();
        errors.push(invalid(settings, name, why, EXAMPLE));
    }
    listeners
}

fn check_listeners(settings: &Settings, listeners: &[Listener], errors: &mut Vec<ConfigError>) {
    let mut names = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    if listeners.is_empty() {
        let why = "no listener is left for clients".to_owned();
        errors.push(invalid(settings, LISTENERS, why, EXAMPLE));
    }
    for listener in listeners {
        let taken = listener.port != 0 && !addresses.insert((&listener.host, listener.port));
        if taken || !names.insert(&listener.name) {
            let why = format!("{listener} repeats a name or an address");
            errors.push(invalid(settings, LISTENERS, why, "Name each of them once."));
        }
        errors.extend(unspoken(settings, listener));
    }
}

/// A listener whose protocol klamm does not speak.
fn unspoken(settings: &Settings, listener: &Listener) -> Option<ConfigError> {
    let map_name = "listener.security.protocol.map";
    let Some(map) = protocols(settings.text(map_name).unwrap_or_default()) else {
        let why = "it is no list of NAME:PROTOCOL".to_owned();
        return Some(invalid(
            settings,
            map_name,
            why,
            "Write it as NAME:PLAINTEXT,...",
        ));
    };
    match map.get(&listener.name).map(String::as_str) {
        Some("PLAINTEXT") => None,
        Some(other) => {
            let why = format!("{other} is not there yet");
            Some(refused(
                settings,
                LISTENERS,
                &why,
                "Use PLAINTEXT behind something that encrypts.",
            ))
        }
        None => {
            let why = format!("no protocol is known for `{}`", listener.name);
            let cure = format!("Add {}:PLAINTEXT to {map_name}.", listener.name);
            Some(invalid(settings, LISTENERS, why, &cure))
        }
    }
}

fn stranger(settings: &Settings, told: &Listener, listeners: &[Listener]) -> Option<ConfigError> {
    let known = listeners.iter().any(|listener| listener.name == told.name);
    let why = format!("`{}` is not among the listeners", told.name);
    (!known).then(|| invalid(settings, ADVERTISED, why, "Use the names of `listeners`."))
}

fn advertise(listener: &Listener, told: &[Listener], host: &Host) -> Listener {
    let told = told.iter().find(|told| told.name == listener.name);
    let mut told = told.unwrap_or(listener).clone();
    if told.host.is_empty() {
        told.host.clone_from(&host.name);
    }
    told
}

/// Clients cannot connect to an address that means every interface.
fn nowhere(settings: &Settings, told: &Listener) -> Option<ConfigError> {
    let name = if settings.given(ADVERTISED).is_some() {
        ADVERTISED
    } else {
        LISTENERS
    };
    let why = format!("clients cannot connect to {}", told.host);
    let cure = "Say with advertised.listeners (or --advertise) what clients shall connect to.";
    told.is_wildcard()
        .then(|| invalid(settings, name, why, cure))
}

fn dropped_warning(settings: &Settings, listener: &Listener) -> Warning {
    let place = settings.place(LISTENERS);
    let message =
        format!("{place}: the listener {listener} is left out: the controller is embedded");
    Warning {
        name: LISTENERS.to_owned(),
        message,
    }
}
