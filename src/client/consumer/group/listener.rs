use super::GroupConsumer;
use crate::model::TopicPartition;

/// What an application does when partitions come and go.
///
/// Called by [`GroupConsumer::poll`] and [`GroupConsumer::close`] on the thread that calls those,
/// with the consumer at hand: to commit, seek, pause. Partitions never come as an empty list.
pub trait RebalanceListener: Send {
    /// These are about to go to somebody else. What was read of them is committed already if the
    /// consumer commits by itself; otherwise this is the last moment to do so.
    fn on_revoked(&mut self, consumer: &mut GroupConsumer, partitions: &[TopicPartition]) {
        let _ = (consumer, partitions);
    }

    /// These are read from now on, from the committed offsets unless a position is sought here.
    fn on_assigned(&mut self, consumer: &mut GroupConsumer, partitions: &[TopicPartition]) {
        let _ = (consumer, partitions);
    }

    /// These may belong to somebody else already: the group went on without this consumer, and
    /// commits of them are refused.
    fn on_lost(&mut self, consumer: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.on_revoked(consumer, partitions);
    }
}

/// Partitions come and go without anybody being told.
#[derive(Clone, Copy, Debug)]
pub struct NoListener;

impl RebalanceListener for NoListener {}
