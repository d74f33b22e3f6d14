//! The data directory's file system and the disk below it.

use super::facts::{Facts, Volume};
use super::finding::Finding;
use crate::sys::block_device::BlockDevice;

const FREE_SHARE_MIN: f64 = 0.1;

/// Direct I/O is how records are written; where it does not work, klamm does not start.
pub(super) fn file_system(facts: &Facts) -> Option<Finding> {
    let why = "records are written by direct I/O into preallocated files: ext4 and xfs do both";
    let volume = &facts.volume;
    let kind = volume.file_system.as_deref()?;
    let found = format!("{kind} at {}", volume.mount_point);
    if let Err(error) = volume.direct_io.as_ref()? {
        let found = format!(
            "{found}: no direct I/O in {} ({error})",
            volume.dir.display()
        );
        let finding = Finding::problem("file system", found, why);
        return Some(finding.cured_by_hand("klamm serve --data-dir on an ext4 or xfs disk"));
    }
    if matches!(kind, "ext4" | "xfs") {
        return Some(Finding::ok(
            "file system",
            found + ", direct I/O works",
            why,
        ));
    }
    let finding = Finding::advice("file system", found, why);
    Some(finding.cured_by_hand("klamm serve --data-dir on an ext4 or xfs disk"))
}

/// Options that cost something with every access.
pub(super) fn mount_options(facts: &Facts) -> Option<Finding> {
    let why = "access times, synchronous writes and trimming while deleting are all extra work \
               beside the log's own";
    let volume = &facts.volume;
    volume.file_system.as_ref()?;
    let slow = volume.options.iter().filter_map(|option| without(option));
    let slow: Vec<_> = slow.collect();
    if slow.is_empty() {
        let found = format!("nothing slow on {}", volume.mount_point);
        return Some(Finding::ok("mount options", found, why));
    }
    let names: Vec<_> = slow.iter().map(|(option, _)| *option).collect();
    let cures: Vec<_> = slow.iter().map(|(_, cure)| *cure).collect();
    let finding = Finding::advice("mount options", names.join(", "), why);
    Some(finding.cured_by(remount(volume, &cures), remount(volume, &names)))
}

/// Without barriers a sync does not reach the medium, and `acks=all` promises too much.
pub(super) fn barriers(facts: &Facts) -> Option<Finding> {
    let why = "without barriers a sync does not flush the disk's cache: acknowledged records can be \
               lost with the power";
    let volume = &facts.volume;
    volume.file_system.as_ref()?;
    let off = volume
        .options
        .iter()
        .find(|option| matches!(option.as_str(), "nobarrier" | "barrier=0"));
    Some(match off {
        None => Finding::ok("barriers", "on", why),
        Some(off) => {
            let finding =
                Finding::problem("barriers", format!("{off} on {}", volume.mount_point), why);
            finding.cured_by(remount(volume, &["barrier"]), remount(volume, &[off]))
        }
    })
}

/// A full disk refuses appends; a nearly full one is slow to preallocate.
pub(super) fn space(facts: &Facts) -> Option<Finding> {
    let why = "a full disk refuses appends until retention has deleted";
    let (total, free) = facts.volume.bytes?;
    let found = format!(
        "{:.1} of {:.1} GB are free",
        free as f64 / 1e9,
        total as f64 / 1e9
    );
    if free as f64 >= total as f64 * FREE_SHARE_MIN {
        return Some(Finding::ok("disk space", found, why));
    }
    let finding = Finding::advice("disk space", found, why);
    Some(finding.cured_by_hand("make room, or lower log.retention.bytes"))
}

/// Who answers a sync decides what an acknowledgement is worth.
pub(super) fn write_cache(facts: &Facts) -> Option<Finding> {
    let why =
        "acks=all is answered after a sync: what answers the sync is what the promise rests on";
    let device = facts.volume.device.as_ref()?;
    let found = match device.volatile_cache? {
        true => format!("{} has a volatile cache, and syncs flush it", device.name),
        false => format!("{} has no volatile cache", device.name),
    };
    let measured = facts.measured.as_ref();
    let sync = measured.and_then(|measured| measured.sync_us.as_ref());
    let gain = sync.map(|sync| {
        format!(
            "a sync takes {:.0} us, one of 100 {:.0}",
            sync.p50, sync.p99
        )
    });
    match measured.and_then(|measured| measured.sync_cached.as_ref()) {
        Some((Some(true), reason)) => {
            let finding = Finding::advice("write cache", reason, why).measured(gain);
            Some(finding.cured_by_hand(
                "ask who runs the host whether its cache survives a power cut; a drive with \
                 power-loss protection does",
            ))
        }
        _ => Some(Finding::ok("write cache", found, why).measured(gain)),
    }
}

