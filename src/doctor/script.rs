//! All cures as one shell script that can also take them back.

use super::finding::{Cure, Finding};

/// A script for root: `sh FILE apply` makes the cures, `sh FILE undo` restores what was found.
///
/// What has to be done by hand stands in it as comments.
pub fn script(findings: &[Finding]) -> String {
    let cures: Vec<_> = findings
        .iter()
        .filter_map(|one| Some((one, one.cure.as_ref()?)))
        .collect();
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        "# The cures of `klamm doctor` for this host, until its next boot. As root:".to_owned(),
        "#   sh FILE apply    makes them".to_owned(),
        "#   sh FILE undo     restores what the doctor found".to_owned(),
    ];
    for (finding, cure) in cures.iter().filter(|(_, cure)| by_hand(cure)) {
        lines.push(format!(
            "# By hand, {}: {}",
            finding.check,
            cure.commands.join("; ")
        ));
    }
    lines.push("set -u".to_owned());
    let scripted: Vec<_> = cures
        .into_iter()
        .filter(|(_, cure)| !by_hand(cure))
        .collect();
    lines.extend(function("apply", &scripted, |cure| &cure.commands));
    lines.extend(function("undo", &scripted, |cure| &cure.undo));
    lines.push("case \"${1:-}\" in".to_owned());
    lines.push("    apply | undo) \"$1\" ;;".to_owned());
    lines.push("    *) echo \"usage: sh $0 apply|undo\" >&2; exit 2 ;;".to_owned());
    lines.push("esac".to_owned());
    lines.join("\n")
}

fn by_hand(cure: &Cure) -> bool {
    cure.undo.is_empty()
}

fn function(
    name: &str,
    cures: &[(&Finding, &Cure)],
    commands: impl Fn(&Cure) -> &Vec<String>,
) -> Vec<String> {
    let mut lines = vec![format!("{name}() {{"), "    status=0".to_owned()];
    for (finding, cure) in cures {
        lines.push(format!("    # {}: {}", finding.check, finding.found));
        lines.extend(
            commands(cure)
                .iter()
                .map(|command| format!("    {command} || status=1")),
        );
    }
    lines.push("    return $status".to_owned());
    lines.push("}".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn run(script: &str, argument: &str) -> (Option<i32>, String) {
        let mut shell = Command::new("sh");
        let shell = shell
            .args(["-s", argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = shell.stderr(Stdio::null()).spawn().expect("a shell");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(script.as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    }

    #[test]
    fn the_script_makes_the_cures_and_takes_them_back() {
        let findings = [
            Finding::ok("well", "all", "why"),
            Finding::advice("one", "1", "why").cured_by("echo made one", "echo back one"),
            Finding::advice("two", "2", "why").cured_by("false", "echo back two"),
            Finding::problem("three", "3", "why").cured_by_hand("buy a disk"),
        ];
        let script = script(&findings);
        assert!(script.contains("# By hand, three: buy a disk"), "{script}");
        assert_eq!(run(&script, "apply"), (Some(1), "made one\n".to_owned()));
        assert_eq!(
            run(&script, "undo"),
            (Some(0), "back one\nback two\n".to_owned())
        );
        assert_eq!(run(&script, "else").0, Some(2));
    }

    #[test]
    fn a_sound_host_needs_nothing() {
        assert_eq!(run(&script(&[]), "apply"), (Some(0), String::new()));
    }
}
