"""Recorded homes for the truncation benchmark: proofs of life by rules of its own, and moments at which the stream is cut.

What counts as life here does not depend on any detector: it is the yardstick that all of them are measured with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.episodes import COMPANY_MS
from detectors.hours import DAY_MS, HOUR_MS, hours_of
from detectors.life import CALLS, COUNTED, HOME, PHONE, channel_of, is_exit, sign_of
from detectors.signs import Sign
from load_tests.recordings.recorded import CsvError, read_csv
from schemas.events import Event

MINUTE_MS: Final = 60_000
WARM_UP_MS: Final = 14 * DAY_MS
LEAST_DAYS: Final = 21
LEAST_TESTED_MS: Final = 72 * HOUR_MS
HOLE_MS: Final = 144 * HOUR_MS
"""A longer hole ends a recording: the longest stretch without one is used."""
LEAST_PROOFS: Final = 100
LONGEST_ORDINARY_MS: Final = 20 * HOUR_MS
"""A longer silence is an absence or an outage that nobody recorded: told apart, and never cut."""
OUT_MS: Final = 900_000
"""Whoever used the exit and was silent longer than this was out: no collapse at home is drawn there."""
ZONE: Final = "Asia/Seoul"
"""Times without an offset are read in a zone without summer time, so that hours on the wall stay what they were."""

Moments = NDArray[np.int64]
Batch = tuple[int, list[Event]]
"""The minute at whose end events were sent, UTC milliseconds, and the events."""


@dataclass(frozen=True)
class Home:
    """One recording. `proofs` are the moments of confirmed life, ascending; `leaves` tells which were a way out."""

    name: str
    kind: str
    """The kind of channel that sees it: home, worn or phone."""
    batches: list[Batch]
    proofs: Moments
    leaves: NDArray[np.bool_]
    start_ms: int

    @property
    def warm_ms(self) -> int:
        """When the warm-up is over: everything before is only learned from."""
        return self.start_ms + WARM_UP_MS

    @property
    def months(self) -> float:
        """Household-months after the warm-up."""
        return float(self.proofs[-1] - self.warm_ms) / DAY_MS / 30.4

    @property
    def offset_ms(self) -> int:
        """Local time minus UTC, milliseconds."""
        return hours_of(ZONE).offset_ms(self.start_ms)


def known_ms(event: Event) -> int:
    """Return when an event can be known: a count when what it counts over has ended."""
    return event.at_ms + int((event.data.over_s or 0) * 1000)


def proofs_of(events: list[Event]) -> list[tuple[int, bool]]:
    """Return the moments of confirmed life and whether each was a way out, from sorted events.

    A lone motion trigger (or minute of steps) is no proof unless something else happened in that home within the 15
    minutes before; a count is one from 3 triggers or 2 devices on; doors, things moved by hand and a phone in use
    always are. An event belongs to the time before it: a count proves life at the end of its five minutes.
    """
    out: list[tuple[int, bool]] = []
    last_ms = -DAY_MS
    for at_ms, together in groupby((e for e in events if sign_of(e)), key=lambda e: (known_ms(e), bool(e.data.over_s))):
        group = list(together)
        moment, counted = at_ms
        at_home = [one for one in group if channel_of(one.source) not in (PHONE, CALLS)]
        sure = any(channel_of(one.source) == PHONE for one in group)
        if counted:
            triggers = sum(one.data.count or 0 for one in at_home)
            sure |= triggers >= COUNTED or len({one.data.device for one in at_home}) > 1
        for one in at_home:
            sure |= sign_of(one) is Sign.SURE and one.kind != "steps"
            sure |= not counted and moment - last_ms <= COMPANY_MS
            last_ms = moment
        if sure:
            out.append((moment, any(is_exit(one) for one in at_home)))
    return out


def home_of(name: str, events: Iterable[Event]) -> Home | None:
    """Return the longest unbroken stretch of a household's events; None when it is too short to be judged."""
    ordered = sorted(events, key=lambda e: (known_ms(e), e.at_ms))
    found = proofs_of(ordered)
    if len(found) < LEAST_PROOFS:
        return None
    times = np.array([at_ms for at_ms, _ in found], np.int64)
    holes = np.flatnonzero(np.diff(times) > HOLE_MS) + 1
    bounds = [0, *holes.tolist(), len(times)]
    first, last = max(pairwise(bounds), key=lambda span: times[span[1] - 1] - times[span[0]])
    times = times[first:last]
    start_ms = int(times[0]) // MINUTE_MS * MINUTE_MS
    if times[-1] - times[0] < max(LEAST_DAYS * DAY_MS, WARM_UP_MS + LEAST_TESTED_MS):
        return None
    kept = [one for one in ordered if start_ms <= one.at_ms and known_ms(one) <= times[-1]]
    batches = [(minute, list(batch)) for minute, batch in groupby(kept, key=_sent_ms)]
    kinds = {channel_of(one.source) for one in kept if sign_of(one)}
    kind = next((one for one in (HOME, "worn", PHONE) if one in kinds), HOME)
    return Home(name, kind, batches, times, np.array([out for _, out in found[first:last]], bool), start_ms)


def _sent_ms(event: Event) -> int:
    return (known_ms(event) // MINUTE_MS + 1) * MINUTE_MS


def read_homes(folder: Path, tell: Callable[[str], None] = lambda _: None) -> list[Home]:
    """Read every household of a folder of CSV files that is long enough, by name; of one in two files, the longer.

    Files that are not in the documented form, and those of which no household is long enough, are passed over and told.
    """
    homes: dict[str, Home] = {}
    for path in sorted(folder.glob("*.csv*")):
        of: dict[str, list[Event]] = {}
        try:
            for event in read_csv(path, ZONE).events:
                of.setdefault(event.household, []).append(event)
        except CsvError as error:
            tell(f"{path.name}: passed over: {error}")
            continue
        fit = {name: home_of(name, events) for name, events in of.items()}
        if not any(fit.values()):
            tell(
                f"{path.name}: passed over: none of its {len(fit)} households shows {LEAST_PROOFS} signs of life over "
                f"{LEAST_DAYS} days without a hole of {HOLE_MS // DAY_MS} days"
            )
        for name, home in fit.items():
            if home is not None and (name not in homes or home.months > homes[name].months):
                homes[name] = home
    return [homes[name] for name in sorted(homes)]


def cuts_of(home: Home, count: int, seed: int) -> Moments:
    """Draw moments after the warm-up at which the person was at home and not in an unexplained long silence.

    Whole minutes, UTC milliseconds, ascending: everything sent by then happened before.
    """
    random = np.random.default_rng(seed)
    gaps = np.diff(home.proofs)
    fit = ~(home.leaves[:-1] & (gaps > OUT_MS)) & (gaps < LONGEST_ORDINARY_MS)
    out: list[int] = []
    while len(out) < count:
        drawn = random.uniform(home.warm_ms, int(home.proofs[-1]) - HOUR_MS, 4 * count)
        minutes = (drawn // MINUTE_MS).astype(np.int64) * MINUTE_MS
        inside = before(home.proofs, minutes)
        out += minutes[(inside >= 0) & fit[np.clip(inside, 0, len(fit) - 1)]].tolist()
    return np.sort(np.array(out[:count], np.int64))


def before(proofs: Moments, moments: Moments) -> Moments:
    """Return the place of the last proof before each moment; -1 without any. Half-open: one at the moment is after it."""
    return np.searchsorted(proofs, moments, "left").astype(np.int64) - 1
