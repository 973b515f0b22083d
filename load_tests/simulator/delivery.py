"""How what was said reaches the log: batches, delays, outages, repeats and disorder."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from load_tests.messages import Message
from load_tests.simulator.life import Ints
from load_tests.simulator.people import APP, BAND, GATEWAY, PROVIDER, ROBOT, TELECOM, Home
from load_tests.simulator.phrases import Mask, Phrases
from load_tests.simulator.plan import DAY_MS, HOUR_MS, Plan
from schemas.events import Data, Event
from schemas.times import to_rfc3339
from schemas.vocabulary import BY_NAME, Meaning

REPEATED: Final = 0.004
"""Share of batches a sender writes twice because the first acknowledgement was lost."""
DELAYED: Final = 0.004
"""Share of batches that arrive minutes after younger ones."""
LATE_BATCH: Final = 0.02
"""Share of telecom batches that come hours late."""
_COUNT_MS: Final = 300_000
_WINDOW_MS: Final = {"single": 60_000, "counts": _COUNT_MS, "raw": 20_000}
_HAZARDS: Final = frozenset(kind.name for kind in BY_NAME.values() if kind.meaning == Meaning.HAZARD)


@dataclass(slots=True)
class Sender:
    """One source of one household and how it sends."""

    household: str
    source: str
    topic: str
    window_ms: int
    """Events of one window go out together at its end; 0: each at once."""
    tells_completeness: bool = False
    daily: bool = False
    counts: bool = False
    sent: int = 0
    """Running number of the next event; starts again when the device restarts."""


def sender_of(household: str, home: Home, source: str) -> Sender:
    """Return how a source of this home sends."""
    if source == GATEWAY:
        gateway = home.gateway or "single"
        return Sender(household, source, "home.sensors", _WINDOW_MS[gateway], counts=gateway == "counts")
    if source == ROBOT:
        return Sender(household, source, "home.sensors", 0)
    if source == PROVIDER:
        return Sender(household, source, "care.calls", 0)
    if source == BAND:
        return Sender(household, source, "phone.usage", 900_000, tells_completeness=True)
    if source == APP:
        return Sender(household, source, "phone.usage", 30_000, tells_completeness=True)
    if source != TELECOM:
        raise ValueError(f"no such source: {source}")
    daily = home.phone == "daily"
    return Sender(household, source, "phone.usage", DAY_MS if daily else HOUR_MS, tells_completeness=True, daily=daily)


def _count(phrases: Phrases, at: Ints, phrase: Ints) -> tuple[Ints, Ints]:
    """Replace triggers of motion and doors by counts of five minutes, each at the start of its window."""
    kinds = np.array([kind in {"motion", "door"} for kind in phrases.kinds])
    mine = kinds[phrase] if len(phrase) else np.zeros(0, np.bool_)
    if not mine.any():
        return at, phrase
    pairs = np.stack((at[mine] // _COUNT_MS * _COUNT_MS, phrase[mine]))
    (windows, said), counts = np.unique(pairs, axis=1, return_counts=True)
    told = []
    for number, count in zip(said.tolist(), counts.tolist(), strict=True):
        data = phrases.datas[number]
        told.append(phrases.number(phrases.kinds[number], data.device, data.state, count=count, way_out=data.exit))
    at = np.concatenate((at[~mine], windows))
    phrase = np.concatenate((phrase[~mine], np.array(told, np.int64)))
    order = np.argsort(at, kind="stable")
    return at[order], phrase[order]


def _complete(sender: Sender, phrases: Phrases, midnight_ms: int, plan: Plan) -> tuple[Ints, Ints]:
    """Say up to which moment was reported: each hour, or once for the day. A dead phone's app says nothing."""
    if sender.daily:
        ends = np.array([midnight_ms + DAY_MS - 1], np.int64)
    else:
        ends = midnight_ms + np.arange(1, 25, dtype=np.int64) * HOUR_MS - 1
    if sender.source != TELECOM:
        for down in plan.down:
            ends = ends[~((ends >= down.phone_dies_ms) & (ends < down.until_ms))]
    datas = [Data(until=to_rfc3339(end + 1)) for end in ends.tolist()]
    return ends, np.array([phrases.add("complete_until", data) for data in datas], np.int64)


def _suffer(sender: Sender, phrases: Phrases, plan: Plan, at: Ints, phrase: Ints, urgent: Mask) -> tuple[Mask, Ints]:
    """Which events survive outages, and the earliest moment at which each can be sent."""
    keep = np.ones(len(at), np.bool_)
    not_before = np.zeros(len(at), np.int64)
    for outage in plan.outages:
        if outage.source != sender.source:
            continue
        within = (at >= outage.from_ms) & (at < outage.until_ms)
        if not within.any():
            continue
        if outage.device:
            theirs = np.array([data.device == outage.device for data in phrases.datas])
            keep &= ~(within & theirs[phrase])
        elif outage.buffered:
            not_before[within & ~urgent] = outage.until_ms
        else:
            # An alarm leaves by the mobile network even when the line is dead.
            keep &= ~(within & ~urgent)
    return keep, not_before


