//! Sizes, durations and instants as people type them, and timestamps as people read them.

use std::fmt;
use std::time::Duration;

use crate::model::TimestampMs;

const MS_PER_SECOND: i64 = 1000;
const MS_PER_DAY: i64 = 86_400 * MS_PER_SECOND;

/// `500ms`, `10s`, `15m`, `2h`, `7d`; a bare number means seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let factor = match unit {
        "ms" => 1.0,
        "" | "s" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => {
            return Err(format!(
                "`{unit}` is not a unit of time: use ms, s, m, h or d"
            ));
        }
    };
    let value: f64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a duration: try 500ms, 10s or 2h"))?;
    Duration::try_from_secs_f64(value * factor / 1000.0)
        .map_err(|_| format!("`{text}` is not a length of time: at most some 500 billion years"))
}

/// `512`, `64k`, `1MB` (decimal), `16MiB` (binary); in bytes.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    let (number, unit) = split_unit(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => {
            return Err(format!(
                "`{unit}` is not a unit of size: use kB, MB, KiB, MiB, …"
            ));
        }
    };
    let value: f64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a size: try 64k or 16MiB"))?;
    Ok((value * factor as f64) as usize)
}

/// A point in time: milliseconds since 1970, or UTC as `2026-11-21T09:30:00Z` (or a part of it
/// from the left: `2026-11-21`), or so long before `now` as `-15m`.
pub(super) fn parse_timestamp(text: &str, now: TimestampMs) -> Result<TimestampMs, String> {
    if let Ok(ms) = text.parse::<i64>()
        && ms >= 0
    {
        return Ok(ms);
    }
    if let Some(ago) = text.strip_prefix('-').filter(|ago| !ago.contains('-')) {
        return Ok(now - parse_duration(ago)?.as_millis() as i64);
    }
    parse_utc(text).ok_or_else(|| {
        format!(
            "`{text}` is not a point in time: \
             try -15m, 2026-11-21T09:30:00Z or milliseconds since 1970"
        )
    })
}

/// A timestamp as `2026-11-21T09:30:00.000Z`, or `-` where there is none.
pub(super) struct Utc(pub(super) TimestampMs);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            return f.write_str("-");
        }
        let (year, month, day) = civil_of_day(self.0 / MS_PER_DAY);
        let ms = self.0 % MS_PER_DAY;
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        let (seconds, millis) = (ms / 1000 % 60, ms % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z"
        )
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

fn parse_utc(text: &str) -> Option<TimestampMs> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    Some(day_of_date(date)? * MS_PER_DAY + ms_of_time(time)?)
}

fn day_of_date(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let days = day_of_civil(year, month, day);
    let sound = (1970..=9999).contains(&year) && civil_of_day(days) == (year, month, day);
    sound.then_some(days)
}

fn ms_of_time(time: &str) -> Option<i64> {
    let mut parts = time.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok()?;
    let sound = (0..24).contains(&hours) && (0..60).contains(&minutes);
    let sound = sound && (0.0..60.0).contains(&seconds);
    sound.then(|| (hours * 60 + minutes) * 60_000 + (seconds * 1000.0).round() as i64)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March here, so that
/// the leap day is the last of its year.
fn day_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse of [`day_of_civil`]: year, month, day.
fn civil_of_day(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5 h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("30"), Ok(Duration::from_secs(30)));
        assert!(parse_duration("3 weeks").unwrap_err().contains("weeks"));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("99999999999999999999d").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("64k"), Ok(64_000));
        assert_eq!(parse_size("16MiB"), Ok(16 << 20));
        assert_eq!(parse_size("1024"), Ok(1024));
        assert!(parse_size("1 elephant").is_err());
    }

    #[test]
    fn timestamps_are_read_in_three_ways() {
        let now = 1_700_000_000_000;
        assert_eq!(parse_timestamp("1234", now), Ok(1234));
        assert_eq!(parse_timestamp("-15m", now), Ok(now - 900_000));
        let ms = parse_timestamp("2026-11-21T01:42:39.123Z", now).unwrap();
        assert_eq!(Utc(ms).to_string(), "2026-11-21T01:42:39.123Z");
        let day = parse_timestamp("2024-02-29", now).unwrap();
        assert_eq!(Utc(day).to_string(), "2024-02-29T00:00:00.000Z");
        for wrong in [
            "2023-02-29",
            "2023-13-01",
            "yesterday",
            "2023-01-01T25:00",
            "",
        ] {
            assert!(parse_timestamp(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097 {
            let (year, month, date) = civil_of_day(day);
            assert_eq!(day_of_civil(year, month, date), day);
        }
        assert_eq!(Utc(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Utc(-1).to_string(), "-");
    }
}
