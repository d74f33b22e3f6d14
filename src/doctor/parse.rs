//! The kernel's texts as values.

use std::path::Path;

use super::facts::Interrupt;

/// A mount as `/proc/self/mountinfo` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) point: String,
    pub(super) file_system: Option<String>,
    pub(super) options: Vec<String>,
}

/// The mount that holds an absolute path: the longest, and of several at one place the last.
pub(super) fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(mount);
    let holding = mounts.filter(|mount| path.starts_with(&mount.point));
    holding.max_by_key(|mount| mount.point.len())
}

fn mount(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let mut file_system = file_system.split(' ');
    let point = unescaped(mount.next()?);
    let kind = file_system.next()?.to_owned();
    let options = [mount.next(), file_system.nth(1)].into_iter().flatten();
    Some(Mount {
        point,
        file_system: Some(kind),
        options: options
            .flat_map(|all| all.split(','))
            .map(ToOwned::to_owned)
            .collect(),
    })
}

/// Blanks in names are written as octal numbers there.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\134", "\\")
}

/// A line of `/proc/meminfo` in bytes.
pub(super) fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Processors that `cpu.max` grants; `None` is no quota.
pub(super) fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    Some(quota / period)
}

/// The share of the last 10 s that some task waited, of a file under `/proc/pressure`.
pub(super) fn pressure(text: &str) -> Option<f64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = some
        .split(' ')
        .find_map(|field| field.strip_prefix("avg10="))?;
    Some(percent.parse::<f64>().ok()? / 100.0)
}

/// Whether a name is a prefix with a number, such as `cpu12`.
pub(super) fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The numbered lines of `/proc/interrupts`: those of devices.
pub(super) fn interrupts(text: &str) -> Vec<Interrupt> {
    let processors = text
        .lines()
        .next()
        .map_or(0, |line| line.split_whitespace().count());
    let line = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        let mut fields = rest.split_whitespace();
        let counts: Vec<u64> = fields
            .by_ref()
            .take(processors)
            .map_while(|f| f.parse().ok())
            .collect();
        Some(Interrupt {
            number: number.trim().parse().ok()?,
            name: fields.last()?.to_owned(),
            counts,
        })
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Processor time of all processors since the start, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    total: u64,
    idle: u64,
    stolen: u64,
}

impl Times {
    /// The first line of `/proc/stat`.
    pub(super) fn of(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .map_while(|tick| tick.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; the guest's time is in the user's.
        Some(Self {
            total: ticks.get(..8)?.iter().sum(),
            idle: ticks[3] + ticks[4],
            stolen: ticks[7],
        })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            total: self.total.saturating_sub(before.total),
            idle: self.idle.saturating_sub(before.idle),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }

    pub(super) fn stolen_share(self) -> Option<f64> {
        (self.total > 0).then(|| self.stolen as f64 / self.total as f64)
    }

    pub(super) fn busy_share(self) -> Option<f64> {
        (self.total > 0).then(|| 1.0 - (self.idle + self.stolen) as f64 / self.total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_holds_a_path() {
        let text = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
                    30 27 254:1 / /var/my\\040lib rw,noatime shared:1 - xfs /dev/vdb rw,nobarrier\n";
        let mount = mount_of(text, Path::new("/var/my lib/klamm")).expect("held");
        assert_eq!(
            (mount.point.as_str(), mount.file_system.as_deref()),
            ("/var/my lib", Some("xfs"))
        );
        assert_eq!(mount.options, ["rw", "noatime", "rw", "nobarrier"]);
        assert_eq!(
            mount_of(text, Path::new("/var/my libs"))
                .expect("held")
                .point,
            "/"
        );
        assert_eq!(mount_of("", Path::new("/")), None);
    }

    #[test]
    fn kernel_texts_are_read() {
        assert_eq!(meminfo("SwapTotal:      8 kB\n", "SwapTotal"), Some(8192));
        assert_eq!(
            (quota("150000 100000"), quota("max 100000")),
            (Some(1.5), None)
        );
        let text = "some avg10=12.50 avg60=0.03 total=7\nfull avg10=0.00 total=0\n";
        assert_eq!(pressure(text), Some(0.125));
        assert!(is_numbered("cpu12", "cpu") && !is_numbered("cpufreq", "cpu"));
        assert!(!is_numbered("cpu", "cpu"));
    }

    #[test]
    fn interrupts_of_devices_are_read() {
        let text = "      CPU0   CPU1\n 36:  0  7591967 PCI-MSIX-0000:00:02.0  1-edge  virtio1-req.0\n\
                    LOC:  1  2  Local timer interrupts\n";
        let expected = Interrupt {
            number: 36,
            name: "virtio1-req.0".to_owned(),
            counts: vec![0, 7_591_967],
        };
        assert_eq!(interrupts(text), [expected]);
    }

    #[test]
    fn shares_are_of_the_time_between() {
        let before = Times::of("cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 ...").expect("read");
        let after = Times::of("cpu  125 0 0 140 10 0 0 25 0 0").expect("read");
        let spent = after.since(before);
        assert_eq!(
            (spent.stolen_share(), spent.busy_share()),
            (Some(0.25), Some(0.25))
        );
        assert_eq!(after.since(after).stolen_share(), None);
        assert_eq!(Times::of("intr 1"), None);
    }
}
