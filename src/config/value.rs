//! The text of a setting and what it parses as.

use std::fmt;

/// What the text of a setting must parse as; the names are Kafka's but for [`Kind::Size`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Any text.
    Text,
    /// A 32-bit number.
    Int,
    /// A 16-bit number.
    Short,
    /// A 64-bit number.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// Text that is never shown.
    Password,
    /// A number of bytes, plain or with a unit: `512MiB`, `1G`. klamm's own.
    Size,
}

/// A parsed setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Int`], [`Kind::Short`], [`Kind::Long`] and [`Kind::Size`] (bytes).
    Number(i64),
    /// Of [`Kind::Double`].
    Double(f64),
    /// Of [`Kind::Text`], [`Kind::Class`] and [`Kind::Password`].
    Text(String),
    /// Of [`Kind::List`]; the empty text is the empty list.
    List(Vec<String>),
}

/// A value that its setting does not take, in the words Kafka's clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidValue {
    message: String,
    why: String,
}

impl InvalidValue {
    /// `value` is no value of the setting `name`, because of `why`.
    pub(super) fn new(name: &str, value: impl fmt::Display, why: impl Into<String>) -> Self {
        let why = why.into();
        let message = format!("Invalid value {value} for configuration {name}: {why}");
        Self { message, why }
    }

    /// A whole message of its own.
    pub(super) fn other(message: String) -> Self {
        let why = message.clone();
        Self { message, why }
    }

    /// The reason alone, without name and value.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl Kind {
    /// Kafka's name of the type, as its messages and its documentation show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Text => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
            Self::Size => "SIZE",
        }
    }

    /// Parses the text of the setting `name`; blanks around it do not count.
    pub fn parse(self, name: &str, text: &str) -> Result<Value, InvalidValue> {
        let trimmed = text.trim();
        let not_a_number =
            || InvalidValue::new(name, text, format!("Not a number of type {}", self.name()));
        match self {
            Self::Boolean => parse_boolean(name, text),
            Self::Text | Self::Class | Self::Password => Ok(Value::Text(trimmed.to_owned())),
            Self::Int => whole::<i32>(trimmed).ok_or_else(not_a_number),
            Self::Short => whole::<i16>(trimmed).ok_or_else(not_a_number),
            Self::Long => whole::<i64>(trimmed).ok_or_else(not_a_number),
            Self::Double => double(trimmed).ok_or_else(not_a_number),
            Self::List => Ok(Value::List(split_list(trimmed))),
            Self::Size => super::memory::parse_size(trimmed)
                .map(Value::Number)
                .ok_or_else(|| InvalidValue::new(name, text, "Not a size such as 512MiB")),
        }
    }
}

/// The elements of a comma-separated list; the empty text has none.
pub fn split_list(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',')
        .map(|element| element.trim().to_owned())
        .collect()
}

fn parse_boolean(name: &str, text: &str) -> Result<Value, InvalidValue> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(Value::Boolean(true)),
        "false" => Ok(Value::Boolean(false)),
        _ => Err(InvalidValue::new(
            name,
            text,
            "Expected value to be either true or false",
        )),
    }
}

fn whole<T: std::str::FromStr + Into<i64>>(text: &str) -> Option<Value> {
    text.parse::<T>()
        .ok()
        .map(|number| Value::Number(number.into()))
}

fn double(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(Value::Double(number))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Double(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => value.fmt(f),
            Self::List(values) => values.join(",").fmt(f),
        }
    }
}

impl Value {
    /// The truth of a [`Kind::Boolean`].
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of a numeric kind other than [`Kind::Double`].
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of a [`Kind::Double`].
    pub(super) fn double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}
