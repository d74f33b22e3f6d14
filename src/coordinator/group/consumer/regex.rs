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
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

/// The most memory that one compiled expression takes, and its lazily built automaton again.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// So much of an expression is quoted to who sent it, and of what is wrong with it.
const QUOTED_BYTES_MAX: usize = 200;

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
}
