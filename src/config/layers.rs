//! Flags over environment over file over default: what was set, where, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::broker::{self, BrokerConfig, Host};
use super::error::{ConfigError, ConfigErrors, Warning};
use super::file::ConfigFile;
use super::foreign;
use super::listener::plaintext_listener;
use super::setting::{Setting, Status};
use super::suggest::nearest;
use super::table;
use super::value::{InvalidValue, Value};

/// Everything that may set something, as texts.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// `--set NAME=VALUE` and what other flags stand for, as name and value; they win.
    pub flags: &'a [(String, String)],
    /// The whole environment; only names that begin with `KLAMM_` count.
    pub environment: &'a [(String, String)],
    /// The file of `--config`.
    pub file: Option<ConfigFile<'a>>,
}

/// A configuration to start with.
#[derive(Debug)]
pub struct Loaded {
    /// What the broker goes by.
    pub config: BrokerConfig,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Reads all sources, or says everything that is wrong with them.
pub fn load(sources: &Sources<'_>, host: &Host) -> Result<Loaded, ConfigErrors> {
    let mut reading = Reading::default();
    if let Some(file) = &sources.file {
        reading.read_file(file);
    }
    reading.read_environment(sources.environment);
    for (name, value) in sources.flags {
        reading.read(name, value, Layer::Flag, format!("flag {name}"));
    }
    reading.settings.warn_of_ignored(&mut reading.warnings);
    let Reading {
        settings,
        mut warnings,
        mut errors,
    } = reading;
    if !errors.is_empty() {
        return Err(ConfigErrors { errors });
    }
    match broker::build(settings, host, &mut warnings, &mut errors) {
        Some(config) if errors.is_empty() => Ok(Loaded { config, warnings }),
        _ => Err(ConfigErrors { errors }),
    }
}

/// Which layer set a setting at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The configuration file.
    File,
    /// A `KLAMM_` variable.
    Environment,
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// What was set at the start; every text parses as its setting's kind and is within its bounds.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    given: BTreeMap<&'static str, Given>,
}

#[derive(Clone, Debug)]
struct Given {
    text: String,
    layer: Layer,
    place: String,
}

impl Settings {
    /// The text a setting was given, `None` where it was not set.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|given| given.text.as_str())
    }

    /// Who set it.
    pub fn layer(&self, name: &str) -> Option<Layer> {
        self.given.get(name).map(|given| given.layer)
    }

    /// The text that counts: given, or the default; `None` is Kafka's null.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given(name).or_else(|| table::find(name)?.default)
    }

    /// Where it was set, for messages.
    pub(super) fn place(&self, name: &str) -> String {
        let given = self.given.get(name);
        given.map_or_else(|| "default".to_owned(), |given| given.place.clone())
    }

    /// The parsed value that counts.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let setting = table::find(name).expect("the name stands in the table");
        let text = self.text(name)?;
        Some(
            setting
                .kind
                .parse(name, text)
                .expect("texts are checked when they are set"),
        )
    }

    /// The same settings with `changes` over them, but for those that do not parse or cannot change
    /// while the broker runs.
    pub(super) fn with_changes<'a>(
        &self,
        changes: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let mut changed = self.clone();
        for (name, text) in changes {
            let Some(setting) = table::find(name) else {
                continue;
            };
            if setting.changes_at_run_time() && check(setting, text).is_ok() {
                changed.put(
                    setting,
                    text,
                    Layer::Flag,
                    "dynamic configuration".to_owned(),
                );
            }
        }
        changed
    }

    fn put(&mut self, setting: &'static Setting, text: &str, layer: Layer, place: String) {
        let given = Given {
            text: text.to_owned(),
            layer,
            place,
        };
        self.given.insert(setting.name, given);
    }

    fn warn_of_ignored(&self, warnings: &mut Vec<Warning>) {
        for (name, given) in &self.given {
            let status = table::find(name).map(|setting| setting.status);
            if let Some(Status::Ignored(why)) = status {
                let Given { text, place, .. } = given;
                let message = format!("{place}: `{name}={text}` changes nothing: {why}");
                warnings.push(Warning {
                    name: (*name).to_owned(),
                    message,
                });
            }
        }
    }
}

/// Parses the text and checks its bounds.
pub(super) fn check(setting: &Setting, text: &str) -> Result<Value, InvalidValue> {
    let value = setting.kind.parse(setting.name, text)?;
    setting.valid.check(setting.name, &value)?;
    Ok(value)
}

/// What is found while the sources are read, lowest layer first.
#[derive(Debug, Default)]
struct Reading {
    settings: Settings,
    warnings: Vec<Warning>,
    errors: Vec<ConfigError>,
}

