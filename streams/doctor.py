"""One line for each part that must work, OK or FAIL, and what to do about it.

The looking is done by a `Look` (a real one in `streams/look.py`, fakes in tests); the judging below is pure.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from schemas.events import Tick, TickMode
from schemas.topics import ALL, ORDERED_NAMES
from streams.incident_fold import Watching
from streams.publish import BrokerAwayError
from streams.screen import age_text

TICKS_STALE_MS: Final = 60_000
"""Ticks come every few seconds; a minute without any is a ticker that is not there."""

RECORDED_FROM_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, whether it is well, what was seen, and the remedy when it is not."""

    part: str
    ok: bool
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SeenTick:
    """The last tick of one partition of one topic, and when it arrived, UTC milliseconds."""

    tick: Tick
    arrived_ms: int


class StoreAwayError(Exception):
    """ClickHouse does not answer, or cannot be asked from here."""


class Look(Protocol):
    """The questions the doctor asks of the outside."""

    def topics(self) -> Mapping[str, int]:
        """Partition count of every topic. Raises BrokerAwayError."""

    def last_ticks(self) -> Mapping[tuple[str, int], SeenTick | None]:
        """Return the last tick in every partition of every ordered topic, None where there is none."""

    def watching(self) -> Watching:
        """Return what the status records say."""

    def store(self) -> str:
        """Return one sentence about ClickHouse. Raises StoreAwayError, its message being the remedy."""


def examine(look: Look, *, partitions: int, broker: str, store: str, now_ms: int) -> Iterator[Line]:
    """Look at everything, in the order in which one thing needs another; later parts are skipped without a broker."""
    try:
        counts = look.topics()
    except BrokerAwayError as error:
        yield Line("broker", False, str(error), f"start the broker at {broker}, or correct ANBU_KAFKA")
        for part in ("topics", "ticks", "worker"):
            yield Line(part, False, "cannot be seen without the broker", "see above")
    else:
        yield Line("broker", True, f"{broker} answers, {len(counts)} topics")
        topics = judge_topics(counts, partitions)
        yield topics
        yield from _log_lines(look, topics, now_ms)
    yield _store_line(look, store)


def _log_lines(look: Look, topics: Line, now_ms: int) -> Iterator[Line]:
    asks: tuple[tuple[str, Callable[[], Line]], ...] = (
        ("ticks", lambda: judge_ticks(look.last_ticks(), now_ms)),
        ("worker", lambda: judge_worker(look.watching(), now_ms)),
    )
    for part, ask in asks:
        if not topics.ok:
            yield Line(part, False, "cannot be judged before the topics are right", topics.remedy)
            continue
        try:
            yield ask()
        except BrokerAwayError as error:
            yield Line(part, False, str(error), "run anbu doctor again; the broker went away meanwhile")


def _store_line(look: Look, store: str) -> Line:
    try:
        return Line("clickhouse", True, look.store())
    except StoreAwayError as error:
        return Line("clickhouse", False, f"{store} does not answer as it should", str(error))


def judge_topics(counts: Mapping[str, int], partitions: int) -> Line:
    """Every topic must be there with the partition count of the settings: the count of a topic set is fixed."""
    missing = [topic.name for topic in ALL if topic.name not in counts]
    if missing:
        return Line(
            "topics", False, f"{len(missing)} of {len(ALL)} missing: {', '.join(missing)}", "anbu topics create"
        )
    differ = [f"{topic.name} has {counts[topic.name]}" for topic in ALL if counts[topic.name] != partitions]
    if differ:
        return Line(
            "topics",
            False,
            f"settings say {partitions} partitions, but {', '.join(differ)}",
            "set ANBU_PARTITIONS to the count the topic set was made with, or use a new topic set",
        )
    return Line("topics", True, f"all {len(ALL)} topics with {partitions} partitions")


def judge_ticks(ticks: Mapping[tuple[str, int], SeenTick | None], now_ms: int) -> Line:
    """Every partition of every ordered topic needs fresh ticks: the clock is the smallest of them all.

    A live tick is judged by its own time, a simulated one by when it arrived.
    """
    remedy = "run anbu ticker (it may run several times)"
    none = [f"{topic}/{partition}" for (topic, partition), seen in ticks.items() if seen is None]
    if none or not ticks:
        where = _some(none) or f"any of {', '.join(ORDERED_NAMES)}"
        return Line("ticks", False, f"no tick in {where}", remedy)
    ages = {place: now_ms - _told_ms(seen) for place, seen in ticks.items() if seen is not None}
    old = [f"{topic}/{partition}" for (topic, partition), age in ages.items() if age > TICKS_STALE_MS]
    oldest = max(ages.values())
    if old:
        return Line("ticks", False, f"the last is {age_text(oldest)} old in {_some(old)}", remedy)
    simulated = any(seen is not None and seen.tick.mode is TickMode.SIMULATED for seen in ticks.values())
    return Line(
        "ticks",
        True,
        f"in all {len(ticks)} partitions, the oldest {age_text(oldest)} ago" + (" (simulated)" if simulated else ""),
    )


def _told_ms(seen: SeenTick) -> int:
    return seen.arrived_ms if seen.tick.mode is TickMode.SIMULATED else seen.tick.tick


def judge_worker(watching: Watching, now_ms: int) -> Line:
    """Every partition must have said within 3 minutes that it is watching."""
    if not watching.calm:
        return Line(
            "worker",
            False,
            f"no status for 3 minutes from partition {', '.join(map(str, watching.stale))}",
            "run anbu worker; if it runs, look at its last log line and at its /ready",
        )
    until = watching.data_until_ms or 0
    behind = "log time of a recording or backlog" if watching.recorded else f"clock {age_text(now_ms - until)} behind"
    return Line("worker", True, f"watching {watching.homes:,} homes, {watching.blind:,} of them unseen; {behind}")


def _some(places: list[str]) -> str:
    shown = ", ".join(places[:6])
    return f"{shown} and {len(places) - 6} more" if len(places) > 6 else shown