/// A broker's writes are large, few and in order: there is nothing to sort.
pub(super) fn scheduler(facts: &Facts) -> Option<Finding> {
    let why = "klamm's writes are large, few and in order: sorting them costs processor time and \
               gains nothing on flash or a virtual disk";
    let device = facts.volume.device.as_ref()?;
    let scheduler = device.scheduler.as_deref()?;
    let found = format!("{} uses {scheduler}", device.name);
    let can_do_without = device.schedulers.iter().any(|one| one == "none");
    if scheduler == "none" || turns(device) || !can_do_without {
        return Some(Finding::ok("disk scheduler", found, why));
    }
    let set = |one: &str| format!("echo {one} > /sys/block/{}/queue/scheduler", device.name);
    Some(Finding::advice("disk scheduler", found, why).cured_by(set("none"), set(scheduler)))
}

/// Virtual disks say they turn when nobody told them otherwise.
fn turns(device: &BlockDevice) -> bool {
    let is_virtual = device.name.starts_with("vd") || device.name.starts_with("xvd");
    device.rotational == Some(true) && !is_virtual
}

/// A slow option and what replaces it.
fn without(option: &str) -> Option<(&str, &'static str)> {
    match option {
        "strictatime" => Some((option, "relatime")),
        "sync" => Some((option, "async")),
        "dirsync" => Some((option, "nodirsync")),
        "discard" => Some((option, "nodiscard")),
        _ => None,
    }
}

fn remount(volume: &Volume, options: &[&str]) -> String {
    let quoted = volume.mount_point.replace('\'', r"'\''");
    format!("mount -o remount,{} '{quoted}'", options.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Measured, Severity};

    fn facts(options: &str) -> Facts {
        let volume = Volume {
            dir: "/data".into(),
            mount_point: "/data".to_owned(),
            file_system: Some("ext4".to_owned()),
            options: options.split(',').map(ToOwned::to_owned).collect(),
            direct_io: Some(Ok(())),
            bytes: Some((100, 50)),
            device: Some(BlockDevice {
                name: "vda".to_owned(),
                volatile_cache: Some(true),
                rotational: Some(true),
                scheduler: Some("mq-deadline".to_owned()),
                schedulers: vec!["none".to_owned(), "mq-deadline".to_owned()],
            }),
        };
        Facts {
            volume,
            ..Facts::default()
        }
    }

    #[test]
    fn direct_io_is_needed() {
        let mut facts = facts("rw");
        assert_eq!(file_system(&facts).expect("judged").severity, Severity::Ok);
        facts.volume.file_system = Some("btrfs".to_owned());
        assert_eq!(
            file_system(&facts).expect("judged").severity,
            Severity::Advice
        );
        facts.volume.direct_io = Some(Err("invalid argument".to_owned()));
        let finding = file_system(&facts).expect("judged");
        assert_eq!(finding.severity, Severity::Problem);
        assert!(
            finding.found.contains("invalid argument"),
            "{}",
            finding.found
        );
    }

    #[test]
    fn slow_options_are_taken_away_and_put_back() {
        let finding = mount_options(&facts("rw,strictatime,discard")).expect("judged");
        let cure = finding.cure.expect("a cure");
        assert_eq!(
            cure.commands,
            ["mount -o remount,relatime,nodiscard '/data'"]
        );
        assert_eq!(cure.undo, ["mount -o remount,strictatime,discard '/data'"]);
        assert_eq!(
            mount_options(&facts("rw,relatime"))
                .expect("judged")
                .severity,
            Severity::Ok
        );
    }

    #[test]
    fn missing_barriers_are_a_problem() {
        for off in ["nobarrier", "barrier=0"] {
            assert_eq!(
                barriers(&facts(off)).expect("judged").severity,
                Severity::Problem
            );
        }
        assert_eq!(
            barriers(&facts("rw")).expect("judged").severity,
            Severity::Ok
        );
    }

    #[test]
    fn a_virtual_disk_needs_no_scheduler_whatever_it_says() {
        let mut facts = facts("rw");
        let cure = scheduler(&facts).expect("judged").cure.expect("a cure");
        assert_eq!(
            cure.commands,
            ["echo none > /sys/block/vda/queue/scheduler"]
        );
        facts.volume.device.as_mut().expect("a disk").name = "sda".to_owned();
        assert_eq!(scheduler(&facts).expect("judged").severity, Severity::Ok);
    }

    #[test]
    fn a_sync_from_a_cache_is_told_only_when_measured() {
        let mut facts = facts("rw");
        assert_eq!(write_cache(&facts).expect("judged").severity, Severity::Ok);
        facts.measured = Some(Measured {
            sync_cached: Some((Some(true), "too fast".to_owned())),
            ..Measured::default()
        });
        let finding = write_cache(&facts).expect("judged");
        assert_eq!(
            (finding.severity, finding.found.as_str()),
            (Severity::Advice, "too fast")
        );
    }

    #[test]
    fn a_nearly_full_disk_is_worth_advice() {
        let mut facts = facts("rw");
        assert_eq!(space(&facts).expect("judged").severity, Severity::Ok);
        facts.volume.bytes = Some((100, 9));
        assert_eq!(space(&facts).expect("judged").severity, Severity::Advice);
    }
}
