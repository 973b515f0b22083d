import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.encode import encode
from schemas.events import TICK_KEY, Tick, TickMode
from streams.engine.applied import Applied
from streams.engine.chunk import Chunk
from streams.engine.order import CanonicalOrder, Moved, Positions, _least, _next

TOPICS = 3
GRID_MS = 60_000
START_MS = 1_788_188_400_000


def grid(k: int) -> int:
    """The k-th tick of a log."""
    return START_MS + k * GRID_MS


def tick_bytes(at_ms: int, mode: TickMode = TickMode.SIMULATED) -> bytes:
    return encode(Tick(tick=at_ms, mode=mode))


@dataclass
class Log:
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)

    def put(self, key: bytes, value: bytes) -> None:
        self.keys.append(key)
        self.values.append(value)

    def chunk(self, start: int, end: int) -> Chunk:
        end = min(end, len(self.keys))
        return Chunk(
            start, end, list(range(start, end)), self.keys[start:end], self.values[start:end], [0] * (end - start)
        )


def logs_of(seed: int, ticks: int = 12) -> list[Log]:
    """Three topics of one partition; a tenth of the ticks missing, a tenth repeated, all ended by the same tick."""
    rnd = random.Random(seed)
    out = []
    for rate in (6, 2, 1):
        log = Log()
        for k in range(1, ticks + 1):
            for n in range(rnd.randrange(rate + 1)):
                log.put(b"hh-%d" % rnd.randrange(5), b"%d.%d" % (k, n))
            if k == ticks or rnd.random() > 0.1:
                for _ in range(2 if k < ticks and rnd.random() < 0.1 else 1):
                    log.put(TICK_KEY, tick_bytes(grid(k)))
        out.append(log)
    return out


@dataclass
class Trace:
    """What a partition would have decided: order sensitive, so that any exchange shows."""

    seen: list[object] = field(default_factory=list)

    def drain(self, order: CanonicalOrder, at_most: int = 1 << 30) -> None:
        for taken, one in enumerate(order.each(), 1):
            self.seen.append((one.topic, one.offset, one.arrival_ms) if isinstance(one, Applied) else one)
            if taken >= at_most:
                return


def uninterrupted(logs: list[Log]) -> list[object]:
    order = CanonicalOrder(Positions.start(TOPICS))
    for topic, log in enumerate(logs):
        order.offer(topic, log.chunk(0, len(log.keys)))
    trace = Trace()
    trace.drain(order)
    assert order.held == 0
    return trace.seen


