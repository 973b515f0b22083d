"""`anbu replay --against live`: the difference between a replay and what was told live, shown as empty or line by line."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
from rich.console import Console

from load_tests.whatif.fold import Played
from load_tests.whatif.log import Past
from schemas.encode import encode
from schemas.incidents import Incident
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.commands.outcome import Failed
from streams.replay.equal import Equality, equality, joined

WARM_UP_DAYS: Final = 28
"""Days of log time after which a replay that begins in the middle is compared: rhythms of two weeks' learning, twice."""
BUCKETS: Final = 64
"""Both sides are compared in so many parts, by incident: never is all that was told in memory at once."""

_incident: Final = msgspec.json.Decoder(Incident).decode


def show_gaps(console: Console, past: Past, played: Played) -> None:
    """Tell where the past begins, what is missing in it, and what was erased; nothing of that is passed in silence."""
    for held in filter(None, past.snapshots):
        console.print(f"[dim]begins with the snapshot of {held}[/dim]")
    beginnings = [gap for gap in played.gaps if gap.is_beginning]
    if not past.is_whole or (beginnings and not any(past.snapshots)):
        console.print(
            "[yellow]the past does not begin at its first record[/yellow]: models begin anew, and what they tell at first"
            " is not what was told"
        )
    for line in past.standing():
        console.print(f"[red]{line}[/red]", highlight=False)
    for gap in (gap for gap in played.gaps if not gap.is_beginning):
        missing = gap.next - gap.first
        console.print(
            f"[red]gap[/red] in {gap.topic}/{gap.partition}: {missing:,} offsets from {gap.first} on are missing"
        )
    if played.erased:
        console.print(f"{played.erased:,} records were erased: incidents of their homes cannot come out again")


def prove(
    console: Console,
    past: Past,
    played: Played,
    replayed: Iterable[Incident],
    live: Iterable[Incident],
    *,
    warm_up_days: int = WARM_UP_DAYS,
) -> Equality:
    """Compare a replay with what was told live, and show the difference.

    Raises:
        Failed: there is nothing to compare: no revision of this version, or none after the warm-up.

    """
    engine = version("anbu")
    after_ms = 0
    if not past.is_whole:
        after_ms = played.from_ms + warm_up_days * DAY_MS
        console.print(
            f"warm-up: {warm_up_days} days; compared are incidents that opened from {to_rfc3339(after_ms)[:16]}Z on"
        )
    until_ms = min(played.clocks_ms, default=0)
    begun: dict[str, int] = {}

    def begun_ms(household: str) -> int:
        if household not in begun:
            begun[household] = past.begun_ms(partition_of(household, past.partitions))
        return begun[household]

    def compared(here: list[Incident], there: list[Incident]) -> Equality:
        return equality(here, there, engine=engine, until_ms=until_ms, after_ms=after_ms, begun_ms=begun_ms)

    found = _in_parts(replayed, live, compared)
    show_equality(console, found, engine)
    if not found.revisions and not found.differing:
        raise Failed("nothing to compare: no incident of this version lies in the part that was replayed")
    return found


def _in_parts(
    replayed: Iterable[Incident],
    live: Iterable[Incident],
    compared: Callable[[list[Incident], list[Incident]], Equality],
) -> Equality:
    with tempfile.TemporaryDirectory(prefix="anbu-compare-") as folder:
        for side, incidents in (("replayed", replayed), ("live", live)):
            with ExitStack() as stack:
                files = [stack.enter_context((Path(folder) / f"{side}-{i}").open("wb")) for i in range(BUCKETS)]
                for one in incidents:
                    files[crc32(one.id.encode()) % BUCKETS].write(encode(one) + b"\n")
        return joined(
            compared(
                list(incidents_in([Path(folder) / f"replayed-{i}"])), list(incidents_in([Path(folder) / f"live-{i}"]))
            )
            for i in range(BUCKETS)
        )


def incidents_in(files: Iterable[Path]) -> Iterator[Incident]:
    """Give the incidents of files that hold one revision a line."""
    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                yield _incident(line)


def show_equality(console: Console, found: Equality, engine: str) -> None:
    """Show that they are equal, or the first differences."""
    if found.other_engine:
        console.print(f"{found.other_engine:,} incidents told by another version than {engine} are not compared")
    if found:
        console.print(
            f"[green]equal[/green] to the live run: {found.revisions:,} revisions up to"
            f" {to_rfc3339(found.until_ms)[:16]}Z, the same ids and contents"
        )
        return
    differing = found.differing
    for name, keys in (
        ("only in the replay", differing.only_here),
        ("only in the live run", differing.only_there),
        ("told otherwise", differing.otherwise),
    ):
        if keys:
            console.print(f"[red]{len(keys):,} {name}[/red]")
    for line in found.details:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
