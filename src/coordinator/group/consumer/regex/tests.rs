//! Expressions as they come, and what becomes of them in a group.

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
    let cases: [(&str, &[&str], &[&str]); 30] = [
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
        (r"a{01}", &["a{01}"], &["a"]),
        (r"a{1,02}", &["a{1,02}"], &["a"]),
        (r"a{0}b{1,}{,2}", &["b{,2}", "bb{,2}"], &["ab{,2}"]),
        (r"(?ii)a", &["A"], &["b"]),
        (r"(?i-i)a(?i-s:b)", &["ab", "aB"], &["Ab"]),
        (r"(?)a(?:b)", &["ab"], &["a"]),
        (r"(?P<1>a)(?<_2b>c)", &["ac"], &["a"]),
        (r"a*?b{2}?c??", &["abb", "bbc"], &["ab"]),
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
        "[[::alpha:]]",
        "a**",
        "a*{2}",
        "a{2}{3}",
        "a{2}?+",
        "a???",
        "a{3,2}",
        "(?i-)a",
        "(?i--s)a",
        "(?i",
        "(?P<a.b>c)",
        "(?P<>c)",
        "(?P<é>c)",
        "(?P<n>a)(?<n>b)",
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
