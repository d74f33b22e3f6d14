//! Processors: their speed, their clock, who interrupts them and who else uses them.

use super::facts::{Facts, Interrupt};
use super::finding::Finding;

const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Read without a system call, or nearly so.
const FAST_CLOCKS: [&str; 4] = [
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
];
const STOLEN_MAX: f64 = 0.02;
const BUSY_MAX: f64 = 0.5;
const PRESSURE_MAX: f64 = 0.1;
/// An interrupt that came less often since the start does not matter.
const ACTIVE_MIN: u64 = 10_000;

/// A governor that saves power wakes a core slowly.
pub(super) fn governor(facts: &Facts) -> Option<Finding> {
    let why =
        "a core that sleeps between requests is slow when it wakes unless its frequency is held";
    let governors = &facts.processor.governors;
    let found = match governors.as_slice() {
        [] => return Some(Finding::ok("governor", "not this machine's to choose", why)),
        [only] if only == "performance" => return Some(Finding::ok("governor", only, why)),
        several => several.join(", "),
    };
    let set = |governor: &str| {
        format!(
            "for file in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; \
             do echo {governor} > \"$file\"; done"
        )
    };
    let before = governors.first().map_or("schedutil", String::as_str);
    Some(Finding::advice("governor", found, why).cured_by(set("performance"), set(before)))
}

/// The reactor reads the clock several times in each turn.
pub(super) fn clock_source(facts: &Facts) -> Option<Finding> {
    let why =
        "a core reads the clock in every turn; a slow source makes a system call of each reading";
    let source = facts.processor.clock_source.as_deref()?;
    let gain = facts.measured.as_ref();
    let gain = gain.map(|measured| format!("a reading takes {:.0} ns", measured.clock_ns));
    if FAST_CLOCKS.contains(&source) {
        return Some(Finding::ok("clock source", source, why).measured(gain));
    }
    let finding = Finding::advice("clock source", source, why).measured(gain);
    let better = FAST_CLOCKS
        .iter()
        .find(|fast| facts.processor.clock_sources.iter().any(|one| one == *fast));
    let set = |source: &str| format!("echo {source} > {CLOCK_SOURCE}");
    Some(match better {
        Some(better) => finding.cured_by(set(better), set(source)),
        None => finding.cured_by_hand("boot with tsc=reliable, if the processor's tsc is constant"),
    })
}

/// Memory of the other node is half as fast.
pub(super) fn numa(facts: &Facts) -> Option<Finding> {
    let why = "a core whose memory lies on the other node pays for every access";
    let nodes = facts.processor.numa_nodes;
    if nodes <= 1 {
        return Some(Finding::ok("NUMA", "one node", why));
    }
    let finding = Finding::advice("NUMA", format!("{nodes} nodes"), why);
    Some(finding.cured_by_hand("numactl --cpunodebind=0 --membind=0 klamm serve"))
}

/// Queues of one device are there to be served by several processors.
pub(super) fn interrupts(facts: &Facts) -> Option<Finding> {
    let why = "the core that serves a device's interrupts has less time for its partitions";
    let interrupts = &facts.processor.interrupts;
    let active: Vec<_> = interrupts
        .iter()
        .filter(|one| total(one) >= ACTIVE_MIN)
        .collect();
    if active.is_empty() {
        return None;
    }
    let shown: Vec<_> = active
        .iter()
        .map(|one| format!("{} on {}", one.name, server(one)))
        .collect();
    let found = format!("processors that serve: {}", shown.join(", "));
    let crowded = crowded(&active, facts.processor.count);
    if crowded.is_empty() {
        return Some(Finding::ok("interrupts", found, why));
    }
    let finding = Finding::advice("interrupts", found, why);
    let spread = |finding: Finding, (at, one): (usize, &&Interrupt)| {
        let to = |processor| {
            format!(
                "echo {processor} > /proc/irq/{}/smp_affinity_list",
                one.number
            )
        };
        finding.cured_by(to(at % facts.processor.count), to(server(one)))
    };
    Some(crowded.iter().enumerate().fold(finding, spread))
}

/// Time that the hypervisor or other programs take.
pub(super) fn neighbours(facts: &Facts) -> Option<Finding> {
    let why = "a core that waits for a processor waits with all its partitions; figures measured \
               meanwhile are worth nothing";
    let (stolen, busy) = (facts.neighbours.stolen?, facts.neighbours.busy?);
    let load = facts.neighbours.load.unwrap_or_default();
    let found = format!(
        "{:.1} % stolen by the hypervisor, {:.0} % busy, load {load}",
        stolen * 100.0,
        busy * 100.0
    );
    let crowded = load > facts.processor.count as f64 || busy > BUSY_MAX;
    match (stolen > STOLEN_MAX, crowded) {
        (false, false) => Some(Finding::ok("neighbours", found, why)),
        (true, _) => Some(
            Finding::advice("neighbours", found, why)
                .cured_by_hand("a host of your own, or an instance with dedicated processors"),
        ),
        (false, true) => Some(
            Finding::advice("neighbours", found, why)
                .cured_by_hand("see who it is: ps aux --sort=-%cpu | head"),
        ),
    }
}

