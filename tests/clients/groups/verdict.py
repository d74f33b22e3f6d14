"""What must hold of a scenario that was played, checked from what the members told."""


class Report:
    """Counts checks; a failed one says in a line what was wrong."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.said, self.notes = name, 0, 0, [], []

    def check(self, what, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.said.append(f"FAIL {self.name}: {what}: {' '.join(str(detail).split())[:700]}")
        return good

    def none(self, what, wrong):
        """`wrong` lists what is against the check; the first ones are told."""
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        return self.check(what, not wrong, "; ".join(wrong[:3]) + more)

    def note(self, *notes):
        self.notes += notes

    def lines(self):
        verdict = "FAIL" if self.failed else "ok  "
        return self.said + [f"{verdict} {self.name}: {self.passed} of {self.passed + self.failed} checks; "
                            + "; ".join(self.notes)]


def judge(scenario, report):
    report.none("every record was taken once by the broker", scenario.wrong)
    report.check("log ends are what was fed", scenario.log_ends == scenario.ends,
                 f"ends {scenario.log_ends}, fed {scenario.ends}")
    wanted = "consumer" if scenario.client.next_generation else "classic"
    report.check(f"the group is listed as {wanted}", scenario.kind.get("type") == wanted, scenario.kind)
    judge_members(scenario, report)
    judge_processed(scenario, report)
    judge_committed(scenario, report)
    report.none("only its owner reads a partition", strangers(scenario.board.events))
    report.none("no two members own a partition at a time", overlaps(owners(scenario)))
    report.none("a new owner goes on at the committed offset", wrong_starts(scenario))
    if scenario.client.keeps_partitions:
        report.none("no partition that stays is revoked", revoked_though_kept(scenario.phases))
    for phase in scenario.phases:
        if phase.name == "b leaves":
            report.check("a clean leave needs no session timeout", phase.seconds < scenario.session_ms / 1000,
                         f"taken over after {phase.seconds:.1f} s, the session timeout is {scenario.session_ms / 1000:.0f} s")
    if scenario.restarts:
        report.none("a member with an instance id has its partitions again", not_given_back(scenario.restarts))
        report.none("nobody notices that it was away", disturbed(scenario.restarts))
    report.note(", ".join(f"{phase.name} {phase.seconds:.1f}" for phase in scenario.phases))


def judge_members(scenario, report):
    report.none("members print events only", scenario.board.nonsense)
    report.none("no member reports an error",
                [f"{event.member.name}: {event.message}" for event in scenario.board.events if event.kind == "error"])
    report.none("every member that left ended with status 0",
                [f"{member.name}: {member.process.poll()}: {member.last_words()}" for member in scenario.members
                 if member.fate == "left" and member.process.poll() != 0])
    lost = sum(len(event.partitions) for event in scenario.board.events if event.kind == "lost")
    if lost:
        report.note(f"{lost} partitions lost")
    refused = [event for event in scenario.board.events if event.kind in ("uncommitted", "warning")]
    if refused:
        report.note(f"{len(refused)} warnings, the first: {refused[0].kind}: {refused[0].message[:120]}")


def judge_processed(scenario, report):
    missing, twice = [], 0
    for partition, end in sorted(scenario.ends.items()):
        ranges = sorted((event.first, event.last) for event in scenario.board.events
                        if event.kind == "processed" and event.partition == partition)
        due = 0
        for first, last in ranges:
            if first > due:
                missing.append(f"partition {partition}: {due} to {first - 1}")
            twice += max(0, min(due - 1, last) - first + 1)
            due = max(due, last + 1)
        if due < end:
            missing.append(f"partition {partition}: {due} to {end - 1}")
    report.none("every record was processed at least once", missing)
    report.note(f"{sum(scenario.ends.values())} records, {twice} of them twice")


def judge_committed(scenario, report):
    """By an admin client that has nothing to do with the members."""
    report.check("committed offsets are the ends of what was processed", scenario.committed == scenario.ends,
                 f"committed {scenario.committed}, processed {scenario.ends}")


def strangers(events):
    """Records of partitions that the member did not own when it told of them."""
    owned, wrong = {}, []
    for event in events:
        mine = owned.setdefault(event.member.name, set())
        if event.kind == "assigned":
            mine.update(event.partitions)
        elif event.kind in ("revoked", "lost"):
            mine.difference_update(event.partitions)
        elif event.kind == "processed" and event.partition not in mine:
            wrong.append(f"{event.member.name} processed {event.first} to {event.last} of partition {event.partition}, "
                         f"which it did not own")
    return wrong


class Ownership:
    """From `assigned` to whatever ended it, by the members' clock (it is one machine)."""

    def __init__(self, event, partition):
        self.member, self.partition, self.since, self.assigned = event.member.name, partition, event.at_ms, event
        self.until, self.ended, self.first, self.next = float("inf"), "never", None, None

    def end(self, event):
        self.until, self.ended = event.at_ms, event.kind


