"""Chosen households in close-up: what the home told hour by hour, and how near the silence came to its threshold."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from detectors.hours import LocalHours
from detectors.life import sign_of
from detectors.room import of_few_homes
from load_tests.whatif.draw import COLOURS
from load_tests.whatif.fold import Opened, Played
from load_tests.whatif.homes import zone_of
from load_tests.whatif.runs import Variant, Work, homes_watched
from schemas.decode import decode
from schemas.events import Event
from schemas.incidents import IncidentKind
from schemas.partitions import partition_of
from schemas.times import EPOCH, from_rfc3339, to_rfc3339
from schemas.topics import EVENT_TOPICS, ORDERED_NAMES
from streams.engine.partition import Partition

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MOST_DAYS: Final = 35
BEFORE_DAYS: Final = 28
STEP_RECORDS: Final = 200
"""Half an hour of a log with ticks alone: the score of every hour is seen."""


def choose(work: Work, played: dict[str, Played], count: int) -> list[str]:
    """Choose the households to show: one that was cut, then those on which the runs differ most, then those with most to tell."""
    if count < 1:
        return []
    names = {home.household for run in played.values() for home in homes_watched(work, run)}
    of: dict[str, list[frozenset[str]]] = defaultdict(list)
    for run in played.values():
        mine: dict[str, set[str]] = defaultdict(set)
        for one in run.opened:
            mine[one.household].add(one.id)
        for name in names:
            of[name].append(frozenset(mine[name]))
    ranked = sorted(
        of,
        key=lambda name: (
            -len(frozenset.union(*of[name]) - frozenset.intersection(*of[name])),
            -len(of[name][0]),
            name,
        ),
    )
    found = {one.household for run in played.values() for one in run.opened if one.kind == IncidentKind.SILENCE.value}
    cuts = [one.household for one in work.cuts if one.household in found][:1]
    return [*cuts, *ranked][:count]


class _Shown:
    """A household that is shown, and what is seen of it meanwhile."""

    def __init__(self, household: str, work: Work, zones: dict[str, str], played: dict[str, Played]) -> None:
        self.household = household
        self.cut = next((one for one in work.cuts if one.household == household), None)
        self.time_zone = zones.get(self.cut.of if self.cut else household, "")
        self.zone = zone_of(self.time_zone)
        self.opened = {name: [one for one in run.opened if one.household == household] for name, run in played.items()}
        runs = list(played.values())
        from_ms = work.spooled.from_ms if work.spooled else min(run.from_ms for run in runs)
        until_ms = work.spooled.until_ms if work.spooled else max(run.until_ms for run in runs)
        begin_ms, end_ms = _window(from_ms, until_ms, self.opened, self.cut.at_ms if self.cut else None)
        # Whole days of the home: a column holds what lies between two of its own midnights.
        self.from_ms = _midnight_ms(begin_ms, self.zone)
        self.until_ms = self.from_ms + -(-(end_ms - self.from_ms) // DAY_MS) * DAY_MS
        self.hours = LocalHours(self.zone.key)
        self.signs: Counter[int] = Counter()
        """By hour of the local clock, since 1970."""
        self.scores: dict[str, list[list[float]]] = {}

    def note(self, engine: Partition, name: str) -> None:
        """Note how near the silence is to its threshold, once an hour."""
        points = self.scores.setdefault(name, [])
        after_ms = points[-1][0] + HOUR_MS if points else self.from_ms
        if not after_ms <= engine.clock_ms <= self.until_ms:
            return
        watched = engine.household(self.household)
        if watched is not None and watched.model is not None:
            said = watched.model.explain()
            if said["warm"]:
                points.append([engine.clock_ms, said["score"], said["threshold"]])

    def figures(self) -> dict[str, Any]:
        days = []
        for day in range(int((self.until_ms - self.from_ms) // DAY_MS)):
            # From noon to noon: a change of the clocks loses no day.
            moment = EPOCH + timedelta(milliseconds=self.from_ms + day * DAY_MS + DAY_MS // 2)
            date = moment.astimezone(self.zone).date()
            first = (date - EPOCH.date()).days * 24
            days.append({"day": date.isoformat(), "hours": [self.signs[first + hour] for hour in range(24)]})
        cut = self.cut
        return {
            "household": self.household,
            "cut_of": cut.of if cut else None,
            "cut_at": to_rfc3339(cut.at_ms) if cut else None,
            "cut_ms": cut.at_ms if cut else None,
            "time_zone": self.time_zone,
            "from_ms": self.from_ms,
            "until_ms": self.until_ms,
            "days": days,
            "scores": self.scores,
            "incidents": {
                name: [self._told(one) for one in mine if self.from_ms <= one.opened_ms <= self.until_ms]
                for name, mine in self.opened.items()
            },
        }

    def _told(self, one: Opened) -> dict[str, Any]:
        return {
            "kind": one.kind,
            "opened_ms": one.opened_ms,
            "at": to_rfc3339(one.opened_ms),
            "sentence": one.sentence_en,
        }


def timelines(
    work: Work,
    households: Sequence[str],
    variants: Sequence[Variant],
    played: dict[str, Played],
    at: Callable[[float], None] = lambda _share: None,
) -> list[dict[str, Any]]:
    """Replay some households alone and look at them every hour.

    Signs of life by local day and hour, the score of the silence and its threshold by hour, and
    the incidents: of all profiles where each has its colour, else of the first and the last. At most five weeks, around the first incident. A partition is read once for all of them.
    """
    if len(variants) > COLOURS:
        variants = [variants[0], variants[-1]]
    played = {one.name: played[one.name] for one in variants}
    zones = {home.household: home.time_zone for run in played.values() for home in homes_watched(work, run)}
    shown = {name: _Shown(name, work, zones, played) for name in households}
    of: dict[int, list[_Shown]] = defaultdict(list)
    for one in shown.values():
        of[partition_of(one.household, work.partitions)].append(one)
    for number, partition in enumerate(sorted(of)):
        with of_few_homes():
            _look(work, partition, of[partition], variants)
        at((number + 1) / len(of))
    return [shown[name].figures() for name in households]


def _look(work: Work, partition: int, shown: Sequence[_Shown], variants: Sequence[Variant]) -> None:
    engines = [work.engine(partition, variant) for variant in variants]
    until_ms = max(one.until_ms for one in shown)
    keys = {one.household.encode(): one for one in shown}
    for topic, chunk in work.source(partition, only=frozenset(keys)).chunks(engines[0]):
        if ORDERED_NAMES[topic] in EVENT_TOPICS:
            for key, value in zip(chunk.keys, chunk.values, strict=True):
                if key is not None and (mine := keys.get(key)) is not None:
                    _count_signs(mine, ORDERED_NAMES[topic], key, value)
        for engine, variant in zip(engines, variants, strict=True):
            _, seek = engine.offer(topic, chunk)
            if seek is not None:
                engine.pass_gap(topic, chunk.start)
                engine.offer(topic, chunk)
            _pump(engine, variant.name, shown)
        if engines[0].clock_ms > until_ms:
            return


def _pump(engine: Partition, name: str, shown: Sequence[_Shown]) -> None:
    """Apply what has its turn and look on the way: a source may bring days at once."""
    while True:
        engine.pump(STEP_RECORDS)
        for one in shown:
            one.note(engine, name)
        if engine.pumped < STEP_RECORDS:
            return


def _midnight_ms(at_ms: int, zone: ZoneInfo) -> int:
    moment = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)
    return from_rfc3339(moment.replace(hour=0, minute=0, second=0, microsecond=0).isoformat())


def _window(from_ms: int, until_ms: int, opened: dict[str, list[Opened]], cut_ms: int | None) -> tuple[int, int]:
    times = [one.opened_ms for mine in opened.values() for one in mine]
    middle_ms = cut_ms or min(times, default=until_ms)
    begin_ms = max(from_ms, min(middle_ms - BEFORE_DAYS * DAY_MS, until_ms - MOST_DAYS * DAY_MS))
    return begin_ms, min(until_ms, begin_ms + MOST_DAYS * DAY_MS)


def _count_signs(shown: _Shown, topic: str, key: bytes | None, value: bytes | None) -> None:
    for one in decode(topic, key, value):
        if isinstance(one, Event) and sign_of(one):
            shown.signs[(one.at_ms + shown.hours.offset_ms(one.at_ms)) // HOUR_MS] += one.data.count or 1
