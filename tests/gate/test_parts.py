"""The gate's small parts by themselves: time, failed turns, the inbox, where to resume."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gate.world import LIMITS
from sekisho.gate.clock import ClockGuard, Clocks, decided_us, instant, micros
from sekisho.gate.inbox import Inbox, Undecodable
from sekisho.gate.lane import LaneStoppedError
from sekisho.gate.opening import Bounds, LostRequestsError, check_consents, resume_at
from sekisho.gate.poison import Trouble
from sekisho.gate.state import Marks
from sekisho.log.port import Partition, SendError, TooLargeError

AT = Partition("consent-events", 1)


@dataclass
class Time:
    """Two clocks set by hand."""

    wall: float = 1000.0
    steady: float = 50.0

    def pass_by(self, seconds: float) -> None:
        """Both go on."""
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def now() -> Time:
    """Noon."""
    return Time()


@pytest.fixture
def guard(now: Time) -> ClockGuard:
    """A guard on these clocks, with the usual limit."""
    return ClockGuard(Clocks(lambda: now.wall, lambda: now.steady), LIMITS.clock_seconds)


def test_a_decision_is_never_before_its_question_nor_its_predecessor() -> None:
    """decided_at is the latest of the clock, the partition's previous decision, the request's append time."""
    assert decided_us(2.0, None, 1000) == 2_000_000
    assert decided_us(2.0, 3_000_000, 1000) == 3_000_000
    assert decided_us(2.0, 3_000_000, 4000) == 4_000_000


def test_times_are_exact_to_the_microsecond() -> None:
    """No float stands between a time and its stored form."""
    for value in (0, 1, 1_795_000_000_123_457):
        assert micros(instant(value)) == value


def test_a_clock_behind_the_append_times_is_not_believed(now: Time, guard: ClockGuard) -> None:
    """A record from more than the limit ahead tells it; setting the clock right mends it with no new record."""
    guard.observe(0, 7, int((now.wall + 4) * 1000))
    assert not guard.is_off()
    guard.observe(0, 8, int((now.wall + 6) * 1000))
    assert guard.is_off()
    now.pass_by(60)
    assert guard.is_off()
    now.wall += 6
    assert not guard.is_off()


def test_a_clock_ahead_of_the_append_times_is_not_believed(now: Time, guard: ClockGuard) -> None:
    """A record that was not there at the mark, yet was appended long before it by the broker's clock, tells it."""
    guard.mark(0, 10, now.wall)
    guard.observe(0, 10, int((now.wall - 6) * 1000))
    assert guard.is_off()
    assert guard.off_seconds() == pytest.approx(6)
    now.wall -= 6
    assert not guard.is_off()


def test_old_records_accuse_no_clock(now: Time, guard: ClockGuard) -> None:
    """A backlog's append times are old: what stood there before the mark says nothing."""
    guard.observe(0, 3, 0)
    guard.mark(0, 10, now.wall)
    guard.observe(0, 9, 0)
    assert not guard.is_off()


def test_each_partition_is_judged_by_its_own_broker(now: Time, guard: ClockGuard) -> None:
    """Good times of one partition do not excuse another's; one that is let go is forgotten."""
    guard.observe(0, 7, int((now.wall + 60) * 1000))
    guard.mark(1, 3, now.wall)
    guard.observe(1, 3, int(now.wall * 1000))
    assert guard.is_off()
    guard.forget(0)
    assert not guard.is_off()


def test_a_broker_that_was_ahead_and_is_set_right_is_forgiven(now: Time, guard: ClockGuard) -> None:
    """Its record from later than now accuses until that time has come, though nothing newer can be read."""
    guard.mark(0, 1000, now.wall)
    appended = int((now.wall + 60) * 1000)
    guard.observe(0, 499, appended)
    now.pass_by(50)
    guard.mark(0, 1000, now.wall)
    guard.observe(0, 499, appended)
    assert guard.is_off()
    now.pass_by(6)
    guard.mark(0, 1000, now.wall)
    assert not guard.is_off()


def test_older_records_do_not_excuse_a_clock_that_is_behind(now: Time, guard: ClockGuard) -> None:
    """What is read again after an abort was appended before the record that accused the clock."""
    guard.mark(0, 1000, now.wall)
    guard.observe(0, 499, int((now.wall + 60) * 1000))
    guard.observe(0, 400, int(now.wall * 1000))
    assert guard.is_off()


def test_a_quiet_partition_does_not_hold_the_gate_for_ever(now: Time, guard: ClockGuard) -> None:
    """Its broker's clock was behind once; newer records of others agree with this clock long after."""
    guard.mark(0, 10, now.wall)
    guard.observe(0, 10, int((now.wall - 60) * 1000))
    now.pass_by(LIMITS.clock_seconds + 1)
    guard.mark(0, 11, now.wall)
    guard.observe(0, 10, int((now.wall - 66) * 1000))
    assert guard.is_off()
    guard.mark(1, 3, now.wall)
    guard.observe(1, 3, int(now.wall * 1000))
    assert not guard.is_off()


def test_a_turn_that_failed_twice_is_run_one_record_at_a_time() -> None:
    """Until the last record of the failed turn is done; one failure is an accident."""
    trouble = Trouble(attempts=2)
    trouble.failed(10, 13, SendError("no"))
    assert not trouble.is_singling(10)
    trouble.failed(10, 12, SendError("no"))
    assert [trouble.is_singling(offset) for offset in (10, 13, 14)] == [True, True, False]
    trouble.done(10)
    assert trouble.is_singling(11)
    trouble.done(13)
    assert not trouble.is_singling(13)


