//! A broker of its own for one test: the built binary on a free loopback port and a fresh directory.
//!
//! It can be stopped cleanly, killed, and started again on the same directory and port. What it
//! printed is shown when the test fails.
//!
//! - `KLAMM_TEST_BOOTSTRAP=HOST:PORT`: use that running broker instead (tests that must restart or
//!   configure it say so and pass without doing anything).
//! - `KLAMM_TEST_BINARY=PATH`: start that program instead of the built one, with the same arguments
//!   (`tests/clients/java/kafka-serve.sh` starts Apache Kafka so).
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod wire;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a start or a clean stop may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines of the broker's output that are kept for a failure's report.
const OUTPUT_LINES_MAX: usize = 400;

/// A running or stopped broker; dropping it kills the process and removes the directory.
pub(crate) struct Broker {
    arguments: Vec<String>,
    address: SocketAddr,
    directory: Option<TempDir>,
    process: Option<Child>,
    output: Arc<Mutex<Vec<String>>>,
}

impl Broker {
    /// Starts a broker on a fresh directory and waits until it answers.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        match external() {
            Some(address) => Self::not_ours(address),
            // Under target/, not under /tmp: not every tmpfs can do direct I/O.
            None => Self::start_in(Path::new(env!("CARGO_TARGET_TMPDIR")), arguments),
        }
    }

    /// Starts a broker on a fresh directory under `parent` and waits until it answers.
    pub(crate) fn start_in(parent: &Path, arguments: &[&str]) -> Self {
        let mut broker = Self {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            address: free_address(),
            directory: Some(fresh_directory(parent)),
            process: None,
            output: Arc::default(),
        };
        broker.start_again();
        broker
    }

    fn not_ours(address: SocketAddr) -> Self {
        Self {
            arguments: Vec::new(),
            address,
            directory: None,
            process: None,
            output: Arc::default(),
        }
    }

    /// Whether this broker is the test's own, so that it may be stopped and killed.
    pub(crate) fn is_ours(&self) -> bool {
        self.directory.is_some()
    }

    /// Whether this is klamm, so that its memory is what the test may judge.
    pub(crate) fn is_klamm(&self) -> bool {
        self.is_ours() && binary().ends_with("klamm")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `HOST:PORT`, as clients take it.
    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.directory
            .as_ref()
            .expect("only for a broker of the test's own")
            .path()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the broker runs").id()
    }

    /// Starts it again on the same directory and port; returns the time until it answers.
    pub(crate) fn start_again(&mut self) -> Duration {
        let started = Instant::now();
        self.spawn();
        self.await_answer(started);
        started.elapsed()
    }

    /// What it is started with from the next start on.
    pub(crate) fn set_arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
    }

    /// Starts the process without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        assert!(self.process.is_none(), "the broker already runs");
        let mut process = without_test_settings(Command::new(binary()))
            .arg("serve")
            .args(["--data-dir".as_ref(), self.data_dir().as_os_str()])
            .args(["--listen", &self.bootstrap()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the broker's binary starts");
        self.collect(process.stdout.take().expect("piped above"));
        self.collect(process.stderr.take().expect("piped above"));
        self.process = Some(process);
    }

    /// Asks for a clean stop (SIGTERM) and returns how long it took.
    pub(crate) fn stop(&mut self) -> Duration {
        let mut process = self.process.take().expect("the broker runs");
        let asked = Instant::now();
        let told = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &process.id().to_string()])
            .status()
            .expect("sh is there");
        assert!(told.success(), "SIGTERM could not be sent");
        let status = await_exit(&mut process).unwrap_or_else(|| self.fail("does not stop"));
        // Killed by the signal (a JVM says 143) is as clean as it gets for a program that handles it.
        let clean = status.success() || status.code() == Some(143);
        assert!(clean, "a clean stop ended with {status}\n{}", self.output());
        asked.elapsed()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("the broker runs");
        process.kill().expect("a child can be killed");
        process.wait().expect("a child can be waited for");
    }

    /// Ends the test if the process has ended by itself.
    pub(crate) fn assert_running(&mut self) {
        if let Some(process) = &mut self.process
            && let Some(status) = process.try_wait().expect("a child can be asked")
        {
            self.fail(&format!("ended by itself: {status}"));
        }
    }

    /// What it printed last.
    pub(crate) fn output(&self) -> String {
        self.output
            .lock()
            .expect("no panic while holding it")
            .join("\n")
    }

    /// Memory and descriptors now.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.pid())
    }

    fn await_answer(&mut self, started: Instant) {
        while wire::Wire::connect(self.address)
            .and_then(|mut wire| wire.api_versions())
            .is_err()
        {
            self.assert_running();
            if started.elapsed() > PATIENCE {
                self.fail("does not answer");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn collect(&self, stream: impl Read + Send + 'static) {
        let output = Arc::clone(&self.output);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut lines = output.lock().expect("no panic while holding it");
                if lines.len() >= OUTPUT_LINES_MAX {
                    lines.remove(0);
                }
                lines.push(line);
            }
        });
    }

    fn fail(&self, what: &str) -> ! {
        panic!("the broker {what}; it printed:\n{}", self.output());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the broker printed last:\n{}", self.output());
            self.keep_directory();
        }
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Broker {
    /// A failed test leaves its data behind where KLAMM_TEST_KEEP is set.
    fn keep_directory(&mut self) {
        if env::var_os("KLAMM_TEST_KEEP").is_some()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("its data is kept in {}", directory.keep().display());
        }
    }
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Resident bytes, shared memory included.
    pub(crate) resident_bytes: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
}

impl Usage {
    /// Reads /proc.
    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 = resident
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self {
            resident_bytes: kibibytes * 1024,
            descriptors: descriptors as u64,
        }
    }
}

/// A number from the environment, or the default.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number"))
    })
}

/// The seed of a test's random choices: KLAMM_SEED, or a fresh one; always printed.
pub(crate) fn seed() -> u64 {
    let seed = setting("KLAMM_SEED", fastrand::u64(..));
    println!("KLAMM_SEED={seed}");
    seed
}

fn binary() -> PathBuf {
    env::var_os("KLAMM_TEST_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_klamm").into(), PathBuf::from)
}

/// The broker takes KLAMM_… for its settings; the tests' own are not among them.
fn without_test_settings(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("KLAMM_") {
            command.env_remove(name);
        }
    }
    command
}

fn external() -> Option<SocketAddr> {
    let text = env::var("KLAMM_TEST_BOOTSTRAP").ok()?;
    Some(text.parse().expect("KLAMM_TEST_BOOTSTRAP is IP:PORT"))
}

fn fresh_directory(parent: &Path) -> TempDir {
    tempfile::Builder::new()
        .prefix("broker-")
        .tempdir_in(parent)
        .expect("the directory's parent can be written")
}

/// Below the ports that connections draw from: a client that reconnects to a dead broker there can
/// meet itself, and then holds the port.
fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(10_000..32_000)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn await_exit(process: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().expect("a child can be asked") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}