impl Reading {
    fn read_file(&mut self, file: &ConfigFile<'_>) {
        let assignments = match file.assignments() {
            Ok(assignments) => assignments,
            Err(error) => return self.errors.push(error),
        };
        let mut seen = BTreeSet::new();
        for assignment in assignments {
            let place = match assignment.line {
                Some(line) => format!("{}:{line}", file.name),
                None => file.name.to_owned(),
            };
            if !seen.insert(assignment.name.clone()) {
                self.warn_of_repetition(&assignment.name, &place);
            }
            self.read(&assignment.name, &assignment.value, Layer::File, place);
        }
    }

    fn warn_of_repetition(&mut self, name: &str, place: &str) {
        let message = format!("{place}: `{name}` was set before; this one counts");
        self.warnings.push(Warning {
            name: name.to_owned(),
            message,
        });
    }

    fn read_environment(&mut self, environment: &[(String, String)]) {
        for (variable, value) in environment {
            let Some(rest) = variable.strip_prefix("KLAMM_") else {
                continue;
            };
            if is_reserved(rest) {
                continue;
            }
            let place = format!("environment {variable}");
            match (rest, by_environment_name(variable)) {
                ("DATA_DIR", _) => self.read("log.dirs", value, Layer::Environment, place),
                ("LISTEN", _) => self.read_listener("listeners", value, place),
                ("ADVERTISE", _) => self.read_listener("advertised.listeners", value, place),
                (_, Some(setting)) => self.read(setting.name, value, Layer::Environment, place),
                _ => self.unknown_variable(variable, place),
            }
        }
    }

    fn read_listener(&mut self, name: &str, host_and_port: &str, place: String) {
        self.read(
            name,
            &plaintext_listener(host_and_port),
            Layer::Environment,
            place,
        );
    }

    fn unknown_variable(&mut self, variable: &str, place: String) {
        let known: Vec<String> = table::settings()
            .iter()
            .map(|setting| setting.environment_name())
            .collect();
        let suggestion = nearest(variable, known.iter().map(String::as_str)).map(str::to_owned);
        let name = variable.to_owned();
        self.errors.push(ConfigError::Unknown {
            name,
            place,
            suggestion,
        });
    }

    fn read(&mut self, name: &str, text: &str, layer: Layer, place: String) {
        let Some(setting) = table::find(name) else {
            return foreign::judge(name, text, place, &mut self.warnings, &mut self.errors);
        };
        match check(setting, text) {
            Err(invalid) => self
                .errors
                .push(invalid_error(setting, text, place, &invalid)),
            Ok(value) => match refusal(setting, text, &value, &place) {
                Some(error) => self.errors.push(error),
                None => self.settings.put(setting, text.trim(), layer, place),
            },
        }
    }
}

fn is_reserved(rest: &str) -> bool {
    matches!(rest, "CONFIG" | "LOG" | "LOG_STYLE" | "BOOTSTRAP_SERVER") || rest.starts_with("TEST_")
}

fn by_environment_name(variable: &str) -> Option<&'static Setting> {
    let all = table::settings().iter().copied();
    all.into_iter()
        .find(|setting| setting.environment_name() == variable)
}

fn invalid_error(
    setting: &Setting,
    text: &str,
    place: String,
    invalid: &InvalidValue,
) -> ConfigError {
    ConfigError::Invalid {
        name: setting.name.to_owned(),
        value: shown(setting, text),
        place,
        why: invalid.why().to_owned(),
        cure: cure(setting),
    }
}

fn cure(setting: &Setting) -> String {
    let kind = match setting.kind {
        super::value::Kind::Boolean => "true or false",
        super::value::Kind::Int | super::value::Kind::Short | super::value::Kind::Long => {
            "a whole number"
        }
        super::value::Kind::Double => "a number",
        super::value::Kind::Size => "a size such as 512MiB",
        super::value::Kind::List => "a list separated by commas",
        _ => "a text",
    };
    let bounds = setting.valid.to_string();
    let separator = if bounds.is_empty() { "" } else { ", " };
    let default = setting
        .default
        .map(|text| format!("; the default is {text}"));
    format!(
        "Give {kind}{separator}{bounds}{}.",
        default.unwrap_or_default()
    )
}

/// A setting that klamm cannot honour is accepted only with the value it has anyway.
fn refusal(setting: &Setting, text: &str, value: &Value, place: &str) -> Option<ConfigError> {
    let Status::Refused(why) = setting.status else {
        return None;
    };
    let default = setting
        .default
        .map(|default| setting.kind.parse(setting.name, default));
    let is_default = match default {
        Some(default) => default.as_ref() == Ok(value),
        None => text.trim().is_empty(),
    };
    let cure = match setting.default {
        Some(default) => format!("Remove it or set it to `{default}`."),
        None => "Remove it.".to_owned(),
    };
    (!is_default).then(|| ConfigError::Refused {
        name: setting.name.to_owned(),
        value: shown(setting, text),
        place: place.to_owned(),
        why: why.to_owned(),
        cure,
    })
}

fn shown(setting: &Setting, text: &str) -> String {
    if setting.is_sensitive() {
        "[hidden]".to_owned()
    } else {
        text.to_owned()
    }
}