def test_only_a_record_whose_own_turn_does_not_fit_is_guilty() -> None:
    """Neither its neighbours, nor one whose turn failed for another reason."""
    trouble = Trouble(attempts=2)
    for _ in range(2):
        trouble.failed(10, 13, TooLargeError("large"))
    assert not trouble.is_guilty(10)
    trouble.done(10)
    trouble.failed(11, 11, SendError("no answer"))
    assert not trouble.is_guilty(11)
    trouble.failed(11, 11, TooLargeError("large"))
    assert trouble.is_guilty(11)
    trouble.done(11)
    assert not trouble.is_guilty(11)
    assert trouble.is_singling(12)


def test_only_a_record_that_itself_took_too_long_is_slow() -> None:
    """As often as any turn is tried; what does not fit the log is guilty of its size, not of its time."""
    trouble = Trouble(attempts=2)
    trouble.failed(10, 10, TooLargeError("large"))
    trouble.too_slow(11)
    assert not trouble.is_guilty(11)
    trouble.too_slow(11)
    assert [trouble.is_guilty(offset) for offset in (10, 11, 12)] == [True, True, False]
    assert [trouble.is_slow(offset) for offset in (10, 11, 12)] == [False, True, False]
    trouble.done(11)
    assert not trouble.is_slow(11)


def test_turns_that_took_too_long_are_smaller_until_they_are_quick() -> None:
    """Halved, one request at least, and doubled up to the limit."""
    trouble = Trouble(attempts=2)
    assert trouble.most(100) == 100
    trouble.make_smaller(100)
    assert trouble.most(100) == 50
    trouble.make_smaller(1)
    assert trouble.most(100) == 1
    sizes = []
    for _ in range(8):
        trouble.make_larger(100)
        sizes.append(trouble.most(100))
    assert sizes == [2, 4, 8, 16, 32, 64, 100, 100]


def test_turns_of_waiting_rejections_grow_again_after_they_were_made_smaller() -> None:
    """A failure halves them; turns that were committed double them, but not at once: a try that fails ends the lane."""
    trouble = Trouble(attempts=2)
    most = trouble.pending_most(0)
    trouble.failed_with_pending(most, alone=True)
    assert trouble.pending_most(0) == most // 2
    sizes = []
    for _ in range(20):
        trouble.done_pending()
        sizes.append(trouble.pending_most(0))
    assert sizes[0] == most // 2
    assert sizes[-1] == most
    assert sizes == sorted(sizes)


def test_what_is_put_back_comes_next() -> None:
    """The inbox keeps the partition's order and knows its size; emptying it voids what was fetched before."""
    inbox = Inbox()
    items = [Undecodable(offset, "?") for offset in range(5)]
    inbox.offer(items)
    taken = inbox.take(3, 1000)
    inbox.put_back(taken[1:])
    assert inbox.next_offset() == 1
    assert inbox.newest() == items[4]
    assert [item.offset for item in inbox.take(9, 1000)] == [1, 2, 3, 4]
    epoch = inbox.epoch
    inbox.clear()
    assert inbox.epoch == epoch + 1
    assert inbox.next_offset() == -1


@pytest.mark.parametrize(
    ("last_output", "committed", "start", "answered", "expected"),
    [
        (None, None, 0, False, 0),
        (None, 7, 0, False, 7),
        (6, None, 0, False, 7),
        (6, 7, 0, False, 7),
        (6, 0, 0, False, 7),
        (6, 9, 0, False, 7),
        (6, 9, 9, True, 9),
    ],
    ids=[
        "fresh",
        "no outputs left",
        "offsets lost",
        "both",
        "set back",
        "set forward",
        "trimmed",
    ],
)
def test_the_outputs_tell_where_to_resume(
    last_output: int | None, committed: int | None, start: int, answered: bool, expected: int
) -> None:
    """Behind the last output; the group's offset where none is left; never before the log's start."""
    found = resume_at(Marks(last_output=last_output), committed, Bounds(start, 20), answered=answered)
    assert found == expected


def test_where_there_never_was_a_request_none_is_lost() -> None:
    """Rejected consent events alone may have filled and left the output topics."""
    assert resume_at(Marks(), None, Bounds(0, 0), answered=True) == 0


@pytest.mark.parametrize(
    ("last_output", "committed", "start", "answered", "lost"),
    [
        (None, None, 3, False, (3, 19)),
        (None, None, 0, True, (0, 19)),
        (None, 4, 6, False, (4, 5)),
        (4, 5, 9, False, (5, 8)),
        (6, None, 9, True, (7, 8)),
    ],
)
def test_requests_that_may_be_lost_stop_the_lane(
    last_output: int | None, committed: int | None, start: int, answered: bool, lost: tuple[int, int]
) -> None:
    """The range is named; nothing is passed over in silence."""
    with pytest.raises(LostRequestsError, match="accept-loss") as caught:
        resume_at(Marks(last_output=last_output), committed, Bounds(start, 20), answered=answered)
    assert (caught.value.first, caught.value.last) == lost


def test_a_request_log_that_ends_before_its_decisions_stops_the_lane() -> None:
    """It was made anew, or has lost records."""
    with pytest.raises(LaneStoppedError, match="ends at 20"):
        resume_at(Marks(last_output=30), None, Bounds(0, 20), answered=False)


def test_consents_that_were_known_once_must_be_there() -> None:
    """The state, or a decision, names consents that the log no longer has."""
    check_consents(Marks(consents_next=5, consent_seen=5), Bounds(0, 5), AT)
    for marks, found in (
        (Marks(), Bounds(1, 5)),
        (Marks(consents_next=6), Bounds(0, 5)),
        (Marks(consent_seen=6), Bounds(0, 5)),
    ):
        with pytest.raises(LaneStoppedError):
            check_consents(marks, found, AT)
