"""Reads back what a client that cannot read by partition has sent: check_manifest.py BOOTSTRAP MANIFEST

MANIFEST: the topic's name on the first line, then one JSON record a line in the order of sending.
"""

import base64
import json
import sys
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from common import PARTITIONS, Record, Report, compare

bootstrap, manifest = sys.argv[1:3]
report = Report("read back")


class Sent:
    """What common.compare needs of a plan."""

    def __init__(self, lines):
        self.topic = lines[0].strip()
        self.sent = {partition: [] for partition in range(PARTITIONS)}
        for line in lines[1:]:
            record = from_json(json.loads(line))
            self.sent[record.partition].append(record)


def from_json(fields):
    def decoded(text):
        return None if text is None else base64.b64decode(text)

    headers = tuple((name, decoded(value)) for name, value in fields["headers"])
    return Record(fields["partition"], decoded(fields["key"]), decoded(fields["value"]), headers, fields["timestamp"])


def main():
    with open(manifest, encoding="utf-8") as file:
        plan = Sent(file.readlines())
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(plan.topic, p, 0) for p in range(PARTITIONS)])
    came, missing = {p: [] for p in range(PARTITIONS)}, sum(map(len, plan.sent.values()))
    deadline = time.monotonic() + 60
    while missing and time.monotonic() < deadline:
        m = consumer.poll(1)
        if m is None:
            continue
        if m.error():
            report.check("consume", False, m.error())
            break
        headers = tuple(m.headers() or ())
        came[m.partition()].append((m.offset(), Record(m.partition(), m.key(), m.value(), headers, m.timestamp()[1])))
        missing -= 1
    compare(report, plan, came)
    consumer.close()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([plan.topic])[plan.topic].result(30)


main()
report.close()
