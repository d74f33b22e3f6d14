//! What this process may use.

use super::facts::Facts;
use super::finding::Finding;

/// A ring's runtime refuses to start with less.
const LOCKED_BYTES_MIN: u64 = 512 << 10;
/// klamm keeps its own files within `klamm.files.open.max`; connections come on top.
const OPEN_FILES_MIN: u64 = 4_096;
const OPEN_FILES_ADVISED: u64 = 65_536;
const LIMITS_FILE: &str = "/etc/security/limits.d/klamm.conf";

/// Rings lock memory on kernels that count it so.
pub(super) fn locked_memory(facts: &Facts) -> Option<Finding> {
    let why = "the rings of a core need 512 KiB of locked memory to start";
    let Some(bytes) = facts.limits.locked_memory_bytes else {
        return Some(Finding::ok("locked memory", "no limit", why));
    };
    let found = format!("the limit is {} KiB", bytes >> 10);
    if bytes >= LOCKED_BYTES_MIN {
        return Some(Finding::ok("locked memory", found, why));
    }
    let finding = Finding::problem("locked memory", found, why);
    Some(finding.cured_by_hand(format!(
        "echo '* - memlock unlimited' >> {LIMITS_FILE} and log in again; \
         LimitMEMLOCK=infinity in a systemd unit"
    )))
}

/// Files and connections share one limit.
pub(super) fn open_files(facts: &Facts) -> Option<Finding> {
    let why = "connections and open segments share it; klamm raises its own limit to the hard one";
    let files = facts.limits.open_files?;
    let found = format!("the hard limit is {files}");
    let finding = match files {
        OPEN_FILES_ADVISED.. => return Some(Finding::ok("open files", found, why)),
        OPEN_FILES_MIN.. => Finding::advice("open files", found, why),
        _ => Finding::problem("open files", found, why),
    };
    Some(finding.cured_by_hand(format!(
        "echo '* - nofile 1048576' >> {LIMITS_FILE} and log in again; \
         LimitNOFILE=1048576 in a systemd unit"
    )))
}

/// A quota stops all threads of a core at once, for tens of milliseconds.
pub(super) fn processor_quota(facts: &Facts) -> Option<Finding> {
    let quota = facts.limits.processor_quota?;
    let count = facts.processor.count;
    let why = "a core that has used its quota stands still until the next period: give klamm whole \
               processors instead, or fewer cores";
    let found = format!("the cgroup grants {quota} of {count} processors");
    if quota >= count as f64 {
        return Some(Finding::ok("processor quota", found, why));
    }
    let cores = (quota as usize).max(1);
    let finding = Finding::advice("processor quota", found, why);
    Some(finding.cured_by_hand(format!("klamm serve --cores {cores}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Limits, Severity};

    fn facts(limits: Limits) -> Facts {
        let mut facts = Facts {
            limits,
            ..Facts::default()
        };
        facts.processor.count = 4;
        facts
    }

    #[test]
    fn locked_memory_is_needed() {
        let severity = |locked_memory_bytes| {
            let facts = facts(Limits {
                locked_memory_bytes,
                ..Limits::default()
            });
            locked_memory(&facts).expect("judged").severity
        };
        assert_eq!(severity(Some(64 << 10)), Severity::Problem);
        assert_eq!(
            [severity(Some(512 << 10)), severity(None)],
            [Severity::Ok; 2]
        );
    }

    #[test]
    fn open_files_have_two_bounds() {
        let severity = |files| {
            let facts = facts(Limits {
                open_files: Some(files),
                ..Limits::default()
            });
            open_files(&facts).expect("judged").severity
        };
        assert_eq!(severity(1024), Severity::Problem);
        assert_eq!(severity(20_000), Severity::Advice);
        assert_eq!(severity(1 << 20), Severity::Ok);
    }

    #[test]
    fn a_quota_below_the_processors_is_worth_advice() {
        let judged = |quota| {
            processor_quota(&facts(Limits {
                processor_quota: quota,
                ..Limits::default()
            }))
        };
        let finding = judged(Some(1.5)).expect("judged");
        assert_eq!(finding.severity, Severity::Advice);
        assert_eq!(
            finding.cure.expect("a cure").commands,
            ["klamm serve --cores 1"]
        );
        assert_eq!(judged(Some(4.0)).expect("judged").severity, Severity::Ok);
        assert_eq!(judged(None), None);
    }
}
