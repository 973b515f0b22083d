"""`anbu demo` and `anbu up` as a newcomer meets them: whole processes, from the command line."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from infra.ports import free_ports
from load_tests.recordings import recording
from load_tests.truth import Truth

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
ANBU = str(Path(sys.executable).with_name("anbu"))
SMALL = ("--households", "12", "--days", "6")

MORE_IS_TRUE = """
import dataclasses, sys
from pathlib import Path
from load_tests.demo import command as demo
from load_tests.truth import Truth
from schemas.incidents import IncidentKind

real = demo.simulate
def simulate(*args, **options):
    made = real(*args, **options)
    fall = Truth(household="sim-00003", kind=IncidentKind.FALL, at_ms=made.from_ms + 86_400_000, code="fall")
    return dataclasses.replace(made, truth=(*made.truth, fall))
demo.simulate = simulate
sys.exit(demo.run(households=4, days=3, seed=2026, injections=True, data=None, folder=Path(sys.argv[1])))
"""
"""A demo that is told of a fall which no sensor will ever report."""


class Running:
    """A command in a session of its own, whose descendants are known by a mark in their environment."""

    def __init__(self, folder: Path, *command: str, **env: str) -> None:
        self.mark = f"ANBU_TEST_MARK={folder}"
        name, _, value = self.mark.partition("=")
        self.out = folder / "out.txt"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **env, name: value},
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.out.read_text()

    def reaches(self, pattern: str, within_s: float = 120.0) -> None:
        end_s = time.monotonic() + within_s
        while not re.search(pattern, self.text):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end_s, self.text
            time.sleep(0.05)

    def ends(self, within_s: float = 240.0) -> int:
        return self.process.wait(within_s)

    def descendants(self) -> dict[int, str]:
        """Command line of each process that carries the mark, the command itself excepted."""
        found = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        found.pop(self.process.pid, None)
        return found

    def child(self, name: str) -> int:
        (pid,) = [pid for pid, line in self.descendants().items() if line.rstrip().endswith(name)]
        return pid

    def end_all(self) -> None:
        for pid in [self.process.pid, *self.descendants()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, ANBU, "demo", *SMALL, "--out", str(tmp_path / "out"))
    yield running
    running.end_all()


def test_a_small_demo_passes_leaves_its_recording_and_no_process(demo: Running, tmp_path: Path) -> None:
    assert demo.ends() == 0, demo.text
    assert demo.descendants() == {}
    text = demo.text
    assert "Traceback" not in text
    assert "\x1b" not in text, "no colours in a file"
    assert "PASSED" in text
    assert "1 of 1 collapses" in text
    assert "12  dead letters" in text
    assert "Equal to what the topics hold" in text

    left = recording.read(tmp_path / "out")
    truth = msgspec.json.decode((tmp_path / "out" / "truth.json").read_bytes(), type=list[Truth])
    assert truth == list(left.truth)
    sent = sum(wire.events for wire in left.messages())
    assert f"{sent + 12:,}  sent, 12 of them synthetic rubbish" in text

    tries = text.partition("Try next:")[2]
    commands = [line.strip() for line in tries.splitlines() if line.startswith("    ")]
    assert [shlex.split(command)[1] for command in commands] == ["up", "-c", "replay"]
    for command in commands[1:]:
        done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S602 - as a newcomer pastes it
        assert done.returncode == 0, done.stderr
        assert "no signs of life" in done.stdout or "sim-00000" in done.stdout


def test_negative_control_a_demo_in_which_an_emergency_is_never_told_fails(tmp_path: Path) -> None:
    running = Running(tmp_path, sys.executable, "-c", MORE_IS_TRUE, str(tmp_path / "out"))
    try:
        assert running.ends() == 1, running.text
        assert "FAILED" in running.text
        assert "immediate emergencies were not found (fall)." in running.text
        assert "sim-00003  01-02 00:00  fall" in running.text
        assert running.descendants() == {}
    finally:
        running.end_all()


@pytest.mark.parametrize("at", ["clickhouse", "day +[2-5] of", "judged"])
def test_ctrl_c_ends_it_at_any_moment_with_one_line_and_no_process_left(demo: Running, at: str) -> None:
    demo.reaches(at)
    before = demo.text
    demo.process.send_signal(signal.SIGINT)
    assert demo.ends(30) == 130, demo.text
    assert demo.descendants() == {}
    said = [line for line in demo.text.removeprefix(before).splitlines() if line.startswith("stopped")]
    assert len(said) == 1
    assert demo.text.rstrip().endswith(said[0])
    assert "Traceback" not in demo.text


def test_a_second_impatient_ctrl_c_leaves_no_process_either(demo: Running) -> None:
    demo.reaches("ticks")
    for _ in range(3):
        demo.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert demo.ends(30) in {130, -signal.SIGINT}, demo.text
    assert demo.descendants() == {}


def test_a_reader_that_leaves_ends_it_without_a_traceback(tmp_path: Path) -> None:
    running = Running(tmp_path, "sh", "-c", f"{ANBU} demo {' '.join(SMALL)} --out {tmp_path / 'out'} | head -n 7")
    try:
        assert running.ends() == 0
        end_s = time.monotonic() + 30
        while running.descendants() and time.monotonic() < end_s:
            time.sleep(0.05)
        assert running.descendants() == {}
        assert len(running.text.splitlines()) == 7
    finally:
        running.end_all()


def test_killed_itself_it_leaves_no_process_either(demo: Running) -> None:
    demo.reaches("ticks")
    demo.process.kill()
    demo.ends(10)
    end_s = time.monotonic() + 5
    while demo.descendants() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert demo.descendants() == {}


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("main() worker", "anbu worker has ended by itself (killed by signal 9)"),
        ("memory://tansu/", "the embedded broker has ended"),
    ],
)
def test_a_part_that_dies_ends_it_and_is_named(demo: Running, child: str, said: str) -> None:
    demo.reaches("day +[2-5] of")
    os.kill(demo.child(child), signal.SIGKILL)
    assert demo.ends(60) == 1
    assert said in demo.text
    assert "Traceback" not in demo.text
    assert demo.descendants() == {}


def test_recorded_households_are_played_and_not_judged(tmp_path: Path) -> None:
    # Two synthetic homes in the CSV form, of different years; the second falls silent for its last days.
    rows = ["household,timestamp_iso,source,device,kind,value"]
    for home, year, days in (("one", 2019, 12), ("two", 2023, 12)):
        rows += [
            f"{home},{year}-03-{day:02d}T{hour:02d}:{minute:02d}:00,sensor,hall,motion,ON"
            for day in range(1, days + 1)
            for hour in range(7, 23)
            for minute in (5, 6, 8, 25, 27, 28, 45, 46, 49)
            if home == "one" or day < 10 or day == days
        ]
    file = tmp_path / "homes.csv"
    file.write_text("\n".join(rows))
    running = Running(tmp_path, ANBU, "demo", "--data", str(file), "--out", str(tmp_path / "out"))
    try:
        assert running.ends() == 0, running.text
    finally:
        running.end_all()
    assert f"{len(rows) - 1:,}  sent" in running.text
    assert "moved by whole weeks" in running.text
    assert "nothing is judged" in running.text
    flagged = running.text.partition("What was flagged")[2].partition("ClickHouse")[0]
    assert "two" in flagged
    assert " one " not in flagged


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b,c\n1,2,3\n", "the first line must be household,timestamp_iso"),
        ("household,timestamp_iso,source,device,kind,value\nh,yesterday,sensor,hall,motion,ON\n", "no event in it"),
    ],
)
def test_a_refused_file_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "homes.csv"
    file.write_text(content)
    command = [ANBU, "demo", "--data", str(file), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.fixture
def up(tmp_path: Path) -> Iterator[tuple[Running, dict[str, str]]]:
    kafka, worker, writer, board = free_ports(4)
    env = {
        "ANBU_KAFKA": f"kafka://127.0.0.1:{kafka}",
        "ANBU_METRICS_PORT": str(worker),
        "ANBU_WRITER_METRICS_PORT": str(writer),
        "ANBU_BOARD_PORT": str(board),
        "ANBU_DATADIR": str(tmp_path / "data"),
        "ANBU_TICK_EVERY_S": "1",
    }
    running = Running(tmp_path, ANBU, "up", "--households", "10", "--days", "2", **env)
    yield running, env
    running.end_all()


def board_of(told: str) -> str:
    """Sign in to the board with what was printed, and return its list of cases in English."""
    found = re.search(r"(http://127\.0\.0\.1:\d+)  until this ends, sign in as\s+(demo), (\S+)", told)
    assert found, told
    url, name, password = found.groups()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def post(path: str, **fields: str) -> str:
        with browser.open(f"{url}/sign-in" if path == "/sign-in" else f"{url}/totals", timeout=20) as page:
            token = re.findall(r'name="form_token" value="([^"]+)"', page.read().decode())[0]
        data = urllib.parse.urlencode(fields | {"form_token": token}).encode()
        with browser.open(f"{url}{path}", data=data, timeout=20) as page:
            text: str = page.read().decode()
        return text

    assert "가구 살피는 중" in post("/sign-in", name=name, password=password)
    return post("/language", language="en", back="/cases")


def an_officer_opens_a_home(told: str) -> None:
    """In a real browser, with what was printed: the list of their district, one of its homes, and out again."""
    if find_spec("playwright") is None:
        return
    from board_browser import CHROMIUM, DESK, Day, a_browser  # noqa: PLC0415 - only here, and only where it is installed

    if CHROMIUM is None:
        return
    found = re.search(r"(http://127\.0\.0\.1:\d+)  until this ends", told)
    officer = re.search(r"(demo-officer), (\S+)", told)
    assert found, told
    assert officer, told
    with a_browser() as browser:
        day = Day(browser, found[1], DESK)
        day.sign_in(officer[2], officer[1])
        day.page.locator(".watching.is-calm").wait_for()
        day.page.get_by_role("link", name="담당 가구").click()
        day.page.locator(".home-line").first.click()
        day.shows("평소와 오늘")
        day.is_open_to_all()
        day.page.get_by_role("button", name="로그아웃").click()
        day.page.locator("#password").wait_for()
        day.close()


def test_up_turns_live_and_the_command_line_works_against_it(up: tuple[Running, dict[str, str]]) -> None:
    running, env = up

    def ask(*command: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ANBU, *command],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, **env},
            timeout=60,
        )

    running.reaches("Ctrl-C ends everything")
    doctor = ask("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "simulated" not in doctor.stdout, "the ticks are live now"
    assert "watching 10 homes" in doctor.stdout

    press = next(line for line in running.text.splitlines() if line.lstrip().startswith("echo"))
    pressed = subprocess.run(
        ["bash", "-c", press.strip()], capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **env}
    )
    assert "sent 1 event" in pressed.stdout, pressed.stderr
    end_s = time.monotonic() + 30
    while "emergency button" not in (seen := ask("incidents", "watch", "--once").stdout):
        assert time.monotonic() < end_s, seen

    while "emergency button" not in (shown := board_of(running.text)):
        assert time.monotonic() < end_s, shown
    assert re.search("control-room|day-office|night-centre|holiday-centre", shown), "owned from the first incident on"
    assert re.search(r"demo-officer, \S+  officer of district d\d\d", running.text)
    an_officer_opens_a_home(running.text)

    assert json.loads(ask("households", "show", "sim-00000").stdout)["household"] == "sim-00000"
    assert "silence_budget" in ask("profile", "show").stdout
    shares = ask("profile", "shares").stdout
    assert "times the budget" in shares
    assert "[district_shares]" in shares
    assert "too_large" in ask("dead-letters", "list").stdout
    again = ask("up")
    assert again.returncode == 1
    assert "is taken" in again.stderr

    running.process.send_signal(signal.SIGINT)
    assert running.ends(30) == 0, running.text
    assert running.descendants() == {}
    assert "Traceback" not in running.text
    assert "nobody yet" in ask("users", "list").stdout, "what stood on the terminal opens nothing any more"


def test_up_names_the_part_that_died(up: tuple[Running, dict[str, str]]) -> None:
    running, _ = up
    running.reaches("Ctrl-C ends everything")
    os.kill(running.child("main() ticker"), signal.SIGKILL)
    assert running.ends(30) == 1
    assert "anbu ticker has ended by itself" in running.text
    assert running.descendants() == {}


def test_up_refuses_a_broker_that_is_not_its_own() -> None:
    env = {**os.environ, "ANBU_KAFKA": "kafka://10.1.2.3:9092"}
    done = subprocess.run([ANBU, "up"], capture_output=True, text=True, check=False, cwd=ROOT, env=env, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "brings its own broker" in done.stderr
