"""Households that sleep as their rows: nothing told, nothing kept and no deadline hangs on who is awake."""

from functools import partial
from typing import Any

import msgspec
import pytest
from crashing import Told, run_crashing, states
from hypothesis import given
from hypothesis import strategies as st
from logs import ENGINE, run
from street import Street, recovered_from
from test_partition import eventful, few, oracle
from test_snapshot import NAMES, lived

from streams.engine.partition import Partition
from streams.engine.records import packed, unpacked
from streams.engine.snapshot import HOT, pack, unpack
from streams.engine.watched import Watched

whole = partial(Partition, 0, 1, engine=ENGINE, buffer_records=1 << 40)


@pytest.mark.parametrize("awake", [0, 3])
def test_however_few_are_awake_the_same_is_told_and_kept(awake: int) -> None:
    partition, told = whole(awake=awake), Told()
    told.take(run(partition, eventful()))
    assert partition.sleep.woken > 1000
    assert len(partition.sleep) <= awake
    assert not told.differing
    assert told.records == oracle()[0].records
    assert states(partition) == oracle()[1]


@few(1)
@given(seed=st.integers(0, 1 << 20), awake=st.integers(0, 6))
def test_crashes_of_workers_whose_households_sleep_lose_nothing_and_double_nothing(seed: int, awake: int) -> None:
    told, state, crashed = run_crashing(eventful(), seed, crashes=6, awake=awake)
    assert crashed
    assert not told.differing
    assert told.records == oracle()[0].records
    assert state == oracle()[1]


def test_negative_control_a_household_that_forgets_in_its_sleep_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = Watched.fall_asleep

    def forgetful(watched: Watched) -> None:
        if watched.model is not None:
            watched.model._state.calls._outcomes = ()  # the fault this is about
        asleep(watched)

    monkeypatch.setattr(Watched, "fall_asleep", forgetful)
    partition, told = whole(awake=0), Told()
    told.take(run(partition, eventful()))
    assert told.records != oracle()[0].records


@given(st.binary(max_size=3000))
def test_a_registry_record_comes_back_as_it_was_published(raw: bytes) -> None:
    assert unpacked(packed(raw)) == raw


def test_whoever_takes_over_wakes_nobody_and_counts_the_same() -> None:
    rows, wanted = lived()
    partition = Partition(0, 1, engine=ENGINE, recovered=recovered_from(rows))
    assert (len(partition.sleep), partition.sleep.woken) == (0, 0)
    awake = Partition(0, 1, engine=ENGINE, recovered=recovered_from(without_brief(rows)))
    assert len(awake.sleep) == awake.households
    assert counted(partition) == counted(awake)
    # Neither does the checkpoint that follows, in which it writes every row again.
    kept = partition.checkpoint().rows
    assert len(partition.sleep) == 0
    assert unheard(kept) == unheard(awake.checkpoint().rows)
    assert states(partition) == states(awake) == wanted


def unheard(rows: list[tuple[bytes, bytes | None]]) -> list[Any]:
    """The payloads, but for when a household was last heard of: rows of an earlier version do not say."""
    payloads = [(key, unpack(value or b"")[1]) for key, value in rows]
    return [[*one[:9], [*one[9][:9], *one[9][10:]]] if key[:2] == HOT else one for key, one in payloads]


def without_brief(rows: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """The rows as an earlier version wrote them."""
    out = []
    for key, value in rows:
        stamp, payload = unpack(value or b"")
        out.append((key, pack(stamp, payload[:9]) if key.startswith(HOT) else value))
    return out


def counted(partition: Partition) -> tuple[Any, ...]:
    homes = [partition.household(name) for name in partition.names()]
    wakes = [home.wake_ms for home in homes if home is not None]
    delays = [home.delay_bands for home in homes if home is not None]
    return (
        partition.blind,
        partition.slow,
        partition.delays,
        partition.open_incidents,
        partition.households,
        partition.exercises,
        wakes,
        delays,
    )


def test_a_model_that_turns_out_unreadable_costs_its_own_household_alone_and_is_told() -> None:
    rows, wanted = lived()
    last = max(place for place, row in enumerate(rows) if row[0] == HOT + b"h-1")
    stamp, payload = unpack(rows[last][1] or b"")
    model = msgspec.msgpack.decode(payload[1])
    model[5] = "nonsense"
    payload[1] = msgspec.msgpack.encode(model)
    rows[last] = HOT + b"h-1", pack(stamp, payload)
    street = Street(Partition(0, 1, engine=ENGINE, recovered=recovered_from(rows)))
    street.now_ms = street.partition.clock_ms
    for log, offset in zip(street.logs, street.partition.order.positions.offsets, strict=True):
        log.keys, log.values = [b"x"] * offset, [b""] * offset
    for name in NAMES:
        street.happen("motion", name, state="on", device="m")
    street.tick()
    told = [one for one in street.incidents().values() if one.household == "h-1"]
    assert [one.kind.value for one in told] == ["cannot_see"]
    have = states(street.partition)
    assert have["h-1"][0] is not None
    assert {name for name in NAMES if have[name][0] is not None} == {*NAMES}
    assert wanted.keys() == have.keys()
