"""Groups of real clients: members join, leave, die and come back while records flow and partitions are added.

    drive.py --bootstrap HOST:PORT --client NAME[,NAME…]|all [--short] [--dead-after SECONDS] [--parallel N]

NAME is a client (java, confluent, franz, sarama, kafka-python, aiokafka, kafkajs) for all its assignors, or one of them
(java-range, confluent-consumer, …). Each runs its scenario on a topic and a group of its own; logs are kept in the
folder that the first line names. Needs what run.sh installs under target/clients (KLAMM_CLIENTS_CACHE).

A member program takes BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS [INSTANCE] and tells what it does, one JSON object
a line on stdout: `event`, `t` (milliseconds since the epoch) and

    started | closing | closed
    assigned | revoked | lost   partitions: those that came or went, not all that it has
    processed                   partition, first, last, count
    committed                   offsets: {partition: offset}, after the broker said yes
    uncommitted | warning       message: was refused for now
    error                       message: it gives up

It leaves cleanly on SIGTERM and on a line `quit` on stdin, and commits before it tells `revoked`.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import verdict
from clients import CLIENTS, SHORT, named
from scenario import Broken, Scenario


playing = []


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--client", required=True, help="names with commas between, or all")
    parser.add_argument("--short", action="store_true", help="fewer partitions and records; of `all`, what CI runs")
    parser.add_argument("--dead-after", type=float, default=6, metavar="SECONDS",
                        help="session timeout: when a killed member counts as dead")
    parser.add_argument("--parallel", type=int, default=3, metavar="N", help="scenarios at the same time")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="longest wait for any one thing")
    return parser.parse_args()


def run(name, given, logs):
    """One scenario, from its first process to the verdict."""
    started, report = time.monotonic(), verdict.Report(name)
    scenario = Scenario(CLIENTS[name], given, os.path.join(logs, name))
    playing.append(scenario)
    try:
        scenario.play()
        verdict.judge(scenario, report)
    except Broken as reason:
        report.check("the scenario runs to its end", False, reason)
        verdict.judge_members(scenario, report)
    finally:
        scenario.end()
        playing.remove(scenario)
    report.note(f"{time.monotonic() - started:.1f} s", *scenario.notes)
    return report


def stop(*_):
    """Asked to stop: no process may stay behind."""
    for scenario in list(playing):
        print(f"FAIL {scenario.client.name}: stopped by a signal while it was playing", flush=True)
        scenario.end()
    os._exit(143)


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, stop)
    names = named(given.client, SHORT if given.short else list(CLIENTS))
    logs = tempfile.mkdtemp(prefix="klamm-groups-")
    print(f"groups: logs in {logs}", flush=True)
    started, passed, failed = time.monotonic(), 0, 0
    with ThreadPoolExecutor(given.parallel) as pool:
        for report in pool.map(lambda name: run(name, given, logs), names):
            print("\n".join(report.lines()), flush=True)
            passed, failed = passed + report.passed, failed + report.failed
    print(f"groups: {time.monotonic() - started:.0f} s for {len(names)} scenarios, logs in {logs}")
    print(f"groups: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
