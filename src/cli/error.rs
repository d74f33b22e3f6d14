use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Why a command failed, in words for the person who typed it.
///
/// The message names what was tried and with which value; the cure, where one is known, follows
/// on a line of its own.
#[derive(Debug)]
pub(super) struct CliError {
    kind: Kind,
    message: String,
    cure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Refused,
    Usage,
    Unreachable,
    Damage,
    LocalIo,
    BrokenPipe,
}

impl CliError {
    /// The broker refused, or something asked for does not exist.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// The command line was wrong in a way that clap cannot see.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// No broker answered.
    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// A file on disk does not hold what it should.
    pub(super) fn damage(message: impl Into<String>) -> Self {
        Self::new(Kind::Damage, message)
    }

    /// A local file could not be read.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(
            Kind::LocalIo,
            format!("cannot read {}: {error}", path.display()),
        )
    }

    /// A local file or directory could not be written.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::new(
            Kind::LocalIo,
            format!("cannot write {}: {error}", path.display()),
        )
    }

    /// Reading stdin failed.
    pub(super) fn stdin(error: &io::Error) -> Self {
        Self::new(Kind::LocalIo, format!("cannot read stdin: {error}"))
    }

    /// What to do about it, e.g. a command to try.
    pub(super) fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Whether the reader of our output has gone (`klamm consume … | head`): no reason to complain.
    pub(super) fn is_broken_pipe(&self) -> bool {
        self.kind == Kind::BrokenPipe
    }

    /// The code documented in `klamm --help`.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::BrokenPipe => 0,
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
            Kind::Damage => 4,
            Kind::LocalIo => 5,
        })
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cure: None,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.cure {
            Some(cure) => write!(f, "\n  {cure}"),
            None => Ok(()),
        }
    }
}

/// The only I/O errors that travel bare are those of writing to stdout.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::BrokenPipe, "stdout is closed"),
            _ => Self::new(Kind::LocalIo, format!("cannot write to stdout: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_stands_on_its_own_line() {
        let error = CliError::refused("no topic `x`").with_cure("try: klamm topic list");
        assert_eq!(error.to_string(), "no topic `x`\n  try: klamm topic list");
    }

    #[test]
    fn a_closed_stdout_is_quiet() {
        let error = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(error.is_broken_pipe());
        assert!(!CliError::from(io::Error::other("full")).is_broken_pipe());
    }
}
