"""What the Python members share: arguments, events on stdout, when to leave, what is not yet committed."""

import json
import signal
import sys
import threading
import time


class Arguments:
    """BOOTSTRAP TOPIC GROUP ASSIGNOR NAME SESSION_MS [INSTANCE]"""

    def __init__(self, given=None):
        given = given or sys.argv[1:]
        self.bootstrap, self.topic, self.group, self.assignor, self.name = given[:5]
        self.session_ms = int(given[5])
        self.heartbeat_ms = min(1000, self.session_ms // 10)
        self.instance = given[6] if len(given) > 6 else None


printing = threading.Lock()


def emit(event, **fields):
    line = json.dumps({"t": int(time.time() * 1000), "event": event, **fields})
    with printing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def on_leave(leave):
    """Calls `leave` when the driver asks for it: by SIGTERM, or by `quit` on stdin."""

    def listen():
        for line in sys.stdin:
            if line.strip() == "quit":
                leave()

    signal.signal(signal.SIGTERM, lambda *_: leave())
    threading.Thread(target=listen, daemon=True).start()


class Progress:
    """The records processed and not yet told, and the offsets not yet committed."""

    def __init__(self):
        self.ranges, self.uncommitted = {}, {}

    def add(self, partition, offset):
        first, _, count = self.ranges.get(partition, (offset, offset, 0))
        self.ranges[partition] = (first, offset, count + 1)
        self.uncommitted[partition] = offset + 1

    def tell(self):
        for partition, (first, last, count) in sorted(self.ranges.items()):
            emit("processed", partition=partition, first=first, last=last, count=count)
        self.ranges = {}

    def committed(self, offsets):
        emit("committed", offsets={str(partition): offset for partition, offset in sorted(offsets.items())})
        for partition, offset in offsets.items():
            if self.uncommitted.get(partition) == offset:
                del self.uncommitted[partition]

    def forget(self, partitions):
        for partition in partitions:
            self.uncommitted.pop(partition, None)
