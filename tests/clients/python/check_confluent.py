"""confluent-kafka (librdkafka): usage check_confluent.py BOOTSTRAP"""

import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from common import PARTITIONS, Plan, Record, Report, await_ends, compare, seek_targets

BOOTSTRAP = sys.argv[1]
report = Report("confluent-kafka")
plan = Plan("confluent-kafka", ("none", "gzip", "snappy", "lz4", "zstd"))
print(f"confluent-kafka {confluent_kafka.__version__}, librdkafka {confluent_kafka.libversion()[0]}")


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    create(admin)
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP, "group.id": "unused", "enable.auto.commit": False,
        "auto.offset.reset": "error", "enable.partition.eof": False, "fetch.message.max.bytes": 1 << 20,
    })
    for codec, acks in plan.settings():
        producer = produce(codec, acks, idempotent=False)
        await_ends(report, plan, f"log end after {codec} acks={acks}",
                   lambda p: consumer.get_watermark_offsets(TopicPartition(plan.topic, p), 10)[1])
        del producer  # not earlier: with acks=0 a closing connection may take records with it
    produce("lz4", "all", idempotent=True)
    compare(report, plan, read_all(consumer))
    seek(consumer)
    configs(admin)
    more_partitions(admin)
    consumer.close()
    delete(admin)


def create(admin):
    topic = NewTopic(plan.topic, PARTITIONS, 1, config={"retention.ms": "-1"})
    admin.create_topics([topic])[plan.topic].result(30)
    metadata = admin.list_topics(plan.topic, timeout=10).topics[plan.topic]
    report.equal("created with partitions", sorted(metadata.partitions), list(range(PARTITIONS)))
    try:
        admin.create_topics([topic])[plan.topic].result(30)
        report.check("creating it again is refused", False, "was accepted")
    except KafkaException as refusal:
        report.equal("creating it again is refused", refusal.args[0].name(), "TOPIC_ALREADY_EXISTS")


def produce(codec, acks, idempotent):
    failures, offsets = [], []
    producer = Producer({
        "bootstrap.servers": BOOTSTRAP, "compression.type": codec, "acks": str(acks), "linger.ms": 20,
        "enable.idempotence": idempotent, "message.max.bytes": 1_048_588, "message.timeout.ms": 60_000,
        "max.in.flight.requests.per.connection": 5,
    })

    def delivered(error, message):
        failures.append(error) if error else offsets.append((message.partition(), message.offset()))

    first = plan.ends()
    for record in plan.records(codec, acks):
        while True:
            try:
                producer.produce(plan.topic, record.value, record.key, record.partition, on_delivery=delivered,
                                 timestamp=record.timestamp, headers=list(record.headers))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(60)
    name = f"produce {codec} acks={acks}" + (" idempotent" if idempotent else "")
    report.check(name, not failures, failures)
    if acks != 0:
        wanted = {(p, o) for p, end in plan.ends().items() for o in range(first[p], end)}
        report.equal(name + " offsets", set(offsets), wanted)
    return producer


def read_all(consumer):
    consumer.assign([TopicPartition(plan.topic, p, 0) for p in range(PARTITIONS)])
    came, missing = {p: [] for p in range(PARTITIONS)}, sum(plan.ends().values())
    deadline = time.monotonic() + 60
    while missing and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            report.check("consume", False, message.error())
            break
        came[message.partition()].append((message.offset(), record_of(message)))
        missing -= 1
    report.check("nothing after the end", consumer.poll(0.5) is None)
    return came


def record_of(message):
    return Record(message.partition(), message.key(), message.value(), tuple(message.headers() or ()),
                  message.timestamp()[1])


def seek(consumer):
    for partition, timestamp, wanted in seek_targets(plan):
        found = consumer.offsets_for_times([TopicPartition(plan.topic, partition, timestamp)], 10)[0]
        report.equal(f"offset for time {timestamp} of {partition}", found.offset, wanted)
        consumer.assign([found])
        message = consumer.poll(10)
        got = message is not None and not message.error() and (message.offset(), message.timestamp()[1])
        report.equal("first record read from there", got, (wanted, plan.sent[partition][wanted].timestamp))


def configs(admin):
    resource = ConfigResource(ConfigResource.Type.TOPIC, plan.topic)
    described = admin.describe_configs([resource])[resource].result(10)
    report.equal("retention.ms as created", described["retention.ms"].value, "-1")
    report.equal("max.message.bytes default", described["max.message.bytes"].value, "1048588")


def more_partitions(admin):
    admin.create_partitions([NewPartitions(plan.topic, 5)])[plan.topic].result(30)
    metadata = admin.list_topics(plan.topic, timeout=10).topics[plan.topic]
    report.equal("partitions after growing", len(metadata.partitions), 5)


def delete(admin):
    admin.delete_topics([plan.topic])[plan.topic].result(30)
    deadline = time.monotonic() + 15
    while plan.topic in admin.list_topics(timeout=10).topics and time.monotonic() < deadline:
        time.sleep(0.1)
    report.check("deleted", plan.topic not in admin.list_topics(timeout=10).topics)


main()
report.close()
