//! The kernel, its rings and its clock.

use super::facts::Facts;
use super::finding::Finding;

const RELEASE_MIN: (u32, u32) = (6, 1);
const SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

/// Older kernels lack what the rings are asked for.
pub(super) fn version(facts: &Facts) -> Option<Finding> {
    let why = "klamm is built for io_uring as of Linux 6.1";
    let release = &facts.kernel_release;
    let found = format!("Linux {release}");
    match major_and_minor(release)? {
        version if version < RELEASE_MIN => {
            let finding = Finding::problem("kernel", found, why);
            Some(finding.cured_by_hand("install a kernel of 6.1 or newer and boot it"))
        }
        _ => Some(Finding::ok("kernel", found, why)),
    }
}

/// No ring, no broker.
pub(super) fn rings(facts: &Facts) -> Option<Finding> {
    let why = "every read, write and sync of the log goes through a ring";
    let problem = |found: String| Finding::problem("io_uring", found, why);
    match facts.rings.as_ref()? {
        Ok(missing) if missing.is_empty() => {
            Some(Finding::ok("io_uring", "allowed and complete", why))
        }
        Ok(missing) => {
            let found = format!("the kernel lacks the operations {}", missing.join(", "));
            Some(problem(found).cured_by_hand("install a kernel of 6.1 or newer and boot it"))
        }
        Err(error) => match facts.io_uring_switch {
            Some(value) if value > 0 => {
                let found = format!("kernel.io_uring_disabled is {value}: {error}");
                let set = |value| format!("echo {value} > {SWITCH}");
                Some(problem(found).cured_by(set(0), set(value)))
            }
            _ => Some(problem(format!("denied: {error}")).cured_by_hand(
                "allow io_uring_setup, io_uring_enter and io_uring_register in the container's \
                 seccomp profile",
            )),
        },
    }
}

/// Timestamps and time retention are the clock's.
pub(super) fn time_server(facts: &Facts) -> Option<Finding> {
    let why = "records without a time get the broker's, and retention deletes by it";
    match facts.clock_synchronized? {
        true => Some(Finding::ok("time", "the clock follows a time server", why)),
        false => {
            let finding = Finding::advice("time", "the clock follows no time server", why);
            Some(finding.cured_by_hand("timedatectl set-ntp true, or install chrony"))
        }
    }
}

fn major_and_minor(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn old_kernels_are_a_problem() {
        let severity = |release: &str| {
            let kernel_release = release.to_owned();
            let facts = Facts {
                kernel_release,
                ..Facts::default()
            };
            version(&facts).map(|finding| finding.severity)
        };
        assert_eq!(severity("5.15.0-91-generic"), Some(Severity::Problem));
        assert_eq!(severity("6.1.0"), Some(Severity::Ok));
        assert_eq!(severity("10.0-rc1"), Some(Severity::Ok));
        assert_eq!(severity("strange"), None);
    }

    #[test]
    fn the_switch_is_turned_and_turned_back() {
        let facts = Facts {
            rings: Some(Err("not permitted".to_owned())),
            io_uring_switch: Some(2),
            ..Facts::default()
        };
        let finding = rings(&facts).expect("judged");
        let cure = finding.cure.expect("a cure");
        assert_eq!(finding.severity, Severity::Problem);
        assert!(cure.commands[0].starts_with("echo 0 >") && cure.undo[0].starts_with("echo 2 >"));
    }

    #[test]
    fn a_profile_that_denies_is_changed_by_hand() {
        let facts = Facts {
            rings: Some(Err("not permitted".to_owned())),
            io_uring_switch: Some(0),
            ..Facts::default()
        };
        let cure = rings(&facts).expect("judged").cure.expect("a cure");
        assert!(cure.undo.is_empty() && cure.commands[0].contains("seccomp"));
    }

    #[test]
    fn a_free_running_clock_is_worth_advice() {
        let facts = Facts {
            clock_synchronized: Some(false),
            ..Facts::default()
        };
        assert_eq!(
            time_server(&facts).expect("judged").severity,
            Severity::Advice
        );
    }
}