def _sent_at(sender: Sender, at: Ints, urgent: Mask, not_before: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Group of each event and the moment at which its group is sent."""
    n = len(at)
    group = np.arange(n, dtype=np.int64)
    if not sender.window_ms:
        return group, at + rng.integers(300, 3000, n)
    local = at + 9 * HOUR_MS
    window = local // sender.window_ms
    window[urgent] = -1 - np.arange(int(urgent.sum()))
    _, first, group = np.unique(window, return_index=True, return_inverse=True)
    k = len(first)
    end = (window[first] + 1) * sender.window_ms - 9 * HOUR_MS
    if sender.daily:
        lag = rng.uniform(6.4, 8.0, k) * HOUR_MS
        lag = np.where(rng.random(k) < LATE_BATCH, lag + rng.uniform(3, 9, k) * HOUR_MS, lag)
    elif sender.source == TELECOM:
        lag = rng.uniform(2, 12, k) * 60_000
        lag = np.where(rng.random(k) < LATE_BATCH, lag + rng.uniform(1, 8, k) * HOUR_MS, lag)
    else:
        lag = 300 + rng.exponential(1500, k)
        lag = np.where(rng.random(k) < DELAYED, lag + rng.uniform(1, 20, k) * 60_000, lag)
    sent = (end + lag.astype(np.int64))[group]
    sent[urgent] = at[urgent] + rng.integers(300, 3000, int(urgent.sum()))
    late = not_before > 0
    sent[late] = np.maximum(sent[late], not_before[late] + 2000 + group[late] * 50)
    return group, sent


def deliver(
    sender: Sender,
    phrases: Phrases,
    plan: Plan,
    midnight_ms: int,
    at: Ints,
    phrase: Ints,
    rng: np.random.Generator,
) -> list[Message]:
    """Turn one calendar day of one source into messages, in no particular order.

    Every event is sent after it happened. A repeated message carries the same events with the same ids.
    """
    if sender.counts:
        at, phrase = _count(phrases, at, phrase)
    if sender.tells_completeness:
        ends, told = _complete(sender, phrases, midnight_ms, plan)
        at, phrase = np.concatenate((at, ends)), np.concatenate((phrase, told))
        order = np.argsort(at, kind="stable")
        at, phrase = at[order], phrase[order]
    urgent = np.array([phrases.kinds[p] in _HAZARDS for p in phrase.tolist()], np.bool_)
    keep, not_before = _suffer(sender, phrases, plan, at, phrase, urgent)
    at, phrase, urgent, not_before = at[keep], phrase[keep], urgent[keep], not_before[keep]
    if not len(at):
        return []
    group, sent = _sent_at(sender, at, urgent, not_before, rng)
    events = _events(sender, phrases, at, phrase)
    batches: dict[tuple[int, int], list[Event]] = {}
    for g, moment, event in zip(group.tolist(), sent.tolist(), events, strict=True):
        batches.setdefault((moment, g), []).append(event)
    out = [Message(sender.topic, sender.household, moment, batch) for (moment, _), batch in batches.items()]
    again = np.flatnonzero(rng.random(len(out)) < REPEATED)
    later = rng.lognormal(np.log(60_000), 1.8, len(again)).clip(5_000, 3 * HOUR_MS).astype(np.int64)
    for i, wait_ms in zip(again.tolist(), later.tolist(), strict=True):
        out.append(Message(out[i].topic, out[i].household, out[i].sent_ms + wait_ms, out[i].events))
    if any(
        o.source == sender.source and not o.device and midnight_ms <= o.until_ms < midnight_ms + DAY_MS
        for o in plan.outages
    ):
        # A gateway that restarts counts from the beginning: ids alone do not make an event unique.
        sender.sent = 0
    return out


def _events(sender: Sender, phrases: Phrases, at: Ints, phrase: Ints) -> list[Event]:
    household, source, first = sender.household, sender.source, sender.sent
    kinds, datas = phrases.kinds, phrases.datas
    sender.sent += len(at)
    if sender.tells_completeness:
        return [
            Event(household, kinds[p], source, f"e{i}", t, datas[p], t + 1 if kinds[p] == "complete_until" else 0)
            for i, (t, p) in enumerate(zip(at.tolist(), phrase.tolist(), strict=True), first)
        ]
    return [
        Event(household, kinds[p], source, f"e{i}", t, datas[p])
        for i, (t, p) in enumerate(zip(at.tolist(), phrase.tolist(), strict=True), first)
    ]
