//! `klamm bench` in steps: it waits for us before and after the window.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use klamm::bench::Report;
use serde::de::DeserializeOwned;

use crate::Outcome;
use crate::args::Args;
use crate::columns::Column;
use crate::interrupt::{self, Running};

/// A load that was started.
#[derive(Debug)]
pub(crate) struct Load {
    child: Child,
    _running: Running,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    json: PathBuf,
    /// The command, for the page.
    pub(crate) command: String,
}

/// What to put on a broker.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) workload: &'a str,
    pub(crate) extra: &'a [String],
    pub(crate) column: &'a Column,
    pub(crate) address: &'a str,
    pub(crate) verify: bool,
    /// A topic that exists, instead of one of its own.
    pub(crate) topic: Option<&'a str>,
    /// Other than the workload says.
    pub(crate) length: Option<Length>,
}

/// How long a load runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) warmup_seconds: u64,
    pub(crate) seconds: u64,
}

impl Load {
    /// Starts it; [`Load::await_step`] tells when it is ready.
    pub(crate) fn start(request: &Request<'_>, args: &Args) -> Outcome<Self> {
        let json = json_file(args);
        let words = words(request, args, &json)?;
        Self::spawn(words, json)
    }

    /// Starts a load of consumer groups: `words` say which, with its options.
    pub(crate) fn start_groups(words: &[&str], address: &str, args: &Args) -> Outcome<Self> {
        let json = json_file(args);
        let mut all = pinned(args)?;
        all.extend(["bench", "groups"].map(str::to_owned));
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all.extend(["--bootstrap-server", address, "--steps", "--json"].map(str::to_owned));
        all.push(json.display().to_string());
        Self::spawn(all, json)
    }

    fn spawn(words: Vec<String>, json: PathBuf) -> Outcome<Self> {
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let (mut child, running) = interrupt::spawn(&mut command)?;
        Ok(Self {
            stdin: child.stdin.take().ok_or("no stdin")?,
            stdout: BufReader::new(child.stdout.take().ok_or("no stdout")?),
            child,
            _running: running,
            json,
            command: words.join(" "),
        })
    }

    /// Waits for one of `ready`, `done`, `verified`.
    pub(crate) fn await_step(&mut self, step: &str) -> Outcome<()> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        interrupt::check()?;
        match line.trim() == step {
            true => Ok(()),
            false => Err(self.complaint(step, &line).into()),
        }
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self) -> Outcome<()> {
        self.stdin.write_all(b"\n")?;
        Ok(self.stdin.flush()?)
    }

    /// Its result, once it has ended.
    pub(crate) fn report(self) -> Outcome<Report> {
        self.report_as()
    }

    /// The same of a load whose result is of another kind.
    pub(crate) fn report_as<T: DeserializeOwned>(mut self) -> Outcome<T> {
        self.child.wait()?;
        Ok(serde_json::from_slice(&std::fs::read(&self.json)?)?)
    }

    fn complaint(&mut self, step: &str, found: &str) -> String {
        let _ = self.child.kill();
        let command = &self.command;
        format!("`{command}` said {found:?} instead of {step:?}")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the result goes; that of the load before is removed.
fn json_file(args: &Args) -> PathBuf {
    let json = args.state.join("load.json");
    let _ = std::fs::remove_file(&json);
    json
}

/// klamm's binary on the processors of the load.
fn pinned(args: &Args) -> Outcome<Vec<String>> {
    let mut words = Vec::new();
    if let Some(cores) = args.load_cores() {
        words.extend(["taskset", "-c", cores].map(str::to_owned));
    }
    words.push(args.klamm.canonicalize()?.display().to_string());
    Ok(words)
}

fn words(request: &Request<'_>, args: &Args, json: &Path) -> Outcome<Vec<String>> {
    let mut words = pinned(args)?;
    words.extend(
        [
            "bench",
            request.workload,
            "--bootstrap-server",
            request.address,
        ]
        .map(str::to_owned),
    );
    words.extend([
        "--steps".to_owned(),
        "--json".to_owned(),
        json.display().to_string(),
    ]);
    if let Some(cores) = args.load_cores() {
        words.extend(["--cores".to_owned(), cores.to_owned()]);
    }
    let configs = request.column.topic_configs.iter();
    for (name, value) in configs.filter(|_| request.topic.is_none()) {
        words.extend(["--topic-config".to_owned(), format!("{name}={value}")]);
    }
    if let Some(topic) = request.topic {
        words.extend(["--topic", topic, "--keep-topic"].map(str::to_owned));
    }
    if let Some(length) = request.length {
        words.extend(["--seconds".to_owned(), length.seconds.to_string()]);
        words.push("--warmup-seconds".to_owned());
        words.push(length.warmup_seconds.to_string());
    }
    if !request.verify {
        words.push("--no-verify".to_owned());
    }
    words.extend(request.extra.iter().cloned());
    Ok(words)
}
