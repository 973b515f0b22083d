"""The state of a topic set moved to more partitions: what the changelogs of the old ones hold, dealt to the new ones. Pure.

A household's new partition is murmur2 of its pseudonym, modulo the new count. Nothing of a household depends on the number
of its partition, so its rows move as they are; only the positions at which they were taken are those of the new partition.
That holds at one moment only: when every old partition has judged its logs to the end and all stand at one tick. The new
partitions then begin at that tick, with everything before it behind them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from schemas.partitions import partition_of
from streams.districts.stage import Stage
from streams.engine.gathering import STAGE
from streams.engine.keeping import Checkpoint
from streams.engine.partition import Partition
from streams.engine.snapshot import Cut, Recovered, Rows

_NO_REFUSALS: Final[list[Any]] = [[], []]

GIVEN: Final = 7
"""Place in a position row of what was given to posts of homes that have left."""


DISTRICTS: Final = 8
"""Place in a position row of districts and their stage."""
GONE: Final = 9
"""Place of what homes that have left have to teach."""


class NotDrainedError(ValueError):
    """The set cannot be moved as it stands; one line that says why and what to do."""


def check_drained(old: Sequence[Recovered]) -> None:
    """Refuse states that do not stand at one tick, or of which something is damaged.

    Raises:
        NotDrainedError: names the first partition and what to do.

    """
    clocks = set()
    for number, found in enumerate(old):
        if found.position is None:
            raise NotDrainedError(f"partition {number} has no whole checkpoint: let a worker judge it to the end first")
        cut = Cut(*found.position[0])
        if found.lost:
            raise NotDrainedError(
                f"rows of {len(found.lost)} households in partition {number} cannot be used: start a worker, which"
                " salvages them, and stop it again"
            )
        if set(cut.ticks) != {cut.clock_ms}:
            raise NotDrainedError(
                f"the topics of partition {number} do not stand at one tick: let anbu ticker write one more into all,"
                " with everything else stopped, and a worker judge it"
            )
        clocks.add(cut.clock_ms)
    if len(clocks) > 1:
        raise NotDrainedError(
            "the partitions do not stand at one tick: let anbu ticker write one more into all of them"
        )
    for what, place in (("profile", 1), ("public alerts", 5)):
        # Both are written to every partition; where they differ, somebody wrote them to some only.
        known = [found.position[place] if len(found.position) > place else [] for found in old]
        if any(one != known[0] for one in known):
            raise NotDrainedError(f"the partitions do not know the same {what}: write them again to all of them")


def grown(old: Sequence[Recovered], ends: Sequence[Sequence[int]]) -> list[Recovered]:
    """Deal drained states to new partitions, of which `ends` gives the next offset of each ordered topic.

    What is counted of a log (records lost, refusals of the running minute) stays with the partition whose log it is.

    Raises:
        NotDrainedError: see `check_drained`.

    """
    check_drained(old)
    count, top = len(ends), max(found.top_number for found in old)
    _, ticks, clock_ms, _ = old[0].position[0]
    is_live = any(found.position[0][3] for found in old)
    homes: list[dict[str, Rows]] = [{} for _ in ends]
    ended: list[list[Any]] = [[] for _ in ends]
    given: list[list[Any]] = [[] for _ in ends]
    cuts = [Cut(list(offsets), list(ticks), clock_ms, is_live) for offsets in ends]
    for found in old:
        for name, rows in found.households.items():
            number = partition_of(name, count)
            homes[number][name] = replace(rows, hot=[list(cuts[number]), *rows.hot[1:]])
        for one in found.position[3]:
            ended[partition_of(one[0], count)].append(one)
        for one in found.position[GIVEN] if len(found.position) > GIVEN else []:
            given[partition_of(one[0], count)].append(one)
    shared = [*old[0].position[5:GIVEN]]  # rows of earlier versions are shorter
    shared += ([], "")[len(shared) :]
    # All partitions know the same districts; the stage learns anew what is usual, from counts of the new partitions.
    districts = [old[0].position[DISTRICTS][0], 0, b""] if len(old[0].position) > DISTRICTS else []
    stage = _taught(old, count)
    out = []
    for number, cut in enumerate(cuts):
        same = old[number].position if number < len(old) else None
        refused, lost = (same[2], same[4]) if same is not None else (_NO_REFUSALS, 0)
        gone = same[GONE] if same is not None and len(same) > GONE else []
        known = [*districts[:2], stage] if districts and number == STAGE else districts
        position = [list(cut), old[0].position[1], refused, ended[number], lost, *shared, given[number], known, gone]
        out.append(Recovered(position=position, households=homes[number], top_number=top))
    return out


def _taught(old: Sequence[Recovered], count: int) -> bytes:
    """Return a stage for so many partitions that knows what closings have taught."""
    position = old[STAGE].position
    if len(position) <= DISTRICTS or not position[DISTRICTS] or not position[DISTRICTS][2]:
        return b""
    with suppress(ValueError):
        return Stage(count).state(Stage(len(old)).restore(position[DISTRICTS][2]))
    return b""


def rows_of(state: Recovered, number: int, partitions: int, *, engine: str, owner: int) -> list[Checkpoint]:
    """Return the checkpoints that keep a dealt state whole in a new changelog; an engine has read it before.

    Raises:
        NotDrainedError: a household's rows cannot be read.

    """
    partition = Partition(number, partitions, engine=engine, recovered=state, owner=owner)
    if partition.unreadable:
        raise NotDrainedError(f"rows of {len(partition.unreadable)} households cannot be read by this version")
    out = [partition.checkpoint()]
    while partition.dirty:
        out.append(partition.checkpoint())
    return out
