"""What a household's devices can say, each phrase once, and what was said when as plain arrays."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from load_tests.simulator.life import Floats, Ints
from load_tests.simulator.plan import Plan
from schemas.events import Data

Mask = npt.NDArray[np.bool_]

NOTHING: Final[Ints] = np.empty(0, np.int64)


class Phrases:
    """Numbers for the phrases of one household: thousands of events a day share a few hundred of them."""

    __slots__ = ("_of", "datas", "kinds")

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.datas: list[Data] = []
        self._of: dict[tuple[object, ...], int] = {}

    def number(
        self,
        kind: str,
        device: str,
        state: str | None = None,
        value: float | None = None,
        count: int | None = None,
        *,
        way_out: bool = False,
    ) -> int:
        """Return the number of a phrase; `count` is over five minutes, `way_out` marks an exit door."""
        key = (kind, device, state, value, count, way_out)
        number = self._of.get(key)
        if number is None:
            over_s = None if count is None else 300.0
            data = Data(device=device, state=state, value=value, count=count, over_s=over_s, exit=way_out)  # type: ignore[arg-type]
            number = self.add(kind, data)
            self._of[key] = number
        return number

    def add(self, kind: str, data: Data) -> int:
        """Return the number of a phrase that is said once."""
        self.kinds.append(kind)
        self.datas.append(data)
        return len(self.kinds) - 1

    def values(self, kind: str, device: str, values: Floats) -> Ints:
        """Return one number a value, for readings such as temperatures."""
        return np.array([self.number(kind, device, value=v) for v in values.tolist()], np.int64)


@dataclass(slots=True)
class Said:
    """What one source said of late: moments, UTC milliseconds, and phrase numbers side by side."""

    at_ms: list[Ints] = field(default_factory=list)
    phrase: list[Ints] = field(default_factory=list)

    def add(self, at_ms: Ints, phrase: Ints | int) -> None:
        """Say one phrase, or one phrase each, at these moments."""
        if len(at_ms):
            self.at_ms.append(at_ms)
            self.phrase.append(np.full(len(at_ms), phrase, np.int64) if isinstance(phrase, int) else phrase)

    def take_before(self, end_ms: int) -> tuple[Ints, Ints]:
        """Take out everything before a moment, in order of time; what was said first stays first."""
        if not self.at_ms:
            return NOTHING, NOTHING
        at, phrase = np.concatenate(self.at_ms), np.concatenate(self.phrase)
        now = at < end_ms
        self.at_ms, self.phrase = [at[~now]], [phrase[~now]]
        at, phrase = at[now], phrase[now]
        order = np.argsort(at, kind="stable")
        return at[order], phrase[order]


def by_hand(plan: Plan, at_ms: Ints, *, phone: bool = False) -> Mask:
    """Which of these moments the person can have caused: not lying helpless; and at home, unless it is a phone's."""
    out = np.ones(len(at_ms), np.bool_)
    for down in plan.down:
        out &= ~((at_ms >= down.from_ms) & (at_ms < down.until_ms))
    for away in plan.away:
        if not phone or away.hospital:
            out &= ~((at_ms >= away.from_ms) & (at_ms < away.until_ms))
    return out
