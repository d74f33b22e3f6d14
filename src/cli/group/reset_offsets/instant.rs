//! Points in time and spans of it in ISO 8601, as Kafka's own tool takes them. Pure.

use std::time::Duration;

use crate::cli::units;
use crate::model::TimestampMs;

/// `2026-11-21T09:30:00Z`, or with a zone such as `+01:00`; UTC if there is none.
pub(super) fn parse_datetime(text: &str) -> Result<TimestampMs, String> {
    let parsed = split_zone(text).and_then(|(local, ahead_ms)| {
        // A number alone or a span would be something else than a date here.
        let is_date = local.contains('-') && local.starts_with(|c: char| c.is_ascii_digit());
        let ms = units::parse_timestamp(local, 0).ok().filter(|_| is_date)?;
        Some(ms - ahead_ms).filter(|ms| *ms >= 0)
    });
    parsed.ok_or_else(|| {
        format!(
            "`{text}` is not a point in time since 1970: \
             try 2026-11-21T09:30:00Z, 2026-11-21T10:30:00+01:00 or 2026-11-21"
        )
    })
}

/// `PT2H30M`, `P1DT12H`, `P2W`, or `90s`, `2h`, `3d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Some(rest) = text.strip_prefix('P') {
        return iso_duration(rest).ok_or_else(|| {
            format!(
                "`{text}` is not a duration of weeks, days, hours, minutes and seconds: \
                 try PT2H30M, P1DT12H or P2W"
            )
        });
    }
    if text.len() > PLAIN_LEN_MAX {
        return Err(format!("`{text}` is too long: try PT2H30M, 90s, 2h or 3d"));
    }
    units::parse_duration(text)
}

/// So long before `now`, but not before 1970.
pub(super) fn before(now: TimestampMs, ago: Duration) -> TimestampMs {
    let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    now.saturating_sub(ago_ms).max(0)
}

/// So many characters hold every span of any use, and none that is too long for a `Duration`.
const PLAIN_LEN_MAX: usize = 14;
/// A span of more seconds is a mistake, and one of far more has no place in a `Duration`.
const SECONDS_MAX: f64 = 1e12;

/// The text without its zone, and how far that zone is ahead of UTC.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    let Some(time_at) = text.find(['T', ' ']) else {
        return Some((text, 0));
    };
    let Some(sign_at) = text[time_at..].find(['+', '-']) else {
        return Some((text, 0));
    };
    let (local, zone) = text.split_at(time_at + sign_at);
    let ahead_ms = zone_ms(&zone[1..])?;
    match zone.starts_with('-') {
        true => Some((local, -ahead_ms)),
        false => Some((local, ahead_ms)),
    }
}

/// `01:00`, `0100` or `01`.
fn zone_ms(zone: &str) -> Option<i64> {
    let digits: String = zone.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || ![2, 4].contains(&digits.len()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    let hours: i64 = hours.parse().ok()?;
    let minutes: i64 = if minutes.is_empty() {
        0
    } else {
        minutes.parse().ok()?
    };
    (hours <= 18 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)
}

/// What follows the `P`. Years and months have no fixed length, and are not taken.
fn iso_duration(text: &str) -> Option<Duration> {
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let days = sum_of(date, &[('W', 604_800.0), ('D', 86_400.0)])?;
    let seconds = days + sum_of(time, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)])?;
    let sound = !text.is_empty() && seconds <= SECONDS_MAX;
    sound.then(|| Duration::from_secs_f64(seconds))
}

/// Numbers with their units, larger units first.
fn sum_of(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut units = units.iter();
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..end].parse().ok()?;
        let letter = rest[end..].chars().next()?;
        let (_, factor) = units.find(|(unit, _)| *unit == letter)?;
        seconds += value * factor;
        rest = &rest[end + letter.len_utf8()..];
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_have_a_zone() {
        let at = parse_datetime("2026-11-21T09:30:00Z").unwrap();
        assert_eq!(units::Utc(at).to_string(), "2026-11-21T09:30:00.000Z");
        for same in [
            "2026-11-21T09:30:00",
            "2026-11-21T10:30:00+01:00",
            "2026-11-21T10:30:00.000+0100",
            "2026-11-21T04:30-05",
            "2026-11-21 09:30",
        ] {
            assert_eq!(parse_datetime(same), Ok(at), "{same}");
        }
        let day = parse_datetime("2026-11-21").unwrap();
        assert_eq!(at - day, 34_200_000);
    }

    #[test]
    fn what_is_no_point_in_time_is_refused() {
        for wrong in [
            "",
            "yesterday",
            "1700000000000",
            "-15m",
            "2026-11-31",
            "2026-11-21T09:30:00+1",
            "2026-11-21T09:30:00+99:00",
            "2026-11-21T09:30:00+é1",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert!(parse_datetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_in_both_ways() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("PT2H30M"), Ok(9000.0));
        assert_eq!(seconds("P1DT12H"), Ok(129_600.0));
        assert_eq!(seconds("P2W"), Ok(1_209_600.0));
        assert_eq!(seconds("PT0.5S"), Ok(0.5));
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("3d"), Ok(259_200.0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for wrong in [
            "P",
            "PT",
            "P1DT",
            "P1M",
            "P1Y",
            "PT1D",
            "PT1M1H",
            "P-1D",
            "PT1",
            "PTé",
            "P99999999999999999999D",
            "99999999999999999999d",
            "soon",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_span_reaches_behind_1970() {
        assert_eq!(before(100_000, Duration::from_secs(90)), 10_000);
        assert_eq!(before(1000, Duration::from_secs(2)), 0);
        assert_eq!(before(1000, Duration::MAX), 0);
    }
}
