"""What recovery makes of a changelog: damaged, cut, written by several, compacted. It never fails and never guesses."""

from functools import cache
from random import Random
from sys import getrefcount
from typing import Any

import msgspec
import pytest
from crashing import compacted, states
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import ENGINE
from street import DAY_MS, HOUR_MS, SOURCES, Street, recovered_from, told, what_is_left

from schemas.households import HouseholdRecord, Source
from schemas.incidents import CloseCause, Incident, IncidentKind
from streams.engine.partition import Partition
from streams.engine.snapshot import HOT, KINDS, POSITIONS, RECORD, RHYTHMS, Changelog, Stamp, pack, unpack

Row = tuple[bytes, bytes | None]
NAMES = ("h-1", "h-2", "h-3", "h-unregistered")


def live_a_day(street: Street, *names: str) -> None:
    for hour in range(24):
        for name in names:
            street.happen("door", name, state="on", device=f"d{hour % 3}")
            street.happen("unlock", name)
        street.tick(HOUR_MS)
        if hour % 6 == 5:
            street.keep()


@cache
def _lived() -> tuple[tuple[Row, ...], dict[str, Any]]:
    street = Street()
    for name in NAMES[:3]:
        street.register(name)
    for _ in range(4):
        live_a_day(street, *NAMES)
    street.happen("gas", "h-2")
    street.tick()
    street.keep()
    return tuple(street.changelog), states(street.partition)


def lived() -> tuple[list[Row], dict[str, Any]]:
    """A changelog of some days of four synthetic households, and their state at its end."""
    rows, wanted = _lived()
    return list(rows), wanted


def partition_of(rows: list[Row], **options: Any) -> Partition:
    return Partition(0, 1, engine=ENGINE, recovered=recovered_from(rows), **options)


def who(key: bytes) -> str:
    return key[2:].decode() if key[:2] in KINDS else "!"


def test_a_changelog_gives_back_every_household_bit_for_bit_also_when_compacted() -> None:
    rows, wanted = lived()
    assert states(partition_of(rows)) == wanted
    assert states(partition_of(compacted(rows))) == wanted
    assert {key[:2] for key, _ in rows} >= {HOT, *RHYTHMS, RECORD}


def test_what_was_taken_of_a_row_does_not_keep_the_value_that_it_came_in() -> None:
    changelog, rows = Changelog(), [(key, bytes(bytearray(value))) for key, value in lived()[0] if value]
    held = [getrefcount(value) for _, value in rows]
    for key, value in rows:
        changelog.take(key, value)
    del key, value
    assert [getrefcount(value) for _, value in rows] == held
    view = msgspec.msgpack.decode(memoryview(rows[0][1])[28:], type=msgspec.Raw)  # the fault this is about
    assert getrefcount(rows[0][1]) > held[0]
    assert view


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_short_way_of_a_log_without_damage_chooses_what_the_long_one_does(data: st.DataObject) -> None:
    kept = dict(compacted(lived()[0]))
    last = max((key for key in kept if key in POSITIONS), key=[*kept].index)
    others = [row for row in kept.items() if row[0] != last and data.draw(st.integers(0, 5))]
    strangers = [(RECORD + b"h-9", kept[RECORD + b"h-1"]), (HOT + b"no pseudonym", kept[HOT + b"h-1"])]
    short, long = Changelog(), Changelog()
    for key, value in [*strangers, *data.draw(st.permutations(others)), (last, kept[last])]:
        short.take(key, value)
        long.take(key, value)
    assert short.is_clean
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Changelog, "is_clean", False)
        wanted = long.result()
    found = short.result()
    assert found == wanted
    assert [*found.households] == [*wanted.households], "the order in which homes are woken"


# Damage.


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_row_costs_at_most_its_own_household(data: st.DataObject) -> None:
    rows, wanted = lived()
    rows = compacted(rows) if data.draw(st.booleans()) else rows
    place = data.draw(st.integers(0, len(rows) - 1))
    key, value = rows[place]
    assert value is not None
    at = data.draw(st.integers(0, len(value) - 1))
    broken = value[:at] + bytes([value[at] ^ data.draw(st.integers(1, 255))]) + value[at + 1 :]
    rows[place] = key, data.draw(st.sampled_from([broken, value[:at], b"", value + b"x"]))
    found = recovered_from(rows)
    assert found.corrupt == 1
    partition = Partition(0, 1, engine=ENGINE, recovered=found)
    if key in POSITIONS:
        return  # told apart below
    assert partition.unreadable <= {who(key)}
    have = states(partition)
    for name in {*wanted} - {who(key)}:
        assert have[name] == wanted[name]
    assert who(key) in have or who(key) in partition.unreadable


