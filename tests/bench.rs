//! `klamm bench` as people run it: the built binary against a broker of its own, a short run of
//! each kind, what it says about itself, and that it sees what somebody else wrote in between.

mod broker_process;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use broker_process::Broker;
use klamm::bench::{CorruptionOutcome, EndToEndSample, Report, Verdict};

#[test]
fn a_closed_loop_is_measured_and_verified() {
    let broker = Broker::start(&[]);
    let report = Bench::new(&broker, "small-requests").run(&["--record-bytes", "32-3000"]);
    assert_eq!((&report.verdict, report.sustained), (&Verdict::Valid, None));
    assert!(report.seconds >= 0.9 && report.records_per_second() > 0.0);
    assert_eq!(report.produced.records, report.produced.requests);
    assert!(report.produced.bytes > report.produced.payload_bytes);
    let by_second: u64 = report.series.iter().map(|s| s.produced.records).sum();
    assert_eq!(by_second, report.produced.records);
    // The warm-up's records are read back too.
    let verified = report.verification.expect("verified");
    assert!(verified.is_clean() && verified.records >= report.produced.records);
    assert_eq!(report.load.threads.len(), 2);
    assert!(
        report
            .broker_cpu
            .expect("asked for")
            .us_per_request
            .is_some()
    );
    let refused = CorruptionOutcome::Refused("CORRUPT_MESSAGE".to_owned());
    assert_eq!(report.corruption_check.expect("tried").wrong_crc, refused);
    assert_eq!(topics(&broker), "", "topics are deleted");
}

#[test]
fn an_open_loop_is_sustained_or_has_no_percentiles() {
    let broker = Broker::start(&[]);
    let bench = Bench::new(&broker, "small-requests-500");
    let report = bench.run(&["--rate", "200", "--seconds", "2", "--partitions", "3"]);
    assert_eq!(report.produced.records, 400, "{:?}", report.verdict);
    assert!(report.verification.expect("verified").is_clean());
    assert_eq!(
        report.sustained == Some(true),
        report.produce_latency.is_some()
    );
    if let Some(latency) = report.produce_latency {
        assert_eq!((latency.count, latency.at(99.0)), (400, None));
        assert!(latency.at(75.0).is_some());
    }
    let report = bench.run(&["--rate", "50000000", "--ramp-seconds", "0.3"]);
    assert!(matches!(report.verdict, Verdict::NotSustained { achieved } if achieved > 0.0));
    assert_eq!(
        (report.sustained, report.produce_latency),
        (Some(false), None)
    );
    assert!(report.series.iter().all(|s| s.produce_us.p50.is_none()));
    assert!(report.verification.expect("verified").is_clean());
}

#[test]
fn readers_at_the_tail_get_everything() {
    let broker = Broker::start(&[]);
    let report = Bench::new(&broker, "fan-out-10").run(&["--readers", "3", "--rate", "3200"]);
    assert_eq!(report.consumed.records, 3 * report.produced.records);
    assert_eq!(report.consumed.bytes, 3 * report.produced.bytes);
    assert_eq!(report.reader_rates.len(), 3);
    assert_eq!(report.end_to_end_sample, Some(EndToEndSample::FirstOfBurst));
    if let Some(latency) = report.end_to_end_latency {
        assert_eq!(latency.count, report.consumed.records / 64);
    }
}

#[test]
fn every_codec_and_idempotence_come_back_clean() {
    let broker = Broker::start(&[]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let bench = Bench::new(&broker, "codec-zstd");
        let report = bench.run(&[
            "--codec",
            codec,
            "--prepared-mb",
            "4",
            "--idempotent",
            "true",
        ]);
        assert_eq!(report.verdict, Verdict::Valid, "{codec}");
        assert!(
            report.produced.bytes * 10 < report.produced.payload_bytes * 9,
            "{codec}"
        );
        // What is prepared is used up, a quarter of it by the warm-up.
        assert!(
            (1_500_000..3_500_000).contains(&report.produced.bytes),
            "{codec}"
        );
    }
    let report = Bench::new(&broker, "idempotent").run(&["--keys", "7"]);
    assert_eq!(report.verdict, Verdict::Valid);
}

