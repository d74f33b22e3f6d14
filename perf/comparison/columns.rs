//! The columns of the tables: who is measured, and by which promise.

use std::path::PathBuf;

use crate::args::Args;

/// One column: a running broker, and what the topics on it are set to.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// How state files and plots name it.
    pub(crate) key: &'static str,
    /// How the page names it.
    pub(crate) title: &'static str,
    /// The process that it is measured on; columns may share one.
    pub(crate) process: &'static str,
    /// Settings of the topics.
    pub(crate) topic_configs: &'static [(&'static str, &'static str)],
}

/// A broker that is started once and stays up.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A klamm binary, with settings.
    Klamm {
        binary: PathBuf,
        settings: &'static [&'static str],
    },
    /// Apache Kafka.
    Kafka {
        heap: &'static str,
        newest_jdk: bool,
        settings: &'static [&'static str],
    },
}

pub(crate) const KLAMM: Column = Column {
    key: "klamm",
    title: "klamm, durable",
    process: "klamm",
    topic_configs: &[],
};
pub(crate) const KLAMM_WRITTEN: Column = Column {
    key: "klamm-written",
    title: "klamm, written",
    process: "klamm-written",
    topic_configs: &[],
};
pub(crate) const KLAMM_BEFORE: Column = Column {
    key: "klamm-before",
    title: "klamm before, durable",
    process: "klamm-before",
    topic_configs: &[],
};
pub(crate) const KAFKA: Column = Column {
    key: "kafka",
    title: "Kafka as shipped",
    process: "kafka",
    topic_configs: &[],
};
pub(crate) const KAFKA_OPERATED: Column = Column {
    key: "kafka-operated",
    title: "Kafka as operated",
    process: "kafka-operated",
    topic_configs: &[],
};
pub(crate) const KAFKA_SAME_PROMISE: Column = Column {
    key: "kafka-same-promise",
    title: "Kafka, flush.messages=1",
    process: "kafka",
    topic_configs: &[("flush.messages", "1")],
};

/// What [`Column::topic_configs`] may name.
pub(crate) const TOPIC_CONFIGS: &[&str] = &["flush.messages"];

/// Every column, in the order of the tables.
pub(crate) const ALL: &[Column] = &[
    KLAMM,
    KLAMM_WRITTEN,
    KLAMM_BEFORE,
    KAFKA,
    KAFKA_OPERATED,
    KAFKA_SAME_PROMISE,
];

impl Column {
    /// Whether it is Apache Kafka.
    pub(crate) fn is_kafka(&self) -> bool {
        self.process.starts_with("kafka")
    }
}

/// The keys of all processes.
pub(crate) const PROCESSES: [&str; 5] = [
    "klamm",
    "klamm-written",
    "klamm-before",
    "kafka",
    "kafka-operated",
];

/// How the process of this key is started.
pub(crate) fn process(key: &str, args: &Args) -> Process {
    match key {
        "klamm" => klamm("klamm", args.klamm.clone(), &[]),
        "klamm-written" => klamm(
            "klamm-written",
            args.klamm.clone(),
            &["klamm.flush=written"],
        ),
        "klamm-before" => {
            let binary = args.against.clone().unwrap_or_else(|| args.klamm.clone());
            klamm("klamm-before", binary, &[])
        }
        "kafka" => kafka("kafka", "1g", false, &[]),
        "kafka-operated" => kafka("kafka-operated", "6g", true, OPERATED),
        other => panic!("no process is called {other}"),
    }
}

/// Threads for one or two processors instead of Kafka's defaults for eight.
const OPERATED: &[&str] = &[
    "num.network.threads=2",
    "num.io.threads=4",
    "socket.send.buffer.bytes=1048576",
    "socket.receive.buffer.bytes=1048576",
];

fn klamm(key: &'static str, binary: PathBuf, settings: &'static [&'static str]) -> Process {
    Process {
        key,
        kind: Kind::Klamm { binary, settings },
    }
}

fn kafka(
    key: &'static str,
    heap: &'static str,
    newest_jdk: bool,
    settings: &'static [&'static str],
) -> Process {
    Process {
        key,
        kind: Kind::Kafka {
            heap,
            newest_jdk,
            settings,
        },
    }
}
