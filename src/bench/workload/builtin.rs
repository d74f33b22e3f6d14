use super::Workload;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The workloads that klamm brings along, name and file.
        const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../../perf/workloads/", $name, ".toml")),
        )),*];
    };
}

files![
    "large-batches",
    "hundred-partitions",
    "small-1000",
    "small-10000",
    "small-requests",
    "small-requests-500",
    "fan-out-1",
    "fan-out-10",
    "fan-out-100",
    "fetch",
    "catch-up",
    "latency",
    "codec-gzip",
    "codec-snappy",
    "codec-lz4",
    "codec-zstd",
    "idempotent",
    "idle",
];

/// The workload of this name that klamm brings along.
pub fn builtin(name: &str) -> Option<Workload> {
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(Workload::parse(text, name).expect("a built-in workload can be read"))
}

/// All workloads that klamm brings along.
pub fn builtins() -> Vec<Workload> {
    let names = FILES.iter().map(|(name, _)| *name);
    names.filter_map(builtin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_built_in_under_its_own_name() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/perf/workloads");
        let files = std::fs::read_dir(directory).unwrap().count();
        assert_eq!(files, FILES.len());
        for workload in builtins() {
            assert!(builtin(&workload.name).is_some(), "{}", workload.name);
            assert!(!workload.about.is_empty() && !workload.about.contains('\n'));
        }
    }

    #[test]
    fn every_one_can_be_run() {
        for mut workload in builtins() {
            if workload.name == "latency" {
                workload.producers.rate = 1000;
            }
            assert_eq!(workload.check(), Ok(()), "{}", workload.name);
        }
        assert!(builtin("nonesuch").is_none());
    }
}
