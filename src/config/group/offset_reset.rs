//! Where a share group begins to read: `earliest`, `latest`, or `by_duration:` and an ISO 8601
//! duration as Java reads it (`P1DT2H3M4.5S`), not negative.

/// Whether the text says where to begin.
pub(in crate::config) fn is_offset_reset(text: &str) -> bool {
    if let Some(duration) = text.strip_prefix("by_duration:") {
        return nanoseconds(duration).is_some_and(|nanoseconds| nanoseconds >= 0);
    }
    matches!(text, "earliest" | "latest")
}

const SECOND: i128 = 1_000_000_000;

/// The duration; `None` if it is none, or has more seconds than 64 bits.
fn nanoseconds(text: &str) -> Option<i128> {
    let text = text.to_ascii_uppercase();
    let (is_negated, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let (days, rest) = take(date, 'D')?;
    let (hours, time) = take(time, 'H')?;
    let (minutes, time) = take(time, 'M')?;
    let whole = ((days * 24 + hours) * 60 + minutes) * 60 * SECOND;
    let total = whole + seconds(time)?;
    let fits = i64::try_from(total.div_euclid(SECOND)).is_ok();
    let signed = if is_negated { -total } else { total };
    (rest.is_empty() && fits).then_some(signed)
}

/// The whole number before the unit, 0 where the unit does not occur, and what follows.
fn take(text: &str, unit: char) -> Option<(i128, &str)> {
    match text.split_once(unit) {
        Some((number, rest)) => Some((number.parse::<i64>().ok()?.into(), rest)),
        None => Some((0, text)),
    }
}

/// Seconds may have up to nine decimals, after a point or a comma.
fn seconds(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.strip_suffix('S')?;
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_fraction = decimals.len() <= 9 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !is_fraction {
        return None;
    }
    let fraction: i128 = format!("{decimals:0<9}").parse().ok()?;
    let whole_seconds = i128::from(whole.parse::<i64>().ok()?) * SECOND;
    Some(if whole.starts_with('-') {
        whole_seconds - fraction
    } else {
        whole_seconds + fraction
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was given to Kafka 4.3.1.
    #[test]
    fn what_kafka_takes_is_taken() {
        let taken = [
            "earliest",
            "latest",
            "by_duration:P1DT2H3M4.5S",
            "by_duration:pt1h",
            "by_duration:PT1H-1M",
            "by_duration:PT-1H61M",
            "by_duration:+PT1S",
            "by_duration:-PT-1S",
            "by_duration:PT0S",
            "by_duration:PT1.S",
            "by_duration:PT1,5S",
            "by_duration:P1D",
            "by_duration:PT9223372036854775807S",
        ];
        let refused = [
            "",
            "none",
            "EARLIEST",
            "BY_DURATION:PT1S",
            "by_duration:",
            "by_duration:P",
            "by_duration:PT",
            "by_duration:PT-1H",
            "by_duration:-PT1H",
            "by_duration:PT-0.5S",
            "by_duration:PT.5S",
            "by_duration:P1W",
            "by_duration: PT1H",
            "by_duration:PT1M1H",
            "by_duration:PT1.0123456789S",
            "by_duration:P106751991167301D",
            "by_duration:P99999999999999999999D",
        ];
        for text in taken {
            assert!(is_offset_reset(text), "{text}");
        }
        for text in refused {
            assert!(!is_offset_reset(text), "{text}");
        }
    }
}
