//! Memory: its size, its pages, and what the kernel does with them behind our back.

use super::facts::Facts;
use super::finding::Finding;
use crate::probe::FetchBy;

const MEMORY_BYTES_MIN: u64 = 1 << 30;
/// What a disk can be made to write in one go beside the log.
const DIRTY_BYTES_MAX: u64 = 2 << 30;
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Records wait in memory until their consumers have them.
pub(super) fn size(facts: &Facts) -> Option<Finding> {
    let why = "klamm.memory is a share of it; consumers that keep up are served from there";
    let bytes = facts.memory.bytes?;
    let found = format!("{:.1} GB", bytes as f64 / 1e9);
    if bytes >= MEMORY_BYTES_MIN {
        return Some(Finding::ok("memory", found, why));
    }
    let finding = Finding::advice("memory", found, why);
    Some(finding.cured_by_hand("klamm serve --memory 256MiB, or give the machine 1 GB"))
}

/// A core whose memory is on the disk waits for the disk.
pub(super) fn swap(facts: &Facts) -> Option<Finding> {
    let why = "a core that touches a page on the disk stands still with all its partitions";
    let (swap, swappiness) = (facts.memory.swap_bytes?, facts.memory.swappiness?);
    if swap == 0 {
        return Some(Finding::ok("swap", "none", why));
    }
    let found = format!("{:.1} GB, vm.swappiness is {swappiness}", swap as f64 / 1e9);
    if swappiness <= 1 {
        return Some(Finding::ok("swap", found, why));
    }
    let set = |value| format!("sysctl -w vm.swappiness={value}");
    Some(Finding::advice("swap", found, why).cured_by(set(1), set(swappiness)))
}

/// Huge pages unasked make the kernel compact memory at the first touch.
pub(super) fn huge_pages(facts: &Facts) -> Option<Finding> {
    let why = "with `always`, the first touch of memory compacts memory: cores stood still for \
               half a second";
    let mode = facts.memory.huge_pages.as_deref()?;
    let found = format!("transparent huge pages: {mode}");
    if mode != "always" {
        return Some(Finding::ok("huge pages", found, why));
    }
    let set = |mode| format!("echo {mode} > {HUGE_PAGES}");
    Some(Finding::advice("huge pages", found, why).cured_by(set("madvise"), set("always")))
}

/// Told, not advised: klamm's memory is not shared memory.
pub(super) fn shared_huge_pages(facts: &Facts) -> Option<Finding> {
    let why = "shared memory is sent by sendfile at less cost from huge pages; klamm sends recent \
               records from private memory, so nothing is to be done";
    let mode = facts.memory.shmem_huge_pages.as_deref()?;
    let found = format!("huge pages for shared memory: {mode}");
    Some(Finding::ok("shared memory", found, why).measured(huge_gain(facts)))
}

/// What others write through the page cache comes to the disk in one go.
pub(super) fn dirty_pages(facts: &Facts) -> Option<Finding> {
    let why = "what other programs write is kept back up to this much and then written beside the \
               log; klamm's own records never wait there";
    let memory = &facts.memory;
    let (ratio, background) = memory.dirty_ratios?;
    let by_bytes = memory.dirty_bytes.filter(|bytes| *bytes > 0);
    let bytes = by_bytes.unwrap_or(memory.bytes? / 100 * ratio);
    let found = format!("up to {:.1} GB may wait to be written", bytes as f64 / 1e9);
    if bytes <= DIRTY_BYTES_MAX {
        return Some(Finding::ok("dirty pages", found, why));
    }
    let finding = Finding::advice("dirty pages", found, why);
    let background = format!("vm.dirty_background_ratio={background}");
    let undo = match by_bytes {
        Some(bytes) => format!("sysctl -w vm.dirty_bytes={bytes} {background}"),
        None => format!("sysctl -w vm.dirty_ratio={ratio} {background}"),
    };
    let cure = "sysctl -w vm.dirty_bytes=1073741824 vm.dirty_background_bytes=268435456";
    Some(finding.cured_by(cure, undo))
}

fn huge_gain(facts: &Facts) -> Option<String> {
    let measured = facts.measured.as_ref()?;
    let small = measured.sending_cost(FetchBy::SendfileMemfd)?;
    Some(match measured.sending_cost(FetchBy::SendfileMemfdHuge) {
        Some(huge) => format!(
            "sendfile from 4 KiB pages {small:.3} CPU s/GB, from huge pages {huge:.3}: {:.0} % less",
            (1.0 - huge / small) * 100.0
        ),
        None => {
            format!("sendfile from 4 KiB pages {small:.3} CPU s/GB; huge ones are not granted here")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Measured, Memory, Severity};
    use crate::probe::Fetch;

    fn facts(memory: Memory) -> Facts {
        Facts {
            memory,
            ..Facts::default()
        }
    }

    #[test]
    fn swap_is_kept_for_need() {
        let judged = |swap_bytes, swappiness| {
            let (swap_bytes, swappiness) = (Some(swap_bytes), Some(swappiness));
            swap(&facts(Memory {
                swap_bytes,
                swappiness,
                ..Memory::default()
            }))
            .expect("judged")
        };
        assert_eq!(judged(0, 60).severity, Severity::Ok);
        assert_eq!(judged(1 << 30, 1).severity, Severity::Ok);
        let cure = judged(1 << 30, 60).cure.expect("a cure");
        assert_eq!(cure.commands, ["sysctl -w vm.swappiness=1"]);
        assert_eq!(cure.undo, ["sysctl -w vm.swappiness=60"]);
    }

    #[test]
    fn huge_pages_only_where_asked() {
        let severity = |mode: &str| {
            let huge_pages = Some(mode.to_owned());
            super::huge_pages(&facts(Memory {
                huge_pages,
                ..Memory::default()
            }))
            .expect("judged")
            .severity
        };
        assert_eq!(severity("always"), Severity::Advice);
        assert_eq!([severity("madvise"), severity("never")], [Severity::Ok; 2]);
    }

    #[test]
    fn dirty_pages_are_bounded_by_bytes_or_share() {
        let judged = |gib: u64, dirty_bytes| {
            let memory = Memory {
                bytes: Some(gib << 30),
                dirty_ratios: Some((20, 10)),
                dirty_bytes: Some(dirty_bytes),
                ..Memory::default()
            };
            dirty_pages(&facts(memory)).expect("judged")
        };
        assert_eq!(judged(8, 0).severity, Severity::Ok);
        assert_eq!(judged(64, 1 << 30).severity, Severity::Ok);
        let cure = judged(64, 0).cure.expect("a cure");
        assert_eq!(
            cure.undo,
            ["sysctl -w vm.dirty_ratio=20 vm.dirty_background_ratio=10"]
        );
    }

    #[test]
    fn what_huge_pages_gain_is_said_when_measured() {
        let fetch = |path, cpu_seconds_per_gb| Fetch {
            path,
            response_bytes: 1 << 20,
            cpu_seconds_per_gb,
            bytes_per_second: 1,
        };
        let mut facts = facts(Memory {
            shmem_huge_pages: Some("advise".to_owned()),
            ..Memory::default()
        });
        assert_eq!(shared_huge_pages(&facts).expect("told").gain, None);
        let sending = vec![
            fetch(FetchBy::SendfileMemfd, 0.2),
            fetch(FetchBy::SendfileMemfdHuge, 0.1),
        ];
        facts.measured = Some(Measured {
            sending,
            ..Measured::default()
        });
        let gain = shared_huge_pages(&facts)
            .expect("told")
            .gain
            .expect("measured");
        assert!(gain.ends_with("50 % less"), "{gain}");
    }
}
