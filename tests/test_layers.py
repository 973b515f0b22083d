import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "detectors", "streams", "infra", "load_tests")
WALL_CLOCKS = (
    "import time\n\nx = time.time()\n",
    "from time import time_ns\n\nx = time_ns()\n",
    "import time as t\n\nx = t.time()\n",
    "from datetime import UTC, datetime\n\nx = datetime.now(UTC)\n",
    "import datetime as dt\n\nx = dt.datetime.utcnow()\n",
    "import datetime\n\nx = datetime.date.today()\n",
)


def _tool(name: str) -> str:
    """A program of the environment that runs the tests, which need not be on the PATH."""
    return str(Path(sys.executable).with_name(name))


def _contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [_tool("lint-imports"), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def _project(folder: Path, module: str, source: str) -> Path:
    """Make empty modules of the project's names, and one more, `module`."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            empty = folder / file.relative_to(ROOT)
            empty.parent.mkdir(parents=True, exist_ok=True)
            empty.touch()
    (folder / module).write_text(source)
    return folder


def _wall_clock_complaints(file: str, source: str) -> str:
    command = [_tool("ruff"), "check", "--select", "TID251", "--no-cache", "--stdin-filename", file, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False, cwd=ROOT).stdout


def test_each_package_imports_only_what_stands_to_its_left() -> None:
    done = _contracts(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("detectors/bad.py", "import streams\n", "detectors.bad -> streams"),
        ("schemas/bad.py", "import detectors\n", "schemas.bad -> detectors"),
        ("streams/bad.py", "def f():\n    from infra import x\n", "streams.bad -> infra"),
        ("detectors/bad.py", "import socket\n", "detectors.bad -> socket"),
        ("schemas/bad.py", "from kafka import KafkaConsumer\n", "schemas.bad -> kafka"),
        ("streams/engine/bad.py", "from streams import wallclock\n", "streams.engine.bad -> streams.wallclock"),
        ("streams/engine/bad.py", "import streams.worker.run\n", "streams.engine.bad -> streams.worker.run"),
        ("streams/cases/bad.py", "import streams.engine.order\n", "streams.cases.bad -> streams.engine.order"),
    ],
)
def test_negative_control_a_module_that_reaches_the_wrong_way_is_caught(
    tmp_path: Path, module: str, source: str, complaint: str
) -> None:
    done = _contracts(_project(tmp_path, module, source))
    assert done.returncode == 1, done.stdout + done.stderr
    assert complaint in done.stdout


def test_the_control_itself_is_clean_without_its_bad_module(tmp_path: Path) -> None:
    done = _contracts(_project(tmp_path, "load_tests/good.py", "import infra, streams, detectors, schemas, socket\n"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", WALL_CLOCKS)
@pytest.mark.parametrize("file", ["detectors/x.py", "streams/x.py", "infra/x.py", "load_tests/x.py"])
def test_reading_the_wall_clock_is_refused_everywhere(file: str, source: str) -> None:
    assert "TID251" in _wall_clock_complaints(file, source)


def test_negative_control_a_duration_is_no_wall_clock() -> None:
    assert "TID251" not in _wall_clock_complaints("infra/x.py", "import time\n\nx = time.monotonic()\ntime.sleep(1)\n")


def test_one_file_alone_is_excused_from_the_ban() -> None:
    excused = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "noqa" in line and ("TID251" in line or "ruff: noqa" in line or line.rstrip().endswith("noqa"))
    }
    assert excused == {"streams/wallclock.py"}
