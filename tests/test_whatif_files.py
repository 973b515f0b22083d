"""Files of events in the forms in which people have them; what is broken costs itself and is told with its place."""

import csv
import errno
import gzip
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from backports import zstd
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from load_tests.columns.sayings import Columns, Sayings
from load_tests.recordings.recorded import aligned, gathered
from load_tests.recordings.recording import wire_of
from load_tests.whatif.chosen import Chosen
from load_tests.whatif.files import Found, each_columns
from load_tests.whatif.on_disk import OnDisk
from load_tests.whatif.past import spooled_work
from load_tests.whatif.sources import SourceError, open_source
from schemas.build import encode_events
from schemas.events import TICK_KEY, Data, Event
from streams.cli import cli
from streams.event_file import faults_of
from streams.replay.run import Listener, Source

HEAD = "household,timestamp_iso,source,device,kind,value\n"
ROWS = "".join(
    f"h-1,2026-03-0{day}T09:{minute:02d}:00,sensor,kitchen,motion,ON\n" for day in (1, 2) for minute in range(30)
)
SEOUL = "Asia/Seoul"


class Read(Found):
    """Events of files in memory, too."""

    events: list[Event] = msgspec.field(default_factory=list)


def read_files(paths: list[Path], tz: str) -> Read:
    found = Read()
    found.events = [one for some in each_columns(paths, tz, found, Sayings()) for one in events_of(some)]
    return found


def events_of(columns: Columns) -> list[Event]:
    return [event.with_(id=msgspec.json.decode(number), at_ms=at_ms) for event, at_ms, number in columns.each()]


def in_columns(events: list[Event], sayings: Sayings) -> Columns:
    columns = Columns()
    for event in events:
        columns.add(sayings.of(event), event.at_ms, msgspec.json.encode(event.id).decode())
    return columns


def moments(events: list[Event]) -> list[int]:
    return sorted(event.at_ms for event in events)


def test_the_same_rows_are_the_same_events_in_every_form(tmp_path: Path) -> None:
    plain = tmp_path / "a.csv"
    plain.write_text(HEAD + ROWS)
    wanted = read_files([plain], SEOUL)
    assert len(wanted.events) == 60
    assert not wanted.bad_count
    packed, small, lines, casas = (tmp_path / name for name in ("b.csv.gz", "c.csv.zst", "d.jsonl.zst", "e.txt"))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    small.write_bytes(zstd.compress(plain.read_bytes()))
    lines.write_bytes(zstd.compress(b"\n".join(encode_events([event]) for event in wanted.events)))
    casas.write_text(
        "".join(f"{row.split(',')[1].replace('T', ' ')}\tM003\tON\tSleep begin\n" for row in ROWS.splitlines())
        + "2026-03-02 10:00:00 T001 21.5\n"
    )
    for file in (packed, small, lines, casas):
        found = read_files([file], SEOUL)
        assert moments(found.events) == moments(wanted.events), file.name
        assert {event.kind for event in found.events} == {"motion"}
        assert not found.bad_count, found.bad


def test_a_comma_in_a_line_of_casas_bounds_no_cell(tmp_path: Path) -> None:
    lines = ["2026-03-01 09:00:00,250 M003 ON", "2026-03-01 09:01:00 M004 O,N", "2026-03-01 09:02:00 M003 ON"]
    (tmp_path / "home.txt").write_text("\n".join(lines))
    found = read_files([tmp_path / "home.txt"], SEOUL)
    assert [event.at_ms % 120_000 for event in found.events] == [250, 0]
    assert [str(bad) for bad in found.bad] == ["home.txt, line 2: unknown value (value)"]


