"""Workers of another version: rows that an earlier one wrote are read, and what a later one added to them is left out."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from crashing import states
from logs import ENGINE
from street import recovered_from
from test_snapshot import NAMES, lived

from streams.engine.partition import Partition
from streams.engine.snapshot import HOT, POSITIONS, RHYTHMS, pack, unpack

ROWS = sorted((Path(__file__).parent / "changelogs").glob("*.bin"))
"""Compacted changelogs of four synthetic homes, one of them with gas in the air, as earlier versions of this day wrote them."""


@pytest.mark.parametrize("file", ROWS, ids=lambda file: file.stem)
def test_rows_of_an_earlier_version_are_read_and_no_home_and_no_incident_is_lost(file: Path) -> None:
    rows = [(key, value) for key, value in msgspec.msgpack.decode(zlib.decompress(file.read_bytes()))]
    found = recovered_from(rows)
    assert (found.corrupt, found.lost) == (0, set())
    partition = Partition(0, 1, engine=ENGINE, recovered=found)
    assert not partition.unreadable
    assert partition.names() == [*NAMES]
    assert partition.open_incidents > 0
    assert all(home.model is not None for name in NAMES if (home := partition.household(name)) is not None)
    # And what it keeps of them from now on gives them back bit for bit.
    kept = partition.checkpoint().rows
    again = Partition(0, 1, engine=ENGINE, recovered=recovered_from([*rows, *kept]), owner=2)
    assert states(again) == states(partition)


def longer(payload: list[Any]) -> list[Any]:
    """A row with two more elements."""
    return [*payload, [1, "new"], 7]


def with_longer_model(payload: list[Any]) -> list[Any]:
    """A hot or rhythm row whose model has one more element."""
    model = msgspec.msgpack.encode([*msgspec.msgpack.decode(payload[1]), ["new"]])
    return [payload[0], model, *payload[2:]]


@pytest.mark.parametrize(
    ("kinds", "change"),
    [((HOT, *POSITIONS), longer), ((HOT, *RHYTHMS), with_longer_model)],
    ids=["rows", "models"],
)
def test_what_a_later_version_added_is_left_out_and_the_rest_is_used(
    kinds: tuple[bytes, ...], change: Callable[[list[Any]], list[Any]]
) -> None:
    rows, wanted = lived()
    changed = []
    for key, value in rows:
        stamp, payload = unpack(value or b"")
        changed.append((key, pack(stamp, change(payload)) if key.startswith(kinds) else value))
    assert changed != rows
    found = recovered_from(changed)
    assert found.corrupt == 0
    partition = Partition(0, 1, engine=ENGINE, recovered=found)
    assert not partition.unreadable
    assert states(partition) == wanted


def test_negative_control_a_row_that_lost_an_element_is_damage() -> None:
    rows, _ = lived()
    rows = [
        (key, pack(stamp, payload[:6]) if key.startswith(HOT) else value)
        for key, value in rows
        for stamp, payload in [unpack(value or b"")]
    ]
    assert recovered_from(rows).corrupt > 0
