//! What can be wrong with a configuration, always with the setting, its value and the cure.

use std::fmt;

/// Everything that is wrong with a configuration, found in one go.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// In the order they were found; never empty.
    pub errors: Vec<ConfigError>,
}

/// One thing that is wrong with a configuration.
///
/// `place` says where the setting stands: a flag, a variable, or a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No such setting.
    #[error("{place}: there is no setting `{name}`{}", did_you_mean(suggestion))]
    Unknown {
        /// The name as written.
        name: String,
        /// Where it stands.
        place: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// The text is no value of the setting, or makes no sense.
    #[error("{place}: `{name}={value}` makes no sense: {why}. {cure}")]
    Invalid {
        /// The setting.
        name: String,
        /// Its text.
        value: String,
        /// Where it stands.
        place: String,
        /// What is wrong with it.
        why: String,
        /// What to write instead.
        cure: String,
    },
    /// klamm cannot do what the setting asks for.
    #[error("{place}: `{name}={value}` is refused: {why}. {cure}")]
    Refused {
        /// The setting.
        name: String,
        /// Its text.
        value: String,
        /// Where it stands.
        place: String,
        /// Why it is refused.
        why: String,
        /// What to do instead.
        cure: String,
    },
    /// The text cannot be read at all.
    #[error("{place}: {why}")]
    Syntax {
        /// File and line.
        place: String,
        /// What is wrong there.
        why: String,
    },
}

/// Something the user should know, though the broker starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The setting it is about.
    pub name: String,
    /// The whole sentence, with the setting, its value and where it stands.
    pub message: String,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self {
            errors: vec![error],
        }
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; `klamm config` lists them all".to_owned(),
    }
}
