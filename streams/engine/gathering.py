"""The stage that puts districts together, beside the engine of one partition: what it reads is applied in the order of its log.

It is no part of the canonical order, for it reads what engines write. Its state and the offset of what it reads stand in
the position row of its partition, so they are kept whole or not at all; what follows is handed over before that.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from schemas.deadletters import dead_letter
from schemas.decode import decode
from schemas.district import SHARED, DistrictCounts, DistrictState, Lesson
from schemas.events import Fault
from streams.districts.help_learner import Learner
from streams.districts.stage import Stage
from streams.engine.keeping import Whole
from streams.engine.outputs import Output

COUNTS: Final = "district.counts"
STAGE: Final = 0
"""The partition of `district.counts` that all counts go to, and beside whose engine the stage runs: it needs all of them."""


class Gathering:
    """The stage of a topic set, as the engine of its partition keeps it."""

    def __init__(self, whole: Whole, number: int, partitions: int) -> None:
        self._whole = whole
        self._number = number
        self._partitions = partitions
        self._learner = Learner()
        self._stage = Stage(partitions, self._learn)
        if whole.stage:
            with suppress(ValueError):  # of another version: it learns anew, and what it told before lapses by itself
                self._learner = Learner.restore(self._stage.restore(whole.stage))

    @property
    def offset(self) -> int:
        """Next offset of `district.counts` that is to be taken."""
        return self._whole.stage_offset

    @property
    def left_out(self) -> int:
        """Partitions that are so far behind that districts are judged without them."""
        return self._stage.left_out

    def take(self, offset: int, key: bytes | None, value: bytes | None) -> list[Output]:
        """Take the record at an offset; return what all partitions are to be told."""
        if offset < self._whole.stage_offset:
            return []
        self._whole.stage_offset = offset + 1
        out: list[Output] = []
        for counts in decode(COUNTS, key, value):
            if isinstance(counts, Fault):
                letter = dead_letter(COUNTS, self._number, offset, counts, value, self._whole.positions.clock_ms)
                out.append(Output("dead.letters", key or b"", letter))
            elif isinstance(counts, DistrictCounts):
                out += [one for state in self._stage.take(counts) for one in self._to_all(state)]
        return out

    def keep(self) -> None:
        """Put its state where the position row takes it from."""
        if self._whole.stage_offset:
            self._whole.stage = self._stage.state(self._learner.state())

    def _learn(self, lessons: Sequence[Lesson]) -> list[float]:
        return self._learner.learn(lessons)

    def _to_all(self, state: DistrictState) -> list[Output]:
        key = state.district.encode()
        if state.district == SHARED:
            state = replace(state, lessons=self._learner.lessons)
        return [Output("district.state", key, state, to=number) for number in range(self._partitions)]
