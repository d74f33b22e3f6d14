"""aiokafka as a member of a group: see member.Arguments."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from member import Arguments, Progress, emit, on_leave

ASSIGNORS = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
}
arguments = Arguments()
progress = Progress()


class Listener(ConsumerRebalanceListener):
    """The client rebalances in the background: the lock keeps that out while a batch is in hand."""

    def __init__(self, consumer):
        self.consumer, self.busy, self.owned = consumer, asyncio.Lock(), set()

    async def on_partitions_revoked(self, revoked):
        async with self.busy:
            await commit(self.consumer)
            self.owned -= set(revoked)
            progress.forget(numbers(revoked))
            emit("revoked", partitions=numbers(revoked))

    async def on_partitions_assigned(self, assigned):
        self.owned |= set(assigned)
        emit("assigned", partitions=numbers(assigned))


def numbers(partitions):
    return sorted(partition.partition for partition in partitions)


async def commit(consumer):
    """What cannot be committed now because the group rebalances stays for the next time."""
    wanted = dict(progress.uncommitted)
    if not wanted:
        return
    try:
        await consumer.commit({TopicPartition(arguments.topic, partition): offset for partition, offset in wanted.items()})
        progress.committed(wanted)
    except KafkaError as refusal:
        emit("uncommitted", message=repr(refusal))


async def main():
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    on_leave(lambda: loop.call_soon_threadsafe(leaving.set))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.bootstrap, group_id=arguments.group, client_id=arguments.name,
        group_instance_id=arguments.instance, enable_auto_commit=False, auto_offset_reset="earliest",
        fetch_max_wait_ms=100, metadata_max_age_ms=1000, session_timeout_ms=arguments.session_ms,
        heartbeat_interval_ms=arguments.heartbeat_ms, partition_assignment_strategy=(ASSIGNORS[arguments.assignor],))
    listener = Listener(consumer)
    consumer.subscribe([arguments.topic], listener=listener)
    await consumer.start()
    emit("started")
    while not leaving.is_set():
        # Not under the lock: it waits until a rebalance is over. What came may be of a partition that then went.
        came = await consumer.getmany(timeout_ms=100)
        async with listener.busy:
            for partition in listener.owned & came.keys():
                for record in came[partition]:
                    progress.add(partition.partition, record.offset)
            progress.tell()
            await commit(consumer)
    emit("closing")
    await consumer.stop()
    emit("closed")


logging.basicConfig()
asyncio.run(main())