@pytest.mark.parametrize("kind", [HOT, *RHYTHMS, RECORD])
def test_a_household_is_lost_when_the_row_it_needs_is_damaged_and_not_for_one_it_does_not(kind: bytes) -> None:
    rows, wanted = lived()
    key = kind + b"h-1"
    last = max(place for place, row in enumerate(rows) if row[0] == key)
    place_of_rhythm = unpack(dict(rows)[HOT + b"h-1"] or b"")[1][7]
    rows[last] = key, b"damaged"
    partition = partition_of(rows)
    if kind == RHYTHMS[1 - place_of_rhythm]:
        assert not partition.unreadable
        assert states(partition) == wanted
    else:
        assert partition.unreadable == {"h-1"}


def test_a_damaged_position_row_falls_back_on_the_whole_checkpoint_before_it() -> None:
    rows, wanted = lived()
    *before, (key, value) = rows
    assert key in POSITIONS
    assert value is not None
    damaged = partition_of([*before, (key, value[:-1])])
    missing = partition_of(before)
    assert states(damaged) == states(missing)
    assert states(damaged)["!"] != wanted["!"]
    assert not damaged.unreadable


def test_without_any_whole_position_the_partition_starts_at_the_beginning_and_watches_nobody() -> None:
    rows, _ = lived()
    partition = partition_of([(key, b"damaged" if key in POSITIONS else value) for key, value in rows])
    assert partition.order.positions.offsets == [0] * len(partition.order.positions.offsets)
    assert partition.households == 0
    assert not partition.unreadable


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from([*POSITIONS, HOT + b"h-1", *(kind + b"h-1" for kind in RHYTHMS), RECORD + b"h-1"])
    | st.binary(max_size=12),
    payload=st.recursive(
        st.none() | st.booleans() | st.integers(-1, 1 << 62) | st.binary(max_size=4) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=25,
    ),
    first=st.booleans(),
)
def test_a_sound_checksum_over_nonsense_is_damage_too(key: bytes, payload: Any, first: bool) -> None:
    rows, _ = lived()
    stamp, _ = unpack(rows[-1][1] or b"")
    nonsense = key, pack(stamp._replace(number=stamp.number + 1), payload)
    rows = [nonsense, *rows] if first else [*rows, nonsense, (POSITIONS[0], pack(stamp, unpack(rows[-1][1] or b"")[1]))]
    partition = partition_of(rows)
    assert {*partition.names()} | partition.unreadable >= {*NAMES} - {who(key)}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 20))
def test_any_mixture_of_rows_is_recovered_from_without_an_error(seed: int) -> None:
    rnd = Random(seed)
    rows, _ = lived()
    mixed = rnd.choices(rows, k=rnd.randrange(60))
    for _ in range(rnd.randrange(5)):
        key, value = rnd.choice(rows)
        mixed.insert(rnd.randrange(len(mixed) + 1), (key, rnd.choice([None, b"", rnd.randbytes(40), value])))
    stamp = Stamp(rnd.randrange(3), rnd.randrange(3), rnd.randrange(9))
    mixed = [(k, pack(stamp, unpack(v)[1]) if v and len(v) > 60 and rnd.random() < 0.2 else v) for k, v in mixed]
    partition = partition_of(mixed)
    for name in sorted(partition.unreadable):
        partition.salvage(name, None, [])
    partition.checkpoint()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_household_whose_model_is_nonsense_is_salvaged_alone(data: st.DataObject) -> None:
    rows, wanted = lived()
    last = max(place for place, row in enumerate(rows) if row[0] == HOT + b"h-1")
    stamp, payload = unpack(rows[last][1] or b"")
    model = msgspec.msgpack.decode(payload[1])
    model[data.draw(st.integers(0, len(model) - 1))] = data.draw(
        st.none() | st.text(max_size=3) | st.integers(-9, 1 << 63)
    )
    payload[1] = msgspec.msgpack.encode(model)
    rows[last] = HOT + b"h-1", pack(stamp, payload)
    partition = partition_of(rows)
    # Found at once by its beginning, or when the household wakes.
    assert partition.unreadable <= {"h-1"}
    have = states(partition)
    assert all(have[name] == wanted[name] for name in wanted if name != "h-1")


