//! Consumed records on their way to stdout, and where to stop.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use super::format::RecordFormat;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::client::{Admin, Cluster, Fetched, Isolation, OffsetSpec};
use crate::model::{Offset, TopicPartition};

/// Writes records until there are enough.
pub(super) struct Printer {
    format: Box<dyn RecordFormat>,
    left: u64,
    output: Output,
}

impl Printer {
    /// Writes `count` records at most.
    pub(super) fn new(format: Box<dyn RecordFormat>, count: Option<u64>) -> Self {
        Self {
            format,
            left: count.unwrap_or(u64::MAX),
            output: Output::stdout(),
        }
    }

    /// Whether there are enough.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Writes what lies below `end`, as far as more is wanted; says which offset comes next.
    pub(super) fn show(&mut self, fetched: &Fetched, end: Offset) -> Result<Offset, CliError> {
        for batch in fetched.batches() {
            for record in batch?.records() {
                let record = record?;
                if self.left == 0 || record.offset >= end {
                    self.output.flush()?;
                    return Ok(record.offset);
                }
                self.format
                    .write(&mut self.output, &fetched.partition, &record)?;
                self.left -= 1;
            }
        }
        self.output.flush()?;
        Ok(fetched.next_offset)
    }
}

/// The ends that partitions had, if the command stops there.
pub(super) struct Ends {
    wanted: bool,
    isolation: Isolation,
    ends: BTreeMap<TopicPartition, Offset>,
}

impl Ends {
    /// No ends yet.
    pub(super) fn new(wanted: bool, isolation: Isolation) -> Self {
        Self {
            wanted,
            isolation,
            ends: BTreeMap::new(),
        }
    }

    /// Takes down where these partitions end now.
    pub(super) fn look_up(
        &mut self,
        cluster: &Arc<Cluster>,
        partitions: &[TopicPartition],
    ) -> Result<(), CliError> {
        if !self.wanted || partitions.is_empty() {
            return Ok(());
        }
        let asked = partitions.iter().map(|p| (p.clone(), OffsetSpec::Latest));
        let asked: Vec<_> = asked.collect();
        let listed = Admin::new(cluster.clone()).list_offsets(&asked, self.isolation)?;
        for one in listed {
            self.ends.insert(one.partition, one.outcome?.offset);
        }
        Ok(())
    }

    /// Where to stop in this partition.
    pub(super) fn of(&self, partition: &TopicPartition) -> Offset {
        match self.wanted {
            true => self.ends.get(partition).copied().unwrap_or(0),
            false => Offset::MAX,
        }
    }

    /// Whether the ends count, and those of all partitions are reached.
    pub(super) fn are_reached(&self) -> bool {
        self.wanted && self.ends.is_empty()
    }

    /// Forgets the partitions that have come to their end.
    pub(super) fn forget_reached(&mut self, position: impl Fn(&TopicPartition) -> Option<Offset>) {
        self.ends
            .retain(|partition, end| position(partition).is_none_or(|at| at < *end));
    }

    /// Forgets partitions that are no longer read here.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.ends.retain(|one, _| !partitions.contains(one));
    }
}
