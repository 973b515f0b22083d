"""Where a moment lies in a log: found by halving as a plain search finds it, whatever lies between the ticks."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.encode import encode
from schemas.events import Tick
from streams.engine.order import read_tick
from streams.replay import moments
from streams.tail import Place

PLACE: Place = ("home.sensors", 0)
BEGAN_MS = 1_788_102_000_000


class Record(NamedTuple):
    offset: int
    value: bytes | None


class Log:
    """A partition as a reader brings it: from an offset on, retention and gaps of compaction included."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.brought = 0

    def read_to_end(self, starts: dict[Place, int]) -> Iterator[Record]:
        for record in self.records:
            if record.offset >= starts[PLACE]:
                self.brought += 1
                yield record


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Records of ticks that ascend and of anything else, with gaps between their offsets."""
    offset, tick_ms, out = draw(st.integers(0, 5)), BEGAN_MS, []
    for _ in range(draw(st.integers(0, 60))):
        if draw(st.integers(0, 3)) == 0:
            tick_ms += draw(st.integers(0, 3)) * 1000
            out.append(Record(offset, encode(Tick(tick_ms))))
        else:
            out.append(Record(offset, draw(st.sampled_from([b"[]", b"{", None]))))
        offset += draw(st.sampled_from([1, 1, 1, 4]))
    return out


def test_control_a_plain_search_finds_ticks_at_all() -> None:
    records = [Record(3, b"[]"), Record(4, encode(Tick(BEGAN_MS))), Record(9, encode(Tick(BEGAN_MS + 1000)))]
    assert plain(records, 10, BEGAN_MS + 1) == 9
    assert plain(records, 9, BEGAN_MS + 1) is None


def plain(records: list[Record], end: int, at_ms: int) -> int | None:
    ticks = ((one.offset, read_tick(one.value)) for one in records if one.offset < end)
    return next((offset for offset, tick in ticks if tick is not None and tick.tick >= at_ms), None)


@given(logs(), st.integers(0, 40), st.integers(0, 4), st.sampled_from([1, 3, 5_000]))
def test_a_moment_is_found_where_a_search_from_the_beginning_finds_it(
    records: list[Record], seconds: int, fewer: int, scanned: int
) -> None:
    first = records[0].offset if records else 0
    end = max(first, (records[-1].offset + 1 if records else 0) - fewer)
    reader: Any = Log(records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "SCANNED", scanned)
        found = moments.offsets_at(reader, {PLACE: (first, end)}, BEGAN_MS + seconds * 1000)
    assert found == {PLACE: plain(records, end, BEGAN_MS + seconds * 1000)}


def test_a_long_log_is_halved_and_not_read_from_the_beginning() -> None:
    records = [Record(i, encode(Tick(BEGAN_MS + i)) if i % 10 == 0 else b"[]") for i in range(200_000)]
    log = Log(records)
    reader: Any = log
    assert moments.offsets_at(reader, {PLACE: (0, len(records))}, BEGAN_MS + 189_001) == {PLACE: 189_010}
    assert log.brought < len(records) / 4, "a negative control is the plain search, which brings 189,011"
