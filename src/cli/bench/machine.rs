use std::path::Path;

use serde_json::Value;

use crate::bench::{Flow, Report};
use crate::cli::error::CliError;

/// What the machine can do, as `klamm probe` found it out; what is not in it is not compared.
#[derive(Clone, Debug)]
pub(super) struct Machine(Value);

/// Reads a probe's JSON.
pub(super) fn read(path: &Path) -> Result<Machine, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
    let value = serde_json::from_str(&text).map_err(|error| {
        let message = format!("{} is not the JSON of a probe: {error}", path.display());
        CliError::usage(message).with_cure("make it with: klamm probe --json FILE")
    })?;
    Ok(Machine(value))
}

impl Machine {
    /// How the result compares with the machine, one line each.
    pub(super) fn shares(&self, report: &Report) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(disk) = self.disk_bytes_per_second() {
            let share = report.produced.bytes_per_second(report.seconds) / disk * 100.0;
            if report.produced.bytes > 0 {
                lines.push(format!("{share:.0} % of what the disk writes"));
            }
        }
        lines.extend(self.floor_of(report, "produce", report.produced));
        lines.extend(self.floor_of(report, "fetch", report.consumed));
        if let Some((p99, sync)) = self.sync_p99(report) {
            let times = p99 as f64 / sync;
            lines.push(format!(
                "p99 is {times:.1} times that of a lone sync of the disk"
            ));
        }
        lines
    }

    /// The best that any block size and depth gave.
    fn disk_bytes_per_second(&self) -> Option<f64> {
        let writes = self.0.get("disk_write")?.as_array()?;
        let rates = writes
            .iter()
            .filter_map(|write| write.get("bytes_per_second")?.as_f64());
        rates.reduce(f64::max).filter(|rate| *rate > 0.0)
    }

    /// Only where one direction has all the broker's work: processor time cannot be told apart.
    fn floor_of(&self, report: &Report, direction: &str, flow: Flow) -> Option<String> {
        let used = report.broker_cpu?.seconds;
        if flow.bytes == 0 || flow.bytes * 20 < report.moved().bytes * 19 {
            return None;
        }
        let floors = self.0.get("floor")?.get(direction)?.as_array()?;
        let request_bytes = flow.bytes as f64 / flow.requests.max(1) as f64;
        let distance = |floor: &&Value| {
            let bytes = floor
                .get("request_bytes")
                .or_else(|| floor.get("response_bytes"));
            let bytes = bytes.and_then(Value::as_f64).unwrap_or(1.0).max(1.0);
            (bytes / request_bytes).ln().abs()
        };
        let synced = |floor: &&Value| floor.get("synced").and_then(Value::as_bool) != Some(false);
        let nearest = floors
            .iter()
            .filter(synced)
            .min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
        let least = nearest
            .get("cpu_seconds_per_gb")?
            .as_f64()
            .filter(|least| *least > 0.0)?;
        let times = used / (flow.bytes as f64 / 1e9) / least;
        Some(format!(
            "{times:.1} times the processor time of the plainest program that could {direction} this"
        ))
    }

    fn sync_p99(&self, report: &Report) -> Option<(u64, f64)> {
        let p99 = report.produce_latency.as_ref()?.at(99.0)?;
        let sync = self.0.get("sync_us")?.get("p99")?.as_f64()?;
        (sync > 0.0).then_some((p99, sync))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::table::tests::report;
    use serde_json::json;

    #[test]
    fn a_probe_without_anything_compares_nothing() {
        assert!(Machine(json!({})).shares(&report()).is_empty());
        assert!(
            Machine(json!({"disk_write": 3, "floor": []}))
                .shares(&report())
                .is_empty()
        );
    }

    #[test]
    fn shares_are_told() {
        let machine = Machine(json!({
            "disk_write": [{"bytes_per_second": 1e8}, {"bytes_per_second": 2e8}],
            "floor": {"produce": [
                {"request_bytes": 1_000_000, "synced": true, "cpu_seconds_per_gb": 0.5},
                {"request_bytes": 1_000, "synced": true, "cpu_seconds_per_gb": 10.0},
            ]},
            "sync_us": {"p99": 500},
        }));
        let lines = machine.shares(&report());
        assert_eq!(lines[0], "50 % of what the disk writes");
        assert!(
            lines[1].starts_with("2.0 times the processor time"),
            "{lines:?}"
        );
        assert!(lines[2].starts_with("p99 is 2.0 times"), "{lines:?}");
    }
}
