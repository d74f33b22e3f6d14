//! Sizes and the default memory budget.

/// One mebibyte.
pub const MIB: u64 = 1 << 20;
/// One gibibyte.
pub const GIB: u64 = 1 << 30;

/// The memory budget of a broker that was told none: a quarter of what the host or its cgroup
/// has, at most 1 GiB a core.
pub fn default_memory_bytes(host_memory_bytes: u64, cores: usize) -> u64 {
    (host_memory_bytes / 4).min(GIB.saturating_mul(cores as u64))
}

/// A number of bytes: plain digits, or with one of the units B, K, KB, KiB, M, MB, MiB, G, GB,
/// GiB, T, TB, TiB in any case; every unit is a power of 1024, as memory is counted.
pub(super) fn parse_size(text: &str) -> Option<i64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    number.checked_mul(unit_bytes(unit.trim())?)
}

fn unit_bytes(unit: &str) -> Option<i64> {
    let unit = unit.to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return None,
    };
    Some(1 << (10 * power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let cases = [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("1k", Some(1024)),
            ("512MiB", Some(512 << 20)),
            ("2 GB", Some(2 << 30)),
            ("1TiB", Some(1 << 40)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5G", None),
            ("1x", None),
            ("9223372036854775807K", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_quarter_of_the_host_but_no_more_than_a_gibibyte_a_core() {
        assert_eq!(default_memory_bytes(4 * GIB, 8), GIB);
        assert_eq!(default_memory_bytes(64 * GIB, 2), 2 * GIB);
    }
}
