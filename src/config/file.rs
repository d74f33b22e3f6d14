//! A configuration file: TOML, or a Kafka `server.properties` as it stands.

use super::error::ConfigError;
use super::properties;

/// The text of a configuration file and the name to show for it.
#[derive(Clone, Copy, Debug)]
pub struct ConfigFile<'a> {
    /// Shown in messages; its extension decides the format where it is `.toml` or `.properties`.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// One `name = value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    /// Counted from 1, where the format tells.
    pub(super) line: Option<usize>,
}

impl ConfigFile<'_> {
    /// All settings of the file in their order.
    pub(super) fn assignments(&self) -> Result<Vec<Assignment>, ConfigError> {
        if self.name.ends_with(".properties") {
            return properties::parse(self.text, self.name);
        }
        if self.name.ends_with(".toml") || self.has_table_header() {
            return self.toml();
        }
        self.toml()
            .or_else(|_| properties::parse(self.text, self.name))
    }

    /// Only TOML has lines such as `[klamm]`.
    fn has_table_header(&self) -> bool {
        self.text
            .lines()
            .any(|line| line.trim_start().starts_with('['))
    }

    fn toml(&self) -> Result<Vec<Assignment>, ConfigError> {
        let syntax = |why: String| ConfigError::Syntax {
            place: self.name.to_owned(),
            why,
        };
        let table: toml::Table = self
            .text
            .parse()
            .map_err(|error: toml::de::Error| syntax(error.to_string()))?;
        let mut assignments = Vec::new();
        flatten("", &table, &mut assignments).map_err(syntax)?;
        Ok(assignments)
    }
}

/// `[log.retention] ms = 1` is `log.retention.ms=1`.
fn flatten(
    prefix: &str,
    table: &toml::Table,
    assignments: &mut Vec<Assignment>,
) -> Result<(), String> {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        if let toml::Value::Table(inner) = value {
            flatten(&name, inner, assignments)?;
            continue;
        }
        let value = text_of(value)
            .ok_or_else(|| format!("`{name}` must be a text, a number, true, false or a list"))?;
        assignments.push(Assignment {
            name,
            value,
            line: None,
        });
    }
    Ok(())
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<_>> = values.iter().map(text_of).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<(String, String)> {
        let assignments = ConfigFile { name, text }.assignments().unwrap();
        assignments.into_iter().map(|a| (a.name, a.value)).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn toml_tables_and_dotted_keys_are_the_same() {
        let expected = [pair("klamm.memory", "1GiB"), pair("num.partitions", "3")];
        assert_eq!(
            read("k.toml", "klamm.memory = \"1GiB\"\nnum.partitions = 3"),
            expected
        );
        assert_eq!(
            read("k", "[klamm]\nmemory = '1GiB'\n[num]\npartitions = 3"),
            expected
        );
        assert_eq!(
            read("k", "log.cleanup.policy = ['compact', 'delete']"),
            [pair("log.cleanup.policy", "compact,delete")]
        );
    }

    #[test]
    fn what_is_not_toml_is_properties() {
        let text = "# Kafka\nnode.id=1\nlisteners=PLAINTEXT://:9092\n";
        let expected = [pair("node.id", "1"), pair("listeners", "PLAINTEXT://:9092")];
        assert_eq!(read("server.properties", text), expected);
        assert_eq!(read("anything", text), expected);
    }

    #[test]
    fn broken_toml_is_named() {
        let file = ConfigFile {
            name: "k.toml",
            text: "a = ",
        };
        assert!(
            file.assignments()
                .unwrap_err()
                .to_string()
                .starts_with("k.toml: ")
        );
        let file = ConfigFile {
            name: "k.toml",
            text: "a = 1979-05-27",
        };
        assert!(
            file.assignments()
                .unwrap_err()
                .to_string()
                .contains("`a` must be")
        );
    }
}
