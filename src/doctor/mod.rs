//! What of this host should be changed for a broker, and how.
//!
//! [`read`] reads the host into [`Facts`]; [`examine`] judges them, purely. Nothing here changes
//! anything: a cure is a command for its reader, and [`script`] is all of them with their way
//! back.

mod disk;
mod facts;
mod finding;
mod kernel;
mod limits;
mod measured;
mod memory;
mod network;
mod parse;
mod processor;
mod read;
mod script;

pub use facts::{Card, Facts, Interrupt, Limits, Memory, Neighbours, Network, Processor, Volume};
pub use finding::{Cure, Finding, Severity};
pub use measured::Measured;
pub use read::read;
pub use script::script;

/// A check has something to say, or nothing where its facts cannot be read.
type Check = fn(&Facts) -> Option<Finding>;

const CHECKS: &[Check] = &[
    kernel::version,
    kernel::rings,
    kernel::time_server,
    limits::locked_memory,
    limits::open_files,
    limits::processor_quota,
    memory::size,
    memory::swap,
    memory::huge_pages,
    memory::shared_huge_pages,
    memory::dirty_pages,
    disk::file_system,
    disk::mount_options,
    disk::barriers,
    disk::space,
    disk::write_cache,
    disk::scheduler,
    processor::governor,
    processor::clock_source,
    processor::numa,
    processor::interrupts,
    processor::neighbours,
    processor::pressure,
    network::backlog,
    network::cards,
];

/// What all checks say, in a fixed order.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().filter_map(|check| check(facts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        let findings = examine(&Facts::default());
        let alarmed = findings
            .iter()
            .find(|finding| finding.severity == Severity::Problem);
        assert_eq!(alarmed, None);
    }

    #[test]
    fn this_host_is_judged_and_every_cure_has_its_way_back() {
        let findings = examine(&read(Path::new(".")));
        let names: HashSet<_> = findings.iter().map(|finding| &finding.check).collect();
        assert_eq!(names.len(), findings.len(), "names are unique");
        for finding in &findings {
            assert!(!finding.found.is_empty() && !finding.why.is_empty());
            let cure = finding.cure.as_ref();
            let whole =
                |cure: &Cure| cure.undo.is_empty() || cure.undo.len() == cure.commands.len();
            assert!(cure.is_none_or(whole), "{finding:?}");
        }
    }
}
