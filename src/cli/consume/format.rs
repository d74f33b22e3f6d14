//! How a consumed record is written.

use std::io::{self, Write};

use crate::cli::output::Output;
use crate::cli::record_json::RecordLine;
use crate::cli::units::Utc;
use crate::model::TopicPartition;
use crate::protocol::record::Record;

/// A way to write one record.
pub(super) trait RecordFormat {
    /// Writes the record, line end included.
    fn write(
        &mut self,
        out: &mut Output,
        partition: &TopicPartition,
        record: &Record<'_>,
    ) -> io::Result<()>;
}

/// Tab-separated columns, bytes as they are.
pub(super) struct LineFormat {
    /// Whether the offset's column begins with the topic, since there are several.
    pub(super) topics: bool,
    pub(super) offsets: bool,
    pub(super) timestamps: bool,
    pub(super) headers: bool,
    pub(super) key_separator: Option<Vec<u8>>,
}

impl RecordFormat for LineFormat {
    fn write(
        &mut self,
        out: &mut Output,
        partition: &TopicPartition,
        record: &Record<'_>,
    ) -> io::Result<()> {
        self.write_to(out, partition, record)
    }
}

impl LineFormat {
    fn write_to(
        &self,
        out: &mut impl Write,
        partition: &TopicPartition,
        record: &Record<'_>,
    ) -> io::Result<()> {
        if self.offsets && self.topics {
            write!(out, "{}\t", partition.topic)?;
        }
        if self.offsets {
            write!(out, "{}\t{}\t", partition.partition, record.offset)?;
        }
        if self.timestamps {
            write!(out, "{}\t", Utc(record.timestamp))?;
        }
        if self.headers {
            write_headers(out, record)?;
        }
        if let Some(separator) = &self.key_separator {
            out.write_all(record.key.unwrap_or(NULL))?;
            out.write_all(separator)?;
        }
        out.write_all(record.value.unwrap_or(NULL))?;
        out.write_all(b"\n")
    }
}

/// How a null key or value is shown, as Kafka's console consumer does.
const NULL: &[u8] = b"null";

fn write_headers(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    for (index, header) in record.headers.iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(header.key)?;
        out.write_all(b"=")?;
        out.write_all(header.value.unwrap_or(NULL))?;
    }
    out.write_all(b"\t")
}

/// One JSON object a line.
pub(super) struct JsonFormat;

impl RecordFormat for JsonFormat {
    fn write(
        &mut self,
        out: &mut Output,
        partition: &TopicPartition,
        record: &Record<'_>,
    ) -> io::Result<()> {
        let line = RecordLine {
            topic: &partition.topic,
            partition: partition.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers.iter().collect(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::{BatchSpec, Batches, Header, RecordParts, build_batch};

    fn shown(format: &LineFormat, parts: RecordParts<'_>) -> String {
        let bytes = build_batch(BatchSpec::default(), 1_700_000_000_000, [parts]);
        let batch = Batches::new(&bytes).next().unwrap();
        let record = batch.records().next().unwrap().unwrap();
        let mut out = Vec::new();
        let partition = TopicPartition {
            topic: "t".into(),
            partition: 3,
        };
        format.write_to(&mut out, &partition, &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn plain() -> LineFormat {
        LineFormat {
            topics: false,
            offsets: false,
            timestamps: false,
            headers: false,
            key_separator: None,
        }
    }

    #[test]
    fn the_value_alone_is_the_default() {
        let parts = RecordParts {
            key: Some(b"k"),
            value: Some(b"v"),
            headers: &[],
        };
        assert_eq!(shown(&plain(), parts), "v\n");
    }

    #[test]
    fn everything_has_its_column() {
        let headers = [
            Header {
                key: b"a",
                value: Some(b"1"),
            },
            Header {
                key: b"b",
                value: None,
            },
        ];
        let format = LineFormat {
            topics: false,
            offsets: true,
            timestamps: true,
            headers: true,
            key_separator: Some(b":".to_vec()),
        };
        let parts = RecordParts {
            key: Some(b"k"),
            value: None,
            headers: &headers,
        };
        assert_eq!(
            shown(&format, parts),
            "3\t0\t2023-11-14T22:13:20.000Z\ta=1,b=null\tk:null\n"
        );
    }
}