def test_parquet_is_read_and_half_a_file_is_told(tmp_path: Path) -> None:
    pytest.importorskip("chdb")
    (tmp_path / "a.csv").write_text(HEAD + ROWS)
    whole = tmp_path / "a.parquet"
    script = (
        "import chdb,sys;chdb.query(f\"SELECT * FROM file('{sys.argv[1]}', CSVWithNames) INTO OUTFILE '{sys.argv[2]}'"
        ' FORMAT Parquet")'
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.csv"), str(whole)], check=True)
    found = read_files([whole], SEOUL)
    assert moments(found.events) == moments(read_files([tmp_path / "a.csv"], SEOUL).events)
    half = tmp_path / "half.parquet"
    half.write_bytes(whole.read_bytes()[:-40])
    broken = read_files([half, tmp_path / "a.csv"], SEOUL)
    assert [(bad.file, bad.reason) for bad in broken.bad] == [("half.parquet", "no Parquet file, or cut in half")]
    assert len(broken.events) == 60


def test_what_is_broken_costs_itself_and_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "household,room,timestamp_iso,source,device,kind,value\n"
        "h-1,x,2026-03-01T09:00:00,sensor,kitchen,motion,ON\n"
        "h-1,x,not a time,sensor,kitchen,motion,ON\n"
        "h-1,2026-03-01T09:00:00\n"
        "h-1,x,2026-03-01T08:00:00,sensor,kitchen,motion,ON\n"
    )
    (tmp_path / "b.jsonl").write_bytes(
        encode_events([Event("h-2", "motion", "/sensors/1", "e1", 1_772_000_000_000, Data())])
        + b'\n{"type":"incid}\n{"type":"motion"}\n'
    )
    cut = gzip.compress((HEAD + ROWS * 200).encode())
    (tmp_path / "c.csv.gz").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "d.csv").write_text("home,when\nh-9,2026-03-01\n")
    (tmp_path / "readme.md").write_text("hello")
    found = read_files(sorted(tmp_path.iterdir()), SEOUL)
    told = {(bad.file, bad.line) for bad in found.bad}
    assert {("a.csv", 1), ("a.csv", 3), ("a.csv", 4), ("b.jsonl", 2), ("b.jsonl", 3), ("d.csv", 1)} <= told
    assert any(bad.file == "c.csv.gz" and "damaged" in bad.reason for bad in found.bad)
    assert {event.household for event in found.events} == {"h-1", "h-2"}
    assert any("readme.md" in note for note in found.notes)
    assert any("a.csv, line 5: the first of 1 events that stood after later ones" in note for note in found.notes)
    assert not any("h-9" in str(bad) or "not a time" in str(bad) for bad in found.bad), (
        "content of a file is never told"
    )
    source = open_source(tmp_path, tz=SEOUL, align_ms=None)
    assert source.bad_count == found.bad_count
    assert source.played.records()


def test_one_household_in_two_files_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + ROWS)
    (tmp_path / "b.csv").write_text(HEAD + ROWS.replace("T09", "T11"))
    events = read_files(sorted(tmp_path.iterdir()), SEOUL).events
    assert len({(event.household, event.source, event.id) for event in events}) == 120


def test_a_source_without_an_event_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("home,when\n")
    with pytest.raises(SourceError, match="no event"):
        open_source(tmp_path, tz=SEOUL, align_ms=None)


