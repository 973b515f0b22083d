"""`python -m load_tests.bench_outage`: how soon a district's outage is told, and how often one is told that is none.

Synthetic homes are heard of as their messages reach the log, marks are counted as a partition counts them, and the stage
judges them. Into the second half of the days outages are put: nothing of one channel comes from a share of the district's
homes, for three hours. docs/detection.md has the figures.
"""

from collections.abc import Iterator, Sequence
from random import Random
from statistics import median
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from load_tests.simulator.neighbourhood import simulate
from schemas.district import MARK_MS, Channel, Counted, DistrictCounts, DistrictState, Heard
from schemas.generate import pretty
from schemas.times import from_rfc3339, to_rfc3339
from streams.districts.hearing import WINDOW
from streams.districts.stage import Stage

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
START_MS: Final = 1_788_102_000_000
"""2026-08-31 00:00 in Korea."""
LOCAL_H: Final = 9
OUT_MARKS: Final = 36
"""Three hours."""
WARM_UP: Final = 15 * DAY_MS // MARK_MS
"""Fifteen days."""
NIGHT: Final = frozenset({23, 0, 1, 2, 3, 4})
"""Hours in Korea."""
CHANNELS: Final[dict[Channel, str]] = {"home": "home.sensors", "phone": "phone.usage"}
STEP: Final = MARK_MS // MINUTE_MS

Bools = NDArray[np.bool_]
"""(homes, marks): whether a record reached the log in the five minutes up to the mark."""


def reported(households: int, days: int, seed: int) -> dict[Channel, Bools]:
    """Return when homes were heard of: one row a home, one column a mark, by channel."""
    hood = simulate(households, days, seed, start_ms=START_MS, injections=False)
    rows = {record.household: place for place, record in enumerate(hood.records())}
    channel_of: dict[str, Channel] = {topic: channel for channel, topic in CHANNELS.items()}
    found = {channel: np.zeros((households, days * DAY_MS // MARK_MS + 1), np.bool_) for channel in CHANNELS}
    for message in hood.messages():
        channel = channel_of.get(message.topic)
        if channel is not None:
            found[channel][rows[message.household], (message.sent_ms - START_MS) // MARK_MS + 1] = True
    return found


def heard(came: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many homes report at each mark, and how many of them were heard of in the quarter of an hour before."""
    lately = came.copy()
    for back in range(1, WINDOW // STEP):
        lately[:, back:] |= came[:, :-back]
    reports = np.logical_or.accumulate(came, axis=1)
    return reports.sum(axis=0), lately.sum(axis=0)


def counts(came: dict[Channel, Bools]) -> list[DistrictCounts]:
    """Return what one partition says of one district at each mark."""
    of = {channel: heard(those) for channel, those in came.items()}
    out = []
    for mark in range(1, next(iter(came.values())).shape[1]):
        at = to_rfc3339(START_MS + mark * MARK_MS)
        home, phone = (Heard(homes=int(of[one][0][mark]), heard=int(of[one][1][mark])) for one in CHANNELS)
        out.append(DistrictCounts(partition=0, at=at, districts=[Counted(district="d", home=home, phone=phone)]))
    return out


def told(stage: Stage, marks: Sequence[DistrictCounts]) -> Iterator[DistrictState]:
    """Give what the stage says of the district."""
    for one in marks:
        yield from stage.take(one)


def begun(states: Sequence[DistrictState]) -> list[tuple[int, Channel]]:
    """Return the outages that began, each once: when that was told, and of which channel."""
    out: list[tuple[int, Channel]] = []
    last: dict[Channel, str] = {}
    for state in states:
        now = {one.channel: one.since for one in state.outages}
        out += [(from_rfc3339(state.at), channel) for channel, since in now.items() if last.get(channel) != since]
        last = now
    return out


def delay_of(quiet: dict[Channel, Bools], channel: Channel, share: float, start: int, rnd: Random) -> int | None:
    """Return after how many minutes an outage that begins at a mark is told; None where it never is.

    The stage has seen up to `WARM_UP` marks before.
    """
    first = max(0, start - WARM_UP)
    came = {one: those[:, first : start + OUT_MARKS + 1].copy() for one, those in quiet.items()}
    homes = len(came[channel])
    out = rnd.sample(range(homes), round(share * homes))
    begins_ms = START_MS + (start - first) * MARK_MS
    came[channel][out, start - first + 1 :] = False
    for state in told(Stage(1), counts(came)):
        at_ms = from_rfc3339(state.at)
        if at_ms > begins_ms and any(one.channel == channel for one in state.outages):
            return (at_ms - begins_ms) // MINUTE_MS
    return None


@click.command()
@click.option("--households", type=click.IntRange(1), default=600, show_default=True)
@click.option("--days", type=click.IntRange(8), default=28, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True)
@click.option("--homes", type=click.IntRange(1), multiple=True, default=(60, 200, 600), show_default=True)
@click.option("--outages", type=click.IntRange(1), default=24, show_default=True, help="A size, channel and share.")
def main(households: int, days: int, seed: int, homes: tuple[int, ...], outages: int) -> None:
    """Measure outages of synthetic districts of so many homes."""
    whole = reported(households, days, seed)
    rnd = Random(seed)
    out = []
    for size in homes:
        places = rnd.sample(range(households), households // size * size)
        districts = [
            {channel: those[places[at : at + size]] for channel, those in whole.items()}
            for at in range(0, len(places), size)
        ]
        false = [one for each in districts for one in begun(list(told(Stage(1), counts(each))))]
        row: dict[str, Any] = {
            "homes": size,
            "district_years": round(len(districts) * days / 365, 2),
            "false_outages": {channel: sum(c == channel for _, c in false) for channel in CHANNELS},
            "hours_of_false_outages": sorted((at // 3_600_000 + LOCAL_H) % 24 for at, _ in false),
            "found": {},
        }
        for channel in CHANNELS:
            for share in (1.0, 0.8):
                by_night: dict[bool, list[int | None]] = {False: [], True: []}
                for n in range(outages):
                    start = days // 2 * DAY_MS // MARK_MS + rnd.randrange((days - days // 2 - 1) * DAY_MS // MARK_MS)
                    hour = (start * STEP // 60) % 24
                    late = delay_of(districts[n % len(districts)], channel, share, start, rnd)
                    by_night[hour in NIGHT].append(late)
                row["found"][f"{channel} {share:.0%}"] = {
                    "night" if night else "day": _spread(lates) for night, lates in by_night.items()
                }
        out.append(row)
    click.echo(pretty({"days": days, "seed": seed, "districts": out}).decode())


def _spread(lates: list[int | None]) -> dict[str, float | None]:
    found = sorted(one for one in lates if one is not None)
    return {
        "outages": len(lates),
        "found": len(found),
        "median_min": median(found) if found else None,
        "longest_min": found[-1] if found else None,
    }


if __name__ == "__main__":
    main()
