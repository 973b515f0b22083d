"""A gzip file that is damaged costs its rest and is told in a line, in whichever way it breaks; its good beginning is read."""

import gzip
import pickle
import zlib
from io import BufferedIOBase
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from load_tests.columns.sayings import Sayings
from load_tests.columns.wire import Wire
from load_tests.recordings import recording
from load_tests.recordings.recorded import read_csv
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif.files import Found, each_columns
from schemas.build import encode_events
from schemas.data import Data
from schemas.event import Event
from streams.cli import cli
from streams.unpacked import DAMAGED, opened

HEAD = "household,timestamp_iso,source,device,kind,value\n"
ROWS = "".join(f"h-1,2026-03-01T09:{minute:02}:00,sensor,kitchen,motion,ON\n" for minute in range(60))
_BEGUN = gzip.compress(b"")[:10]
BREAKS = {
    "cut short": lambda packed: packed + gzip.compress(ROWS.encode())[:-12],
    "another checksum": lambda packed: packed[:-8] + bytes(4) + packed[-4:],
    "no gzip behind it": lambda packed: packed + b"household,when\n",
    "a block of no known kind": lambda packed: packed + _BEGUN + b"\x07",
}
"""What a sound gzip file becomes; each has the sound lines before."""


def broken(path: Path, text: str, how: str) -> Path:
    path.write_bytes(BREAKS[how](gzip.compress(text.encode())))
    return path


@pytest.mark.parametrize("how", BREAKS)
def test_each_break_raises_what_is_called_damaged(tmp_path: Path, how: str) -> None:
    path = broken(tmp_path / "a.gz", ROWS, how)
    with opened(path) as file:
        read = file.read1(1 << 18)
        assert read.startswith(ROWS.encode()), "what stands before the damage"
        with pytest.raises(DAMAGED):
            file.read()


def test_a_block_of_no_known_kind_is_no_error_of_the_file_system(tmp_path: Path) -> None:
    path = broken(tmp_path / "a.gz", ROWS, "a block of no known kind")
    with gzip.open(path) as file, pytest.raises(zlib.error):
        file.read()
    assert not issubclass(zlib.error, OSError), "or this check would prove nothing"


@pytest.mark.parametrize("filled", [0, 1, 70_000])
def test_zeros_that_fill_up_a_block_are_no_damage(tmp_path: Path, filled: int) -> None:
    packed = gzip.compress(ROWS.encode())
    (tmp_path / "a.gz").write_bytes((packed + bytes(filled)) * 2)
    with opened(tmp_path / "a.gz") as file:
        assert file.read() == gzip.decompress(packed) * 2


@given(
    st.binary(max_size=3000),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=3),
    st.integers(1, 999),
)
def test_whatever_is_in_a_file_it_is_read_as_by_pythons_own_reader(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, changes: list[tuple[int, int]], at_once: int
) -> None:
    packed = bytearray(gzip.compress(text) + gzip.compress(text[::-1]))
    for place, byte in changes:
        packed[place % len(packed)] = byte
    path = tmp_path_factory.mktemp("any") / "a.gz"
    path.write_bytes(packed)
    with gzip.open(path) as own, opened(path) as ours:
        assert _all_of(ours, at_once) == _all_of(own, at_once)


def _all_of(file: BufferedIOBase, at_once: int) -> tuple[bytes, bool]:
    read = b""
    try:
        while piece := file.read(at_once):
            read += piece
    except DAMAGED:
        return read, True
    return read, False


def test_a_plain_file_and_a_sound_gzip_file_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(ROWS.encode()) + gzip.compress(ROWS.encode()))
    with opened(tmp_path / "a.csv") as plain, opened(tmp_path / "a.csv.gz") as packed:
        assert packed.read() == plain.read() * 2


@pytest.mark.parametrize("how", BREAKS)
def test_a_replay_reads_what_stands_before_the_damage_and_tells_of_it(tmp_path: Path, how: str) -> None:
    found = Found()
    path = broken(tmp_path / "a.csv.gz", HEAD + ROWS, how)
    read = list(each_columns([path], "Asia/Seoul", found, Sayings()))
    assert [one.reason for one in found.bad] == ["the file is damaged from here on"]
    assert sum(len(columns.said) for columns in read) >= 60


@pytest.mark.parametrize("how", BREAKS)
def test_an_import_reads_what_stands_before_the_damage_and_tells_of_it(tmp_path: Path, how: str) -> None:
    imported = read_csv(broken(tmp_path / "a.csv.gz", HEAD + ROWS, how))
    events = list(imported.events)
    assert "damaged" in str(imported.report.refused), imported.report
    assert len(events) >= 60


@pytest.mark.parametrize("how", BREAKS)
def test_a_recording_is_refused_with_its_line(tmp_path: Path, how: str) -> None:
    made = simulate(2, 1, 5, start_ms=1_772_000_000_000)
    count = recording.write(tmp_path, made)
    packed = tmp_path / recording.MESSAGES
    packed.write_bytes(BREAKS[how](packed.read_bytes()))
    given: list[Wire] = []
    with pytest.raises(recording.RecordingError, match=r"messages\.jsonl\.gz, line \d+: "):
        given.extend(recording.read(tmp_path).messages())
    assert len(given) >= count


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("command", [["send", "--check"], ["households", "import"]])
def test_a_command_says_it_in_a_line(tmp_path: Path, command: list[str], how: str) -> None:
    event = encode_events([Event("h-2", "motion", "/sensors/1", "e1", 1_772_000_000_000, Data(device="hall"))]).decode()
    path = broken(tmp_path / "a.jsonl.gz", f"{event}\n", how)
    said = CliRunner().invoke(cli, [*command, str(path)], env={"ANBU_KAFKA": "kafka://127.0.0.1:1"})
    assert said.exit_code != 0
    assert said.exception is None or isinstance(said.exception, SystemExit), repr(said.exception)
    assert "Traceback" not in said.output


def test_a_message_can_go_to_another_process_and_tells_itself_from_others() -> None:
    one = Wire("home.sensors", "h-1", 1, b"{}", 2)
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own
    assert len({one, Wire("home.sensors", "h-1", 1, b"{}", 2), Wire("home.sensors", "h-1", 2, b"{}", 2)}) == 2
