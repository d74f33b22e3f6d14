//! `klamm config`: what is set, by whom, and what it means.

use std::io::Write as _;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use super::settings::SettingArgs;
use crate::config::{
    self, GroupSetting, Scope, Setting, Settings, Status, TopicSetting, broker_settings_markdown,
    group_settings_markdown, topic_settings_markdown,
};

/// Show the broker's settings: values, where they come from, what they mean
///
/// Reads the same flags, variables and file as `klamm serve` and prints what would hold, one
/// setting a line: name, value and source, separated by tabs. Give names to read what they mean.
/// Nothing is asked of a running broker.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ConfigArgs {
    /// Explain these settings instead: type, default, bounds, meaning
    #[arg(value_name = "SETTING", conflicts_with_all = ["changed", "table"])]
    names: Vec<String>,
    /// Show only what differs from the defaults
    #[arg(long)]
    changed: bool,
    /// Print the tables of all broker, topic and group settings as Markdown
    #[arg(long, conflicts_with = "changed")]
    table: bool,
    #[command(flatten)]
    settings: SettingArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm config                                       everything, with its source
  klamm config --config server.properties --changed  what that file changes
  klamm config num.partitions klamm.flush            what these mean
  klamm config consumer.session.timeout.ms           a group's, set by klamm group alter
  klamm config --table > settings.md";

pub(super) fn run(args: &ConfigArgs) -> Result<(), CliError> {
    let mut output = Output::stdout();
    if args.table {
        output.write_all(broker_settings_markdown().as_bytes())?;
        output.line("\n### Topic settings\n")?;
        output.write_all(topic_settings_markdown().as_bytes())?;
        output.line("\n### Group settings\n")?;
        output.write_all(group_settings_markdown().as_bytes())?;
        return Ok(output.flush()?);
    }
    if !args.names.is_empty() {
        for name in &args.names {
            output.line(explanation(name)?)?;
        }
        return Ok(output.flush()?);
    }
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    let known = config::settings().iter();
    let open = known.filter(|setting| setting.scope != Scope::Hidden);
    let lines = open.filter_map(|setting| line(setting, &loaded.config.settings, args.changed));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        output.line("every setting has its default")?;
    }
    for line in lines {
        output.line(line)?;
    }
    Ok(output.flush()?)
}

/// `name <tab> value <tab> source`, or nothing if it is not to be shown.
fn line(setting: &Setting, settings: &Settings, changed: bool) -> Option<String> {
    let layer = settings.layer(setting.name);
    let shown = layer.is_some() || (!changed && setting.status == Status::Honoured);
    let value = match settings.text(setting.name) {
        Some(_) if setting.is_sensitive() => "(hidden)",
        Some(text) => text,
        None => "(not set)",
    };
    let source = layer.map_or_else(|| "default".to_owned(), |layer| layer.to_string());
    shown.then(|| format!("{}\t{value}\t{source}", setting.name))
}

fn explanation(name: &str) -> Result<String, CliError> {
    let broker = config::find(name).map(explain_setting);
    let topic = config::find_topic_setting(name).map(explain_topic_setting);
    let group = config::find_group_setting(name).map(explain_group_setting);
    match [broker, topic, group]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
    {
        found if found.is_empty() => {
            Err(CliError::refused(format!("there is no setting `{name}`"))
                .with_cure("all of them: klamm config"))
        }
        found => Ok(found.join("\n")),
    }
}

fn explain_setting(setting: &Setting) -> String {
    let facts = Facts {
        name: setting.name,
        of: "broker",
        kind: setting.kind.name(),
        default: setting.default.unwrap_or("(not set)"),
        valid: setting.valid.to_string(),
        status: setting.status,
        doc: setting.doc,
    };
    facts.to_string()
}

fn explain_topic_setting(setting: &TopicSetting) -> String {
    let facts = Facts {
        name: setting.name,
        of: "topic",
        kind: setting.kind.name(),
        default: setting.default,
        valid: setting.valid.to_string(),
        status: setting.status,
        doc: setting.doc,
    };
    facts.to_string()
}

fn explain_group_setting(setting: &GroupSetting) -> String {
    let bounds = [setting.least, setting.most].map(|name| name.unwrap_or("any"));
    let facts = Facts {
        name: setting.name,
        of: "group",
        kind: setting.kind.name(),
        default: setting.broker.unwrap_or(setting.default),
        valid: match bounds {
            ["any", "any"] => setting.valid.to_string(),
            [least, most] => format!("{least} to {most}"),
        },
        status: setting.status,
        doc: setting.doc,
    };
    facts.to_string()
}

struct Facts {
    name: &'static str,
    of: &'static str,
    kind: &'static str,
    default: &'static str,
    valid: String,
    status: Status,
    doc: &'static str,
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} setting, {}", self.name, self.of, self.kind)?;
        if !self.valid.is_empty() {
            write!(f, ", {}", self.valid)?;
        }
        write!(f, ", default {})\n  {}", self.default, self.doc)?;
        match self.status {
            Status::Honoured => Ok(()),
            Status::Ignored(why) => write!(f, "\n  Not honoured: {why}"),
            Status::Refused(why) => write!(f, "\n  Only the default is accepted: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_explained_by_name() {
        let text = explanation("num.partitions").unwrap();
        assert!(
            text.starts_with("num.partitions (broker setting, "),
            "{text}"
        );
        assert!(
            explanation("retention.ms")
                .unwrap()
                .contains("topic setting")
        );
        let group = explanation("consumer.session.timeout.ms").unwrap();
        assert!(
            group.starts_with(
                "consumer.session.timeout.ms (group setting, INT, \
                 group.consumer.min.session.timeout.ms to group.consumer.max.session.timeout.ms, \
                 default group.consumer.session.timeout.ms)"
            ),
            "{group}"
        );
        assert!(explanation("no.such.thing").is_err());
    }

    #[test]
    fn a_default_is_shown_unless_only_changes_are_asked_for() {
        let setting = config::find("num.partitions").unwrap();
        let settings = Settings::default();
        let shown = line(setting, &settings, false).unwrap();
        assert!(shown.starts_with("num.partitions\t") && shown.ends_with("\tdefault"));
        assert_eq!(line(setting, &settings, true), None);
    }
}
