//! Where things lie on this machine is nobody's business: what the page says instead.

/// Commands and settings with paths as seen from the repository; of what lies elsewhere only the
/// last name is left.
pub(crate) fn relative(text: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    shortened(&text.replace(&format!("{}/", here.display()), ""))
}

fn shortened(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(word);
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A path begins a word, or follows its `=`.
fn word(word: &str) -> String {
    let (name, path) = match word.split_once('=') {
        Some((name, value)) => (format!("{name}="), value),
        None => (String::new(), word),
    };
    match path
        .strip_prefix('/')
        .and_then(|path| path.rsplit('/').next())
    {
        // The jars are a folder's content: the folder tells more than `*`.
        Some("*") => format!("{name}LIBS/*"),
        Some("java") => format!("{name}java"),
        Some(last) if !last.is_empty() => format!("{name}…/{last}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_last_names_are_left() {
        for (text, expected) in [
            ("/usr/lib/jvm/x/bin/java -Xmx1g", "java -Xmx1g"),
            (
                "-Dfile=/a/b/log4j2.yaml -cp /a/libs/* x",
                "-Dfile=…/log4j2.yaml -cp LIBS/* x",
            ),
            (
                "log.dirs=/a/data\nlisteners=PLAINTEXT://1.2.3.4:5",
                "log.dirs=…/data\nlisteners=PLAINTEXT://1.2.3.4:5",
            ),
            (
                "target/release/klamm --json target/x",
                "target/release/klamm --json target/x",
            ),
        ] {
            assert_eq!(shortened(text), expected);
        }
    }
}