def owners(scenario):
    """Every ownership of every partition, sorted by its begin."""
    now, found = {}, []
    for event in scenario.board.events:
        name = event.member.name
        if event.kind == "assigned":
            for partition in event.partitions:
                if (name, partition) not in now:
                    now[name, partition] = Ownership(event, partition)
                    found.append(now[name, partition])
        elif event.kind in ("revoked", "lost"):
            for partition in event.partitions:
                if (name, partition) in now:
                    now.pop((name, partition)).end(event)
        elif event.kind in ("closed", "killed"):
            for key in [key for key in now if key[0] == name]:
                now.pop(key).end(event)
        elif event.kind == "processed" and (name, event.partition) in now:
            ownership = now[name, event.partition]
            ownership.first = event.first if ownership.first is None else ownership.first
            ownership.next = event.last + 1
    return sorted(found, key=lambda ownership: ownership.since)


def overlaps(ownerships):
    """A member that lost its partitions did not know it before, so what it lost may be owned by another."""
    wrong, last = [], {}
    for ownership in ownerships:
        before = last.get(ownership.partition)
        if before and before.until > ownership.since and before.ended != "lost":
            wrong.append(f"partition {ownership.partition}: {ownership.member} had it {before.until - ownership.since:.0f} "
                         f"ms before {before.member} let go ({before.ended})")
        last[ownership.partition] = ownership
    return wrong


def wrong_starts(scenario):
    """Each ownership begins where the commits before it ended; a dead member may have committed without a word."""
    wrong, reached = [], {}
    for ownership in owners(scenario):
        if ownership.first is None:
            continue
        earliest = committed_before(scenario.board.events, ownership)
        latest = max(earliest, reached.get(ownership.partition, 0))
        if not earliest <= ownership.first <= latest:
            wrong.append(f"{ownership.member} began partition {ownership.partition} at {ownership.first}, committed was "
                         f"{earliest}, processed before it {latest}")
        reached[ownership.partition] = max(reached.get(ownership.partition, 0), ownership.next)
    return wrong


def committed_before(events, ownership):
    """A millisecond holds more than one event: the owner's own are ordered by how they were read."""
    offset, begun = 0, False
    for event in events:
        begun = begun or event is ownership.assigned
        mine = event.member.name == ownership.member
        if ownership.partition in event.offsets and (not begun if mine else event.at_ms <= ownership.since):
            offset = max(offset, event.offsets[ownership.partition])
    return offset


def revoked_though_kept(phases):
    wrong = []
    for phase in phases:
        for member, after in phase.after.items():
            kept = phase.before.get(member, set()) & after
            for event in phase.events:
                gone = kept & set(event.partitions)
                if event.member.name == member and event.kind in ("revoked", "lost") and gone:
                    wrong.append(f"'{phase.name}': {member} kept {sorted(gone)} but had them {event.kind}")
    return wrong


def not_given_back(restarts):
    return [f"{name} has {sorted(phase.after[name])}, before it there were {sorted(had)}"
            for phase, name, had in restarts if phase.after[name] != had]


def disturbed(restarts):
    return [f"'{phase.name}': {event.member.name} {event.kind} {event.partitions}"
            for phase, name, _ in restarts for event in phase.events
            if event.partitions and event.member.name in phase.after.keys() - {name}]