BROKEN = {
    "a broken line": ("a.csv", HEAD + ROWS + "h-1,not a time,sensor,kitchen,motion,ON\n", "a.csv, line 62: no time"),
    "an unknown column": (
        "a.csv",
        "room," + HEAD + "".join(f"x,{row}\n" for row in ROWS.splitlines()),
        "a.csv, line 1: column 1 is not known",
    ),
    "a household out of order": (
        "a.csv",
        HEAD + ROWS + "h-1,2026-03-01T00:00:00,sensor,kitchen,motion,ON\n",
        "a.csv, line 62: the first of 1 events",
    ),
    "a file cut in half": ("a.csv.gz", "", "the file is damaged from here on"),
}
HOSTILE = {
    "a byte that is not UTF-8": b"h-1,2026-03-01T10:00:00,sensor,k\xe9,motion,ON",
    "a NUL byte": b"h-1,2026-03-01T10:00:00,sensor,k\0,motion,ON",
    "a quote never closed": b'h-1,2026-03-01T10:00:00,sensor,"k,motion,ON',
    "a line too long": b"h-1," + b"x" * 2_500_000,
    "a cell too long": b"h-1,2026-03-01T10:00:00,sensor," + b"k" * 200 + b",motion,ON",
    "a number that is no reading": b"h-1,2026-03-01T10:00:00,sensor,k,temperature,1e300",
    "the year 9999": b"h-1,9999-12-31T23:59:59+00:00,sensor,k,motion,ON",
    "a negative year": b"h-1,-0005-01-01T00:00:00Z,sensor,k,motion,ON",
    "the header once more": HEAD.strip().encode(),
    "half a row": b"h-1,2026-03",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_line_costs_itself_alone_and_is_told_with_its_line(what: str, tmp_path: Path) -> None:
    lines = [*(HEAD + ROWS).encode().splitlines(), b""]
    lines[31:31] = [HOSTILE[what]]
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    found = read_files([file], SEOUL)
    assert [(bad.file, bad.line) for bad in found.bad] == [("a.csv", 32)]
    assert found.bad_count == 1
    assert len(found.events) == 60
    assert not [fault for event in found.events for fault in faults_of("home.sensors", b"h-1", encode_events([event]))]
    with pytest.raises(SourceError, match=r"^a\.csv, line 32: .*--strict was asked for$"):
        open_source(tmp_path, tz=SEOUL, align_ms=None, strict=True)


def test_a_cell_may_go_on_over_lines_and_what_is_no_file_is_told(tmp_path: Path) -> None:
    note = '"seen by ""him"",\ntwice"'
    rows = "".join(f"{note},{row}\n" for row in ROWS.splitlines())
    (tmp_path / "a.csv").write_text("note," + HEAD + rows)
    (tmp_path / "b.csv").write_text("")
    (tmp_path / "c.csv").symlink_to("c.csv")
    os.mkfifo(tmp_path / "d.csv")
    found = read_files(sorted(tmp_path.iterdir()), SEOUL)
    assert len(found.events) == 60
    assert [(bad.file, bad.line) for bad in found.bad] == [("a.csv", 1), ("b.csv", 1), ("c.csv", 0), ("d.csv", 0)]


@pytest.mark.parametrize("what", BROKEN)
def test_bad_input_is_told_with_its_place_and_the_rest_goes_on_but_strict_stops(what: str, tmp_path: Path) -> None:
    name, text, told = BROKEN[what]
    many = (
        f"h-1,2026-03-{d:02}T{h:02}:{m:02}:00,sensor,s-{m},motion,ON"
        for d in range(1, 6)
        for h in range(24)
        for m in range(60)
    )
    whole = gzip.compress((HEAD + "\n".join(many)).encode())
    (tmp_path / name).write_bytes(text.encode() or whole[: len(whole) // 2])

    def replayed(*more: str) -> Any:
        words = ["replay", str(tmp_path / name), "--close-ups", "0", *more]
        return CliRunner(env={"ANBU_PARTITIONS": "1"}).invoke(cli, words, standalone_mode=False)

    done = replayed()
    assert done.exception is None, done.output
    assert told in done.output
    assert "dead letters" in done.output
    stopped = replayed("--strict")
    assert stopped.exit_code == 2, stopped.output
    assert "--strict was asked for" in stopped.output


def test_a_past_sorted_on_disk_is_what_one_in_memory_is(tmp_path: Path) -> None:
    other = ROWS.replace("h-1", "h-2").replace("2026-03", "2025-01").replace("T09", "T23")
    (tmp_path / "a.csv").write_text(HEAD + "".join(reversed(ROWS.splitlines(keepends=True))) + other)
    events = read_files([tmp_path / "a.csv"], SEOUL).events
    for align_ms in (None, 1_772_000_000_000):
        wanted = gathered(events if align_ms is None else aligned(events, align_ms))
        sayings = Sayings()
        found = OnDisk([in_columns(events, sayings)], sayings, align_ms)
        assert list(found.messages()) == [wire_of(one) for one in wanted.messages()]
        assert list(found.messages()) == [wire_of(one) for one in wanted.messages()], "as often as it is asked"
        assert found.records() == wanted.records()
        assert (found.from_ms, found.until_ms, found.spans) == (wanted.from_ms, wanted.until_ms, wanted.spans)
    with pytest.raises(ValueError, match="no event"):
        OnDisk([], Sayings())


def test_a_home_read_alone_has_all_of_its_own_records_and_every_tick(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + ROWS + ROWS.replace("h-1", "h-2") + ROWS.replace("h-1", "h-3"))
    played = open_source(tmp_path / "a.csv", tz=SEOUL, align_ms=None).played
    work = spooled_work(tmp_path, played, identity="a", partitions=1, cuts=0, seed=1, at=lambda _share: None)
    alone = frozenset({b"h-2"})

    def told(source: Source) -> list[tuple[int, bytes | None, bytes | None]]:
        listener = Listener()
        return [
            (topic, key, value)
            for topic, chunk in source.chunks(listener)
            for key, value in zip(chunk.keys, chunk.values, strict=True)
        ]

    whole = told(work.source(0))
    assert told(work.source(0, only=alone)) == [one for one in whole if one[1] in {b"h-2", TICK_KEY}]
    assert told(Chosen(work.source(0), alone)) == told(work.source(0, only=alone)), "as of logs"
    assert len({key for _, key, _ in whole}) == 4


def test_what_is_known_of_a_home_moves_with_it_in_time(tmp_path: Path) -> None:
    presses = [
        Event(
            "h-1",
            "emergency_button",
            "/sensors/gw",
            f"p-{day}",
            1_735_700_000_000 + day * 86_400_000,
            Data(device="b", state="on"),
        )
        for day in range(3)
    ]
    (tmp_path / "homes.jsonl").write_bytes(b"\n".join(encode_events([one]) for one in presses))
    known = tmp_path / "known.csv"
    known.write_text("household,from,until,what\nh-1,2025-01-02T02:00Z,2025-01-02T03:30Z,emergency_button\n")
    out = tmp_path / "out"
    words = [
        "replay",
        str(tmp_path / "homes.jsonl"),
        "--labels",
        str(known),
        "--out",
        str(out),
        "--align",
        "2026-03-02",
    ]
    done = CliRunner(env={"ANBU_PARTITIONS": "1"}).invoke(cli, words, standalone_mode=False)
    assert done.exception is None, done.output
    labels = msgspec.json.decode((out / "report.json").read_bytes())["runs"][0]["labels"]
    assert (labels["must_find"], labels["found"]) == (1, 1)


ODD_CELLS = st.one_of(
    st.sampled_from(
        [
            "h-1",
            "h-2",
            "kim's home",
            " h-1",
            "",
            "sensor",
            "phone",
            "kitchen",
            "a,b",
            "motion",
            "door",
            "ON",
            "OFF",
            "3",
            "0",
            "-1",
            "nan",
        ]
    ),
    st.text(max_size=4),
)
ODD_TIMES = st.one_of(
    st.builds(
        "{}{}{}:{:02}{}{}".format,
        st.sampled_from(["2026-03-29", "2026-10-25", "2024-02-29", "2026-13-01", "1999-12-31"]),
        st.sampled_from(["T", " ", "_"]),
        st.sampled_from(["01", "02", "03", "24"]),
        st.integers(0, 61),
        st.sampled_from(["", ":07", ":59", ":60", ":5"]),
        st.sampled_from(["", ".5", ".123", ".123456", "Z", "+09:00", "-03:30", ".250+09:00", ".999Z", " "]),
    ),
    st.text(max_size=20),
)
SOUND_TIMES = st.builds(
    "{}T{}:{:02}{}{}".format,
    st.sampled_from(["2026-03-29", "2026-10-25"]),
    st.sampled_from(["01", "02", "03"]),
    st.sampled_from([0, 29]),
    st.sampled_from(["", ":07", ":59"]),
    st.sampled_from(["", ".123", ".123456", "Z", "+09:00", "-03:30", ".250+09:00"]),
)
SOUND_ROWS = st.tuples(
    st.sampled_from(["h-1", "h-2", "kim's home"]),
    SOUND_TIMES,
    st.just("sensor"),
    st.sampled_from(["kitchen", "door of the hall"]),
    st.sampled_from(["motion", "door"]),
    st.sampled_from(["ON", "OFF", "2"]),
)
ODD_ROWS = st.one_of(
    st.tuples(st.just("h-1"), ODD_TIMES, st.just("sensor"), st.just("kitchen"), st.just("motion"), st.just("ON")),
    st.tuples(ODD_CELLS, ODD_TIMES, ODD_CELLS, ODD_CELLS, ODD_CELLS, ODD_CELLS),
    st.lists(ODD_CELLS, max_size=8).map(tuple),
)


@given(
    sound=st.lists(SOUND_ROWS, min_size=5, max_size=40),
    odd=st.lists(st.tuples(ODD_ROWS, st.integers(0, 40)), max_size=2),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    tz=st.sampled_from([SEOUL, "Europe/Berlin"]),
)
def test_rows_known_by_sight_are_what_they_are_read_with_care(
    tmp_path_factory: pytest.TempPathFactory,
    sound: list[tuple[str, ...]],
    odd: list[tuple[tuple[str, ...], int]],
    quoting: Literal[0, 1],
    end: str,
    tz: str,
) -> None:
    rows = [*sound, *sound]  # what is known by sight is met again
    for row, place in odd:
        rows.insert(place, row)
    told = io.StringIO(HEAD.replace("\n", end))
    told.seek(0, io.SEEK_END)
    csv.writer(told, quoting=quoting, lineterminator=end).writerows(rows)
    folder = tmp_path_factory.mktemp("rows")
    (folder / "by sight.csv").write_bytes(told.getvalue().encode("utf-8", "replace"))
    seen = read_files([folder / "by sight.csv"], tz)
    with _with_care():
        careful = read_files([folder / "by sight.csv"], tz)
    assert seen.events == careful.events
    assert [(one.line, one.reason) for one in seen.bad] == [(one.line, one.reason) for one in careful.bad]
    assert (seen.bad_count, seen.disorder, seen.notes) == (careful.bad_count, careful.disorder, careful.notes)


@contextmanager
def _with_care() -> Iterator[None]:
    """Have every row read with care, cell by cell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("load_tests.whatif.files._rows_in", lambda *_: None)
        yield


def test_a_disk_that_is_full_is_told_with_its_folder_and_is_no_fault_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homes.csv").write_text(HEAD + "h-1,2026-03-02T08:00:00,sensor,m,motion,ON\n")

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("load_tests.whatif.on_disk._write", full)
    words = ["replay", str(tmp_path / "homes.csv"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exit_code == 1
    assert f"{tmp_path / 'out'}: No space left on device" in done.output


def test_a_label_finds_its_home_under_the_pseudonym_of_its_rows_and_one_of_nobody_is_told(tmp_path: Path) -> None:
    at = "2025-01-02T02:00:00+00:00"
    (tmp_path / "homes.csv").write_text(f"{HEAD}kim's home,{at},sensor,b,emergency_button,ON\n")
    known = tmp_path / "known.csv"
    rows = ["kim's home,2025-01-02T01:00Z,2025-01-02T03:00Z,emergency_button"]

    def labels_of(name: str) -> tuple[dict[str, Any], str]:
        known.write_text("\n".join(["household,from,until,what", *rows]) + "\n")
        words = ["replay", str(tmp_path / "homes.csv"), "--labels", str(known), "--out", str(tmp_path / name)]
        done = CliRunner(env={"ANBU_PARTITIONS": "1"}).invoke(cli, words, standalone_mode=False)
        assert done.exception is None, done.output
        report = msgspec.json.decode((tmp_path / name / "report.json").read_bytes())
        return report["runs"][0]["labels"], done.output + " ".join(report["source"]["notes"])

    labels, told = labels_of("one")
    assert (labels["must_find"], labels["found"]) == (1, 1)
    assert "not in this past" not in told
    rows.append("kin's home,2025-01-02T01:00Z,2025-01-02T03:00Z,emergency_button")
    labels, told = labels_of("two")
    assert (labels["must_find"], labels["found"]) == (2, 1)
    assert told.count("1 of its lines are of homes that are not in this past") == 2
