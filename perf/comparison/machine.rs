//! What the comparison ran on.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::args::Args;
use crate::interrupt;
use crate::kafka::Kafka;
use crate::state::State;

/// Facts of the machine and the programs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) host: String,
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) file_system: String,
    pub(crate) klamm: String,
    pub(crate) klamm_binary_bytes: u64,
    pub(crate) kafka: String,
    pub(crate) java: String,
    pub(crate) java_operated: String,
}

pub(crate) const MACHINE: &str = "machine.json";
pub(crate) const PROBE: &str = "probe.json";
pub(crate) const DOCTOR: &str = "doctor.json";

/// Looks once: facts, the probe's figures, the doctor's findings.
pub(crate) fn look(state: &State, args: &Args) -> Outcome<()> {
    let now = facts(args)?;
    match state.read::<Machine>(MACHINE) {
        None => state.write(MACHINE, &now)?,
        Some(then) if then.klamm_binary_bytes != now.klamm_binary_bytes => {
            let (then, now) = (then.klamm, now.klamm);
            eprintln!("compare: begun with {then}, goes on with another binary of {now}");
        }
        Some(_) => {}
    }
    if args.against.is_some() {
        return Ok(());
    }
    if state.read::<serde_json::Value>(PROBE).is_none() {
        eprintln!("compare: measuring the machine");
        let mut probe = Command::new(&args.klamm);
        probe.arg("probe").arg("--dir").arg(&args.scratch);
        probe
            .arg("--json")
            .arg(state.file(PROBE))
            .stdout(std::process::Stdio::null());
        let (mut child, running) = interrupt::spawn(&mut probe)?;
        let status = child.wait();
        drop(running);
        interrupt::check()?;
        tell_failure("klamm probe", status);
    }
    if state.read::<serde_json::Value>(DOCTOR).is_none() {
        let output = Command::new(&args.klamm)
            .args(["doctor", "--json", "--data-dir"])
            .arg(&args.scratch)
            .output()?;
        fs::write(state.file(DOCTOR), output.stdout)?;
    }
    Ok(())
}

fn facts(args: &Args) -> Outcome<Machine> {
    let mut machine = Machine {
        host: read("/proc/sys/kernel/hostname"),
        kernel: read("/proc/sys/kernel/osrelease"),
        processor: field("/proc/cpuinfo", "model name"),
        processors: std::thread::available_parallelism()?.get(),
        memory_bytes: field("/proc/meminfo", "MemTotal")
            .split(' ')
            .next()
            .and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or(0)
            << 10,
        file_system: said(
            Command::new("findmnt")
                .args(["-no", "FSTYPE,OPTIONS", "-T"])
                .arg(&args.scratch),
        ),
        klamm: said(Command::new(&args.klamm).arg("--version")),
        klamm_binary_bytes: fs::metadata(&args.klamm)?.len(),
        ..Machine::default()
    };
    let commit = said(Command::new("git").args(["rev-parse", "--short", "HEAD"]));
    machine.klamm = format!("{} at {commit}", machine.klamm);
    if args.against.is_none() {
        let (shipped, operated) = (Kafka::get(false)?, Kafka::get(true)?);
        machine.kafka = shipped.version().unwrap_or_default();
        machine.java = shipped.java_version();
        machine.java_operated = operated.java_version();
    }
    Ok(machine)
}

fn tell_failure(what: &str, status: std::io::Result<std::process::ExitStatus>) {
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("compare: `{what}` ended with {status}; the page goes without it"),
        Err(error) => eprintln!("compare: `{what}`: {error}; the page goes without it"),
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(file)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn field(file: &str, name: &str) -> String {
    let text = read(file);
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or(String::new(), |(_, value)| value.trim().to_owned())
}

/// What a command prints; nothing where it is not there.
fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default())
        .trim()
        .to_owned()
}
