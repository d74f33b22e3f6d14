//! The tables of settings as Markdown, for the documentation.

use std::fmt::Write;

use super::group::GROUP_SETTINGS;
use super::setting::{Scope, Status};
use super::table::{DIFFERENCES, SECTIONS};
use super::topic::TOPIC_SETTINGS;

/// All broker settings in their sections, and the list of defaults that differ from Kafka's.
pub fn broker_settings_markdown() -> String {
    let mut out = String::new();
    for (heading, rows) in SECTIONS {
        write!(out, "### {heading}\n\n{BROKER_HEAD}").expect(STRING);
        for setting in *rows {
            row(
                &mut out,
                &[
                    &format!("`{}`", setting.name),
                    setting.kind.name(),
                    &default_cell(setting.default),
                    &setting.valid.to_string(),
                    scope_cell(setting.scope),
                    &status_cell(setting.status),
                    setting.doc,
                ],
            );
        }
        out.push('\n');
    }
    out.push_str(&differences_markdown());
    out
}

/// All topic settings.
pub fn topic_settings_markdown() -> String {
    let mut out = TOPIC_HEAD.to_owned();
    for setting in TOPIC_SETTINGS {
        let names: Vec<_> = setting
            .synonyms
            .iter()
            .map(|synonym| format!("`{}`", synonym.name))
            .collect();
        row(
            &mut out,
            &[
                &format!("`{}`", setting.name),
                setting.kind.name(),
                &default_cell(Some(setting.default)),
                &setting.valid.to_string(),
                &names.join(", "),
                &status_cell(setting.status),
                setting.doc,
            ],
        );
    }
    out
}

/// All group settings.
pub fn group_settings_markdown() -> String {
    let mut out = GROUP_HEAD.to_owned();
    for setting in GROUP_SETTINGS {
        row(
            &mut out,
            &[
                &code(setting.name),
                setting.kind.name(),
                &default_cell(Some(setting.default)),
                &setting.valid.to_string(),
                &setting_cell(setting.broker),
                &setting_cell(setting.least),
                &setting_cell(setting.most),
                &status_cell(setting.status),
                setting.doc,
            ],
        );
    }
    out
}

fn differences_markdown() -> String {
    let mut out = DIFFERENCE_HEAD.to_owned();
    for difference in DIFFERENCES {
        let ours = super::find(difference.name).and_then(|setting| setting.default);
        let kafkas = difference
            .kafka
            .map_or_else(|| "(must be set)".to_owned(), code);
        row(
            &mut out,
            &[
                &code(difference.name),
                &default_cell(ours),
                &kafkas,
                difference.why,
            ],
        );
    }
    out
}

const STRING: &str = "a string takes what is written";
const BROKER_HEAD: &str = "| setting | type | default | values | changes | status | meaning |\n\
                           |---|---|---|---|---|---|---|\n";
const TOPIC_HEAD: &str = "| setting | type | default | values | falls back to | status | meaning |\n\
                          |---|---|---|---|---|---|---|\n";
const GROUP_HEAD: &str = "| setting | type | default | values | falls back to | at least | at most | status | meaning |\n\
                          |---|---|---|---|---|---|---|---|---|\n";
const DIFFERENCE_HEAD: &str = "### Defaults that differ from Kafka's\n\n\
                               | setting | klamm | Kafka | why |\n|---|---|---|---|\n";

fn row(out: &mut String, cells: &[&str]) {
    let escaped: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(out, "| {} |", escaped.join(" | ")).expect(STRING);
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn setting_cell(name: Option<&str>) -> String {
    name.map_or_else(String::new, code)
}

fn default_cell(default: Option<&str>) -> String {
    match default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => code(text),
    }
}

fn scope_cell(scope: Scope) -> &'static str {
    match scope {
        Scope::ReadOnly | Scope::Hidden => "restart",
        Scope::PerBroker => "running, one broker",
        Scope::ClusterWide => "running",
    }
}

fn status_cell(status: Status) -> String {
    match status {
        Status::Honoured => "honoured".to_owned(),
        Status::Ignored(why) => format!("no effect: {why}"),
        Status::Refused(why) => format!("only the default: {why}"),
    }
}