def fetch(order: CanonicalOrder, logs: list[Log], rnd: random.Random, cursors: list[int]) -> None:
    """Hand over one chunk as a fetcher with faults would: later ones first, repeated ones, cut ones."""
    topic = rnd.randrange(TOPICS)
    log = logs[topic]
    start = cursors[topic]
    fault = rnd.random()
    if fault < 0.15:
        start = min(len(log.keys), start + rnd.randrange(1, 5))
    elif fault < 0.3:
        start = max(0, start - rnd.randrange(1, 5))
    end = min(len(log.keys), start + rnd.randrange(1, 9))
    if start >= end:
        return
    seek = order.offer(topic, log.chunk(start, end))
    cursors[topic] = end if seek is None else seek
    for back, offset in order.resumable():
        cursors[back] = offset


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20), bound=st.sampled_from([3, 10, 10_000]))
def test_any_fetch_order_with_overtaken_repeated_and_cut_chunks_gives_the_same_order(seed: int, bound: int) -> None:
    logs = logs_of(seed)
    rnd = random.Random(seed + 1)
    order, trace, cursors = CanonicalOrder(Positions.start(TOPICS), buffer_records=bound), Trace(), [0] * TOPICS
    for _ in range(3000):
        fetch(order, logs, rnd, cursors)
        trace.drain(order)
        for topic, offset in order.resumable():
            cursors[topic] = offset
        if order.positions.offsets == [len(log.keys) for log in logs]:
            break
    assert trace.seen == uninterrupted(logs)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_a_restart_at_any_record_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    logs = logs_of(seed)
    rnd = random.Random(seed + 2)
    trace, positions = Trace(), Positions.start(TOPICS)
    while positions.offsets != [len(log.keys) for log in logs]:
        order = CanonicalOrder(positions.copy())
        for topic, log in enumerate(logs):
            order.offer(topic, log.chunk(order.positions.offsets[topic], len(log.keys)))
        trace.drain(order, at_most=rnd.randrange(1, 20))
        positions = order.positions
    assert [one for one in trace.seen if not isinstance(one, Moved)] == [
        one for one in uninterrupted(logs) if not isinstance(one, Moved)
    ]
    assert positions.clock_ms == grid(12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_records_taken_in_columns_are_the_same_wherever_that_stops(seed: int) -> None:
    logs = logs_of(seed)
    rnd = random.Random(seed + 3)
    order, seen = CanonicalOrder(Positions.start(TOPICS)), list[tuple[int, int]]()
    for topic, log in enumerate(logs):
        order.offer(topic, log.chunk(0, len(log.keys)))
    while order.held:
        for turn in order.pump():
            if isinstance(turn, Moved):
                continue
            places = turn.chunk.offsets[turn.at : rnd.randint(turn.at, turn.end)]
            seen += [(turn.topic, offset) for offset in places]
            turn.pass_to(turn.at + len(places))
            if places:
                assert order.positions.offsets[turn.topic] == places[-1] + 1
            if rnd.random() < 0.3:
                break
    assert seen == [one[:2] for one in uninterrupted(logs) if isinstance(one, tuple) and not isinstance(one, Moved)]
    assert order.positions.offsets == [len(log.keys) for log in logs]


def test_without_the_contiguity_check_an_overtaking_chunk_loses_events() -> None:
    logs = logs_of(5)
    lost = {}
    for check in (True, False):
        order = CanonicalOrder(Positions.start(TOPICS), check_contiguity=check)
        half = len(logs[0].keys) // 2
        seek = order.offer(0, logs[0].chunk(half, len(logs[0].keys)))
        if seek is not None:
            assert seek == 0
            order.offer(0, logs[0].chunk(0, len(logs[0].keys)))
        for topic in (1, 2):
            order.offer(topic, logs[topic].chunk(0, len(logs[topic].keys)))
        trace = Trace()
        trace.drain(order)
        lost[check] = len(uninterrupted(logs)) - len(trace.seen)
    assert lost[True] == 0
    assert lost[False] > 0


def test_applied_as_fetched_two_interleavings_end_differently_and_in_canonical_order_they_do_not() -> None:
    logs = logs_of(9)

    def run(first: int, *, as_fetched: bool) -> list[object]:
        order, trace = CanonicalOrder(Positions.start(TOPICS), as_fetched=as_fetched), Trace()
        for topic in (first, *(t for t in range(TOPICS) if t != first)):
            order.offer(topic, logs[topic].chunk(0, len(logs[topic].keys)))
            trace.drain(order)
        return trace.seen

    assert run(0, as_fetched=False) == run(2, as_fetched=False)
    assert run(0, as_fetched=True) != run(2, as_fetched=True)


def test_the_clock_stands_until_every_topic_has_its_first_tick() -> None:
    order, trace = CanonicalOrder(Positions.start(TOPICS)), Trace()
    for topic in (0, 1):
        log = Log()
        log.put(TICK_KEY, tick_bytes(grid(1)))
        order.offer(topic, log.chunk(0, 1))
    trace.drain(order)
    assert order.positions.clock_ms == 0
    log = Log()
    log.put(TICK_KEY, tick_bytes(grid(1)))
    order.offer(2, log.chunk(0, 1))
    trace.drain(order)
    assert order.positions.clock_ms == grid(1)


def test_a_live_tick_far_from_its_append_time_is_refused_and_a_near_one_is_not() -> None:
    for away_ms, refused in ((61_000, 1), (59_000, 0)):
        order = CanonicalOrder(Positions.start(1))
        stamped = Chunk(0, 1, [0], [TICK_KEY], [tick_bytes(grid(10), TickMode.LIVE)], [grid(10) - away_ms], True)
        order.offer(0, stamped)
        Trace().drain(order)
        assert order.counts.refused_ticks == refused
        assert order.positions.clock_ms == (0 if refused else grid(10))


def test_a_log_may_turn_live_once_and_never_back() -> None:
    log = Log()
    log.put(TICK_KEY, tick_bytes(grid(1)))
    log.put(TICK_KEY, tick_bytes(grid(2), TickMode.LIVE))
    log.put(TICK_KEY, tick_bytes(grid(9), TickMode.SIMULATED))
    order = CanonicalOrder(Positions.start(1))
    order.offer(0, log.chunk(0, 3))
    Trace().drain(order)
    assert order.positions.clock_ms == grid(2)
    assert order.counts.refused_ticks == 1


def test_garbage_in_place_of_a_tick_is_counted_and_passed() -> None:
    log = Log()
    log.put(TICK_KEY, b"\xff not a tick")
    log.put(TICK_KEY, tick_bytes(grid(1)))
    order = CanonicalOrder(Positions.start(1))
    order.offer(0, log.chunk(0, 2))
    Trace().drain(order)
    assert (order.counts.refused_ticks, order.positions.clock_ms) == (1, grid(1))


def test_what_retention_has_eaten_is_counted_once_and_passed() -> None:
    log = logs_of(3)[0]
    order = CanonicalOrder(Positions.start(1))
    assert order.offer(0, log.chunk(4, 8)) == 0
    assert order.skip_to(0, 4) == 4
    assert order.skip_to(0, 4) == 0
    assert order.offer(0, log.chunk(4, 8)) is None


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 6))
def test_the_next_turn_is_that_of_the_smallest_tick_after_a_tick_has_moved(ticks: list[int], by: int) -> None:
    topic = _least(ticks)
    before = ticks[topic]
    ticks[topic] += by
    assert _next(ticks, topic, before) == min(range(len(ticks)), key=lambda i: (ticks[i], i))


def test_from_a_topic_whose_turn_it_was_not_the_next_would_be_another() -> None:
    """Control: the shorter way supposes that no topic before it had so early a tick."""
    ticks = [1, 9, 2]
    assert _next(ticks, 1, 2) != _least(ticks)