def test_a_position_row_whose_counts_of_refusals_are_of_another_version_is_used_without_them() -> None:
    rows, wanted = lived()
    key, value = rows[-1]
    stamp, payload = unpack(value or b"")
    for floods in ([], [[["x"]], []], [[], [["home.sensors gone", {"reason": "gone"}, 1, 2]]]):
        payload[2] = floods
        assert states(partition_of([*rows[:-1], (key, pack(stamp, payload))])) == wanted


# Several owners.


def owned(rows: list[Row], owner: int) -> Partition:
    return partition_of(rows, owner=owner)


def checkpoints(partition: Partition, count: int) -> list[list[Row]]:
    return [partition.checkpoint().rows for _ in range(count)]


def test_a_zombies_rows_count_for_nothing_and_where_only_they_are_left_the_household_is_salvaged() -> None:
    rows, wanted = lived()
    zombie = owned(rows, 1)
    late = zombie.checkpoint().rows
    successor = owned(rows, 2)
    written = successor.checkpoint().rows
    after = owned([*rows, *written, *checkpoints(owned([*rows, *written], 3), 1)[0]], 4)
    assert states(after) == wanted
    overtaken = [*rows, *written, *checkpoints(owned([*rows, *written], 3), 1)[0], *late]
    assert states(owned(overtaken, 5)) == wanted
    # After a compaction that left only the zombie's row of a household, it is the only one that is lost.
    left = [row for row in overtaken[: -len(late)] if row[0] != HOT + b"h-1"]
    found = owned([*left, *(row for row in late if row[0] == HOT + b"h-1")], 6)
    assert found.unreadable == {"h-1"}
    assert {name: state for name, state in states(found).items() if name != "h-1"} == {
        name: state for name, state in wanted.items() if name != "h-1"
    }


def test_of_two_owners_of_one_epoch_late_rows_of_the_one_do_not_undo_whole_checkpoints_of_the_other() -> None:
    rows, wanted = lived()
    first, second = owned(rows, 1), owned(rows, 2)
    late = first.checkpoint().rows
    written = [row for each in checkpoints(second, 3) for row in each]
    for cut in (1, 3, len(late)):
        found = owned([*rows, *written, *late[:cut], *second.checkpoint().rows], 3)
        assert not found.unreadable
        assert states(found) == wanted
        recovered = recovered_from([*rows, *written, *late[:cut], *second.checkpoint().rows])
        assert recovered.set_aside == cut


def test_of_two_owners_of_one_epoch_the_later_counts_while_neither_is_whole() -> None:
    rows, wanted = lived()
    first, second = owned(rows, 1), owned(rows, 2)
    unfinished = first.checkpoint().rows[:3]
    written = second.checkpoint().rows
    recovered = recovered_from([*rows, *unfinished, *written])
    assert recovered.set_aside >= 3
    assert states(Partition(0, 1, engine=ENGINE, recovered=recovered)) == wanted


def test_a_new_owner_counts_on_from_whatever_was_written() -> None:
    rows, _ = lived()
    stamps = [unpack(value)[0] for _, value in rows if value]
    unfinished = owned(rows, 7).checkpoint().rows[:1]
    found = recovered_from([*rows, *unfinished])
    assert found.top_epoch == max(one.epoch for one in stamps) + 1
    assert found.top_number == max(one.number for one in stamps) + 1


# Whole or not at all.


def test_a_record_that_came_in_an_unfinished_checkpoint_is_applied_when_its_turn_comes_again() -> None:
    street = Street()
    street.tick()
    street.happen("door", state="on")
    street.tick()
    street.keep()
    record = street.register()
    street.tick()
    street.changelog += street.partition.checkpoint().rows[:-1]  # killed before the position row
    wanted = states(street.partition)
    street.crash()
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.record is None
    street.arrive()
    assert watched.record == record
    assert watched.since_ms == 0, "it would be let go after seven days although it is registered"
    assert states(street.partition) == wanted


