//! Subscriptions by regular expression, in RE2's syntax as far as topic names go: those are ASCII,
//! so `\w` and `.` are too, and classes of Unicode (`\p{L}`) are refused.
//!
//! An expression runs in linear time and is compiled within a bound of memory; what it stands for
//! is kept in the log, so that a restart assigns the same.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::group::{Group, Resolved};
use super::heartbeat::{Refused, refused};
use super::stored;
use super::topics::Topics;
use super::tx::Tx;
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

/// The most memory that one compiled expression takes, and its lazily built automaton again.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// An expression that is to match whole names.
///
/// # Errors
/// `INVALID_REGULAR_EXPRESSION`.
pub fn compile(regex: &str) -> Result<Regex, Refused> {
    // Alone first: what closes a bracket of ours is no expression.
    build(regex)
        .and_then(|_| build(&format!("^(?:{regex})$")))
        .map_err(|error| {
            let message = format!("SubscribedTopicRegex {regex:?} is not valid: {error}");
            refused(ErrorCode::InvalidRegularExpression, message)
        })
}

/// Looks an expression up among all topics.
///
/// # Errors
/// As [`compile`].
pub fn resolve(regex: &str, topics: &dyn Topics, now: TimestampMs) -> Result<Resolved, Refused> {
    let compiled = compile(regex)?;
    let mut found: Vec<Arc<str>> = Vec::new();
    topics.visit_names(&mut |name| {
        if compiled.is_match(name.as_bytes()) {
            found.push(name.clone());
        }
    });
    found.sort_unstable();
    Ok(Resolved {
        topics: found,
        version: topics.version(),
        at: now,
    })
}

/// Looks all expressions of a group up anew; whether one stands for something else now.
pub fn refresh(group: &mut Group, topics: &dyn Topics, now: TimestampMs, tx: &mut Tx) -> bool {
    let used: Vec<_> = group.used_regexes().cloned().collect();
    let mut has_changed = false;
    for regex in used {
        // One that a later Kafka understands stays as it was.
        let Ok(now_found) = resolve(&regex, topics, now) else {
            continue;
        };
        let before = group.resolved(&regex).map(|before| &before.topics);
        if before != Some(&now_found.topics) {
            let record = stored::resolved_record(group.id(), &regex, Some(&now_found));
            tx.apply(group, record);
            has_changed = true;
        }
    }
    has_changed
}

fn build(regex: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(regex)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_match() {
        let matches = |regex: &str, name: &str| compile(regex).unwrap().is_match(name.as_bytes());
        assert!(matches("a|b", "a") && matches("a|b", "b"));
        assert!(!matches("a|b", "ab") && !matches("a", "xa"));
        assert!(matches(r"(?i)orders-\d+", "Orders-12"));
        assert!(
            !matches("a.*", "a\n"),
            "as Java does: a dot is no line feed"
        );
    }

    #[test]
    fn nonsense_is_refused_and_greed_is_bounded() {
        for regex in [
            "(",
            "a)(b",
            "*",
            "(?P<n",
            "(a{1000}){1000}",
            r"(a)\1",
            "(?=a)",
        ] {
            let error = compile(regex).expect_err(regex);
            assert_eq!(error.code, ErrorCode::InvalidRegularExpression, "{regex}");
        }
    }
}
