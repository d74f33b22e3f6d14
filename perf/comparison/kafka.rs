//! Apache Kafka from its published jars: one node, broker and controller in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::broker::DELETE_SOON;
use crate::interrupt;

/// The script that gets the jars; its last line of output is their folder.
const FETCH: &str = "tests/clients/java/fetch-kafka.sh";
/// Where systems keep their JDKs.
const JDKS: &str = "/usr/lib/jvm";
/// Any id will do for a cluster of one.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// The jars, and the Java that runs them.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    pub(crate) libs: PathBuf,
    pub(crate) java: PathBuf,
}

impl Kafka {
    /// Gets the jars if they are not there; the Java of the path, or the newest one with long-term
    /// support.
    pub(crate) fn get(newest_jdk: bool) -> Outcome<Self> {
        let output = Command::new(FETCH).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let output = String::from_utf8(output.stdout)?;
        let libs = output.lines().last().ok_or("no folder of jars")?;
        let java = newest_jdk.then(newest_long_term_java).flatten();
        Ok(Self {
            libs: PathBuf::from(libs).canonicalize()?,
            java: java.unwrap_or_else(|| PathBuf::from("java")),
        })
    }

    /// The version of the server's jar.
    pub(crate) fn version(&self) -> Option<String> {
        let names = fs::read_dir(&self.libs).ok()?.flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter_map(|name| {
                Some(
                    name.strip_prefix("kafka_2.13-")?
                        .strip_suffix(".jar")?
                        .to_owned(),
                )
            })
            .next()
    }

    /// What `java -version` says first.
    pub(crate) fn java_version(&self) -> String {
        let output = Command::new(&self.java).arg("-version").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let text = text.unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// A command that runs one of Kafka's tools.
    pub(crate) fn tool(&self, class: &str) -> Command {
        let mut command = Command::new(&self.java);
        command
            .args(["-Xmx512M", "-cp"])
            .arg(self.class_path())
            .arg(class);
        command
    }

    /// Formats the directory and gives the command and the settings of a broker in it.
    pub(crate) fn command(
        &self,
        home: &Path,
        address: &str,
        heap: &str,
        settings: &[&str],
    ) -> Outcome<(Vec<String>, String)> {
        let properties = home.join("server.properties");
        let text = properties_text(home, address, settings)?;
        fs::write(&properties, &text)?;
        fs::write(home.join("log4j2.yaml"), LOGGING)?;
        if !home.join("data/meta.properties").exists() {
            self.format(&properties)?;
        }
        let mut command = vec![self.java.display().to_string()];
        command.extend([format!("-Xmx{heap}"), format!("-Xms{heap}")]);
        command.extend(FLAGS.iter().map(|flag| (*flag).to_owned()));
        command.extend([
            format!(
                "-Dlog4j2.configurationFile={}",
                home.join("log4j2.yaml").display()
            ),
            "-cp".to_owned(),
            self.class_path(),
            "kafka.Kafka".to_owned(),
            properties.display().to_string(),
        ]);
        Ok((command, text))
    }

    fn format(&self, properties: &Path) -> Outcome<()> {
        let mut format = self.tool("kafka.tools.StorageTool");
        format
            .args(["format", "-t", CLUSTER_ID, "-c"])
            .arg(properties);
        let output = interrupt::output(&mut format)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into()),
        }
    }

    fn class_path(&self) -> String {
        format!("{}/*", self.libs.display())
    }
}

/// The flags of Kafka's own start script.
const FLAGS: &[&str] = &[
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

const LOGGING: &str = "\
Configuration:
  Appenders:
    Console: { name: out, target: SYSTEM_OUT, PatternLayout: { pattern: '[%d] %p %m (%c)%n' } }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: out } }
";

fn properties_text(home: &Path, address: &str, settings: &[&str]) -> Outcome<String> {
    let controller = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let data = home.join("data");
    fs::create_dir_all(&data)?;
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{controller}"),
        format!("listeners=PLAINTEXT://{address},CONTROLLER://{controller}"),
        format!("advertised.listeners=PLAINTEXT://{address}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("log.dirs={}", data.display()),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "share.coordinator.state.topic.replication.factor=1".to_owned(),
        "share.coordinator.state.topic.min.isr=1".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
        DELETE_SOON.to_owned(),
    ];
    lines.extend(settings.iter().map(|setting| (*setting).to_owned()));
    Ok(lines.join("\n") + "\n")
}

/// The newest installed JDK of 8, 11, or every second year's from 17 on.
fn newest_long_term_java() -> Option<PathBuf> {
    let homes = fs::read_dir(JDKS).ok()?.flatten();
    let versions = homes.filter_map(|home| {
        let release = fs::read_to_string(home.path().join("release")).ok()?;
        let version = release
            .lines()
            .find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
        let major: u32 = version.split(['.', '"', '+']).next()?.parse().ok()?;
        Some((major, home.path().join("bin/java")))
    });
    let long_term = |major: &u32| *major >= 17 && (major - 17).is_multiple_of(4);
    versions
        .filter(|(major, java)| long_term(major) && java.exists())
        .max()
        .map(|(_, java)| java)
}
