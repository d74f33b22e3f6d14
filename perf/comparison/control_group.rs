//! A control group for each broker: its processors, its memory, its processor time.
//!
//! Version 1 and 2 of the kernel's interface; without root there is none, and `taskset` and the
//! process's own files have to do.

use std::fs;
use std::path::{Path, PathBuf};

const V1: &str = "/sys/fs/cgroup";
const PARENT: &str = "klamm-compare";

/// The group of one broker, removed with this value.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    cpuset: Option<PathBuf>,
    memory: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
}

impl ControlGroup {
    /// Makes the group as far as this host lets us.
    pub(crate) fn make(name: &str, cores: Option<&str>, memory_bytes_max: Option<u64>) -> Self {
        // Two comparisons at a time measure nothing, but shall not end in one group.
        let name = &format!("{name}-{}", std::process::id());
        let v1 = |controller: &str| {
            let parent = Path::new(V1).join(controller);
            made(&parent, name).filter(|_| parent.join("tasks").exists())
        };
        let group = Self {
            cpuset: cores.and_then(|_| v1("cpuset")),
            memory: v1("memory"),
            cpuacct: v1("cpuacct"),
        };
        if let (Some(cpuset), Some(cores)) = (&group.cpuset, cores) {
            for dir in [cpuset.parent().unwrap_or(cpuset), cpuset] {
                let mems = fs::read_to_string(Path::new(V1).join("cpuset/cpuset.mems"));
                put(dir, "cpuset.mems", mems.unwrap_or_default().trim());
            }
            if let Some(parent) = cpuset.parent() {
                let all = fs::read_to_string(Path::new(V1).join("cpuset/cpuset.cpus"));
                put(parent, "cpuset.cpus", all.unwrap_or_default().trim());
            }
            put(cpuset, "cpuset.cpus", cores);
        }
        if let (Some(memory), Some(bytes)) = (&group.memory, memory_bytes_max) {
            put(memory, "memory.limit_in_bytes", &bytes.to_string());
        }
        group
    }

    /// The files to which a process writes its id to enter.
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        let groups = [&self.cpuset, &self.memory, &self.cpuacct];
        let groups = groups.into_iter().flatten();
        groups.map(|dir| dir.join("tasks")).collect()
    }

    /// Processor time of all that ever ran in it, nanoseconds.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        number(&self.cpuacct.as_ref()?.join("cpuacct.usage"))
    }

    /// Begins a new peak of memory.
    pub(crate) fn reset_memory_peak(&self) {
        if let Some(memory) = &self.memory {
            put(memory, "memory.max_usage_in_bytes", "0");
        }
    }

    /// The most memory since then, page cache and shared memory included.
    pub(crate) fn memory_peak_bytes(&self) -> Option<u64> {
        number(&self.memory.as_ref()?.join("memory.max_usage_in_bytes"))
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for dir in [&self.cpuset, &self.memory, &self.cpuacct]
            .into_iter()
            .flatten()
        {
            // The kernel frees a group some time after its last process.
            for _ in 0..20 {
                if fs::remove_dir(dir).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            // Refused while there are others in it.
            let _ = dir.parent().map(fs::remove_dir);
        }
    }
}

fn made(controller: &Path, name: &str) -> Option<PathBuf> {
    let dir = controller.join(PARENT).join(name);
    fs::create_dir_all(&dir).ok().map(|()| dir)
}

/// What the kernel refuses here is told by what is missing on the page.
fn put(dir: &Path, file: &str, value: &str) {
    if let Err(error) = fs::write(dir.join(file), value) {
        eprintln!("compare: {}/{file} = {value}: {error}", dir.display());
    }
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
