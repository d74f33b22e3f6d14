//! Subscriptions by regular expression, in RE2's syntax ([`syntax`]). Names of topics are ASCII, and
//! so is what an expression stands for.
//!
//! An expression runs in linear time and is compiled within a bound of memory; what it stands for
//! is kept in the log, so that a restart assigns the same.

mod syntax;

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

#[cfg(test)]
mod tests {
    use super::super::group::Profile;
    use super::*;
    use crate::model::Uuid;

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

    /// Each was tried with RE2/J 1.8, as Kafka 4.3 has it.
    #[test]
    fn expressions_mean_what_they_mean_to_kafka() {
        let cases: [(&str, &[&str], &[&str]); 22] = [
            (r"\Qa.b\E.*", &["a.b", "a.bc"], &["axb"]),
            (r"\Qa.b", &["a.b"], &["axb"]),
            (r"\p{L}+", &["orders", "Orders"], &["orders1", ""]),
            (r"\pL\pN", &["a1"], &["1a", "ab"]),
            (
                r"\p{Lu}\p{Ll}+\p{Nd}*",
                &["Orders12"],
                &["orders", "ORDERS"],
            ),
            (r"(?i)\p{Lu}+", &["orders"], &["orders1"]),
            (r"\PL+", &["1-2.3"], &["a1"]),
            (r"\p{^L}+", &["12"], &["ab"]),
            (r"[\p{L}\p{Pd}_]+", &["a-b_c"], &["a.b"]),
            (r"[^\p{L}]+", &["1.2"], &["1a"]),
            (r"\p{Latin}\p{Common}", &["a-"], &["-a"]),
            (r"[[:alpha:]][[:^alpha:]]", &["a1"], &["aa"]),
            (r"[a[b]+", &["ab", "ba"], &["c"]),
            (r"[a&&b]+", &["ab"], &["c"]),
            (r"[]a]", &["a"], &["b"]),
            (r"[a-]+", &["a-a"], &["b"]),
            (r"[+--]", &["-"], &["a"]),
            (r"a\-b\055c", &["a-b-c"], &["abc"]),
            (r"\x61\x{62}", &["ab"], &["xa"]),
            (r"[é-\x{fffff}a]|é", &["a"], &["b"]),
            (r"[^\é]", &["a", "b"], &["ab"]),
            (r"a{2}(?U:b+)(?P<n>c)(?<m>d)", &["aabbcd"], &["abcd"]),
        ];
        for (regex, some, others) in cases {
            let compiled = compile(regex).expect(regex);
            for name in some {
                assert!(compiled.is_match(name.as_bytes()), "{regex}: {name}");
            }
            for name in others {
                assert!(!compiled.is_match(name.as_bytes()), "{regex}: not {name}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused_and_greed_is_bounded() {
        for regex in [
            "(",
            "a)(b",
            "*",
            "(?P<n",
            "(a{1000}){1000}",
            "a{1001}",
            r"(a)\1",
            "(?=a)",
            "(?<=a)",
            "(?x)a",
            "[a",
            "[]",
            "[b-a]",
            r"\",
            r"\y",
            r"\C",
            r"\u0061",
            r"\p{Alpha}",
            r"\p{L",
            r"\p",
            r"\xg",
            r"a\x6",
            "[[:]",
            "[[:word",
            "[[:nonsense:]]",
        ] {
            let error = compile(regex).expect_err(regex);
            assert_eq!(error.code, ErrorCode::InvalidRegularExpression, "{regex}");
        }
    }

    /// The whole expression was drawn in the message, which then was no string of Kafka's.
    #[test]
    fn a_refusal_quotes_the_beginning_of_an_expression() {
        let long = [
            "(".repeat(10_000),
            format!("{}(", "a".repeat(32_000)),
            format!("{}(", "é\n".repeat(8_000)),
            format!("\\p{{{}}}", "é".repeat(16_000)),
            format!("[[:{}:]]", "x".repeat(32_000)),
            format!("a{{1000}}{}", "(b{1000}c)".repeat(3_000)),
        ];
        for regex in long {
            let message = compile(&regex).expect_err("it is not valid").message;
            assert!(message.len() < 3_000, "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        let message = compile("a(").expect_err("it is not valid").message;
        assert_eq!(
            message,
            "SubscribedTopicRegex \"a(\" is not valid: unclosed group"
        );
    }

    /// Topics with names of 1,000 bytes.
    struct Long(usize);

    impl Topics for Long {
        fn by_name(&self, _: &str) -> Option<(Uuid, u32)> {
            None
        }

        fn name_of(&self, _: Uuid) -> Option<Arc<str>> {
            None
        }

        fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>)) {
            (0..self.0).for_each(|n| visit(&format!("{n:01000}").into()));
        }

        fn version(&self) -> i64 {
            self.0 as i64
        }
    }

    /// A group in which so many members have each an expression for all topics.
    fn group_of(count: usize) -> Group {
        let mut group = Group::new("g".into());
        for number in 0..count {
            let profile = Profile {
                regex: Some(format!(".*|x{number}").into()),
                ..Profile::default()
            };
            let member = format!("m{number}");
            group.replay(&stored::profile_record("g", &member, Some(&profile)));
        }
        group
    }

    fn resolved_topics(group: &Group) -> usize {
        let used = group.used_regexes();
        let resolved = used.filter_map(|regex| group.resolved(regex));
        resolved.map(|resolved| resolved.topics.len()).sum()
    }

    #[test]
    fn what_expressions_stand_for_is_counted_until_it_is_forgotten() {
        let mut group = group_of(3);
        let said = group.said_bytes();
        let mut tx = Tx::default();
        refresh(&mut group, &Long(100), 0, &mut tx);
        let with_100 = group.said_bytes();
        assert!(with_100 >= said + 3 * 100 * 1_000);
        let mut shrinks = Tx::default();
        refresh(&mut group, &Long(10), 0, &mut shrinks);
        assert!((said + 3 * 10_000..said + 3 * 20_000).contains(&group.said_bytes()));
        shrinks.undo(&mut group);
        assert_eq!(group.said_bytes(), with_100);
        group.replay(&stored::resolved_record("g", ".*|x0", None));
        assert!((said + 2 * 100_000..with_100).contains(&group.said_bytes()));
        group.replay(&stored::resolved_record("g", ".*|x0", None));
        tx.undo(&mut group);
        assert_eq!(group.said_bytes(), said);
    }

    /// All of it was one batch, which was too large: every heartbeat failed.
    #[test]
    fn much_that_is_new_is_looked_up_in_stretches() {
        let mut group = group_of(10);
        let (mut stretches, mut has_more) = (0, true);
        while has_more {
            let mut tx = Tx::default();
            let refreshed = refresh(&mut group, &Long(1_000), 0, &mut tx);
            assert!(refreshed.has_changed && tx.records.len() <= 3);
            (stretches, has_more) = (stretches + 1, refreshed.has_more);
        }
        assert_eq!((stretches, resolved_topics(&group)), (4, 10_000));
        let mut tx = Tx::default();
        let refreshed = refresh(&mut group, &Long(1_000), 0, &mut tx);
        assert_eq!(refreshed, Refreshed::default());
    }

    #[test]
    fn expressions_do_not_take_a_group_beyond_its_memory() {
        let mut group = group_of(40);
        let mut tx = Tx::default();
        while refresh(&mut group, &Long(1_000), 0, &mut tx).has_more {}
        assert!((31_000..33_000).contains(&resolved_topics(&group)));
        assert!(group.said_bytes() <= MEMBERS_BYTES_MAX);
        let refreshed = refresh(&mut group, &Long(500), 0, &mut tx);
        assert!(refreshed.has_changed, "less always fits");
        let refused = resolve(".*", &Long(4_000), 0).expect_err("one record cannot hold it");
        assert_eq!(refused.code, ErrorCode::GroupMaxSizeReached);
    }
}
