"""What happens to one group: three join, one leaves, one dies, partitions are added, one comes back.

Of members with instance ids one leaves and one dies, and both are back before their sessions are over.
"""

import json
import secrets
import signal
import subprocess
import threading
import time

from clients import FEEDER


class Broken(Exception):
    """The scenario cannot go on: what was waited for, and what was there instead."""


class Event:
    """One thing that a member told, in the order in which the driver read it."""

    def __init__(self, member, told):
        self.member, self.kind, self.at_ms = member, told["event"], told["t"]
        self.partitions = told.get("partitions", [])
        self.partition, self.first, self.last = told.get("partition"), told.get("first"), told.get("last")
        self.offsets = {int(partition): offset for partition, offset in told.get("offsets", {}).items()}
        self.message = told.get("message", "")


class Member:
    """A running member program, and what it has told."""

    def __init__(self, name, command, log, board):
        self.name, self.board, self.owned, self.fate = name, board, set(), "runs"
        self.log = f"{log}.{name}"
        self.errors = open(f"{self.log}.err", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with open(f"{self.log}.out", "wb") as copy:
            for line in self.process.stdout:
                copy.write(line)
                copy.flush()
                self.board.told(self, line)
        self.process.wait()
        self.board.ended(self)

    def follow(self, event):
        if event.kind == "assigned":
            self.owned |= set(event.partitions)
        elif event.kind in ("revoked", "lost"):
            self.owned -= set(event.partitions)
        elif event.kind == "closed":
            self.owned = set()

    def leave(self, by_signal):
        self.fate = "left"
        if by_signal:
            self.process.send_signal(signal.SIGTERM)
        else:
            self.process.stdin.write(b"quit\n")
            self.process.stdin.flush()

    def kill(self):
        self.fate = "killed"
        self.process.kill()

    def last_words(self):
        with open(f"{self.log}.err", errors="replace") as errors:
            lines = [line.strip() for line in errors if line.strip()]
        return " | ".join(lines[-3:])[-400:]


class Board:
    """All events of a scenario in the order in which they came; waits are on it."""

    def __init__(self):
        self.changed, self.events, self.nonsense, self.committed = threading.Condition(), [], [], {}

    def told(self, member, line):
        if not line.startswith(b"{"):
            return  # what the client itself logs
        with self.changed:
            try:
                event = Event(member, json.loads(line))
            except (ValueError, KeyError):
                self.nonsense.append(f"{member.name}: {line[:200]!r}")
            else:
                self.events.append(event)
                self.committed.update(event.offsets)
                member.follow(event)
            self.changed.notify_all()

    def ended(self, member):
        with self.changed:
            if member.fate == "killed":
                self.events.append(Event(member, {"event": "killed", "t": int(time.time() * 1000)}))
                member.owned = set()
            self.changed.notify_all()


class Phase:
    """From one settled assignment to the next: what each member had at its begin and at its end."""

    def __init__(self, name, before, after, events, seconds):
        self.name, self.before, self.after, self.events, self.seconds = name, before, after, events, seconds


class Scenario:
    def __init__(self, client, given, log):
        self.client, self.given, self.log = client, given, log
        token = f"{client.name}-{secrets.token_hex(4)}"
        self.topic, self.group = f"groups-{token}", f"group-{token}"
        self.session_ms = int(given.dead_after * 1000) * (5 if client.static else 1)
        self.partitions, self.grown = (6, 9) if given.short else (12, 20)
        self.board, self.members, self.phases, self.notes, self.live = Board(), [], [], [], {}
        self.ends, self.committed, self.kind, self.wrong, self.restarts = {}, {}, {}, [], []
        self.feeder = subprocess.Popen(
            FEEDER + [given.bootstrap, self.topic, self.group],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(f"{log}.feeder.err", "wb"))

    # ---- the play

    def play(self):
        self.begin()
        for name in ("a", "b", "c"):
            self.phase(f"{name} joins", lambda name=name: self.join(name))
        self.kind = self.ask("kind")
        if self.client.static:
            self.restart("b", "b2", lambda: self.leave("b", by_signal=True))
            if not self.client.next_generation:  # there a dead member's instance id is free only when its session is over
                self.restart("c", "c2", lambda: self.kill("c"))
        else:
            self.come_and_go()
        self.finish()

    def come_and_go(self):
        self.phase("b leaves", lambda: self.leave("b", by_signal=True))
        self.phase("c dies", lambda: self.kill("c"))
        self.phase("partitions are added", self.grow)
        self.phase("b comes back", lambda: self.join("b", "b2"))
        if not self.given.short:
            self.phase("c comes back", lambda: self.join("c", "c2"))
            self.phase("partitions are added again", self.grow)

    def restart(self, role, name, end):
        """Ends a member and starts it again with the same instance id: nobody else may notice."""
        had = set(self.live[role].owned)

        def change():
            end()
            self.join(role, name)

        self.phase(f"{name} takes the place of {role}", change)
        self.restarts.append((self.phases[-1], name, had))

    def begin(self):
        self.ask("create", partitions=self.partitions)
        if self.client.next_generation:
            self.shorten_session()
        self.ask("feed_on", partitions=self.partitions, interval_ms=50 if self.given.short else 20)

    def shorten_session(self):
        """Members of the consumer protocol have their timeouts from the broker."""
        answer = self.ask("timeouts", session_ms=self.session_ms, heartbeat_ms=min(1000, self.session_ms // 10))
        if "refused" in answer:
            self.session_ms = 45_000
            self.notes.append(f"the broker's own session timeout: {answer['refused'][:200]}")

    def finish(self):
        fed = self.ask("feed_off")
        self.wrong = fed["wrong"]
        self.ends = {int(partition): end for partition, end in fed["ends"].items()}
        self.wait("everything fed is committed by the members", lambda: self.board.committed == self.ends,
                  lambda: f"committed {self.board.committed}, log ends {self.ends}")
        for member in self.live.values():
            member.leave(by_signal=False)
        for member in self.live.values():
            self.await_closed(member)
        self.committed = {int(partition): offset for partition, offset in self.ask("committed")["offsets"].items()}
        self.log_ends = {int(p): end for p, end in self.ask("ends", partitions=self.partitions)["ends"].items()}
        self.ask("delete", keep_group=self.client.static)

    # ---- what can happen

    def join(self, role, name=None):
        name = name or role
        command = self.client.command + [self.given.bootstrap, self.topic, self.group, self.client.assignor, name,
                                         str(self.session_ms)]
        if self.client.static:
            command.append(f"instance-{role}")
        member = Member(name, command, self.log, self.board)
        self.members.append(member)
        self.live[role] = member

    def leave(self, role, by_signal):
        member = self.live.pop(role)
        member.leave(by_signal)
        self.await_closed(member)

    def kill(self, role):
        member = self.live.pop(role)
        member.kill()
        self.wait(f"{member.name} is gone", lambda: not member.reader.is_alive())

    def grow(self):
        self.partitions, self.grown = self.grown, self.grown + 5
        self.ask("grow", partitions=self.partitions)

    def await_closed(self, member):
        self.wait(f"{member.name} leaves cleanly", lambda: not member.reader.is_alive())

    # ---- waiting

    def phase(self, name, change):
        """Makes the change and waits until every partition is owned by one member, evenly, and moves on."""
        before = {member.name: set(member.owned) for member in self.live.values()}
        mark, started = len(self.board.events), time.monotonic()
        change()
        self.wait(f"'{name}': every partition owned once, evenly", self.settled, self.ownership,
                  self.given.patience + self.session_ms / 1000)
        seconds, settled = time.monotonic() - started, len(self.board.events)
        self.wait(f"'{name}': records of every partition processed afterwards", lambda: self.moves(settled),
                  lambda: f"none of partitions {sorted(self.all() - self.moved(settled))}; owned: {self.ownership()}")
        after = {member.name: set(member.owned) for member in self.live.values()}
        self.phases.append(Phase(name, before, after, self.board.events[mark:], seconds))

    def all(self):
        return set(range(self.partitions))

    def settled(self):
        shares = [member.owned for member in self.live.values()]
        return (set().union(*shares) == self.all() and sum(map(len, shares)) == self.partitions
                and max(map(len, shares)) - min(map(len, shares)) <= 1)

    def ownership(self):
        return ", ".join(f"{member.name} {sorted(member.owned)}" for member in self.live.values())

    def moved(self, mark):
        return {event.partition for event in self.board.events[mark:] if event.kind == "processed"}

    def moves(self, mark):
        return self.moved(mark) >= self.all()

    def wait(self, what, holds, otherwise=lambda: "it did not happen", seconds=None):
        deadline = time.monotonic() + (seconds or self.given.patience)
        with self.board.changed:
            while not holds():
                self.broken_members(what)
                if time.monotonic() > deadline:
                    raise Broken(f"waited {seconds or self.given.patience:.0f} s for {what}: {otherwise()}")
                self.board.changed.wait(0.2)

    def broken_members(self, what):
        for member in self.live.values():
            if member.fate == "runs" and member.process.poll() is not None:
                raise Broken(f"{member.name} ended by itself with status {member.process.returncode} while waiting for "
                             f"{what}: {member.last_words()}")

    # ---- the broker side

    def ask(self, do, **given):
        try:
            self.feeder.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
            self.feeder.stdin.flush()
            answer = self.feeder.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise Broken(f"the feeder ended with status {self.feeder.wait()} on '{do}': see {self.log}.feeder.err")
        answer = json.loads(answer)
        if "error" in answer:
            raise Broken(f"'{do}' was refused: {answer['error']}")
        return answer

    def end(self):
        """No process that was started is left behind."""
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()
        self.feeder.kill()
        self.feeder.wait()
