//! `klamm api`: what the broker serves, as the table that the documentation shows.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use crate::broker::{SERVED, Served};

/// Print the compatibility table: each API, its versions, its known gaps
///
/// Generated from what the broker really serves; ApiVersions names exactly these. Markdown.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ApiArgs {}

const EXAMPLES: &str = "\
Examples:
  klamm api
  klamm api | grep Fetch";

pub(super) fn run(_args: &ApiArgs) -> Result<(), CliError> {
    let mut output = Output::stdout();
    output.write_all(table().as_bytes())?;
    Ok(output.flush()?)
}

/// The table, one row an API in the order of their keys.
fn table() -> String {
    let mut served: Vec<Served> = SERVED.to_vec();
    served.sort_by_key(|served| served.api.number());
    let mut table = String::from("| key | API | versions | known gaps |\n|---|---|---|---|\n");
    for served in served {
        let (key, versions) = (served.api.number(), served.versions());
        let gaps = if served.gaps.is_empty() {
            "–"
        } else {
            served.gaps
        };
        let (name, first, last) = (served.api.name(), versions.first, versions.last);
        writeln!(table, "| {key} | {name} | {first}–{last} | {gaps} |").expect("text grows");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_api_once() {
        let table = table();
        assert_eq!(table.matches("| Produce |").count(), 1);
        assert_eq!(table.lines().count(), SERVED.len() + 2);
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = std::fs::read_to_string("README.md").expect("a README");
        assert!(
            readme.contains(&table()),
            "paste the output of `klamm api` into README.md"
        );
    }
}
