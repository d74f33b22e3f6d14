//! Subscriptions by regular expression, in RE2's syntax (`syntax`). Names of topics are ASCII, and
//! so is what an expression stands for.
//!
//! An expression runs in linear time and is compiled within a bound of memory; what it stands for
//! is kept in the log, so that a restart assigns the same.

mod syntax;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::group::{Group, Resolved};
use super::heartbeat::{Refused, refused};
use super::stored;
use super::topics::Topics;
use super::tx::Tx;
use crate::coordinator::group::config::MEMBERS_BYTES_MAX;
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

/// The most memory that one compiled expression takes, and its lazily built automaton again.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// So much of an expression is quoted to who sent it, and of what is wrong with it.
const QUOTED_BYTES_MAX: usize = 200;

/// What an expression stands for may have so many bytes in the log, and what one look finds new.
/// A heartbeat may do both, and all of it is one batch (8 MiB), with what it assigns.
const FOUND_BYTES_MAX: usize = 3 << 20;

/// What has come of looking all expressions up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// One stands for something else now.
    pub has_changed: bool,
    /// So much was new that the rest has to be looked up later.
    pub has_more: bool,
}

/// An expression that is to match whole names.
///
/// # Errors
/// `INVALID_REGULAR_EXPRESSION`.
pub fn compile(regex: &str) -> Result<Regex, Refused> {
    let translated = syntax::translated(regex);
    let translated = translated.map_err(|error| invalid(regex, &error.to_string()))?;
    // Alone first: what closes a bracket of ours is no expression.
    build(&translated)
        .and_then(|_| build(&format!("^(?:{translated})$")))
        .map_err(|error| invalid(regex, &reason_of(&error)))
}

/// Looks an expression up among all topics.
///
/// # Errors
/// As [`compile`]; `GROUP_MAX_SIZE_REACHED` if it stands for more than one record may hold.
pub fn resolve(regex: &str, topics: &dyn Topics, now: TimestampMs) -> Result<Resolved, Refused> {
    let compiled = compile(regex)?;
    let mut found: Vec<Arc<str>> = Vec::new();
    topics.visit_names(&mut |name| {
        if compiled.is_match(name.as_bytes()) {
            found.push(name.clone());
        }
    });
    found.sort_unstable();
    let bytes = stored_bytes(regex, &found);
    if bytes > FOUND_BYTES_MAX {
        let message = format!(
            "SubscribedTopicRegex {:?} stands for {} topics, which are stored in {bytes} bytes, and \
             {FOUND_BYTES_MAX} may be: split it",
            quoted(regex),
            found.len()
        );
        return Err(refused(ErrorCode::GroupMaxSizeReached, message));
    }
    Ok(Resolved {
        topics: found,
        version: topics.version(),
        at: now,
    })
}

/// Looks all expressions of a group up anew. One that stands for more than the group can hold stays
/// as it was.
pub fn refresh(group: &mut Group, topics: &dyn Topics, now: TimestampMs, tx: &mut Tx) -> Refreshed {
    let used: Vec<_> = group.used_regexes().cloned().collect();
    let mut refreshed = Refreshed::default();
    let (mut bytes, mut left_out) = (0, 0);
    for regex in used {
        let Some(found) = changed(group, &regex, topics, now) else {
            continue;
        };
        if !fits(group, &regex, &found) {
            left_out += 1;
            continue;
        }
        bytes += stored_bytes(&regex, &found.topics);
        if refreshed.has_changed && bytes > FOUND_BYTES_MAX {
            refreshed.has_more = true;
            break;
        }
        let record = stored::resolved_record(group.id(), &regex, Some(&found));
        tx.apply(group, record);
        refreshed.has_changed = true;
    }
    if left_out > 0 {
        log::warn!(
            "group {}: {left_out} regular expressions stand for what they did before: its members' \
             subscriptions may have {MEMBERS_BYTES_MAX} bytes; split the group",
            group.id()
        );
    }
    refreshed
}

/// What an expression stands for now, if that is something else than before.
fn changed(group: &Group, regex: &str, topics: &dyn Topics, now: TimestampMs) -> Option<Resolved> {
    // One that a later Kafka understands stays as it was.
    let found = resolve(regex, topics, now).ok()?;
    let before = group.resolved(regex);
    let is_same = before.is_some_and(|before| before.topics == found.topics);
    (!is_same).then_some(found)
}

/// Whether the group can hold what an expression stands for now; less than before always fits.
fn fits(group: &Group, regex: &str, found: &Resolved) -> bool {
    let before = group.resolved(regex).map_or(0, Resolved::bytes);
    let bytes = group.said_bytes() - before + found.bytes();
    bytes <= MEMBERS_BYTES_MAX.max(group.said_bytes())
}

/// What the record of an expression has, about: each name has its length before it.
fn stored_bytes(regex: &str, topics: &[Arc<str>]) -> usize {
    let topics = topics.iter();
    regex.len() + topics.map(|topic| topic.len() + 3).sum::<usize>()
}

fn invalid(regex: &str, reason: &str) -> Refused {
    let (regex, reason) = (quoted(regex), quoted(reason));
    let message = format!("SubscribedTopicRegex {regex:?} is not valid: {reason}");
    refused(ErrorCode::InvalidRegularExpression, message)
}

/// The beginning of a text, which a peer may have made as long as it likes.
fn quoted(text: &str) -> Cow<'_, str> {
    match text.floor_char_boundary(QUOTED_BYTES_MAX) {
        end if end < text.len() => format!("{}…", &text[..end]).into(),
        _ => text.into(),
    }
}

/// What is wrong, without the expression that the error draws: it is the translated one.
fn reason_of(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(bytes) => {
            format!("compiled it would be larger than {bytes} bytes")
        }
        other => {
            let drawn = other.to_string();
            let reason = drawn.lines().last().unwrap_or_default();
            reason.trim_start_matches("error: ").to_owned()
        }
    }
}

fn build(regex: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(regex)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
}
