"""The compiled engine: the same as plain Python, and never another one than its sources say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest

from infra import native
from load_tests.bench_engine import Cost
from schemas.compiled import COMPILED, MADE_OF, PLACE, PURE, ROOT, made_of

LAWS: Final = (
    "test_order.py",
    "test_partition.py",
    "test_roster.py",
    "test_detector_laws.py",
    "test_detectors_days.py",
    "test_detectors_shortcuts.py",
    "test_engine_rules.py",
    "test_snapshot.py",
    "test_decode.py",
    "test_bench_probes.py",
)
"""Properties of any order of arrival, of restarts and of any bytes whatever: they hold of the compiled engine as well."""


def _python(*words: str, pure: bool = False, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, PURE: "1" if pure else "0"}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def _compiled() -> None:
    """The engine compiled of these sources, built once where a C compiler is."""
    if (PLACE / MADE_OF).exists() and (PLACE / MADE_OF).read_text("ascii") == made_of():
        return
    if lack := native.lacking():
        pytest.skip(lack)
    native.build()


def _cost(*, live: bool, pure: bool, streams: Path) -> Cost:
    words = ["--households", "30", "--hours", "36", "--warm-hours", "24", "--streams", str(streams), "--json"]
    done = _python("-m", "load_tests.bench_engine", *words, *(["--live"] if live else []), pure=pure)
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Cost)


@pytest.mark.usefixtures("_compiled")
@pytest.mark.parametrize("live", [False, True])
def test_a_day_of_a_neighbourhood_is_said_and_kept_to_the_byte_as_by_plain_python(tmp_path: Path, live: bool) -> None:
    plain, compiled = (_cost(live=live, pure=pure, streams=tmp_path) for pure in (True, False))
    assert (plain.engine, compiled.engine) == (f"plain Python, as {PURE}=1 asks", COMPILED)
    assert (compiled.outputs, compiled.states) == (plain.outputs, plain.states)


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_the_laws_of_the_engine_hold_of_the_compiled_one() -> None:
    words = ["-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{name}" for name in LAWS)]
    done = _python(*words)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_a_pipeline_runs_on_the_compiled_engine_from_feed_to_clickhouse(tmp_path: Path) -> None:
    """The engine alone may work where its worker, which is plain Python around it, cannot even start."""
    demo = "import sys; from streams.cli import main; sys.argv[0] = 'anbu'; main()"
    words = ("demo", "--households", "20", "--days", "4", "--out", str(tmp_path / "demo"))
    done = _python("-c", demo, *words)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "Equal to what the topics hold: nothing was lost on the way, nothing doubled." in done.stdout
    assert f"engine: {COMPILED}" in (tmp_path / "demo/logs/worker.log").read_text("utf-8")


@pytest.mark.usefixtures("_compiled")
def test_an_edited_source_runs_as_plain_python(tmp_path: Path) -> None:
    """Else a mended engine would go on as it was until somebody thought of compiling it."""
    for folder in (*native.FOLDERS, "pyproject.toml"):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / folder).is_dir() else shutil.copy
        copy(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "streams/__init__.py", tmp_path / "streams/__init__.py")
    shutil.copytree(PLACE, tmp_path / PLACE.relative_to(ROOT))
    ask = (
        "-c",
        "import detectors.decide as one; from schemas.compiled import state; print(one.__file__, '|', state())",
    )
    file, said = _python(*ask, cwd=tmp_path).stdout.strip().split(" | ")
    assert file.startswith(str(tmp_path / PLACE.relative_to(ROOT)))
    assert said == COMPILED
    source = tmp_path / "detectors/decide.py"
    source.write_text(source.read_text("utf-8") + "\nEDITED = True\n", "utf-8")
    file, said = _python(*ask, cwd=tmp_path).stdout.strip().split(" | ")
    assert file == str(source)
    assert said == "plain Python (what was compiled is of other sources: make native)"


def test_without_a_c_compiler_one_line_says_what_is_missing_and_plain_python_runs(tmp_path: Path) -> None:
    env = {**os.environ, "CC": "no-such-compiler", "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "infra.native"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "nothing was compiled, plain Python runs: there is no C compiler (no-such-compiler); "
        "on Debian: apt-get install gcc libc6-dev\n"
    )


def test_a_module_with_classes_of_another_maker_stays_as_it_is() -> None:
    chosen = native.modules()
    assert {"streams/engine/order.py", "detectors/household.py", "schemas/decode.py"} <= set(chosen)
    assert not {"schemas/envelope.py", "schemas/events.py", "streams/engine/brief.py", "detectors/signs.py"} & set(
        chosen
    )
