"""The verdict finds what it is there to find: python3 -m unittest discover -s tests/clients/groups"""

import unittest
from types import SimpleNamespace

import verdict
from scenario import Event, Phase

A, B = SimpleNamespace(name="a"), SimpleNamespace(name="b")


def told(*events):
    """Events a millisecond apart: (member, kind, partitions or fields)."""
    return [Event(member, {"event": kind, "t": at, **(given if isinstance(given, dict) else {"partitions": given})})
            for at, (member, kind, given) in enumerate(events)]


def processed(partition, first, last):
    return {"partition": partition, "first": first, "last": last, "count": last - first + 1}


def committed(partition, offset):
    return {"offsets": {str(partition): offset}}


# a has partition 0, commits up to 5 and hands it to b.
HANDED_OVER = [
    (A, "assigned", [0]), (A, "processed", processed(0, 0, 4)), (A, "committed", committed(0, 5)), (A, "revoked", [0]),
    (B, "assigned", [0]), (B, "processed", processed(0, 5, 9)), (B, "committed", committed(0, 10)),
]


def scenario(events, ends=None, committed_offsets=None, phases=()):
    ends = {0: 10} if ends is None else ends
    return SimpleNamespace(board=SimpleNamespace(events=told(*events), nonsense=[]), ends=ends, phases=phases,
                           committed=ends if committed_offsets is None else committed_offsets)


def changed(index, event):
    return HANDED_OVER[:index] + [event] + HANDED_OVER[index + 1:]


class Verdict(unittest.TestCase):
    def wrong_of(self, judge, played):
        report = verdict.Report("test")
        judge(played, report)
        return report.said

    def test_a_clean_handover(self):
        played = scenario(HANDED_OVER)
        self.assertEqual(self.wrong_of(verdict.judge_processed, played), [])
        self.assertEqual(self.wrong_of(verdict.judge_committed, played), [])
        self.assertEqual(verdict.strangers(played.board.events), [])
        self.assertEqual(verdict.overlaps(verdict.owners(played)), [])
        self.assertEqual(verdict.wrong_starts(played), [])

    def test_records_left_out(self):
        wrong = self.wrong_of(verdict.judge_processed, scenario(changed(5, (B, "processed", processed(0, 7, 9)))))
        self.assertIn("partition 0: 5 to 6", wrong[0])
        wrong = self.wrong_of(verdict.judge_processed, scenario(HANDED_OVER, ends={0: 12}))
        self.assertIn("partition 0: 10 to 11", wrong[0])
        wrong = self.wrong_of(verdict.judge_processed, scenario(HANDED_OVER, ends={0: 10, 1: 1}))
        self.assertIn("partition 1: 0 to 0", wrong[0])

    def test_records_twice_are_counted(self):
        report = verdict.Report("test")
        verdict.judge_processed(scenario(changed(5, (B, "processed", processed(0, 3, 9)))), report)
        self.assertEqual(report.notes, ["10 records, 2 of them twice"])

    def test_a_commit_that_is_missing(self):
        self.assertEqual(len(self.wrong_of(verdict.judge_committed, scenario(HANDED_OVER, committed_offsets={0: 5}))), 1)
        self.assertEqual(len(self.wrong_of(verdict.judge_committed, scenario(HANDED_OVER, committed_offsets={}))), 1)

    def test_a_stranger(self):
        played = scenario(HANDED_OVER + [(A, "processed", processed(0, 10, 10))])
        self.assertIn("a processed 10 to 10 of partition 0", verdict.strangers(played.board.events)[0])

    def test_two_owners(self):
        played = scenario([HANDED_OVER[0], HANDED_OVER[4], HANDED_OVER[3]])
        self.assertIn("b had it 1 ms before a let go (revoked)", verdict.overlaps(verdict.owners(played))[0])
        played = scenario([HANDED_OVER[0], HANDED_OVER[4], (A, "lost", [0])])
        self.assertEqual(verdict.overlaps(verdict.owners(played)), [], "a member that lost its partitions knew nothing")

    def test_a_wrong_begin(self):
        behind = scenario(changed(5, (B, "processed", processed(0, 3, 9))))
        self.assertIn("b began partition 0 at 3, committed was 5", verdict.wrong_starts(behind)[0])
        ahead = scenario(changed(5, (B, "processed", processed(0, 6, 9))))
        self.assertIn("b began partition 0 at 6, committed was 5", verdict.wrong_starts(ahead)[0])

    def test_a_dead_member_may_have_committed_more_than_it_told(self):
        events = [(A, "assigned", [0]), (A, "processed", processed(0, 0, 4)), (A, "killed", []), (B, "assigned", [0])]
        for first, good in ((0, True), (5, True), (6, False)):
            played = scenario(events + [(B, "processed", processed(0, first, 9))])
            self.assertEqual(not verdict.wrong_starts(played), good, first)

    def test_a_commit_in_the_millisecond_of_the_assignment(self):
        played = scenario(HANDED_OVER)
        for event in played.board.events[4:]:
            event.at_ms = 4
        self.assertEqual(verdict.wrong_starts(played), [])

    def test_a_partition_revoked_though_it_stays(self):
        events = told((A, "revoked", [0, 1]), (A, "assigned", [0]))
        phase = Phase("b joins", {"a": {0, 1}}, {"a": {0}, "b": {1}}, events, 1.0)
        self.assertEqual(verdict.revoked_though_kept([phase]), ["'b joins': a kept [0] but had them revoked"])
        phase = Phase("b joins", {"a": {0, 1}}, {"a": {0}, "b": {1}}, told((A, "revoked", [1])), 1.0)
        self.assertEqual(verdict.revoked_though_kept([phase]), [])

    def test_instance_ids(self):
        phase = Phase("b2", {"a": {0}}, {"a": {0}, "b2": {1}}, told((A, "revoked", []), (A, "assigned", [0])), 1.0)
        self.assertEqual(verdict.not_given_back([(phase, "b2", {1})]), [])
        self.assertEqual(verdict.not_given_back([(phase, "b2", {2})]), ["b2 has [1], before it there were [2]"])
        self.assertEqual(verdict.disturbed([(phase, "b2", {1})]), ["'b2': a assigned [0]"])


if __name__ == "__main__":
    unittest.main()
