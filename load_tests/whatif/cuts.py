"""Artificial collapses: copies of households whose person does nothing any more from a drawn moment on.

The copy goes through the same engine beside the household itself, so any recording tells how late a collapse would have
been found. Its devices go on reporting: it is the person who is silent, not the wire.
"""

import hashlib
import heapq
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec

from detectors.collapse import cut
from detectors.life import is_exit, sign_of
from load_tests.columns.wire import Wire
from load_tests.messages import Message, Played, spans_of
from load_tests.recordings.recording import wire_of
from load_tests.whatif.spool import Cut
from schemas.decode import decode
from schemas.events import Data, Event
from schemas.households import HouseholdRecord
from schemas.topics import EVENT_TOPICS
from schemas.vocabulary import BY_NAME

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WARM_UP_MS: Final = 14 * DAY_MS
WATCHED_AFTER_MS: Final = 7 * DAY_MS
"""A collapse that is not found within a week counts as not found."""
LEAST_AFTER_MS: Final = 3 * DAY_MS
LONGEST_ORDINARY_MS: Final = 20 * HOUR_MS
"""In a longer silence the person was away, and there was nobody at home to fall silent."""
OUT_MS: Final = 15 * 60_000
"""Whoever used the exit and was silent longer than this was out."""
TRIES: Final = 200
HEARTBEAT_MS: Final = 30 * 60_000
HEARTBEAT: Final = "heartbeat"


@dataclass(slots=True)
class Seen:
    """Moments of life of a household, in the order in which they were told."""

    at_ms: "array[int]" = field(default_factory=lambda: array("q"))
    leaves: bytearray = field(default_factory=bytearray)
    sources: dict[str, int] = field(default_factory=dict)
    """When each source was first heard."""


def draw_cuts(played: Played, count: int, seed: int) -> list[Cut]:
    """Draw the moments, spread over the households: after the warm-up, while the person was at home and not away.

    The same past, count and seed give the same cuts. Fewer than asked for when no household has enough of a past.
    """
    random = Random(seed)
    names = sorted(record.household for record in played.records())
    random.shuffle(names)
    chosen = names[: max(count, 1)]
    seen = _seen(played, set(chosen))
    out: list[Cut] = []
    spans = spans_of(played)
    for number in range(count):
        of = chosen[number % len(chosen)] if chosen else ""
        begin_ms, end_ms = spans.get(of, (played.from_ms, played.until_ms))
        at_ms = moment_of(seen[of], begin_ms, end_ms, random) if of in seen else None
        if at_ms is not None:
            # Past the household's own end nothing is cut any more: the copy goes on with heartbeats alone.
            until_ms = min(at_ms + WATCHED_AFTER_MS, max(end_ms, played.until_ms) - HOUR_MS)
            out.append(Cut(copy_name(of, str(number)), of, at_ms, until_ms))
    return out


def _seen(played: Played, chosen: set[str]) -> dict[str, Seen]:
    seen: dict[str, Seen] = {}
    for message in played.messages():
        name = message.household if isinstance(message, Message) else message.key
        if name not in chosen or message.topic not in EVENT_TOPICS:
            continue
        mine = seen.setdefault(name, Seen())
        for event in _events(message):
            mine.sources.setdefault(event.source, event.at_ms)
            if sign_of(event):
                mine.at_ms.append(event.at_ms)
                mine.leaves.append(is_exit(event))
    return seen


def moment_of(seen: Seen, begin_ms: int, end_ms: int, random: Random) -> int | None:
    """Draw a moment within a household's time at which it may fall silent; None where there is none."""
    order = sorted(range(len(seen.at_ms)), key=seen.at_ms.__getitem__)
    times = [seen.at_ms[i] for i in order]
    first_ms = begin_ms + min(WARM_UP_MS, (end_ms - begin_ms) // 2)
    last_ms = end_ms - LEAST_AFTER_MS
    if first_ms >= last_ms or not times:
        return None
    for _ in range(TRIES):
        at_ms = random.randrange(first_ms, last_ms) // 60_000 * 60_000
        after = bisect_right(times, at_ms)
        if not 0 < after < len(times):
            continue
        gap_ms = times[after] - times[after - 1]
        if gap_ms < LONGEST_ORDINARY_MS and not (seen.leaves[order[after - 1]] and gap_ms > OUT_MS):
            return at_ms
    return None


def copy_name(of: str, place: str) -> str:
    """Return the pseudonym of a copy; `place` tells those of one household apart."""
    name = f"cut-{place}-{of}"
    return name if len(name) <= 64 else f"cut-{place}-{hashlib.sha256(of.encode()).hexdigest()[:16]}"


def copies_of(played: Played, cuts: list[Cut]) -> list[HouseholdRecord]:
    """Return the registry records of the copies: those of their households under another name."""
    records = {record.household: record for record in played.records()}
    return [msgspec.structs.replace(records[one.of], household=one.household) for one in cuts]


def with_copies(played: Played, cuts: list[Cut]) -> Iterator[Message | Wire]:
    """Give the messages of the past and those of the copies, in order of sending."""
    if not cuts:
        return played.messages()
    of: dict[str, list[Cut]] = {}
    for one in cuts:
        of.setdefault(one.of, []).append(one)
    sources: dict[str, dict[str, int]] = {}
    streams = [_copied(played.messages(), of, sources), *(_heartbeats(one, sources) for one in cuts)]
    return heapq.merge(*streams, key=lambda message: message.sent_ms)


def _copied(
    messages: Iterator[Message | Wire], of: dict[str, list[Cut]], sources: dict[str, dict[str, int]]
) -> Iterator[Message | Wire]:
    for message in messages:
        yield message
        name = message.household if isinstance(message, Message) else message.key
        if name not in of or message.topic not in EVENT_TOPICS:
            continue
        events = _events(message)
        for event in events:
            sources.setdefault(name, {}).setdefault(event.source, event.at_ms)
        wire = wire_of(message)
        subject = b'"subject":"%b"' % name.encode()
        is_plain = wire.value.count(subject) == len(events)
        for one in of[name]:
            if message.sent_ms < one.at_ms and is_plain:
                # All of it was before the cut: the same bytes under another name.
                value = wire.value.replace(subject, b'"subject":"%b"' % one.household.encode())
                yield Wire(message.topic, one.household, message.sent_ms, value, len(events))
            elif message.sent_ms < one.until_ms:
                left = [event.with_(household=one.household) for event in cut(events, one.at_ms)]
                if left:
                    yield wire_of(Message(message.topic, one.household, message.sent_ms, left))


def _heartbeats(one: Cut, sources: dict[str, dict[str, int]]) -> Iterator[Wire]:
    """Say for each source of the household that it still reports. Known sources fill while the messages are merged."""
    topic = BY_NAME[HEARTBEAT].topic
    for number, at_ms in enumerate(range(one.at_ms, one.until_ms, HEARTBEAT_MS)):
        known = [source for source in sources.get(one.of, {}) if source.startswith("/sensors/")] if number else []
        events = [Event(one.household, HEARTBEAT, source, f"cut-{number}", at_ms, Data(), 0) for source in known]
        # The first is empty, so that the merge never waits for a source that is not known yet.
        yield wire_of(Message(topic, one.household, at_ms, events))


def _events(message: Message | Wire) -> list[Event]:
    if isinstance(message, Message):
        return message.events
    records = decode(message.topic, message.key.encode(), message.value)
    return [one for one in records if isinstance(one, Event)]
