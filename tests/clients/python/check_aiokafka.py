"""aiokafka: usage check_aiokafka.py BOOTSTRAP"""

import asyncio
import sys
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from common import PARTITIONS, Plan, Record, Report, compare, seek_targets

BOOTSTRAP = sys.argv[1]
report = Report("aiokafka")
plan = Plan("aiokafka", ("none", "gzip", "snappy", "lz4", "zstd"))
print(f"aiokafka {aiokafka.__version__}")


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    await create(admin)
    consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="none",
                                group_id=None, max_partition_fetch_bytes=1 << 20)
    await consumer.start()
    for codec, acks in plan.settings():
        producer = await produce(codec, acks, idempotent=False)
        await ends_reached(consumer, codec, acks)
        await producer.stop()  # not earlier: with acks=0 a closing connection may take records with it
    await (await produce("zstd", "all", idempotent=True)).stop()
    compare(report, plan, await read_all(consumer))
    await seek(consumer)
    await admin.create_partitions({plan.topic: NewPartitions(5)})
    described = await admin.describe_topics([plan.topic])
    report.equal("partitions after growing", len(described[0]["partitions"]), 5)
    await consumer.stop()
    await delete(admin)
    await admin.close()


async def create(admin):
    topic = NewTopic(plan.topic, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
    answer = await admin.create_topics([topic])
    report.equal("create", [error for _, error, *_ in answer.topic_errors], [0])
    described = await admin.describe_topics([plan.topic])
    got = sorted(p["partition"] for p in described[0]["partitions"])
    report.equal("created with partitions", got, list(range(PARTITIONS)))
    again = await admin.create_topics([topic])
    report.equal("creating it again is refused", [error for _, error, *_ in again.topic_errors],
                 [TopicAlreadyExistsError.errno])


async def produce(codec, acks, idempotent):
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, acks=acks,
        linger_ms=20, enable_idempotence=idempotent, max_request_size=1_048_588)
    await producer.start()
    first, pending = plan.ends(), []
    for r in plan.records(codec, acks):
        pending.append(await producer.send(plan.topic, r.value, r.key, r.partition, r.timestamp, list(r.headers)))
    answers = await asyncio.gather(*pending, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, Exception)]
    name = f"produce {codec} acks={acks}" + (" idempotent" if idempotent else "")
    if report.check(name, not failures, failures) and acks != 0:
        wanted = {(p, o) for p, end in plan.ends().items() for o in range(first[p], end)}
        report.equal(name + " offsets", {(a.partition, a.offset) for a in answers}, wanted)
    return producer


async def ends_reached(consumer, codec, acks):
    partitions = [TopicPartition(plan.topic, p) for p in range(PARTITIONS)]
    deadline = time.monotonic() + 10
    while True:
        got = {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
        if got == plan.ends() or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    report.equal(f"log end after {codec} acks={acks}", got, plan.ends())


async def read_all(consumer):
    partitions = [TopicPartition(plan.topic, p) for p in range(PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    came, missing = {p: [] for p in range(PARTITIONS)}, sum(plan.ends().values())
    deadline = time.monotonic() + 60
    while missing > 0 and time.monotonic() < deadline:
        for tp, messages in (await consumer.getmany(timeout_ms=1000)).items():
            missing -= len(messages)
            came[tp.partition] += [(message.offset, record_of(message)) for message in messages]
    return came


def record_of(m):
    return Record(m.partition, m.key, m.value, tuple(m.headers), m.timestamp)


async def seek(consumer):
    for partition, timestamp, wanted in seek_targets(plan):
        tp = TopicPartition(plan.topic, partition)
        found = (await consumer.offsets_for_times({tp: timestamp}))[tp]
        report.equal(f"offset for time {timestamp} of {partition}", found and found.offset, wanted)
        consumer.assign([tp])
        consumer.seek(tp, wanted)
        message = await asyncio.wait_for(consumer.getone(), 10)
        report.equal("first record read from there", (message.offset, message.timestamp),
                     (wanted, plan.sent[partition][wanted].timestamp))


async def delete(admin):
    await admin.delete_topics([plan.topic])
    deadline = time.monotonic() + 15
    while plan.topic in await admin.list_topics() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    report.check("deleted", plan.topic not in await admin.list_topics())


asyncio.run(main())
report.close()
