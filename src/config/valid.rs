//! Which values make sense: bounds and choices, refused in Kafka's words.

use std::fmt;

use super::group::is_offset_reset;
use super::ip_overrides;
use super::value::{InvalidValue, Value};

/// Which values of a setting make sense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// Whatever parses.
    Any,
    /// A number no less than this.
    AtLeast(i64),
    /// A number from the first to the second, both included.
    Between(i64, i64),
    /// A floating-point number from 0 to this, both included.
    Fraction(f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in any case.
    AnyCaseOf(&'static [&'static str]),
    /// A list, maybe empty, of these words.
    EachOf(&'static [&'static str]),
    /// A text of at least one character.
    NonEmpty,
    /// A level of gzip: 1 to 9, or -1.
    GzipLevel,
    /// `*`, or a list of `partition:broker`.
    ThrottledReplicas,
    /// A list, maybe empty, of `address:count`.
    AddressCounts,
    /// `earliest`, `latest` or `by_duration:` and a duration.
    OffsetReset,
}

impl Valid {
    /// Refuses a value of the setting `name` that makes no sense.
    pub fn check(self, name: &str, value: &Value) -> Result<(), InvalidValue> {
        match (self, value) {
            (Self::AtLeast(least), Value::Number(number)) => {
                in_range(name, *number, least, i64::MAX)
            }
            (Self::Between(least, most), Value::Number(number)) => {
                in_range(name, *number, least, most)
            }
            (Self::GzipLevel, Value::Number(number)) => gzip_level(name, *number),
            (Self::Fraction(most), Value::Double(number)) => fraction(name, *number, most),
            (Self::NonEmpty, Value::Text(text)) if text.is_empty() => {
                Err(InvalidValue::new(name, text, "String must be non-empty"))
            }
            (Self::ThrottledReplicas, Value::List(replicas)) => throttled(name, replicas),
            (Self::AddressCounts, Value::Text(text)) => address_counts(name, text),
            (Self::OffsetReset, Value::Text(text)) => offset_reset(name, text),
            (_, Value::Text(text)) => self.word(name, text),
            (_, Value::List(words)) => words.iter().try_for_each(|word| self.element(name, word)),
            _ => Ok(()),
        }
    }

    fn element(self, name: &str, word: &str) -> Result<(), InvalidValue> {
        if word.is_empty() {
            let message = format!("Configuration '{name}' values must not be empty.");
            return Err(InvalidValue::other(message));
        }
        self.word(name, word)
    }

    fn word(self, name: &str, word: &str) -> Result<(), InvalidValue> {
        let (known, words) = match self {
            Self::OneOf(words) | Self::EachOf(words) => (words.contains(&word), words),
            Self::AnyCaseOf(words) => (
                words.iter().any(|known| known.eq_ignore_ascii_case(word)),
                words,
            ),
            _ => return Ok(()),
        };
        if known {
            return Ok(());
        }
        let why = format!("String must be one of: {}", words.join(", "));
        Err(InvalidValue::new(name, word, why))
    }
}

fn in_range(name: &str, number: i64, least: i64, most: i64) -> Result<(), InvalidValue> {
    if number < least {
        let why = format!("Value must be at least {least}");
        return Err(InvalidValue::new(name, number, why));
    }
    if number > most {
        let why = format!("Value must be no more than {most}");
        return Err(InvalidValue::new(name, number, why));
    }
    Ok(())
}

fn fraction(name: &str, number: f64, most: f64) -> Result<(), InvalidValue> {
    let shown = format!("{number:?}");
    if number < 0.0 {
        return Err(InvalidValue::new(name, shown, "Value must be at least 0"));
    }
    if number > most {
        return Err(InvalidValue::new(
            name,
            shown,
            format!("Value must be no more than {most}"),
        ));
    }
    Ok(())
}

fn gzip_level(name: &str, level: i64) -> Result<(), InvalidValue> {
    if level == -1 || (1..=9).contains(&level) {
        return Ok(());
    }
    let why = "Value must be between 1 and 9 or equal to -1";
    Err(InvalidValue::new(name, level, why))
}

/// Kafka resolves names of hosts once, when it reads them; klamm takes addresses only.
fn address_counts(name: &str, text: &str) -> Result<(), InvalidValue> {
    let refuse = |entry: &str| {
        let why = format!("`{entry}` is not of the form address:count, with an IP address");
        InvalidValue::new(name, text, why)
    };
    ip_overrides::parse(text).map(drop).map_err(refuse)
}

fn offset_reset(name: &str, text: &str) -> Result<(), InvalidValue> {
    if is_offset_reset(text) {
        return Ok(());
    }
    let why = format!(
        "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', \
         'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
    );
    Err(InvalidValue::new(name, text, why))
}

fn throttled(name: &str, replicas: &[String]) -> Result<(), InvalidValue> {
    let is_pair = |replica: &String| {
        replica.split_once(':').is_some_and(|(partition, broker)| {
            partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
        })
    };
    if matches!(replicas, [all] if all == "*") || replicas.iter().all(is_pair) {
        return Ok(());
    }
    let why = format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err(InvalidValue::new(
        name,
        format!("[{}]", replicas.join(", ")),
        why,
    ))
}

/// What the documentation and the cure of an error say; empty for [`Valid::Any`].
impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Between(least, most) => write!(f, "{least} to {most}"),
            Self::Fraction(most) => write!(f, "0 to {most}"),
            Self::OneOf(words) | Self::AnyCaseOf(words) => {
                write!(f, "one of {}", words.join(", "))
            }
            Self::EachOf(words) => write!(f, "a list of {}", words.join(", ")),
            Self::NonEmpty => f.write_str("not empty"),
            Self::GzipLevel => f.write_str("1 to 9, or -1"),
            Self::ThrottledReplicas => f.write_str("`*` or a list of partition:broker"),
            Self::AddressCounts => f.write_str("a list of address:count"),
            Self::OffsetReset => f.write_str("earliest, latest or by_duration:PnDTnHnMn.nS"),
        }
    }
}
