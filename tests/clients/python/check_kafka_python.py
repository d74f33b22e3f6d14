"""kafka-python: usage check_kafka_python.py BOOTSTRAP"""

import sys
import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError

from common import PARTITIONS, Plan, Record, Report, await_ends, compare, seek_targets

BOOTSTRAP = sys.argv[1]
report = Report("kafka-python")
plan = Plan("kafka-python", ("none", "gzip", "snappy", "lz4", "zstd"))
print(f"kafka-python {kafka.__version__}")


def main():
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    create(admin)
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest",
                             group_id=None, max_partition_fetch_bytes=1 << 20)
    for codec, acks in plan.settings():
        produce(codec, acks, idempotent=False)
        await_ends(report, plan, f"log end after {codec} acks={acks}", lambda p: end_of(consumer, p))
    produce("snappy", "all", idempotent=True)
    compare(report, plan, read_all(consumer))
    seek(consumer)
    admin.create_partitions({plan.topic: NewPartitions(5)})
    report.equal("partitions after growing", len(admin.describe_topics([plan.topic])[0]["partitions"]), 5)
    consumer.close()
    delete(admin)
    admin.close()


def create(admin):
    topic = NewTopic(plan.topic, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
    admin.create_topics([topic])
    described = admin.describe_topics([plan.topic])[0]["partitions"]
    got = sorted(p.get("partition", p.get("partition_index")) for p in described)
    report.equal("created with partitions", got, list(range(PARTITIONS)))
    try:
        admin.create_topics([topic])
        report.check("creating it again is refused", False, "was accepted")
    except TopicAlreadyExistsError:
        report.check("creating it again is refused", True)


def end_of(consumer, partition):
    tp = TopicPartition(plan.topic, partition)
    return consumer.end_offsets([tp])[tp]


def produce(codec, acks, idempotent):
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, acks=acks, linger_ms=20,
        enable_idempotence=idempotent, max_request_size=1_048_588, retries=5)
    first = plan.ends()
    pending = [producer.send(plan.topic, r.value, r.key, list(r.headers), r.partition, r.timestamp)
               for r in plan.records(codec, acks)]
    producer.flush(60)
    failures = [future.exception for future in pending if not future.succeeded()]
    name = f"produce {codec} acks={acks}" + (" idempotent" if idempotent else "")
    if report.check(name, not failures, failures) and acks != 0:
        wanted = {(p, o) for p, end in plan.ends().items() for o in range(first[p], end)}
        report.equal(name + " offsets", {(f.value.partition, f.value.offset) for f in pending}, wanted)
    producer.close()


def read_all(consumer):
    partitions = [TopicPartition(plan.topic, p) for p in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    came, missing = {p: [] for p in range(PARTITIONS)}, sum(plan.ends().values())
    deadline = time.monotonic() + 60
    while missing > 0 and time.monotonic() < deadline:
        for tp, messages in consumer.poll(1000).items():
            missing -= len(messages)
            came[tp.partition] += [(message.offset, record_of(message)) for message in messages]
    return came


def record_of(m):
    return Record(m.partition, m.key, m.value, tuple(tuple(h) for h in m.headers), m.timestamp)


def seek(consumer):
    for partition, timestamp, wanted in seek_targets(plan):
        tp = TopicPartition(plan.topic, partition)
        consumer.assign([tp])
        found = consumer.offsets_for_times({tp: timestamp})[tp]
        report.equal(f"offset for time {timestamp} of {partition}", found and found.offset, wanted)
        consumer.seek(tp, wanted)
        first = first_record(consumer, tp)
        got = first and (first.offset, first.timestamp)
        report.equal("first record read from there", got, (wanted, plan.sent[partition][wanted].timestamp))


def first_record(consumer, tp):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for message in consumer.poll(1000, max_records=1).get(tp, []):
            return message
    return None


def delete(admin):
    admin.delete_topics([plan.topic])
    deadline = time.monotonic() + 15
    while plan.topic in names(admin) and time.monotonic() < deadline:
        time.sleep(0.1)
    report.check("deleted", plan.topic not in names(admin))


def names(admin):
    return [topic["name"] if isinstance(topic, dict) else topic for topic in admin.list_topics()]


main()
report.close()
