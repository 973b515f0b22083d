import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TASK = """
import asyncio

async def fail():
    raise RuntimeError("lost in a task")

def test_passes():
    async def main():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        {ending}
    asyncio.run(main())
"""

THREAD = """
import threading

def fail():
    raise RuntimeError("lost in a thread")

def test_passes():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test file under this project's fixtures and settings."""
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"]
    where = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", str(folder)]
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT}"}
    return subprocess.run([*command, *where], capture_output=True, text=True, check=False, env=env, cwd=folder)


@pytest.mark.parametrize(("test", "said"), [(TASK.format(ending="del task"), "a task"), (THREAD, "a thread")])
def test_an_error_that_background_work_swallowed_fails_the_test(tmp_path: Path, test: str, said: str) -> None:
    done = _run(tmp_path, test)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"lost in {said}" in done.stdout


def test_an_error_that_was_looked_at_is_nobodys_business(tmp_path: Path) -> None:
    done = _run(tmp_path, TASK.format(ending="assert task.exception()"))
    assert done.returncode == 0, done.stdout + done.stderr
