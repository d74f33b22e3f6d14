//! From where the group shall stand to an offset inside the log. Pure.

use std::fmt;

use crate::model::{Offset, TimestampMs, TopicPartition};

/// Where the group shall stand in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// Where it is.
    Current,
    /// At this offset.
    Offset(Offset),
    /// At the first record as new as this.
    Time(TimestampMs),
    /// So many records on, or back.
    Shift(i64),
}

/// What is known of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The oldest record.
    pub(super) earliest: Offset,
    /// Behind the newest record.
    pub(super) latest: Offset,
    /// The first record as new as asked for; negative if there is none.
    pub(super) at_time: Option<Offset>,
    /// What the group has committed.
    pub(super) committed: Option<Offset>,
}

/// What a group shall commit in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) partition: TopicPartition,
    pub(super) offset: Offset,
    /// What the group has committed so far.
    pub(super) before: Option<Offset>,
    /// Why it is not quite what was asked for.
    pub(super) note: Option<Note>,
}

/// Why an offset is not quite what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The records at this offset are gone.
    BeforeStart(Offset),
    /// The log does not reach this offset.
    BeyondEnd(Offset),
    /// No record is as new as asked for.
    NothingAsNew,
    /// The group has no offset that could stay as it is.
    NothingCommitted,
}

/// The offset inside the log that comes nearest to the goal; `None` if there is no committed
/// offset to shift.
pub(super) fn plan(partition: &TopicPartition, goal: Goal, known: &Known) -> Option<Planned> {
    let (offset, note) = match goal {
        Goal::Earliest => (known.earliest, None),
        Goal::Latest => (known.latest, None),
        Goal::Offset(offset) => clamped(offset, known),
        Goal::Shift(by) => clamped(known.committed?.saturating_add(by), known),
        Goal::Current => match known.committed {
            Some(offset) => clamped(offset, known),
            None => (known.latest, Some(Note::NothingCommitted)),
        },
        Goal::Time(_) => match known.at_time {
            Some(offset) if offset >= 0 => clamped(offset, known),
            _ => (known.latest, Some(Note::NothingAsNew)),
        },
    };
    Some(Planned {
        partition: partition.clone(),
        offset,
        before: known.committed,
        note,
    })
}

fn clamped(wanted: Offset, known: &Known) -> (Offset, Option<Note>) {
    if wanted < known.earliest {
        return (known.earliest, Some(Note::BeforeStart(wanted)));
    }
    if wanted > known.latest {
        return (known.latest, Some(Note::BeyondEnd(wanted)));
    }
    (wanted, None)
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offset={} was=", self.partition, self.offset)?;
        match self.before {
            Some(before) => write!(f, "{before}")?,
            None => f.write_str("-")?,
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeStart(wanted) => {
                write!(f, "{wanted} is before the oldest record, which is taken")
            }
            Self::BeyondEnd(wanted) => write!(f, "{wanted} is beyond the end, which is taken"),
            Self::NothingAsNew => f.write_str("no record is as new, the end is taken"),
            Self::NothingCommitted => f.write_str("nothing was committed, the end is taken"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known {
        earliest: 10,
        latest: 20,
        at_time: Some(15),
        committed: Some(12),
    };

    fn of_t() -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition: 0,
        }
    }

    fn planned(goal: Goal, known: Known) -> (Offset, Option<Note>) {
        let planned = plan(&of_t(), goal, &known).unwrap();
        (planned.offset, planned.note)
    }

    #[test]
    fn goals_become_offsets() {
        assert_eq!(planned(Goal::Earliest, KNOWN), (10, None));
        assert_eq!(planned(Goal::Latest, KNOWN), (20, None));
        assert_eq!(planned(Goal::Current, KNOWN), (12, None));
        assert_eq!(planned(Goal::Offset(11), KNOWN), (11, None));
        assert_eq!(planned(Goal::Time(99), KNOWN), (15, None));
        assert_eq!(planned(Goal::Shift(3), KNOWN), (15, None));
        assert_eq!(planned(Goal::Shift(-2), KNOWN), (10, None));
    }

    #[test]
    fn offsets_outside_the_log_become_the_nearest_inside() {
        let before = |wanted| (10, Some(Note::BeforeStart(wanted)));
        let beyond = |wanted| (20, Some(Note::BeyondEnd(wanted)));
        assert_eq!(planned(Goal::Offset(9), KNOWN), before(9));
        assert_eq!(planned(Goal::Offset(20), KNOWN), (20, None));
        assert_eq!(planned(Goal::Offset(21), KNOWN), beyond(21));
        assert_eq!(planned(Goal::Shift(-100), KNOWN), before(-88));
        assert_eq!(planned(Goal::Shift(i64::MAX), KNOWN), beyond(i64::MAX));
        let behind = Known {
            committed: Some(3),
            ..KNOWN
        };
        assert_eq!(planned(Goal::Current, behind), before(3));
    }

    #[test]
    fn what_there_is_not_becomes_the_end_or_nothing() {
        let bare = Known {
            at_time: Some(-1),
            committed: None,
            ..KNOWN
        };
        let time = planned(Goal::Time(99), bare);
        assert_eq!(time, (20, Some(Note::NothingAsNew)));
        let current = planned(Goal::Current, bare);
        assert_eq!(current, (20, Some(Note::NothingCommitted)));
        assert_eq!(plan(&of_t(), Goal::Shift(1), &bare), None);
    }

    #[test]
    fn a_line_tells_offset_and_note() {
        let line = |goal, known| plan(&of_t(), goal, &known).unwrap().to_string();
        assert_eq!(line(Goal::Latest, KNOWN), "t-0 offset=20 was=12");
        let bare = Known {
            committed: None,
            ..KNOWN
        };
        assert_eq!(
            line(Goal::Offset(7), bare),
            "t-0 offset=10 was=- (7 is before the oldest record, which is taken)"
        );
    }
}