def test_where_compaction_left_only_the_newer_rows_of_a_household_its_newer_record_is_taken_with_them() -> None:
    street = Street()
    street.register(language="ko")
    street.tick()
    street.happen("door", state="on")
    street.tick()
    street.keep()
    record = street.register(language="en")
    street.happen("door", state="on")
    street.tick()
    unfinished = street.partition.checkpoint().rows[:-1]
    wanted = states(street.partition)
    street.changelog = compacted([*street.changelog, *unfinished])
    street.crash()
    watched = street.partition.household("h-1")
    assert watched is not None
    assert watched.record == record
    street.arrive()
    assert states(street.partition) == wanted


def test_a_rhythm_without_its_hot_row_does_not_take_the_place_of_one_that_is_needed() -> None:
    rows, _ = lived()
    street = Street(partition_of(rows, owner=1))
    *first, _ = street.partition.checkpoint().rows  # killed before the position row: a newer hot row and its rhythm
    second = [row for row in partition_of(rows, owner=2).checkpoint().rows if row[0][:2] in RHYTHMS][
        :1
    ]  # killed at once
    ((key, _),) = second
    hot = HOT + key[2:]
    assert key in dict(first)
    stamp, payload = unpack(dict(second)[key] or b"")
    third = [(key, pack(stamp._replace(epoch=stamp.epoch + 1), [payload[0] + 1, payload[1]]))]
    # Compaction has come so far that of the hot rows only the unfinished one is left.
    left = [row for row in rows if row[0] != hot]
    found = recovered_from([*left, *first, *third])
    assert not found.lost
    # Negative control: where that hot row is gone too, the household is lost and told so.
    assert recovered_from([*left, *(row for row in first if row[0] != hot), (hot, b"damaged"), *third]).lost


def test_a_damaged_row_that_took_the_place_of_an_older_one_is_told_and_not_taken_for_nobody() -> None:
    rows, _ = lived()
    left = [row for row in rows if row[0] != HOT + b"h-1"]
    partition = partition_of([*left, (HOT + b"h-1", b"damaged")])
    assert partition.unreadable == {"h-1"}


# The end of a household.


@pytest.mark.parametrize("told_tombstones", [0, 1, 2])
def test_whoever_takes_over_after_an_end_finishes_what_its_former_owner_left(told_tombstones: int) -> None:
    street = Street()
    street.register("h-1")
    street.register("h-2")
    for _ in range(3):
        live_a_day(street, "h-1", "h-2")
    street.remove("h-1")
    street.tick()
    street.keep()
    assert RECORD + b"h-1" in what_is_left(street.changelog)
    tombstones = [row for row in street.partition.checkpoint().rows if row[1] is None]
    assert len(tombstones) >= 4
    street.changelog += tombstones[:told_tombstones]  # killed before or within the checkpoint that would bury it
    street.crash()
    street.keep()
    assert not [key for key in what_is_left(street.changelog) if key.endswith(b"h-1")]
    assert [key for key in what_is_left(street.changelog) if key.endswith(b"h-2")]
    street.crash()
    assert street.partition.names() == ["h-2"]
    assert street.partition._roster.has_ended("h-1")


# Salvage.


def test_a_lost_household_is_told_as_unseen_until_it_shows_life_and_its_incidents_go_on() -> None:
    street = Street()
    street.register("h-1")
    street.tick()
    street.happen("gas")
    street.tick()
    (gas,) = street.open()
    street.keep()
    street.changelog = [(key, b"damaged" if key == HOT + b"h-1" else value) for key, value in street.changelog]
    record = dict(street.changelog)[RECORD + b"h-1"]
    street.crash()
    assert street.partition.unreadable == {"h-1"}
    outputs = street.partition.salvage("h-1", unpack(record or b"")[1], [gas])
    street.out += outputs
    (blind,) = told(outputs)
    assert blind.kind is IncidentKind.CANNOT_SEE
    assert blind.case == gas.case
    assert "기록이 손상되어" in blind.sentence_ko
    assert "0시간" not in blind.sentence_ko
    assert blind.shares == {"record": 1.0}
    street.tick()
    assert street.status().blind == 1
    street.restart()
    street.act(gas, "close", cause=CloseCause.HELPED)
    street.happen("door", state="on")
    street.tick()
    assert not street.open()
    assert street.incidents()[gas.id].revision == gas.revision + 1
    assert street.incidents()[blind.id].sentence_en.startswith("Something reports again, after ")
    street.tick()
    assert street.status().blind == 0


