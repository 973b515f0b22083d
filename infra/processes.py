"""Child processes of the project: started with a log file, ended by their own pid, never left behind."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from streams.settings import Settings
from streams.wallclock import monotonic_s

_TETHER: Final = Path(__file__).with_name("tether.py")
_running: Final[set["Child"]] = set()


class ProcessError(RuntimeError):
    """A child could not be started, or ended when it should not have; one line that says why."""


class Child:
    """One child process, its standard output and error in `log`.

    It is killed when the thread that made it ends, however that ends (on Linux; elsewhere at a normal exit only), so
    make it in a thread that outlives it, such as the main one. Ctrl-C in a terminal does not reach it: whoever
    started it decides in which order things stop.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `command` with `env` added to this process's environment; `log` is appended to.

        Raises:
            ProcessError: the log cannot be written or the command cannot be run at all.

        """
        self.name = name
        self.log = log
        tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command]
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as sink:
                self._process = subprocess.Popen(  # noqa: S603 - commands are the project's own, never a user's text
                    tethered,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{name} cannot be started: {error}") from error
        _running.add(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        code = self._process.poll()
        if code is not None:
            _running.discard(self)
        return code

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.exit_code is None

    def wait(self, within_s: float) -> int:
        """Wait for it to end by itself; its exit code.

        Raises:
            ProcessError: it still runs after `within_s`.

        """
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} still runs after {within_s:g} s") from None
        code = self.exit_code
        assert code is not None  # noqa: S101 - for the type checker: wait() returned
        return code

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        self._signal(signal.SIGTERM)

    def kill(self) -> int:
        """Kill -9 and wait for its end; its exit code."""
        self._signal(signal.SIGKILL)
        return self.wait(30)

    def stop(self, within_s: float = 10.0) -> int:
        """SIGTERM, and SIGKILL after `within_s`; its exit code. Harmless when it has ended already."""
        self.ask_to_stop()
        try:
            return self.wait(within_s)
        except ProcessError:
            return self.kill()

    def tail(self, lines: int = 20) -> str:
        """Return the end of its log."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 65_536))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def _signal(self, number: signal.Signals) -> None:
        # poll() first: the pid of a child that was waited for may be somebody else's by now.
        if self.alive:
            self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Child({self.name!r}, pid={self.pid}, exit_code={self.exit_code})"


def start_command(
    name: str,
    *arguments: str,
    settings: Settings,
    logs: Path,
    env: Mapping[str, str] | None = None,
) -> Child:
    """Start `anbu NAME ARGUMENTS...` with these settings, its log in `logs/NAME.log`."""
    command = [sys.executable, "-c", "from streams.cli import main; main()", name, *arguments]
    return Child(f"anbu {name}", command, log=logs / f"{name}.log", env={**settings.to_env(), **(env or {})})


def stop_all(children: Iterable[Child], within_s: float = 10.0) -> None:
    """SIGTERM to all at once, and SIGKILL to those that still run after `within_s`."""
    listed = list(children)
    for child in listed:
        child.ask_to_stop()
    end_s = monotonic_s() + within_s
    for child in listed:
        child.stop(max(0.0, end_s - monotonic_s()))


def first_dead(children: Iterable[Child]) -> Child | None:
    """Return the first child that has ended, for a launcher that must not go on without one."""
    return next((child for child in children if not child.alive), None)


@atexit.register
def _end_what_is_left() -> None:
    stop_all(list(_running), 3.0)
