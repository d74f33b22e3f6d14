//! RE2's syntax, in which subscriptions are written (Kafka takes RE2/J), put into that of the
//! `regex` crate; for texts in ASCII.
//!
//! Most of it is the same in both. Seen to is what is not:
//!
//! - `\Q…\E` is plain text: Java's `Pattern.quote` writes it so.
//! - Classes of Unicode (`\pL`, `\p{Lu}`, `\P{Nd}`) are what they have of ASCII. Of the scripts
//!   that is Latin and Common; those that no name of a topic has a letter of are refused.
//! - In brackets, `[`, `&&`, `--` and `~~` are the signs they are.
//! - A sign behind a backslash is that sign; octal numbers are characters.
//! - Flags are `i`, `m`, `s` and `U`, as often as one likes; groups have no names here.
//! - Counts go to 1,000, and `{` that begins no count is a brace: so it is before `01}`.
//! - What is repeated is not repeated again without a group around it.
//!
//! Of 60,000 random expressions tried with RE2/J, one had another meaning: under `(?i)`, `\P{Ll}` has
//! the capitals there and not here.

use std::collections::HashSet;
use std::fmt::Write as _;

/// What RE2 does not take, or what is not done here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SyntaxError {
    /// Nothing follows the last backslash.
    #[error("there is nothing behind the last backslash")]
    TrailingBackslash,
    /// Brackets are not closed.
    #[error("a bracket [ is not closed")]
    UnclosedBracket,
    /// A range ends before it begins.
    #[error("the range {0}-{1} ends before it begins")]
    Range(char, char),
    /// A backslash before something that has no meaning then.
    #[error("\\{0} has no meaning here")]
    Escape(char),
    /// A class of Unicode that is not known.
    #[error("\\p{{{0}}} is not known; there are the general categories, Latin, Common and Any")]
    UnicodeClass(String),
    /// A class of POSIX that is not known.
    #[error("[:{0}:] is not known")]
    PosixClass(String),
    /// A flag that is not known.
    #[error("(?{0} is not known; the flags are i, m, s and U")]
    Flag(char),
    /// The name of a group is none.
    #[error("a group's name (?P<name> is of A-Z, a-z, 0-9 and _, and of one group")]
    GroupName,
    /// A group says nothing but flags, and is not closed.
    #[error("a group (? is not closed")]
    UnclosedGroup,
    /// Two repetitions in a row.
    #[error("what is repeated cannot be repeated again; put it into a group")]
    Repetition,
    /// So often is too often.
    #[error("a count is greater than {COUNT_MAX}")]
    Count,
}

/// RE2's bound of a count.
const COUNT_MAX: u32 = 1_000;
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];
/// No character of ASCII and none else, and its contrary.
const NOTHING: &str = r"[^\x00-\xff]";
const ANYTHING: &str = r"[\x00-\xff]";

