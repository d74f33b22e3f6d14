//! Changing a consumer group: each record changes it at once, as replaying it from the log would,
//! and what was there before is kept for the case that the log does not take it.

use super::group::Group;
use crate::coordinator::group::record::GroupRecord;

/// The records of one operation.
#[derive(Debug, Default)]
pub struct Tx {
    /// To be appended as one batch.
    pub records: Vec<GroupRecord>,
    /// What takes them back, in their order.
    pub before: Vec<GroupRecord>,
}

impl Tx {
    /// Changes the group by a record.
    pub fn apply(&mut self, group: &mut Group, record: GroupRecord) {
        self.before.push(group.before(&record));
        group.replay(&record);
        self.records.push(record);
    }

    /// Takes everything back.
    pub fn undo(self, group: &mut Group) {
        undo(group, &self.before);
    }
}

/// Takes back what an operation did.
pub fn undo(group: &mut Group, before: &[GroupRecord]) {
    for record in before.iter().rev() {
        group.replay(record);
    }
}