#[test]
fn old_records_are_read_from_the_start_and_capped() {
    let broker = Broker::start(&[]);
    let report = Bench::new(&broker, "fetch").run(&["--prefill-mb", "20", "--partitions", "3"]);
    assert!(report.consumed.bytes > 20_000_000 && report.produced.records == 0);
    assert_eq!(report.reader_cap_reached, None);
    let bench = Bench::new(&broker, "catch-up");
    let report = bench.run(&[
        "--prefill-mb",
        "30",
        "--rate",
        "2000",
        "--lagging-mb-per-second",
        "5",
    ]);
    let lagging = report.lagging.expect("there is a laggard");
    assert_eq!(lagging.cap_reached, Some(true), "{:?}", lagging.rates);
    assert!(lagging.rates[0] < 8e6, "{:?}", lagging.rates);
    assert_eq!(report.consumed.records, report.produced.records);
    let verified = report.verification.expect("verified");
    assert!(verified.is_clean() && verified.records > 29_000);
}

#[test]
fn in_steps_it_waits_and_a_strangers_record_is_found() {
    let broker = Broker::start(&[]);
    run(&["topic", "create", "shared", "-b", &broker.bootstrap()]);
    let plan = Bench::new(&broker, "small-requests");
    let mut bench = plan
        .command(&["--steps", "--topic", "shared"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut told = BufReader::new(bench.stdout.take().expect("piped")).lines();
    let mut hear = || told.next().map(|line| line.expect("text"));
    assert_eq!(hear().as_deref(), Some("ready"));
    let mut input = bench.stdin.take().expect("piped");
    writeln!(input).expect("it listens");
    assert_eq!(hear().as_deref(), Some("done"));
    produce(&broker, "shared", "a stranger's");
    writeln!(input).expect("it listens");
    assert_eq!(hear().as_deref(), Some("verified"));
    assert_eq!(hear(), None, "nothing else is printed");
    assert_eq!(bench.wait().expect("it ends").code(), Some(4));
}

#[test]
fn results_are_written_and_mistakes_are_told() {
    let broker = Broker::start(&[]);
    let bench = Bench::new(&broker, "small-requests");
    let out = bench.directory.path().join("results");
    bench.run(&["--out", out.to_str().expect("UTF-8"), "--no-verify"]);
    let files = ["small-requests.json", "small-requests-produce.hgrm"];
    let charts = ["small-requests-latency.svg", "small-requests-time.svg"];
    for name in files.iter().chain(&charts) {
        let text = std::fs::read_to_string(out.join(name)).expect(name);
        assert!(text.len() > 300, "{name}: {text}");
    }
    let wrong = output(&["bench", "small-requests", "--record-bytes", "10"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("at least 32 bytes"));
    assert_eq!(output(&["bench", "nonesuch"]).status.code(), Some(2));
    let listed = output(&["bench"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("large-batches"));
    let checked = output(&["bench", "--check-corruption", "-b", &broker.bootstrap()]);
    assert!(checked.status.success(), "{checked:?}");
}

/// One workload, in a window of a second, and where its result goes.
struct Bench {
    workload: &'static str,
    bootstrap: String,
    pid: Option<u32>,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(broker: &Broker, workload: &'static str) -> Self {
        Self {
            workload,
            bootstrap: broker.bootstrap(),
            pid: broker.is_ours().then(|| broker.pid()),
            directory: tempfile::tempdir().expect("a directory for results"),
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
        command
            .args(["bench", self.workload, "-b", &self.bootstrap])
            .args(["--threads", "2"])
            .arg("--json")
            .arg(self.json());
        for (flag, seconds) in [("--seconds", "1"), ("--warmup-seconds", "0.3")] {
            if !more.contains(&flag) {
                command.args([flag, seconds]);
            }
        }
        if let Some(pid) = self.pid {
            command.args(["--broker-pid", &pid.to_string()]);
        }
        command.args(more);
        command
    }

    fn run(&self, more: &[&str]) -> Report {
        let output = self.command(more).output().expect("the binary runs");
        assert!(output.status.success(), "{}: {output:?}", self.workload);
        let text = std::fs::read_to_string(self.json()).expect("a result was written");
        serde_json::from_str(&text).expect("the result is a report")
    }

    fn json(&self) -> PathBuf {
        self.directory.path().join("result.json")
    }
}

fn topics(broker: &Broker) -> String {
    let listed = output(&["topic", "list", "-b", &broker.bootstrap()]);
    String::from_utf8(listed.stdout).expect("UTF-8")
}

fn produce(broker: &Broker, topic: &str, line: &str) {
    let mut producing = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .args(["produce", topic, "-q", "-b", &broker.bootstrap()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = producing.stdin.take().expect("piped");
    writeln!(input, "{line}").expect("it listens");
    drop(input);
    assert!(producing.wait().expect("it ends").success());
}

fn run(arguments: &[&str]) {
    let output = output(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn output(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.args(arguments).output().expect("the binary runs")
}
