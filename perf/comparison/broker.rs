//! A broker that runs while it is measured.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::accounting;
use crate::args::Args;
use crate::columns::{Kind, Process};
use crate::control_group::ControlGroup;
use crate::interrupt::{self, Running};
use crate::kafka::Kafka;

/// How long a broker may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(120);
/// How long it may take to end in good order.
const STOP_MAX: Duration = Duration::from_secs(120);

/// A running broker; killed and its data removed with this value.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) address: String,
    pub(crate) data: PathBuf,
    /// The command that started it, for the page.
    pub(crate) command: String,
    /// Its settings, for the page.
    pub(crate) settings: String,
    pub(crate) group: ControlGroup,
    /// When it was started, an empty directory being prepared by then.
    pub(crate) begun: Instant,
    child: Child,
    _running: Running,
    keeps_data: bool,
}

/// Both brokers leave deleted topics on the disk for a minute otherwise, window after window.
pub(crate) const DELETE_SOON: &str = "log.segment.delete.delay.ms=1000";

/// How one start differs from the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    /// The control group's limit.
    pub(crate) memory_bytes_max: Option<u64>,
    /// Begin on the data of an earlier start.
    pub(crate) on_old_data: bool,
}

impl Broker {
    /// Starts a broker on an empty directory and waits until it takes connections.
    pub(crate) fn start(process: &Process, args: &Args) -> Outcome<Self> {
        let mut broker = Self::exec(process, args, &Circumstances::default())?;
        broker.await_answer()?;
        Ok(broker)
    }

    /// Starts a broker and does not wait.
    pub(crate) fn exec(process: &Process, args: &Args, with: &Circumstances) -> Outcome<Self> {
        let home = args.scratch.join(process.key);
        if !with.on_old_data && home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        let home = home.canonicalize()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let (command, settings) = match &process.kind {
            Kind::Klamm { binary, settings } => klamm(binary, settings, &home, &address, args)?,
            Kind::Kafka {
                heap,
                newest_jdk,
                settings,
            } => {
                let kafka = Kafka::get(*newest_jdk)?;
                kafka.command(&home, &address, heap, settings)?
            }
        };
        let group = ControlGroup::make(process.key, args.broker_cores(), with.memory_bytes_max);
        let log = fs::File::create(home.join("log"))?;
        let mut enter = entering(&group, args.broker_cores());
        enter
            .args(&command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begun = Instant::now();
        let (child, running) = interrupt::spawn(&mut enter)?;
        Ok(Self {
            address,
            data: home,
            command: command.join(" "),
            settings,
            group,
            begun,
            child,
            _running: running,
            keeps_data: false,
        })
    }

    /// Waits until it takes connections.
    pub(crate) fn await_answer(&mut self) -> Outcome<()> {
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(&self.address).is_err() {
            interrupt::check()?;
            if let Some(status) = self.child.try_wait()? {
                return Err(self.complaint(&format!("ended with {status}")).into());
            }
            if Instant::now() > deadline {
                return Err(self.complaint("does not answer").into());
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of the broker so far, nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let group = self.group.cpu_ns();
        group.unwrap_or_else(|| accounting::thread_group_ns(self.pid()))
    }

    /// Ends it at once, keeping its data.
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.keeps_data = true;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it in good order, keeping its data.
    pub(crate) fn shut_down(mut self) -> Outcome<()> {
        self.keeps_data = true;
        Command::new("kill").arg(self.pid().to_string()).status()?;
        let deadline = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            interrupt::check()?;
            if Instant::now() > deadline {
                let complaint = self.complaint("does not stop");
                self.stop();
                return Err(complaint.into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn complaint(&self, what: &str) -> String {
        let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        let last: Vec<&str> = lines.into_iter().rev().collect();
        format!("`{}` {what}:\n{}", self.command, last.join("\n"))
    }

    /// Its data go with it: there is nothing to close in good order.
    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if !self.keeps_data {
            self.stop();
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

/// A shell that enters the control group and the processors, then becomes the broker. Where the
/// system has `setpriv`, the broker does not outlive us, whatever ends us.
fn entering(group: &ControlGroup, cores: Option<&str>) -> Command {
    let doors = group.doors();
    let doors: Vec<&str> = doors.iter().filter_map(|door| door.to_str()).collect();
    let pin = cores.map(|cores| format!("taskset -c {cores} "));
    let script = format!(
        "for door in {}; do echo $$ > $door; done; \
         command -v setpriv >/dev/null && set -- setpriv --pdeathsig KILL \"$@\"; exec {}\"$@\"",
        doors.join(" "),
        pin.unwrap_or_default()
    );
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).arg("sh");
    shell
}

/// klamm as anyone would start it; on its processors when it is pinned.
fn klamm(
    binary: &Path,
    settings: &[&str],
    home: &Path,
    address: &str,
    args: &Args,
) -> Outcome<(Vec<String>, String)> {
    let data = home.join("data");
    let mut command = vec![
        binary.canonicalize()?.display().to_string(),
        "serve".to_owned(),
        "--data-dir".to_owned(),
        data.display().to_string(),
        "--listen".to_owned(),
        address.to_owned(),
    ];
    if let Some(cores) = args.broker_cores() {
        let list = match cores.contains([',', '-']) {
            true => cores.to_owned(),
            false => format!("{cores}-{cores}"),
        };
        command.extend(["--cores".to_owned(), list]);
    }
    for setting in [DELETE_SOON].iter().chain(settings) {
        command.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    Ok((command, [&[DELETE_SOON], settings].concat().join("\n")))
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
