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
//! - Flags are `i`, `m`, `s` and `U`, counts go to 1,000, and `{` that begins no count is a brace.
//!
//! Of 60,000 random expressions tried with RE2/J, one had another meaning: under `(?i)`, `\P{Ll}` has
//! the capitals there and not here.

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
    };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        while let Some(next) = self.take() {
            match next {
                '\\' => self.escape()?,
                '[' => self.brackets()?,
                '{' => self.count()?,
                '(' => self.group()?,
                other => self.out.push(other),
            }
        }
        Ok(())
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
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => self.named()?,
                _ => self.item(next)?,
            }
            is_first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]` and its like, whose first bracket is taken already.
    fn named(&mut self) -> Result<(), SyntaxError> {
        let (name, rest) = self.rest.split_once(":]").expect("it was just seen");
        self.rest = rest;
        let name = name.trim_start_matches(':');
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

    /// `{n}`, `{n,}` and `{n,m}` count; any other brace is one.
    fn count(&mut self) -> Result<(), SyntaxError> {
        let Some((counts, rest)) = self.rest.split_once('}') else {
            self.put('{');
            return Ok(());
        };
        let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
        let is_figure = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if least.is_empty() || !is_figure(least) || !is_figure(most) {
            self.put('{');
            return Ok(());
        }
        let is_too_great = |text: &str| {
            let figure = text.parse::<u32>();
            !text.is_empty() && figure.map_or(true, |figure| figure > COUNT_MAX)
        };
        if is_too_great(least) || is_too_great(most) {
            return Err(SyntaxError::Count);
        }
        self.out.extend(["{", counts, "}"]);
        self.rest = rest;
        Ok(())
    }

    /// `(`, with what it says of itself.
    fn group(&mut self) -> Result<(), SyntaxError> {
        self.out.push('(');
        if !self.take_if("?") {
            return Ok(());
        }
        self.out.push('?');
        if self.rest.starts_with("P<") || self.rest.starts_with('<') {
            return Ok(());
        }
        while let Some(flag) = self.take() {
            match flag {
                'i' | 'm' | 's' | 'U' | '-' => self.out.push(flag),
                ':' | ')' => {
                    self.out.push(flag);
                    break;
                }
                other => return Err(SyntaxError::Flag(other)),
            }
        }
        Ok(())
    }
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
