"""The archive: what is stored says the same to the engine as the log did, and nothing that nobody asked for."""

from random import Random
from typing import Any

import msgspec
import pytest
from any_messages import any_message
from writer_doubles import NOW, Clock, ListSource, ListStore, Log, a_writer, drain

from schemas.build import encode_events
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import TICK_KEY, Fault
from schemas.examples import EVENTS, RECORDS
from schemas.rows import ARCHIVE
from schemas.topics import ORDERED_NAMES
from schemas.vocabulary import BY_NAME
from streams.archive.rows import Message, archive_rows, message_of
from streams.engine.order import read_tick
from streams.tail import Record
from streams.writer.job import INPUTS

HOUSEHOLD = b"h-000123"


def there_and_back(topic: str, key: bytes | None, value: bytes | None) -> Message:
    rows = archive_rows(topic, 3, 17, key, value, NOW, broker_stamped=True)
    assert [row.table for row in rows] == [ARCHIVE] * len(rows)
    assert [row.values[:3] for row in rows] == [(topic, 3, 17)] * len(rows)
    return message_of([row.values for row in rows])


def meaning(topic: str, key: bytes | None, value: bytes | None) -> list[Any]:
    """What the engine takes from a message: ticks by the rules of the order, all else decoded, faults left out."""
    if key == TICK_KEY:
        return [read_tick(value)]
    return [one for one in decode(topic, key, value) if not isinstance(one, Fault)]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_in_the_log_means_the_same_when_it_comes_out_of_the_archive(seed: int) -> None:
    rnd = Random(seed)
    meanings = 0
    for _ in range(1_500):
        topic, key, value = any_message(rnd, NOW, ["i-1"])
        back = there_and_back(topic, key, value)
        wanted = meaning(topic, key, value)
        meanings += len(wanted)
        assert meaning(topic, back.key, back.value) == wanted
        assert (back.key == TICK_KEY) == (key == TICK_KEY), "only a tick may pass for a tick"
        assert back[3:] == (NOW, True)
        again = there_and_back(topic, back.key, back.value)
        assert meaning(topic, again.key, again.value) == wanted
    assert meanings > 500


def test_an_array_keeps_the_places_of_its_readings_and_of_what_was_refused() -> None:
    event = EVENTS["motion"]
    sound = encode_events([event])
    value = b"[%b,%b,%b]" % (sound, b'{"specversion":"1.0"}', sound)
    rows = archive_rows("home.sensors", 0, 5, event.household.encode(), value, NOW, broker_stamped=False)
    named = [dict(zip(ARCHIVE.columns, row.values, strict=True)) for row in rows]
    assert [(one["log_index"], one["readings"], one["form"]) for one in named] == [
        (0, 3, "event"),
        (1, 3, "refused"),
        (2, 3, "event"),
    ]
    assert named[1]["reason"] == "missing_field"
    back = message_of([row.values for row in rows])
    assert [type(one) for one in decode("home.sensors", back.key, back.value)] == [type(event), Fault, type(event)]
    with pytest.raises(ValueError, match="2 of 3 readings"):
        message_of([rows[0].values, rows[2].values])


def test_decoded_known_fields_only_are_stored_no_unknown_field_no_broken_message_and_none_of_its_words() -> None:
    told = encode_events([EVENTS["motion"]])
    household = EVENTS["motion"].household.encode()
    for value in (
        told[:-1] + b',"note":"Kim Yeongja, 3rd floor"}',
        b'{"household":"Kim Yeongja, 3rd floor',
        told.replace(b'"specversion":"1.0"', b'"specversion":"Kim Yeongja, 3rd floor"'),
    ):
        rows = archive_rows("home.sensors", 0, 5, household, value, NOW, broker_stamped=False)
        assert "Yeongja" not in repr([row.values for row in rows])


def test_a_registry_record_published_again_as_it_was_comes_out_as_the_same_bytes_and_a_changed_one_does_not() -> None:
    record = encode(RECORDS["household"])
    spaced = record.replace(b'","', b'", "')
    first, again, other = (there_and_back("households", HOUSEHOLD, value) for value in (record, record, spaced))
    assert first.value == again.value
    assert first.value != other.value
    assert decode("households", HOUSEHOLD, first.value) == decode("households", HOUSEHOLD, record)


def test_an_array_of_nothing_and_a_long_tick_have_their_rows() -> None:
    assert there_and_back("care.calls", HOUSEHOLD, b"[]").value == b"[]"
    # Longer than any tick: the order refuses it, though it could be decoded.
    long = b'{"tick":%d,"mode":"live"%b}' % (NOW, b" " * 300)
    assert read_tick(long) is None
    back = there_and_back("profile", TICK_KEY, long)
    assert back.key == TICK_KEY
    assert read_tick(back.value) is None


def a_log() -> Log:
    tick = encode(RECORDS["tick"])
    event = EVENTS["motion"]
    rubbish = b"\xff{"
    values = [(TICK_KEY, tick), (event.household.encode(), encode_events([event])), (b"h-9", rubbish), (TICK_KEY, tick)]
    return Log(
        [
            Record(topic, 0, offset, key, value, NOW + offset, broker_stamped=True)
            for topic in ORDERED_NAMES
            for offset, (key, value) in enumerate(values)
        ]
    )


def test_the_writer_stores_every_record_of_every_ordered_topic_and_commits_behind_them() -> None:
    log, store, clock = a_log(), ListStore(), Clock()
    source = ListSource(log, Random(1), clock)
    drain(a_writer(source, store, clock, job=INPUTS), source)
    rows = store.tables["archive"]
    assert {(row[0], row[2]) for row in rows} == {(one.topic, one.offset) for one in log.records}
    assert log.committed == {(topic, 0): 4 for topic in ORDERED_NAMES}
    assert BY_NAME["motion"].topic in {row[0] for row in rows}
    assert INPUTS.group("anbu") == "anbu-archive"


def test_a_gap_in_the_log_is_told_and_counted_and_leaves_its_offsets_without_rows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log, store, clock = a_log(), ListStore(), Clock()
    source = ListSource(log, Random(1), clock)
    writer = a_writer(source, store, clock, job=INPUTS)
    del log.records[1]  # retention was quicker

    def passes_the_gap(place: Any, offset: int) -> None:
        source._position[place] = offset + 1 if (place, offset) == ((ORDERED_NAMES[0], 0), 1) else offset

    source.rewind = passes_the_gap  # type: ignore[method-assign]
    source._position[ORDERED_NAMES[0], 0] = 0
    for _ in range(200):
        if source._position.get((ORDERED_NAMES[0], 0)) == 1:
            source._position[ORDERED_NAMES[0], 0] = 2
        writer.step()
    assert "1 records were gone from the log before they were read" in caplog.text
    assert writer.metrics.gone == 1  # type: ignore[attr-defined]
    assert {row[2] for row in store.tables["archive"] if row[0] == ORDERED_NAMES[0]} == {0, 2, 3}


def test_every_value_of_the_examples_fits_the_archive() -> None:
    """Of each example of an ordered input: what the archive gives back is what was sent."""
    for name, event in EVENTS.items():
        back = there_and_back(BY_NAME[name].topic, event.household.encode(), encode_events([event]))
        assert decode(BY_NAME[name].topic, back.key, back.value) == [event]
    assert msgspec.json.decode(there_and_back("profile", b"p", encode(RECORDS["profile"])).value or b"")
