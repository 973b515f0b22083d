"""Run a command that dies with the process which started it: `python -I -S tether.py PARENT_PID COMMAND...`.

A launcher killed with -9 cannot clean up; without this its broker would go on, holding its port and its memory.
It stands alone and uses the standard library only, because it is run as a file, before any package is importable.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel to kill this process when its parent's thread ends, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the request: no signal would ever come then.
        if os.getppid() != parent:
            sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - its whole purpose; the command is the caller's own
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
