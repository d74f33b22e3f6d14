use std::fmt;

use serde::{Deserialize, Serialize};

/// Sizes of records' values: `1024`, `[100, 2000]` or `[{ bytes = 100, weight = 9 }, …]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecordBytes {
    /// All alike.
    Fixed(u32),
    /// Any from the first to the second, each as likely.
    Range([u32; 2]),
    /// These, as often as their weights say.
    Weighted(Vec<WeightedBytes>),
}

/// One size of a weighted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedBytes {
    /// The size.
    pub bytes: u32,
    /// How often, in proportion to the sum of all weights.
    pub weight: u32,
}

impl RecordBytes {
    /// Reads `1024`, `100-2000` or `100:9,1000:1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse().map_err(|_| {
                format!("`{text}` is no size of records: try 1024, 100-2000 or 100:9,1000:1")
            })
        };
        if text.contains(':') {
            let pair = |part: &str| {
                let (bytes, weight) = part.split_once(':').unwrap_or((part, "1"));
                Ok(WeightedBytes {
                    bytes: number(bytes)?,
                    weight: number(weight)?,
                })
            };
            return text
                .split(',')
                .map(pair)
                .collect::<Result<_, _>>()
                .map(Self::Weighted);
        }
        match text.split_once('-') {
            Some((least, most)) => Ok(Self::Range([number(least)?, number(most)?])),
            None => number(text).map(Self::Fixed),
        }
    }

    /// The smallest size.
    pub fn least(&self) -> u32 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range([least, _]) => *least,
            Self::Weighted(list) => list.iter().map(|w| w.bytes).min().unwrap_or(0),
        }
    }

    /// The largest size.
    pub fn most(&self) -> u32 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range([_, most]) => *most,
            Self::Weighted(list) => list.iter().map(|w| w.bytes).max().unwrap_or(0),
        }
    }

    /// The size of one record; `random` is any random number.
    pub fn draw(&self, random: u32) -> u32 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range([least, most]) => least + random % (most - least + 1),
            Self::Weighted(list) => draw_weighted(list, random),
        }
    }
}

fn draw_weighted(list: &[WeightedBytes], random: u32) -> u32 {
    let sum: u32 = list.iter().map(|w| w.weight).sum();
    let mut left = random % sum;
    for WeightedBytes { bytes, weight } in list {
        match left.checked_sub(*weight) {
            None => return *bytes,
            Some(rest) => left = rest,
        }
    }
    unreachable!("what is left is less than the sum of all weights");
}

impl fmt::Display for RecordBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(bytes) => write!(f, "{bytes}"),
            Self::Range([least, most]) => write!(f, "{least}-{most}"),
            Self::Weighted(list) => {
                let parts: Vec<_> = list
                    .iter()
                    .map(|w| format!("{}:{}", w.bytes, w.weight))
                    .collect();
                f.write_str(&parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        for text in ["1024", "100-2000", "100:9,1000:1"] {
            assert_eq!(RecordBytes::parse(text).unwrap().to_string(), text);
        }
        assert!(RecordBytes::parse("many").is_err());
        assert!(RecordBytes::parse("1-many").is_err());
    }

    #[test]
    fn sizes_are_drawn_as_often_as_their_weights_say() {
        let sizes = RecordBytes::parse("100:3,1000:1").unwrap();
        let drawn: Vec<_> = (0..8).map(|random| sizes.draw(random)).collect();
        assert_eq!(drawn, [100, 100, 100, 1000, 100, 100, 100, 1000]);
        let range = RecordBytes::Range([10, 12]);
        let drawn: Vec<_> = (0..4).map(|random| range.draw(random)).collect();
        assert_eq!(drawn, [10, 11, 12, 10]);
    }
}
