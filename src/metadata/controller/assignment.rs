//! Where the replicas of new partitions go.

use super::Controller;
use super::error::ApiError;
use crate::metadata::image::PartitionImage;
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;

impl Controller<'_> {
    /// Replicas for `count` partitions from index `first` on, spread over the active brokers.
    pub(super) fn place(
        &self,
        first: i32,
        count: i32,
        replication_factor: i16,
    ) -> Result<Vec<PartitionImage>, ApiError> {
        let brokers: Vec<NodeId> = self
            .image
            .active_brokers()
            .map(|broker| broker.id)
            .collect();
        self.check_replication_factor(replication_factor, brokers.len())?;
        let partitions = first..first + count;
        let place_one = |partition: i32| {
            let start = partition.unsigned_abs() as usize;
            let broker = |replica: usize| brokers[(start + replica) % brokers.len()];
            self.new_partition((0..replication_factor as usize).map(broker).collect())
        };
        Ok(partitions.map(place_one).collect())
    }

    /// The partition with the replicas that a request names.
    pub(super) fn place_manually(
        &self,
        index: i32,
        replicas: &[NodeId],
        expected_replicas: Option<usize>,
    ) -> Result<PartitionImage, ApiError> {
        self.check_manual(replicas, expected_replicas)?;
        let partition = self.new_partition(replicas.to_vec());
        if partition.isr.is_empty() {
            return Err(invalid_assignment(format!(
                "All brokers specified in the manual partition assignment for partition \
                 {index} are fenced or in controlled shutdown."
            )));
        }
        Ok(partition)
    }

    fn check_replication_factor(&self, factor: i16, active: usize) -> Result<(), ApiError> {
        let total = self.image.brokers.len();
        let why = if active == 0 {
            "All brokers are currently fenced.".to_owned()
        } else if factor as usize > total {
            format!(
                "The target replication factor of {factor} cannot be reached because only \
                 {total} broker(s) are registered."
            )
        } else if factor as usize > active {
            format!(
                "The target replication factor of {factor} cannot be reached because only \
                 {active} broker(s) are active."
            )
        } else {
            return Ok(());
        };
        let message = format!("Unable to replicate the partition {factor} time(s): {why}");
        Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message))
    }

    fn check_manual(&self, replicas: &[NodeId], expected: Option<usize>) -> Result<(), ApiError> {
        const PREFIX: &str = "The manual partition assignment includes";
        if replicas.is_empty() {
            return Err(invalid_assignment(format!(
                "{PREFIX} an empty replica list."
            )));
        }
        let mut sorted = replicas.to_vec();
        sorted.sort_unstable();
        for (index, id) in sorted.iter().enumerate() {
            if !self.image.brokers.contains_key(id) {
                let message = format!("{PREFIX} broker {id}, but no such broker is registered.");
                return Err(invalid_assignment(message));
            }
            if index > 0 && sorted[index - 1] == *id {
                let message = format!("{PREFIX} the broker {id} more than once.");
                return Err(invalid_assignment(message));
            }
        }
        match expected {
            Some(expected) if expected != replicas.len() => Err(invalid_assignment(format!(
                "{PREFIX} a partition with {} replica(s), but this is not consistent with \
                 previous partitions, which have {expected} replica(s).",
                replicas.len()
            ))),
            _ => Ok(()),
        }
    }

    fn new_partition(&self, replicas: Vec<NodeId>) -> PartitionImage {
        let broker = |id: &NodeId| self.image.brokers.get(id);
        let is_active = |id: &&NodeId| broker(id).is_some_and(|broker| broker.is_active());
        let directory = |id: &NodeId| {
            broker(id)
                .map(|broker| broker.default_dir())
                .unwrap_or_default()
        };
        let isr: Vec<NodeId> = replicas.iter().filter(is_active).copied().collect();
        PartitionImage {
            directories: replicas.iter().map(directory).collect(),
            leader: isr
                .first()
                .copied()
                .unwrap_or(crate::metadata::image::NO_LEADER),
            isr,
            replicas,
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader_recovery_state: 0,
            leader_epoch: 0,
            partition_epoch: 0,
        }
    }
}

pub(super) fn invalid_assignment(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidReplicaAssignment, message)
}
