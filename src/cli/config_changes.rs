//! Flags that change configs of a topic or a group.

use std::io::Write as _;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use super::settings::parse_assignment;
use crate::client::{Admin, ConfigChange, ConfigResource};

/// Which configs to change.
#[derive(Args, Debug)]
pub(super) struct ConfigChangeArgs {
    /// Give a config a value; may be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,
    /// Let the broker's default hold again; may be given several times
    #[arg(short, long, value_name = "NAME")]
    unset: Vec<String>,
}

impl ConfigChangeArgs {
    /// Makes the changes, all or none, and tells them.
    pub(super) fn make(
        &self,
        admin: &Admin,
        of: &ConfigResource,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let changes = self.changes();
        if changes.is_empty() {
            return Ok(());
        }
        admin.alter_configs(of, &changes)?;
        for change in &changes {
            match change {
                ConfigChange::Set(name, value) => {
                    output.line(format_args!("set {name}={value}"))?
                }
                ConfigChange::Unset(name) => output.line(format_args!("unset {name}"))?,
            }
        }
        Ok(output.flush()?)
    }

    fn changes(&self) -> Vec<ConfigChange> {
        let set = self
            .set
            .iter()
            .cloned()
            .map(|(name, value)| ConfigChange::Set(name, value));
        let unset = self.unset.iter().cloned().map(ConfigChange::Unset);
        set.chain(unset).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        changes: ConfigChangeArgs,
    }

    #[test]
    fn values_are_set_before_others_are_unset() {
        let line = ["x", "--unset", "a", "--set", "b=1", "--set", "c=d=e"];
        let changes = Line::try_parse_from(line).unwrap().changes.changes();
        let set = |name: &str, value: &str| ConfigChange::Set(name.to_owned(), value.to_owned());
        let expected = [
            set("b", "1"),
            set("c", "d=e"),
            ConfigChange::Unset("a".to_owned()),
        ];
        assert_eq!(changes, expected);
    }
}
