//! Commands that ask for several things at once, some of which may fail.

use std::io::Write as _;

use super::error::CliError;
use super::output::Output;
use crate::client::ClientError;
use crate::protocol::error_code::ErrorCode;

/// Tells why some of what was asked failed; a single one's error is the command's own.
pub(super) fn report(
    what: &str,
    verb: &str,
    mut failures: Vec<CliError>,
    asked: usize,
) -> Result<(), CliError> {
    if asked == 1 {
        return failures.pop().map_or(Ok(()), Err);
    }
    for failure in &failures {
        eprintln!("klamm: {failure}");
    }
    match failures.len() {
        0 => Ok(()),
        failed => Err(CliError::refused(format!(
            "{failed} of {asked} {what} could not be {verb}"
        ))),
    }
}

/// What was to be deleted.
pub(super) struct Deletion {
    /// Such things, in the plural.
    pub(super) what: &'static str,
    /// How many.
    pub(super) asked: usize,
    /// The error that the user does not mind (`--if-exists`).
    pub(super) missing: Option<ErrorCode>,
}

impl Deletion {
    /// A line for each that is gone or was never there; the errors as `explained` puts them.
    pub(super) fn tell(
        self,
        outcomes: impl IntoIterator<Item = (String, Result<(), ClientError>)>,
        explained: impl Fn(ClientError, &str) -> CliError,
    ) -> Result<(), CliError> {
        let mut output = Output::stdout();
        let mut failures = Vec::new();
        for (name, outcome) in outcomes {
            match outcome {
                Ok(()) => output.line(format_args!("deleted {name}"))?,
                Err(error) if self.missing.is_some() && error.code() == self.missing => {
                    output.line(format_args!("missing {name}"))?;
                }
                Err(error) => failures.push(explained(error, &name)),
            }
        }
        output.flush()?;
        report(self.what, "deleted", failures, self.asked)
    }
}
