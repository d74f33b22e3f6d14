"""kafka-python as a member of a group: see member.Arguments."""

import logging
import threading

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError

from member import Arguments, Progress, emit, on_leave

ASSIGNORS = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}
arguments = Arguments()
progress = Progress()
leaving = threading.Event()


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer):
        self.consumer = consumer

    def on_partitions_assigned(self, assigned):
        emit("assigned", partitions=numbers(assigned))

    def on_partitions_revoked(self, revoked):
        commit(self.consumer)
        progress.forget(numbers(revoked))
        emit("revoked", partitions=numbers(revoked))

    def on_partitions_lost(self, lost):
        progress.forget(numbers(lost))
        emit("lost", partitions=numbers(lost))


def numbers(partitions):
    return sorted(partition.partition for partition in partitions)


def commit(consumer):
    """What cannot be committed now because the group rebalances stays for the next time."""
    wanted = dict(progress.uncommitted)
    if not wanted:
        return
    try:
        consumer.commit({TopicPartition(arguments.topic, partition): OffsetAndMetadata(offset, "", -1)
                         for partition, offset in wanted.items()})
        progress.committed(wanted)
    except KafkaError as refusal:
        emit("uncommitted", message=repr(refusal))


def main():
    consumer = KafkaConsumer(
        bootstrap_servers=arguments.bootstrap, group_id=arguments.group, client_id=arguments.name,
        group_instance_id=arguments.instance, enable_auto_commit=False, auto_offset_reset="earliest",
        fetch_max_wait_ms=100, metadata_max_age_ms=1000, session_timeout_ms=arguments.session_ms,
        heartbeat_interval_ms=arguments.heartbeat_ms, partition_assignment_strategy=(ASSIGNORS[arguments.assignor],))
    consumer.subscribe([arguments.topic], listener=Listener(consumer))
    emit("started")
    while not leaving.is_set():
        # A poll whose time is over just when a rebalance ends loses the assignment (3.0.12), so it has much time.
        for partition, records in consumer.poll(timeout_ms=3000).items():
            for record in records:
                progress.add(partition.partition, record.offset)
        progress.tell()
        commit(consumer)
    emit("closing")
    consumer.close(autocommit=False)
    emit("closed")


logging.basicConfig()
on_leave(leaving.set)
main()
