//! Lines of stdin, taken apart into records.

use std::borrow::Cow;
use std::io::BufRead;

use crate::cli::error::CliError;
use crate::cli::record_json::RecordInput;
use crate::model::TimestampMs;
use crate::protocol::record::Header;

/// How lines are read.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// A value, or key, separator and value.
    Lines {
        key_separator: Option<Vec<u8>>,
        null: Option<Vec<u8>>,
    },
    /// A JSON object.
    Json,
}

/// Reads records line by line; the line's memory is used again for the next one.
pub(super) struct LineReader<R> {
    reader: R,
    input: Input,
    line: Vec<u8>,
    number: u64,
}

/// One record as a line gave it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LineRecord<'a> {
    /// From 1.
    pub(super) number: u64,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<TimestampMs>,
    pub(super) key: Option<Cow<'a, [u8]>>,
    pub(super) value: Option<Cow<'a, [u8]>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl LineRecord<'_> {
    /// The headers that the line itself had.
    pub(super) fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.headers.iter().map(|(name, value)| Header {
            key: name.as_bytes(),
            value: value.as_deref(),
        })
    }
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(reader: R, input: Input) -> Self {
        Self {
            reader,
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line's record; `None` at the end. A last line without a line end counts.
    pub(super) fn next_record(&mut self) -> Result<Option<LineRecord<'_>>, CliError> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        if read.map_err(|error| CliError::stdin(&error))? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        self.number += 1;
        let mut record = match &self.input {
            Input::Json => parse_json(&self.line, self.number)?,
            Input::Lines {
                key_separator,
                null,
            } => parse_line(&self.line, key_separator.as_deref(), null.as_deref()),
        };
        record.number = self.number;
        Ok(Some(record))
    }
}

fn parse_json(line: &[u8], number: u64) -> Result<LineRecord<'_>, CliError> {
    let read = RecordInput::parse(line).map_err(|why| {
        CliError::usage(format!(
            "line {number} of stdin is not a record in JSON: {why}"
        ))
        .with_cure(r#"a line looks like {"key":"k","value":"v"}; see klamm consume --json"#)
    })?;
    Ok(LineRecord {
        number,
        partition: read.partition,
        timestamp: read.timestamp,
        key: read.key.map(Cow::Owned),
        value: read.value.map(Cow::Owned),
        headers: read.headers,
    })
}

fn parse_line<'a>(line: &'a [u8], separator: Option<&[u8]>, null: Option<&[u8]>) -> LineRecord<'a> {
    let (key, value) = match separator.and_then(|separator| split_once(line, separator)) {
        Some((key, value)) => (Some(key), value),
        None => (None, line),
    };
    LineRecord {
        key: key.map(Cow::Borrowed),
        value: (null != Some(value)).then_some(Cow::Borrowed(value)),
        ..LineRecord::default()
    }
}

fn split_once<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    if separator.is_empty() {
        return None;
    }
    let at = line
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(key_separator: Option<&str>, null: Option<&str>) -> Input {
        Input::Lines {
            key_separator: key_separator.map(|text| text.as_bytes().to_vec()),
            null: null.map(|text| text.as_bytes().to_vec()),
        }
    }

    fn pairs(text: &str, input: Input) -> Vec<(Option<String>, Option<String>)> {
        let mut reader = LineReader::new(text.as_bytes(), input);
        let mut found = Vec::new();
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            found.push((record.key.map(text), record.value.map(text)));
        }
        found
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_line_is_a_value() {
        let found = pairs("a\n\nb", lines(None, None));
        assert_eq!(
            found,
            [(None, some("a")), (None, some("")), (None, some("b"))]
        );
    }

    #[test]
    fn keys_end_at_the_first_separator() {
        let found = pairs("k:v:w\nplain\n:x\n", lines(Some(":"), None));
        assert_eq!(
            found,
            [
                (some("k"), some("v:w")),
                (None, some("plain")),
                (some(""), some("x"))
            ]
        );
        assert_eq!(
            pairs("a->b", lines(Some("->"), None)),
            [(some("a"), some("b"))]
        );
    }

    #[test]
    fn a_marked_value_is_null() {
        assert_eq!(
            pairs("k:NIL", lines(Some(":"), Some("NIL"))),
            [(some("k"), None)]
        );
        assert_eq!(pairs("k:", lines(Some(":"), Some(""))), [(some("k"), None)]);
    }

    #[test]
    fn wrong_json_is_named_by_its_line() {
        let mut reader = LineReader::new(b"{\"value\":\"v\"}\n{".as_slice(), Input::Json);
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.value.as_deref(), Some(b"v".as_slice()));
        let error = reader.next_record().unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
