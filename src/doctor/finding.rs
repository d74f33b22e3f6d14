//! What a check says of the host.

use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// klamm runs, but would run better or safer otherwise.
    Advice,
    /// klamm does not run, or does not keep what it promises.
    Problem,
}

/// One check's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name; stable.
    pub check: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, with its value.
    pub found: String,
    /// Why it matters to klamm.
    pub why: String,
    /// What changes it, where something does.
    pub cure: Option<Cure>,
    /// What was measured of it, or of what its cure gains.
    pub gain: Option<String>,
}

/// Commands for a root shell; they hold until the next boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cure {
    /// What makes the change.
    pub commands: Vec<String>,
    /// What takes it back to what was found; empty where the change is to be made by hand.
    pub undo: Vec<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &str, found: impl Into<String>, why: &str) -> Self {
        Self::new(check, Severity::Ok, found.into(), why)
    }

    /// Something could be better.
    pub(super) fn advice(check: &str, found: impl Into<String>, why: &str) -> Self {
        Self::new(check, Severity::Advice, found.into(), why)
    }

    /// Something must change.
    pub(super) fn problem(check: &str, found: impl Into<String>, why: &str) -> Self {
        Self::new(check, Severity::Problem, found.into(), why)
    }

    /// With a command and what takes it back.
    pub(super) fn cured_by(mut self, command: impl Into<String>, undo: impl Into<String>) -> Self {
        let cure = self.cure.get_or_insert_default();
        cure.commands.push(command.into());
        cure.undo.push(undo.into());
        self
    }

    /// With a change that no script can make.
    pub(super) fn cured_by_hand(mut self, command: impl Into<String>) -> Self {
        self.cure = Some(Cure {
            commands: vec![command.into()],
            undo: Vec::new(),
        });
        self
    }

    /// With a measurement.
    pub(super) fn measured(mut self, gain: Option<String>) -> Self {
        self.gain = gain;
        self
    }

    fn new(check: &str, severity: Severity, found: String, why: &str) -> Self {
        Self {
            check: check.to_owned(),
            severity,
            found,
            why: why.to_owned(),
            cure: None,
            gain: None,
        }
    }
}