/// An expression of RE2 as one of the `regex` crate without Unicode.
pub(super) fn translated(re2: &str) -> Result<String, SyntaxError> {
    let mut translator = Translator {
        rest: re2,
        out: String::with_capacity(re2.len() + re2.len() / 4),
        groups: HashSet::new(),
        may_name_class: true,
    };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    /// The names of groups.
    groups: HashSet<&'a str>,
    /// There may be a `:]` in the rest. It is looked for once in vain, not once for every bracket.
    may_name_class: bool,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        let mut was_repeated = false;
        while let Some(next) = self.take() {
            let is_repeated = self.token(next)?;
            if is_repeated && was_repeated {
                return Err(SyntaxError::Repetition);
            }
            was_repeated = is_repeated;
        }
        Ok(())
    }

    /// Whatever begins with this sign; whether it repeats what is before it.
    fn token(&mut self, first: char) -> Result<bool, SyntaxError> {
        match first {
            '*' | '+' | '?' => {
                self.out.push(first);
                self.greed();
                return Ok(true);
            }
            '{' => return self.count(),
            '\\' => self.escape()?,
            '[' => self.brackets()?,
            '(' => self.group()?,
            other => self.out.push(other),
        }
        Ok(false)
    }

    /// Behind a repetition.
    fn greed(&mut self) {
        if self.take_if("?") {
            self.out.push('?');
        }
    }

    fn take(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next();
        self.rest = rest.as_str();
        next
    }

    fn take_if(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What is behind a backslash, outside brackets.
    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.take().ok_or(SyntaxError::TrailingBackslash)? {
            'Q' => self.quoted(),
            class @ ('p' | 'P') => {
                let (class, is_negated) = self.unicode_class(class)?;
                self.put_class(class, is_negated);
            }
            known @ ('A' | 'z' | 'b' | 'B' | 'd' | 'D' | 's' | 'S' | 'w' | 'W') => {
                self.out.extend(['\\', known]);
            }
            other => {
                let character = self.character(other)?;
                self.put(character);
            }
        }
        Ok(())
    }

    /// To the next `\E`, or to the end.
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        text.chars().for_each(|one| self.put(one));
    }

    /// The character that an escape stands for, of which this is the first sign.
    fn character(&mut self, first: char) -> Result<char, SyntaxError> {
        let unknown = SyntaxError::Escape(first);
        Ok(match first {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal().ok_or(unknown)?,
            '0' => self.octal(first),
            // A single figure would be a backreference, which RE2 has not.
            '1'..='7' if self.rest.starts_with(is_octal) => self.octal(first),
            sign if !sign.is_ascii_alphanumeric() => sign,
            _ => return Err(unknown),
        })
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let (digits, rest) = match self.take_if("{") {
            true => self.rest.split_once('}')?,
            false => self.rest.split_at_checked(2)?,
        };
        self.rest = rest;
        let is_whole = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_whole)?;
        char::from_u32(code)
    }

    /// Three figures at most, of which this is the first.
    fn octal(&mut self, first: char) -> char {
        let mut code = u32::from(first) - u32::from('0');
        for _ in 0..2 {
            let next = self.peek();
            if is_octal(next) {
                self.take();
                code = code * 8 + u32::from(next) - u32::from('0');
            }
        }
        char::from_u32(code).expect("three octal figures are a character")
    }

    /// What a class of Unicode has of ASCII, as it stands in brackets, and whether all else is
    /// meant.
    fn unicode_class(&mut self, sign: char) -> Result<(&'static str, bool), SyntaxError> {
        let mut is_negated = sign == 'P';
        let name = match self.take_if("{") {
            true => {
                is_negated ^= self.take_if("^");
                let unclosed = || SyntaxError::UnicodeClass(String::new());
                let (name, rest) = self.rest.split_once('}').ok_or_else(unclosed)?;
                self.rest = rest;
                name.to_owned()
            }
            false => self.take().map(String::from).unwrap_or_default(),
        };
        let class = ascii_of(&name);
        class
            .map(|class| (class, is_negated))
            .ok_or(SyntaxError::UnicodeClass(name))
    }

    /// A class that stands for itself, or within brackets.
    fn put_class(&mut self, class: &str, is_negated: bool) {
        match (class, is_negated) {
            ("", false) => self.out.push_str(NOTHING),
            ("", true) => self.out.push_str(ANYTHING),
            (class, false) => self.out.extend(["[", class, "]"]),
            (class, true) => self.out.extend(["[^", class, "]"]),
        }
    }

    /// `[…]`, whose bracket is taken already.
    fn brackets(&mut self) -> Result<(), SyntaxError> {
        let negation = if self.take_if("^") { "^" } else { "" };
        // There is always something in them that changes nothing: empty ones are none.
        self.out.extend(["[", negation, NOTHING]);
        let mut is_first = true;
        loop {
            let next = self.take().ok_or(SyntaxError::UnclosedBracket)?;
            match next {
                ']' if !is_first => break,
                '[' if self.names_class() => self.named()?,
                _ => self.item(next)?,
            }
            is_first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn names_class(&mut self) -> bool {
        if self.may_name_class && self.rest.starts_with(':') {
            self.may_name_class = self.rest.contains(":]");
            return self.may_name_class;
        }
        false
    }

    /// `[:alpha:]` and its like, whose first bracket is taken already.
    fn named(&mut self) -> Result<(), SyntaxError> {
        let (name, rest) = self.rest.split_once(":]").expect("it was just seen");
        self.rest = rest;
        let name = name.strip_prefix(':').unwrap_or(name);
        if !POSIX_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(SyntaxError::PosixClass(name.to_owned()));
        }
        self.out.extend(["[:", name, ":]"]);
        Ok(())
    }

    /// One character of brackets, or a range of them, or a class.
    fn item(&mut self, first: char) -> Result<(), SyntaxError> {
        if first == '\\' {
            if let class @ ('p' | 'P') = self.peek() {
                self.take();
                let (class, is_negated) = self.unicode_class(class)?;
                self.put_class(class, is_negated);
                return Ok(());
            }
            if let class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W') = self.peek() {
                self.take();
                self.out.extend(['\\', class]);
                return Ok(());
            }
        }
        let low = self.member(first)?;
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        let high = match is_range {
            true => {
                self.take();
                let next = self.take().ok_or(SyntaxError::UnclosedBracket)?;
                self.member(next)?
            }
            false => low,
        };
        if high < low {
            return Err(SyntaxError::Range(low, high));
        }
        self.put_range(low, high);
        Ok(())
    }

    fn member(&mut self, first: char) -> Result<char, SyntaxError> {
        match first {
            '\\' => {
                let next = self.take().ok_or(SyntaxError::TrailingBackslash)?;
                self.character(next)
            }
            other => Ok(other),
        }
    }

    /// What is beyond ASCII is in no name.
    fn put_range(&mut self, low: char, high: char) {
        if low.is_ascii() {
            self.put(low);
            self.out.push('-');
            self.put(high.min('\x7f'));
        }
    }

    /// A character as itself, whatever it is.
    fn put(&mut self, character: char) {
        let written = match character.is_ascii_alphanumeric() {
            true => write!(self.out, "{character}"),
            false => write!(self.out, "\\x{{{:x}}}", u32::from(character)),
        };
        written.expect("a string takes everything");
    }

    fn peek(&self) -> char {
        self.rest.chars().next().unwrap_or_default()
    }

    /// `{n}`, `{n,}` and `{n,m}` count; any other brace is one. Whether it counts.
    fn count(&mut self) -> Result<bool, SyntaxError> {
        let Some((counts, rest)) = split_count(self.rest) else {
            self.put('{');
            return Ok(false);
        };
        let is_too_great = |text: &str| {
            let figure = text.parse::<u32>();
            !text.is_empty() && figure.map_or(true, |figure| figure > COUNT_MAX)
        };
        if counts.split(',').any(is_too_great) {
            return Err(SyntaxError::Count);
        }
        self.out.extend(["{", counts, "}"]);
        self.rest = rest;
        self.greed();
        Ok(true)
    }

    /// `(`, with what it says of itself.
    fn group(&mut self) -> Result<(), SyntaxError> {
        if !self.take_if("?") {
            self.out.push('(');
            return Ok(());
        }
        match self.take_if("P<") || self.take_if("<") {
            true => self.group_name(),
            false => self.flags(),
        }
    }

    /// Nobody asks for it.
    fn group_name(&mut self) -> Result<(), SyntaxError> {
        let (name, rest) = self.rest.split_once('>').ok_or(SyntaxError::GroupName)?;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_name = !name.is_empty() && name.bytes().all(is_letter);
        if !is_name || !self.groups.insert(name) {
            return Err(SyntaxError::GroupName);
        }
        self.rest = rest;
        self.out.push('(');
        Ok(())
    }

    /// `(?i-s:` and `(?i-s)`, behind the question mark. Taken back wins.
    fn flags(&mut self) -> Result<(), SyntaxError> {
        let (mut set, mut taken_back) = (String::new(), None);
        loop {
            match self.take().ok_or(SyntaxError::UnclosedGroup)? {
                flag @ ('i' | 'm' | 's' | 'U') => {
                    let flags = taken_back.as_mut().unwrap_or(&mut set);
                    if !flags.contains(flag) {
                        flags.push(flag);
                    }
                }
                '-' if taken_back.is_none() => taken_back = Some(String::new()),
                end @ (':' | ')') if taken_back.as_deref() != Some("") => {
                    let taken_back = taken_back.unwrap_or_default();
                    set.retain(|flag| !taken_back.contains(flag));
                    self.put_flags(&set, &taken_back, end);
                    return Ok(());
                }
                other => return Err(SyntaxError::Flag(other)),
            }
        }
    }

    fn put_flags(&mut self, set: &str, taken_back: &str, end: char) {
        let minus = if taken_back.is_empty() { "" } else { "-" };
        if end == ':' || set.len() + taken_back.len() > 0 {
            self.out.extend(["(?", set, minus, taken_back]);
            self.out.push(end);
        }
    }
}