/// The kernel's own account of waiting.
pub(super) fn pressure(facts: &Facts) -> Option<Finding> {
    let why = "tasks that wait for a processor or the disk now will make klamm wait too";
    let (processor, io) = (
        facts.neighbours.processor_pressure?,
        facts.neighbours.io_pressure?,
    );
    let found = format!(
        "some task waited {:.0} % of the last 10 s for a processor, {:.0} % for the disk",
        processor * 100.0,
        io * 100.0
    );
    if processor.max(io) <= PRESSURE_MAX {
        return Some(Finding::ok("pressure", found, why));
    }
    let finding = Finding::advice("pressure", found, why);
    Some(finding.cured_by_hand("see who it is: ps aux --sort=-%cpu | head, iotop -o"))
}

/// Queues of devices with several, all of which one processor serves.
fn crowded<'a>(active: &[&'a Interrupt], processors: usize) -> Vec<&'a Interrupt> {
    let shares_server = |one: &&&'a Interrupt| {
        let device = device(&one.name);
        let others = active
            .iter()
            .filter(|other| device == self::device(&other.name));
        let servers: Vec<_> = others.map(|other| server(other)).collect();
        servers.len() > 1 && servers.iter().all(|other| *other == server(one))
    };
    if processors < 2 {
        return Vec::new();
    }
    active.iter().filter(shares_server).copied().collect()
}

fn device(name: &str) -> &str {
    name.split_once('-').map_or(name, |(device, _)| device)
}

fn total(interrupt: &Interrupt) -> u64 {
    interrupt.counts.iter().sum()
}

/// The processor that has served most of them.
fn server(interrupt: &Interrupt) -> usize {
    let counts = interrupt.counts.iter().enumerate();
    counts
        .max_by_key(|(_, count)| **count)
        .map_or(0, |(processor, _)| processor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn interrupt(number: u32, name: &str, counts: [u64; 2]) -> Interrupt {
        Interrupt {
            number,
            name: name.to_owned(),
            counts: counts.to_vec(),
        }
    }

    fn two_processors() -> Facts {
        let mut facts = Facts::default();
        facts.processor.count = 2;
        facts
    }

    #[test]
    fn a_saving_governor_is_changed_and_put_back() {
        let mut facts = two_processors();
        assert_eq!(governor(&facts).expect("judged").severity, Severity::Ok);
        facts.processor.governors = vec!["powersave".to_owned()];
        let cure = governor(&facts).expect("judged").cure.expect("a cure");
        assert!(
            cure.commands[0].contains("echo performance")
                && cure.undo[0].contains("echo powersave")
        );
    }

    #[test]
    fn a_slow_clock_is_changed_where_a_fast_one_is() {
        let mut facts = two_processors();
        facts.processor.clock_source = Some("hpet".to_owned());
        let cure = clock_source(&facts).expect("judged").cure.expect("a cure");
        assert!(cure.undo.is_empty(), "by hand");
        facts.processor.clock_sources = vec!["hpet".to_owned(), "tsc".to_owned()];
        let cure = clock_source(&facts).expect("judged").cure.expect("a cure");
        assert!(cure.commands[0].starts_with("echo tsc") && cure.undo[0].starts_with("echo hpet"));
    }

    #[test]
    fn queues_of_one_device_on_one_processor_are_spread() {
        let mut facts = two_processors();
        facts.processor.interrupts = vec![
            interrupt(40, "eth0-rx-0", [0, 50_000]),
            interrupt(41, "eth0-rx-1", [9, 60_000]),
            interrupt(36, "virtio1-req.0", [0, 70_000]),
            interrupt(50, "eth0-config", [3, 0]),
        ];
        let finding = interrupts(&facts).expect("judged");
        let cure = finding.cure.expect("a cure");
        assert_eq!(cure.commands[0], "echo 0 > /proc/irq/40/smp_affinity_list");
        assert_eq!(cure.commands[1], "echo 1 > /proc/irq/41/smp_affinity_list");
        assert_eq!(cure.undo[0], "echo 1 > /proc/irq/40/smp_affinity_list");
        facts.processor.interrupts[0].counts = vec![50_000, 0];
        assert_eq!(interrupts(&facts).expect("judged").severity, Severity::Ok);
        facts.processor.interrupts.clear();
        assert_eq!(interrupts(&facts), None);
    }

    #[test]
    fn neighbours_are_told_from_a_quiet_house() {
        let severity = |stolen, busy, load| {
            let mut facts = two_processors();
            facts.neighbours.stolen = Some(stolen);
            facts.neighbours.busy = Some(busy);
            facts.neighbours.load = Some(load);
            neighbours(&facts).expect("judged").severity
        };
        assert_eq!(severity(0.0, 0.1, 0.5), Severity::Ok);
        for crowded in [(0.1, 0.1, 0.5), (0.0, 0.9, 0.5), (0.0, 0.1, 3.0)] {
            assert_eq!(severity(crowded.0, crowded.1, crowded.2), Severity::Advice);
        }
    }

    #[test]
    fn several_nodes_are_worth_advice() {
        let mut facts = two_processors();
        facts.processor.numa_nodes = 2;
        assert_eq!(numa(&facts).expect("judged").severity, Severity::Advice);
    }

    #[test]
    fn waiting_is_worth_advice() {
        let mut facts = two_processors();
        facts.neighbours.processor_pressure = Some(0.0);
        facts.neighbours.io_pressure = Some(0.4);
        assert_eq!(pressure(&facts).expect("judged").severity, Severity::Advice);
    }
}
