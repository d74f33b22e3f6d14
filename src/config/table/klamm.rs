//! klamm's own settings.

use crate::config::reason::MEMORY_SHARE;
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "klamm.memory" Size null { AtLeast(67108864) } ReadOnly { Honoured }
        "Memory of the broker for recent data and requests; by default a quarter of what the host or cgroup has, at most 1 GiB a core. When it is full, the records of consumer groups may take a sixteenth more.";
    "klamm.busy.poll.us" Int "0" { Between(0, 1000) } ReadOnly { Honoured }
        "How long a core that has nothing to do looks for work before it sleeps: lower latency on hosts with cores to spare, for much processor time.";
    "klamm.cores" Text null { NonEmpty } ReadOnly { Honoured }
        "Cores to run on: a number, a list such as 0,2-3, or `all`, the default.";
    "klamm.flush" Text "durable" { OneOf(&["durable", "written"]) } ReadOnly { Honoured }
        "When a write counts: once synced to disk, or (as Kafka ships) once written.";
    "klamm.fetch.path" Text "auto" { OneOf(&["auto", "sendfile", "copy"]) } ReadOnly { Honoured }
        "How old data is sent; `auto` measures for some milliseconds at start.";
    "klamm.connection.receive.budget.bytes" Size null { AtLeast(1048576) } ReadOnly { Honoured }
        "Most bytes of unfinished requests on one core, a quarter of its memory by default; beyond it sockets wait.";
    "klamm.connection.receive.stall.max.ms" Long "30000" { AtLeast(100) } ReadOnly { Honoured }
        "A half-received request that gets no byte for this long closes its connection.";
    "klamm.connection.responses.pending.max" Int "64" { Between(1, 65536) } ReadOnly { Honoured }
        "Most requests of one connection whose responses are not sent; beyond it no more is read.";
    "klamm.connection.send.pending.max.bytes" Size "16MiB" { AtLeast(65536) } ReadOnly { Ignored(MEMORY_SHARE) }
        "Most bytes of memory that unsent responses of one connection hold before its requests wait.";
    "klamm.connection.send.stall.max.ms" Long "60000" { AtLeast(100) } ReadOnly { Honoured }
        "A client that takes no byte of a waiting response for this long is cut off.";
    "klamm.decompressed.bytes.max" Size "128MiB" { AtLeast(1048576) } ReadOnly { Honoured }
        "Most bytes that decompressing the batches of one request may give.";
    "klamm.durable.points.interval.ms" Long "5000" { AtLeast(10) } ReadOnly { Honoured }
        "How often the points up to which partitions are durable are noted; recovery begins at them.";
    "klamm.files.open.max" Int "4096" { AtLeast(16) } ReadOnly { Honoured }
        "Most files kept open, over all cores.";
    "klamm.journal.bytes" Size "64MiB" { AtLeast(0) } ReadOnly { Honoured }
        "Size of each of a core's two journal files, which share one write and one sync among small appends of many partitions; at most a sixteenth of the core's memory; 0 for no journal.";
    "klamm.stall.warn.ms" Int "10" { AtLeast(1) } ReadOnly { Honoured }
        "A core that does not turn for this long is counted and logged.";
    "klamm.shutdown.timeout.ms" Long "30000" { AtLeast(0) } ReadOnly { Honoured }
        "How long a shutdown waits for requests to drain.";
};