/// What a count says, and what is behind it; `None` if it is no count.
fn split_count(text: &str) -> Option<(&str, &str)> {
    let (_, mut rest) = split_figure(text)?;
    if let Some(most) = rest.strip_prefix(',') {
        rest = match most.starts_with('}') {
            true => most,
            false => split_figure(most)?.1,
        };
    }
    let counts = &text[..text.len() - rest.len()];
    Some((counts, rest.strip_prefix('}')?))
}

/// A number without zeros before it, and what is behind it.
fn split_figure(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (figure, rest) = text.split_at(end);
    let is_figure = figure == "0" || !figure.is_empty() && !figure.starts_with('0');
    is_figure.then_some((figure, rest))
}

fn is_octal(figure: char) -> bool {
    matches!(figure, '0'..='7')
}

/// What a general category or a script has of ASCII, as it stands in brackets.
fn ascii_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "Any" => r"\x00-\x7f",
        "L" | "Latin" => "A-Za-z",
        "Lu" => "A-Z",
        "Ll" => "a-z",
        "N" | "Nd" => "0-9",
        "P" => r"!-#%-*,-/:;?@\[-\]_{}",
        "Pc" => "_",
        "Pd" => r"\-",
        "Ps" => r"(\[{",
        "Pe" => r")\]}",
        "Po" => r##"!"#%&'*,./:;?@\\"##,
        "S" => r"$+<->\^`|\~",
        "Sc" => "$",
        "Sk" => r"\^`",
        "Sm" => r"+<->|\~",
        "Z" | "Zs" => " ",
        "C" | "Cc" => r"\x00-\x1f\x7f",
        "Common" => r"\x00-@\[-`{-\x7f",
        "Cf" | "Co" | "Cs" | "Lm" | "Lo" | "Lt" | "M" | "Mc" | "Me" | "Mn" | "Nl" | "No" | "Pf"
        | "Pi" | "So" | "Zl" | "Zp" => "",
        _ => return None,
    })
}