def test_a_crash_right_after_a_salvage_doubles_nothing_and_a_time_nobody_can_read_stops_none() -> None:
    rows, _ = lived()
    rows = [(key, b"damaged" if key == HOT + b"h-1" else value) for key, value in rows]
    outputs = partition_of(rows).salvage("h-1", None, [])
    found = [one.what for one in outputs if one.topic == "incidents.open" and isinstance(one.what, Incident)]
    assert told(outputs) == found
    assert told(partition_of(rows).salvage("h-1", None, found)) == []
    unreadable = [msgspec.structs.replace(one, opened_at="1970-01-01T00:00:00.000Z") for one in found]
    partition_of(rows).salvage("h-1", None, unreadable)
    # Before there is a clock nothing can be told of since when: it is watched from the first tick on.
    nowhere = partition_of([(HOT + b"h-1", b"damaged"), (POSITIONS[0], b"damaged")])
    assert nowhere.salvage("h-1", None, found) == []


# Bytes.


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, list):
        return all(map(_is_plain, thing))
    if isinstance(thing, dict):
        return all(isinstance(key, str) and _is_plain(value) for key, value in thing.items())
    return thing is None or isinstance(thing, bool | int | float | str | bytes)


def test_rows_hold_plain_numbers_and_texts_and_no_pickles() -> None:
    rows, _ = lived()
    for _, value in rows:
        _, payload = unpack(value or b"")
        assert _is_plain(payload)
        assert b"\x80\x04\x95" not in (value or b"")
        assert b"\x80\x05\x95" not in (value or b"")
    for key, value in rows:
        if key[:2] == HOT:
            model = unpack(value or b"")[1][1]
            assert _is_plain(msgspec.msgpack.decode(model))


def test_the_same_state_gives_the_same_bytes_after_any_restart() -> None:
    rows, _ = lived()
    first, second = owned(rows, 1), owned(rows, 1)
    again = owned([*rows, *second.checkpoint().rows], 1)
    mine = {key: unpack(value or b"")[1] for key, value in first.checkpoint().rows if key[:2] in (HOT, RECORD)}
    theirs = {key: unpack(value or b"")[1] for key, value in again.checkpoint().rows if key[:2] in (HOT, RECORD)}
    for payload in (*mine.values(), *theirs.values()):
        if isinstance(payload, list):
            payload[7] = 0  # rhythm rows lie in two places by turns
    assert {key: pack(Stamp(1, 1, 1), one) for key, one in mine.items()} == {
        key: pack(Stamp(1, 1, 1), one) for key, one in theirs.items()
    }


def test_the_order_of_keys_changes_no_byte() -> None:
    stamp = Stamp(1, 2, 3)
    assert pack(stamp, [{"a": 1, "b": {"c": 2, "d": 3}}]) == pack(stamp, [{"b": {"d": 3, "c": 2}, "a": 1}])
    assert pack(stamp, [{"a": 1}]) != pack(stamp, [{"a": 2}])


# Consent.


def test_nothing_of_a_source_whose_consent_is_withdrawn_is_left_in_any_row() -> None:
    def run(*, phone: bool) -> dict[bytes, bytes]:
        street = Street()
        sources = [Source(SOURCES["home.sensors"]), Source(SOURCES["phone.usage"])]
        street.register(sources=sources)
        for hour in range(3 * 24):
            street.happen("door", state="on", device=f"d{hour % 3}")
            if phone:
                street.happen("unlock", id=f"u{hour}")
            street.tick(HOUR_MS)
        street.register(sources=[sources[0], Source(SOURCES["phone.usage"], consent=False)])
        for _ in range(5):
            street.happen("unlock")
            street.happen("door", state="on")
            street.tick(HOUR_MS)
        assert street.readings("phone.usage")["no_consent"] == 5
        street.keep()
        street.restart()
        street.keep()
        return what_is_left(street.changelog)

    left = run(phone=True)
    for key, value in left.items():
        if key[:2] != RECORD:
            assert b"phone" not in value, key
    payload = unpack(left[HOT + b"h-1"])[1]
    bare = unpack(run(phone=False)[HOT + b"h-1"])[1]
    assert len(payload[1]) == len(bare[1])


def test_a_record_is_kept_as_it_was_published() -> None:
    rows, _ = lived()
    payload = unpack(dict(rows)[RECORD + b"h-1"] or b"")[1]
    assert msgspec.json.decode(payload, type=HouseholdRecord).household == "h-1"
    assert DAY_MS == 24 * HOUR_MS
