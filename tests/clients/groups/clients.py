"""The clients that can be members: how each program is started, and what its assignor promises."""

import os
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
CACHE = os.environ.get("KLAMM_CLIENTS_CACHE") or os.path.join(ROOT, "target", "clients")
PYTHON = os.path.join(CACHE, "python", "bin", "python")

JAVA = ["java", "-Xmx96m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN",
        "-cp", f"{CACHE}/kafka/libs/*:{CACHE}/java", "GroupMember"]
FEEDER = [f"{CACHE}/bin/feeder"]
COMMANDS = {
    "java": JAVA,
    "confluent": [PYTHON, f"{HERE}/python/member_confluent.py"],
    "franz": [f"{CACHE}/bin/franzmember"],
    "sarama": [f"{CACHE}/bin/saramamember"],
    "kafka-python": [PYTHON, f"{HERE}/python/member_kafka_python.py"],
    "aiokafka": [PYTHON, f"{HERE}/python/member_aiokafka.py"],
    "kafkajs": ["node", f"{CACHE}/node/member.mjs"],
}
ASSIGNORS = {
    "java": ("range", "roundrobin", "sticky", "cooperative-sticky", "consumer"),
    "confluent": ("range", "roundrobin", "cooperative-sticky", "consumer"),
    "franz": ("range", "roundrobin", "sticky", "cooperative-sticky", "consumer"),
    "sarama": ("range", "roundrobin", "sticky"),
    "kafka-python": ("range", "roundrobin", "sticky", "cooperative-sticky"),
    "aiokafka": ("range", "roundrobin", "sticky"),
    "kafkajs": ("roundrobin",),
}


# Those that are also played with instance ids. Not franz-consumer: when it closes it does not say that it will be back.
STATIC = ("java-range", "java-cooperative-sticky", "java-consumer", "confluent-range", "confluent-cooperative-sticky",
          "confluent-consumer", "franz-cooperative-sticky", "sarama-sticky", "kafka-python-range", "aiokafka-range")


class Client(NamedTuple):
    """A client with one of its assignors; `consumer` stands for group.protocol=consumer."""

    name: str
    command: list
    assignor: str
    static: bool = False

    @property
    def next_generation(self):
        return self.assignor == "consumer"

    @property
    def keeps_partitions(self):
        """No partition that stays with a member may be revoked from it."""
        return self.assignor in ("consumer", "cooperative-sticky")


CLIENTS = {f"{client}-{assignor}": Client(f"{client}-{assignor}", COMMANDS[client], assignor)
           for client, assignors in ASSIGNORS.items() for assignor in assignors}
CLIENTS |= {f"{name}-static": CLIENTS[name]._replace(name=f"{name}-static", static=True) for name in STATIC}
SHORT = ["java-range", "java-cooperative-sticky", "java-consumer", "confluent-range", "confluent-cooperative-sticky",
         "confluent-consumer", "franz-cooperative-sticky", "franz-consumer", "sarama-sticky", "kafka-python-roundrobin",
         "aiokafka-range", "kafkajs-roundrobin", "java-consumer-static", "confluent-cooperative-sticky-static",
         "sarama-sticky-static"]


def named(wanted, all_of_them):
    """The names of scenarios that the user meant."""
    if wanted == "all":
        return all_of_them
    names = []
    for name in wanted.split(","):
        meant = [name] if name in CLIENTS else [one for one in CLIENTS if one.startswith(name + "-")]
        if not meant:
            raise SystemExit(f"there is no client '{name}'; there are {', '.join(ASSIGNORS)} and {', '.join(CLIENTS)}")
        names += meant
    return names
