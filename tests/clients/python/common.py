"""What the three Python checks share: the records to send, the comparison, the counting.

Everything sent is a function of the seed, so a failure can be repeated (KLAMM_SEED).
"""

import os
import random
import sys
import time
from typing import NamedTuple, Optional

PARTITIONS = 3
# "all" first: a fresh topic may refuse its first record, which only acks other than 0 tell.
ACKS = ("all", 1, 0)
# One value of each size goes through every codec and every acks setting.
SIZES = (0, 1, 100, 1_000, 16_384, 100_000)
LARGEST = 900_000
SHORT = os.environ.get("KLAMM_SHORT", "") not in ("", "0")


class Record(NamedTuple):
    """One record as it was sent, or as it came back."""

    partition: int
    key: Optional[bytes]
    value: Optional[bytes]
    headers: tuple
    timestamp: int


class Report:
    """Counts checks; a failed one says what was expected and what came."""

    def __init__(self, client):
        self.client, self.passed, self.failed = client, 0, 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print(f"ok   {self.client}: {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {self.client}: {name}: {str(detail)[:400]}", flush=True)
        return good

    def equal(self, name, got, wanted):
        return self.check(name, got == wanted, f"got {brief(got)}, wanted {brief(wanted)}")

    def close(self):
        print(f"{self.client}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


class Plan:
    """The records of one run, in the order in which each partition must hold them."""

    def __init__(self, client, codecs, with_headers=True):
        self.seed = int(os.environ.get("KLAMM_SEED", random.randrange(1 << 32)))
        print(f"{client}: seed {self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.topic = f"check-{client}-{self.seed:08x}-{int(time.time()) % 100000}"
        self.codecs, self.with_headers = codecs, with_headers
        self.clock = int(time.time() * 1000) - 3_600_000
        self.sent = {partition: [] for partition in range(PARTITIONS)}

    def settings(self):
        """Every pair of codec and acks."""
        return [(codec, acks) for codec in self.codecs for acks in ACKS]

    def records(self, codec, acks):
        """The records of one pair, already noted as sent."""
        sizes = list(SIZES)
        if not SHORT or acks == "all":
            sizes.append(LARGEST)
        values = [None] + [self.value(size) for size in sizes]
        values += [self.value(self.random.randrange(300)) for _ in range(20 if SHORT else 200)]
        records = [self.record(value) for value in values]
        for record in records:
            self.sent[record.partition].append(record)
        return records

    def record(self, value):
        self.clock += self.random.randrange(1, 50)
        # Two of the clients refuse a record with neither key nor value.
        key = self.random.choice((None if value is not None else b"gone", b"", b"key", self.random.randbytes(16)))
        return Record(self.random.randrange(PARTITIONS), key, value, self.headers(), self.clock)

    def headers(self):
        if not self.with_headers or self.random.random() < 0.5:
            return ()
        several = (("empty", b""), ("twice", b"one"), ("twice", self.random.randbytes(9)), ("grüß", b"\xff\x00"))
        return several[: self.random.randrange(1, 5)]

    def value(self, size):
        """Half of them compress well, half not at all."""
        if self.random.random() < 0.5:
            return self.random.randbytes(size)
        line = b"%d the same words again and again; " % self.random.randrange(1000)
        return (line * (size // len(line) + 1))[:size]

    def ends(self):
        return {partition: len(records) for partition, records in self.sent.items()}


def await_ends(report, plan, name, end_of):
    """acks=0 returns before the broker has the record: wait until the log end says so."""
    deadline = time.monotonic() + 10
    while True:
        got = {partition: end_of(partition) for partition in range(PARTITIONS)}
        if got == plan.ends() or time.monotonic() > deadline:
            return report.equal(name, got, plan.ends())
        time.sleep(0.02)


def compare(report, plan, came):
    """`came`: for each partition the list of (offset, Record) in the order of arrival."""
    for partition, sent in plan.sent.items():
        arrived = came.get(partition, [])
        report.equal(f"partition {partition} count", len(arrived), len(sent))
        offsets = [offset for offset, _ in arrived]
        report.check(f"partition {partition} offsets dense", offsets == list(range(len(sent))), offsets[:20])
        for field in ("key", "value", "headers", "timestamp"):
            wrong = first_difference(sent, [record for _, record in arrived], field)
            report.check(f"partition {partition} every {field}", wrong is None, wrong)


def first_difference(sent, came, field):
    for index, (wanted, got) in enumerate(zip(sent, came)):
        wanted, got = getattr(wanted, field), getattr(got, field)
        if wanted != got:
            return f"offset {index}: sent {brief(wanted)}, got {brief(got)}"
    return None


def seek_targets(plan):
    """(partition, timestamp to ask for, the offset that must be answered), between records too."""
    targets = []
    for partition, sent in plan.sent.items():
        for index in (0, len(sent) // 3, len(sent) // 2, len(sent) - 1):
            targets.append((partition, sent[index].timestamp, index))
        targets.append((partition, sent[5].timestamp + 1, 6))
        targets.append((partition, 0, 0))
    return targets


def brief(thing):
    if isinstance(thing, (bytes, bytearray)) and len(thing) > 40:
        return f"{bytes(thing[:20])!r}... ({len(thing)} bytes)"
    text = repr(thing)
    return text if len(text) < 200 else text[:200] + "..."
