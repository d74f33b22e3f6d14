//! Java's properties format, as `server.properties` is written in.

use super::error::ConfigError;
use super::file::Assignment;

/// Reads a properties text: comments, the separators `=`, `:` and blank, continued lines and
/// escapes as Java does. `file` names the text in errors.
pub(super) fn parse(text: &str, file: &str) -> Result<Vec<Assignment>, ConfigError> {
    let mut assignments = Vec::new();
    for (line, logical) in logical_lines(text) {
        let syntax = |why: &str| ConfigError::Syntax {
            place: format!("{file}:{line}"),
            why: why.to_owned(),
        };
        let (name, value) = split(&logical);
        let name = unescape(name).ok_or_else(|| syntax("an escape is broken in the name"))?;
        let value = unescape(value).ok_or_else(|| syntax("an escape is broken in the value"))?;
        assignments.push(Assignment {
            name,
            value,
            line: Some(line),
        });
    }
    Ok(assignments)
}

/// Lines with their numbers: comments and blank ones dropped, continued ones joined.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (index, physical) in text.lines().enumerate() {
        let trimmed = physical.trim_start();
        if !continued && (trimmed.is_empty() || trimmed.starts_with(['#', '!'])) {
            continue;
        }
        let continues = ends_with_open_backslash(trimmed);
        let content = if continues {
            &trimmed[..trimmed.len() - 1]
        } else {
            trimmed
        };
        match lines.last_mut() {
            Some((_, line)) if continued => line.push_str(content),
            _ => lines.push((index + 1, content.to_owned())),
        }
        continued = continues;
    }
    lines
}

fn ends_with_open_backslash(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    backslashes % 2 == 1
}

/// The name ends at the first separator that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let is_end = |c: char| {
        let end = !escaped && (c == '=' || c == ':' || c.is_ascii_whitespace());
        escaped = !escaped && c == '\\';
        end
    };
    let Some(end) = line.find(is_end) else {
        return (line, "");
    };
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, value.trim_start())
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            None => {}
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => out.push(unicode(&mut rest)?),
            Some(other) => out.push(other),
        }
    }
    Some(out)
}

fn unicode(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let digits: String = rest.take(4).collect();
    if digits.len() != 4 {
        return None;
    }
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        let parsed = parse(text, "f").unwrap();
        let triple = |a: Assignment| (a.name, a.value, a.line.unwrap());
        parsed.into_iter().map(triple).collect()
    }

    #[test]
    fn lines_are_read_as_java_reads_them() {
        let cases: &[(&str, &str, &str)] = &[
            ("a=b", "a", "b"),
            ("a = b ", "a", "b "),
            ("a: b", "a", "b"),
            ("a b c", "a", "b c"),
            ("a", "a", ""),
            ("a=", "a", ""),
            (r"a\=b=c", "a=b", "c"),
            (r"a=C:\\dir", "a", r"C:\dir"),
            (r"a=\u0041\t.", "a", "A\t."),
            ("a=b,\\\n   c", "a", "b,c"),
            (
                "listeners=PLAINTEXT://:9092",
                "listeners",
                "PLAINTEXT://:9092",
            ),
        ];
        for (text, name, value) in cases {
            assert_eq!(
                pairs(text),
                [((*name).to_owned(), (*value).to_owned(), 1)],
                "{text}"
            );
        }
    }

    #[test]
    fn comments_and_blanks_do_not_count_but_their_lines_do() {
        let read = pairs("# c\n\n! d\n  x=1\r\ny=2\n");
        assert_eq!(
            read,
            [("x".into(), "1".into(), 4), ("y".into(), "2".into(), 5)]
        );
    }

    #[test]
    fn a_broken_escape_is_named_by_its_line() {
        let error = parse("\na=\\u12", "server.properties").unwrap_err();
        assert!(
            error.to_string().starts_with("server.properties:2: "),
            "{error}"
        );
    }
}
