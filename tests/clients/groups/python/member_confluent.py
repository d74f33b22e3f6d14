"""confluent-kafka (librdkafka) as a member of a group: see member.Arguments."""

import logging
import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from member import Arguments, Progress, emit, on_leave

arguments = Arguments()
progress = Progress()
leaving = threading.Event()


def settings():
    wanted = {
        "bootstrap.servers": arguments.bootstrap, "group.id": arguments.group, "client.id": arguments.name,
        "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100,
        "topic.metadata.refresh.interval.ms": 1000, "metadata.max.age.ms": 3000,
    }
    if arguments.assignor == "consumer":
        wanted["group.protocol"] = "consumer"
    else:
        wanted["partition.assignment.strategy"] = arguments.assignor
        wanted["session.timeout.ms"] = arguments.session_ms
        wanted["heartbeat.interval.ms"] = arguments.heartbeat_ms
    if arguments.instance:
        wanted["group.instance.id"] = arguments.instance
    return wanted


def commit(consumer):
    """What cannot be committed now because the group rebalances stays for the next time."""
    progress.tell()
    wanted = dict(progress.uncommitted)
    if not wanted:
        return
    offsets = [TopicPartition(arguments.topic, partition, offset) for partition, offset in wanted.items()]
    try:
        done = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as refusal:
        emit("uncommitted", message=str(refusal))
        return
    refused = [str(partition.error) for partition in done if partition.error]
    if refused:
        emit("uncommitted", message=refused[0])
    progress.committed({partition.partition: partition.offset for partition in done if not partition.error})


def assigned(_, partitions):
    emit("assigned", partitions=numbers(partitions))


def revoked(consumer, partitions):
    commit(consumer)
    progress.forget(numbers(partitions))
    emit("revoked", partitions=numbers(partitions))


def lost(_, partitions):
    progress.tell()
    progress.forget(numbers(partitions))
    emit("lost", partitions=numbers(partitions))


def numbers(partitions):
    return sorted(partition.partition for partition in partitions)


def drain(consumer):
    """Up to two hundred records; the callbacks run inside poll."""
    message, count = consumer.poll(0.2), 0
    while message is not None:
        if message.error():
            emit("warning", message=str(message.error()))
        else:
            progress.add(message.partition(), message.offset())
        count += 1
        message = consumer.poll(0) if count < 200 else None


def main():
    consumer = Consumer(settings(), logger=logging.getLogger("librdkafka"))
    consumer.subscribe([arguments.topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)
    emit("started")
    while not leaving.is_set():
        drain(consumer)
        commit(consumer)
    emit("closing")
    consumer.close()
    emit("closed")


logging.basicConfig()
on_leave(leaving.set)
main()
