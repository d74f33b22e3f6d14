//! The layer order of `src/lib.rs`, checked: a room imports only rooms listed before it.
//!
//! Rooms on one line are siblings and may not import each other. The test reads the sources, so a
//! `use` in the wrong direction fails here by file and line.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first.
const LAYERS: &[&[&str]] = &[
    &["model", "sys", "plot"],
    &["config"],
    &["protocol", "runtime"],
    &["metadata", "log", "client", "probe"],
    &["partition", "coordinator", "doctor"],
    &["shard"],
    &["broker", "bench"],
    &["cli"],
];
/// Rooms that may not reach the outside world: time, randomness and I/O are arguments there.
const PURE: &[&str] = &[
    "model",
    "plot",
    "config",
    "protocol",
    "metadata",
    "partition",
    "coordinator",
];
/// Rooms that decide but never wait: a borrow of their state cannot cross an await.
const AWAITLESS: &[&str] = &[
    "model",
    "plot",
    "config",
    "protocol",
    "metadata",
    "partition",
    "coordinator",
];
/// Columns that keep their distance although the layer order would allow it.
const APART: &[(&str, &str)] = &[
    ("cli", "shard"),
    ("cli", "partition"),
    ("client", "runtime"),
    ("bench", "shard"),
    ("bench", "partition"),
    ("bench", "log"),
    ("bench", "metadata"),
    ("bench", "runtime"),
    ("coordinator", "config"),
    ("coordinator", "log"),
    ("coordinator", "client"),
    ("protocol", "config"),
    ("probe", "runtime"),
    ("probe", "config"),
];
/// What a pure room must not name.
const IMPURE: &[&str] = &[
    "glommio",
    "libc::",
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "fastrand",
    "crate::runtime",
    "crate::sys",
];
/// Pure rooms that may still name a lower room's types (not its effects).
const PURE_EXCEPTIONS: &[(&str, &str)] =
    &[("partition", "crate::runtime"), ("partition", "crate::sys")];
/// The rooms, or single files, where `unsafe` may stand.
const UNSAFE_PLACES: &[&str] = &["src/sys/", "src/runtime/ring.rs"];
/// The only room that may name the runtime library.
const GLOMMIO_ROOM: &str = "runtime";

#[test]
fn imports_point_downwards() {
    check(|file| {
        let rank = rank(&file.room)?;
        let mut errors = Vec::new();
        for (number, line) in &file.lines {
            for used in rooms_named(line, file.depth) {
                if used == file.room {
                    continue;
                }
                let apart = APART.contains(&(file.room.as_str(), used.as_str()));
                if apart || self::rank(&used).is_some_and(|other| other >= rank) {
                    errors.push(format!(
                        "{number}: `{}` must not import `{used}`",
                        file.room
                    ));
                }
            }
        }
        Some(errors)
    });
}

#[test]
fn every_room_has_a_layer() {
    check(|file| match rank(&file.room) {
        Some(_) => Some(Vec::new()),
        None => Some(vec![format!("1: room `{}` has no layer", file.room)]),
    });
}

#[test]
fn pure_rooms_reach_nothing_outside() {
    check(|file| {
        let pure = PURE.contains(&file.room.as_str());
        let banned = |line: &str, name: &&str| {
            let glommio_astray = *name == "glommio" && file.room != GLOMMIO_ROOM;
            let excepted = PURE_EXCEPTIONS.contains(&(file.room.as_str(), *name));
            line.contains(*name) && (glommio_astray || (pure && !excepted))
        };
        let mut errors = Vec::new();
        for (number, line) in &file.lines {
            for name in IMPURE.iter().filter(|name| banned(line, name)) {
                errors.push(format!("{number}: room `{}` uses {name}", file.room));
            }
        }
        Some(errors)
    });
}

#[test]
fn rooms_that_decide_never_wait() {
    check(|file| {
        let awaits =
            |line: &str| AWAITLESS.contains(&file.room.as_str()) && line.contains(".await");
        let lines = file.lines.iter().filter(|(_, line)| awaits(line));
        Some(
            lines
                .map(|(number, _)| format!("{number}: `{}` awaits", file.room))
                .collect(),
        )
    });
}

#[test]
fn unsafe_stands_only_where_it_may() {
    check(|file| {
        let path = file.path.to_str().expect("source paths are UTF-8");
        if UNSAFE_PLACES.iter().any(|place| path.starts_with(place)) {
            return Some(Vec::new());
        }
        let is_unsafe = |line: &str| words(line).any(|word| word == "unsafe");
        let lines = file.lines.iter().filter(|(_, line)| is_unsafe(line));
        Some(
            lines
                .map(|(number, _)| format!("{number}: unsafe outside its place"))
                .collect(),
        )
    });
}

struct Source {
    path: PathBuf,
    room: String,
    /// How many `super::` lead to the crate root.
    depth: usize,
    lines: Vec<(usize, String)>,
}

fn check(rule: impl Fn(&Source) -> Option<Vec<String>>) {
    let mut errors = Vec::new();
    for path in rust_files(Path::new("src")) {
        let Some(room) = room_of(&path) else { continue };
        let text = fs::read_to_string(&path).expect("a source file is readable");
        let depth = depth_of(&path);
        let file = Source {
            room,
            depth,
            lines: code_lines(&text),
            path,
        };
        for error in rule(&file).unwrap_or_default() {
            errors.push(format!("{}:{error}", file.path.display()));
        }
    }
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}

fn rank(room: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&room))
}

/// `src/log/segment.rs` and `src/log.rs` are both room `log`; `lib.rs` and `main.rs` are none.
fn room_of(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").ok()?.components().next()?;
    let name = first
        .as_os_str()
        .to_str()?
        .trim_end_matches(".rs")
        .to_owned();
    (!matches!(name.as_str(), "lib" | "main")).then_some(name)
}

fn depth_of(path: &Path) -> usize {
    let components = path
        .strip_prefix("src")
        .expect("a source path")
        .components()
        .count();
    if path.file_stem().is_some_and(|stem| stem == "mod") {
        components - 1
    } else {
        components
    }
}

/// The top-level names a line reaches through `crate::` or enough `super::`.
fn rooms_named(line: &str, depth: usize) -> Vec<String> {
    let root = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", root.as_str()] {
        for (at, _) in line.match_indices(prefix) {
            let rest = &line[at + prefix.len()..];
            match rest.strip_prefix('{') {
                None => found.push(identifier(rest)),
                Some(group) => found.extend(first_names(group)),
            }
        }
    }
    found
}

/// The first name of each item in a `use` group whose opening brace is already gone.
fn first_names(group: &str) -> Vec<String> {
    let (mut found, mut item, mut level) = (Vec::new(), String::new(), 0);
    for c in group.chars() {
        match c {
            '{' => level += 1,
            '}' if level == 0 => break,
            '}' => level -= 1,
            ',' if level == 0 => found.push(identifier(std::mem::take(&mut item).trim())),
            _ if level == 0 => item.push(c),
            _ => {}
        }
    }
    found.push(identifier(item.trim()));
    found
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Statements with their first line's number: comments dropped, multi-line `use` joined.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        match out.last_mut() {
            Some((_, last)) if open => last.push_str(code),
            _ => out.push((index + 1, code.to_owned())),
        }
        let (_, last) = out.last().expect("a line was just pushed");
        open = last.contains("use ") && last.contains('{') && !last.ends_with(';');
    }
    out
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a source directory is readable") {
        let path = entry.expect("a directory entry is readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
