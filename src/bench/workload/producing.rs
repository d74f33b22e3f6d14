use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RecordBytes;
use crate::protocol::record::Codec;

/// Producers, one connection each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Producers {
    /// How many.
    pub count: u32,
    /// Requests of each that may wait for their answer.
    pub in_flight: u32,
    /// Closed loop: partitions of a request, one batch each; requests go round all partitions.
    pub partitions_per_request: u32,
    /// Bytes of a record's value.
    pub record_bytes: RecordBytes,
    /// Records of a batch; in an open loop at most so many.
    pub batch_records: u32,
    /// Open loop: so many records at a time are due together and go to one partition.
    pub burst_records: u32,
    /// Open loop: how long the oldest due record waits for company, in microseconds.
    pub linger_us: u64,
    /// Open loop: records per second of all producers together; 0 is a closed loop.
    pub rate: u64,
    /// Whose word counts.
    pub acks: Acks,
    /// How batches are compressed, before the window; closed loop only.
    #[serde(with = "codec_name")]
    pub codec: Codec,
    /// How many different keys there are; 0 for records without key. In an open loop a key always
    /// goes to the same partition.
    pub keys: u32,
    /// Whether producers are idempotent.
    pub idempotent: bool,
}

impl Default for Producers {
    fn default() -> Self {
        Self {
            count: 1,
            in_flight: 5,
            partitions_per_request: 1,
            record_bytes: RecordBytes::Fixed(1024),
            batch_records: 1,
            burst_records: 1,
            linger_us: 0,
            rate: 0,
            acks: Acks::All,
            codec: Codec::None,
            keys: 0,
            idempotent: false,
        }
    }
}

impl Producers {
    /// What a workload without producers has.
    pub(super) fn none() -> Self {
        Self {
            count: 0,
            ..Self::default()
        }
    }
}

/// Whose word makes a record acknowledged: `"all"`, 1 or 0 in a workload file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AcksText", into = "String")]
pub enum Acks {
    /// Every in-sync replica's.
    #[default]
    All,
    /// The leader's.
    Leader,
    /// Nobody's: there are no answers.
    None,
}

impl Acks {
    /// The number in a Produce request.
    pub fn number(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
            Self::None => 0,
        }
    }

    /// Reads `all`, `1` or `0`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" | "-1" => Ok(Self::All),
            "1" | "leader" => Ok(Self::Leader),
            "0" | "none" => Ok(Self::None),
            _ => Err(format!("acks `{text}` is not known: use all, 1 or 0")),
        }
    }
}

impl From<Acks> for String {
    fn from(acks: Acks) -> Self {
        let text = match acks {
            Acks::All => "all",
            Acks::Leader => "1",
            Acks::None => "0",
        };
        text.to_owned()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AcksText {
    Number(i64),
    Text(String),
}

impl TryFrom<AcksText> for Acks {
    type Error = String;

    fn try_from(text: AcksText) -> Result<Self, String> {
        match text {
            AcksText::Number(number) => Self::parse(&number.to_string()),
            AcksText::Text(text) => Self::parse(&text),
        }
    }
}

mod codec_name {
    use super::*;

    pub(super) fn serialize<S: Serializer>(codec: &Codec, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(codec.name())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Codec, D::Error> {
        let name = String::deserialize(from)?;
        Codec::from_name(&name).ok_or_else(|| {
            let all = Codec::ALL.map(Codec::name).join(", ");
            serde::de::Error::custom(format!("codec `{name}` is not known: use one of {all}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_are_words_or_numbers() {
        for (text, acks) in [
            ("acks = \"all\"", Acks::All),
            ("acks = -1", Acks::All),
            ("acks = 1", Acks::Leader),
            ("acks = \"0\"", Acks::None),
        ] {
            assert_eq!(toml::from_str::<Producers>(text).unwrap().acks, acks);
        }
        let error = toml::from_str::<Producers>("acks = 2").unwrap_err();
        assert!(error.to_string().contains("use all, 1 or 0"), "{error}");
    }

    #[test]
    fn an_unknown_codec_is_named() {
        let error = toml::from_str::<Producers>("codec = \"brotli\"").unwrap_err();
        assert!(error.to_string().contains("brotli"), "{error}");
    }
}
