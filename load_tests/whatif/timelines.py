"""Chosen households in close-up: what the home told hour by hour, and how near the silence came to its threshold."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

from detectors.life import sign_of
from load_tests.replay_run import UNBOUNDED
from load_tests.whatif.fold import Opened, Played
from load_tests.whatif.homes import zone_of
from load_tests.whatif.runs import Variant, Work
from load_tests.whatif.spool import SpoolSource
from schemas.decode import decode
from schemas.events import TICK_KEY, Event
from schemas.incidents import IncidentKind
from schemas.partitions import partition_of
from schemas.times import EPOCH, to_rfc3339
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.partition import Partition

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MOST_DAYS: Final = 35
BEFORE_DAYS: Final = 28


def choose(work: Work, played: dict[str, Played], count: int) -> list[str]:
    """Choose the households to show: one that was cut, then those on which the runs differ most, then those with most to tell."""
    spooled = work.spooled
    if spooled is None or count < 1:
        return []
    of: dict[str, list[frozenset[str]]] = defaultdict(list)
    for run in played.values():
        mine: dict[str, set[str]] = defaultdict(set)
        for one in run.opened:
            mine[one.household].add(one.id)
        for record in spooled.households:
            of[record.household].append(frozenset(mine[record.household]))
    ranked = sorted(
        of,
        key=lambda name: (
            -len(frozenset.union(*of[name]) - frozenset.intersection(*of[name])),
            -len(of[name][0]),
            name,
        ),
    )
    found = {one.household for run in played.values() for one in run.opened if one.kind == IncidentKind.SILENCE.value}
    cuts = [one.household for one in spooled.cuts if one.household in found][:1]
    return [*cuts, *ranked][:count]


def timeline(work: Work, household: str, variants: Sequence[Variant], played: dict[str, Played]) -> dict[str, Any]:
    """Replay one household alone and look at it every hour.

    Signs of life by local day and hour, the score of the silence and its threshold by hour for each of two profiles, and
    the incidents of all runs. At most five weeks, around the first incident.
    """
    spooled = work.spooled
    if work.spool is None or spooled is None:
        raise ValueError("no spool")
    cuts = {one.household: one for one in spooled.cuts}
    cut = cuts.get(household)
    of = cut.of if cut else household
    record = next(one for one in spooled.households if one.household == of)
    zone = zone_of(record.time_zone)
    opened = {name: [one for one in run.opened if one.household == household] for name, run in played.items()}
    from_ms, until_ms = _window(spooled.from_ms, spooled.until_ms, opened, cut.at_ms if cut else None)
    file = work.spool / f"{partition_of(household, spooled.partitions)}.log"
    source = SpoolSource(file, spooled.from_ms, spooled.until_ms, lambda _share: None, only=household.encode())
    signs: Counter[tuple[str, int]] = Counter()
    scores: dict[str, list[list[float]]] = {}
    for number, variant in enumerate(variants[:2]):
        engine = Partition(0, 1, engine=version("anbu"), buffer_records=UNBOUNDED, fixed_profile=variant.profile)
        points: list[list[float]] = []
        last_ms = 0
        for topic, chunk in source.chunks(engine):
            if number == 0 and ORDERED_NAMES[topic] in EVENT_TOPICS:
                for key, value in zip(chunk.keys, chunk.values, strict=True):
                    if key != TICK_KEY:
                        _count_signs(signs, ORDERED_NAMES[topic], key, value, zone)
            engine.offer(topic, chunk)
            engine.pump()
            if engine.clock_ms > until_ms:
                break
            if engine.clock_ms >= last_ms + HOUR_MS and engine.clock_ms >= from_ms:
                last_ms = engine.clock_ms
                watched = engine.household(household)
                if watched is not None and watched.model is not None:
                    said = watched.model.explain()
                    if said["warm"]:
                        points.append([last_ms, said["score"], said["threshold"]])
        scores[variant.name] = points
    days = []
    for day in range(int((until_ms - from_ms) // DAY_MS)):
        name = (EPOCH + timedelta(milliseconds=from_ms + day * DAY_MS)).astimezone(zone).date().isoformat()
        days.append({"day": name, "hours": [signs[name, hour] for hour in range(24)]})
    return {
        "household": household,
        "cut_of": of if cut else None,
        "cut_at": to_rfc3339(cut.at_ms) if cut else None,
        "cut_ms": cut.at_ms if cut else None,
        "time_zone": record.time_zone,
        "from_ms": from_ms,
        "until_ms": until_ms,
        "days": days,
        "scores": scores,
        "incidents": {
            name: [
                {
                    "kind": one.kind,
                    "opened_ms": one.opened_ms,
                    "at": to_rfc3339(one.opened_ms),
                    "sentence": one.sentence_en,
                }
                for one in mine
                if from_ms <= one.opened_ms <= until_ms
            ]
            for name, mine in opened.items()
        },
    }


def _window(from_ms: int, until_ms: int, opened: dict[str, list[Opened]], cut_ms: int | None) -> tuple[int, int]:
    times = [one.opened_ms for mine in opened.values() for one in mine]
    middle_ms = cut_ms or min(times, default=until_ms)
    begin_ms = max(from_ms, min(middle_ms - BEFORE_DAYS * DAY_MS, until_ms - MOST_DAYS * DAY_MS))
    return begin_ms, min(until_ms, begin_ms + MOST_DAYS * DAY_MS)


def _count_signs(
    signs: Counter[tuple[str, int]], topic: str, key: bytes | None, value: bytes | None, zone: Any
) -> None:
    for one in decode(topic, key, value):
        if isinstance(one, Event) and sign_of(one):
            at = (EPOCH + timedelta(milliseconds=one.at_ms)).astimezone(zone)
            signs[at.date().isoformat(), at.hour] += one.data.count or 1
