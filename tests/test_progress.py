"""A stall is work that is not done; a clock that stands for want of ticks is none."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.progress import Progress

CLOCK = 1_795_000_000_000


def run(progress: Progress, seconds: int, applied: Callable[[int], int], end: Callable[[int], int]) -> None:
    for at in range(seconds + 1):
        progress.note(0, applied(at), end(at), CLOCK, float(at))


def test_a_partition_whose_log_grows_and_that_applies_nothing_has_stalled_within_a_minute() -> None:
    progress = Progress()
    run(progress, 60, lambda at: 100, lambda at: 100 + at)
    assert progress.stalled(60.0) == [0]


def test_it_has_not_stalled_before_its_time() -> None:
    progress = Progress(45.0)
    run(progress, 44, lambda at: 100, lambda at: 200)
    assert progress.stalled(44.9) == []
    assert progress.stalled(45.0) == [0]


def test_one_stubborn_record_at_the_end_of_a_log_that_grows_no_more_is_a_stall_too() -> None:
    progress = Progress()
    run(progress, 60, lambda at: 100, lambda at: 101)
    assert progress.stalled(60.0) == [0]


def test_a_partition_with_nothing_to_do_never_stalls() -> None:
    progress = Progress()
    run(progress, 10_000, lambda at: 100, lambda at: 100)
    assert progress.stalled(10_000.0) == []


def test_an_end_that_is_known_late_is_no_work() -> None:
    progress = Progress()
    run(progress, 600, lambda at: 100, lambda at: 90)
    assert progress.stalled(600.0) == []


def test_work_that_came_after_a_quiet_hour_has_its_whole_time() -> None:
    progress = Progress()
    run(progress, 3_640, lambda at: 100, lambda at: 100 if at < 3_600 else 101)
    assert progress.stalled(3_640.0) == []
    for at in range(3_641, 3_650):
        progress.note(0, 100, 101, CLOCK, float(at))
    assert progress.stalled(3_650.0) == [0]


def test_a_backlog_that_is_worked_off_slowly_is_no_stall() -> None:
    progress = Progress()
    run(progress, 600, lambda at: at // 40, lambda at: 10**9)
    assert progress.stalled(600.0) == []


def test_going_back_and_forth_is_no_progress() -> None:
    progress = Progress()
    run(progress, 60, lambda at: 100 - at % 7, lambda at: 200)
    assert progress.stalled(60.0) == [0]


def test_waiting_for_the_tick_of_another_topic_is_no_stall_and_the_clock_is_told_to_stand() -> None:
    progress = Progress()
    for at in range(1_000):
        progress.note(0, 100, 100 + at, CLOCK, float(at), waits_for_tick=True)
    assert progress.stalled(1_000.0) == []
    assert progress.standing(0, 1_000.0) == 1_000.0


def test_negative_control_the_same_without_a_tick_to_wait_for_is_a_stall() -> None:
    progress = Progress()
    for at in range(1_000):
        progress.note(0, 100, 100 + at, CLOCK, float(at))
    assert progress.stalled(1_000.0) == [0]


def test_when_the_tick_has_come_and_still_nothing_is_applied_the_time_begins_then() -> None:
    progress = Progress()
    for at in range(200):
        progress.note(0, 100, 300, CLOCK, float(at), waits_for_tick=at < 100)
        assert progress.stalled(float(at)) == ([0] if at >= 99 + 45 + 1 else [])


def test_a_worker_that_was_stopped_for_a_minute_has_not_stalled_for_a_minute() -> None:
    progress = Progress()
    run(progress, 10, lambda at: 100, lambda at: 200)
    assert progress.stalled(10_000.0) == []
    progress.note(0, 100, 200, CLOCK, 10_000.0)
    assert progress.stalled(10_000.0) == []


def test_the_clock_stands_from_when_it_was_last_seen_to_move() -> None:
    progress = Progress()
    assert progress.standing(3, 7.0) == 0.0
    progress.note(3, 1, 1, CLOCK, 10.0)
    assert progress.standing(3, 12.5) == 2.5
    progress.note(3, 2, 2, CLOCK + 5_000, 15.0)
    progress.note(3, 2, 2, CLOCK + 5_000, 20.0)
    assert progress.standing(3, 21.0) == 6.0


def test_a_partition_that_was_dropped_begins_anew() -> None:
    progress = Progress()
    run(progress, 60, lambda at: 100, lambda at: 200)
    progress.note(1, 5, 9, CLOCK, 60.0)
    progress.drop(0)
    progress.drop(8)
    assert progress.stalled(60.0) == []
    assert progress.standing(0, 60.0) == 0.0
    progress.note(0, 40, 200, CLOCK, 61.0)  # from an older checkpoint: lower than before
    progress.note(0, 50, 200, CLOCK, 62.0)
    assert progress.stalled(63.0) == []


def test_partitions_are_judged_apart() -> None:
    progress = Progress()
    for at in range(61):
        progress.note(2, 100, 200, CLOCK, float(at))
        progress.note(0, 100 + at, 200, CLOCK, float(at))
        progress.note(1, 7, 8, CLOCK, float(at))
    assert progress.stalled(60.0) == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 16)), min_size=1, max_size=80))
def test_stalled_is_exactly_work_that_was_seen_undone_for_so_long(rounds: list[tuple[int, bool, int]]) -> None:
    """Against the plain reading of the rule: time since progress was last seen, or work was first seen."""
    progress, applied, at_s, excused_s, waited = Progress(20.0), 0, 0.0, 0.0, False
    progress.note(0, 0, 10**6, CLOCK, 0.0)
    for step, waits, quarters in rounds:
        at_s += quarters / 4
        applied += step
        progress.note(0, applied, 10**6, CLOCK, at_s, waits_for_tick=waits)
        if step or waits or waited:
            excused_s = at_s
        waited = waits
        assert bool(progress.stalled(at_s)) == (not waits and at_s - excused_s >= 20.0)
