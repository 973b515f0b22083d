"""A worker with its real engine that says four times a second what it has applied and what CPU time it took.

Run as `python -m load_tests.bench_live.probe`; its settings come from `ANBU_*` as a worker's do.
"""

import logging
import os
import sys
import threading
import time
from typing import Final

from load_tests.bench_live.counted import count_into
from load_tests.bench_live.engine import say
from streams.settings import Settings
from streams.worker import run as worker

EVERY_S: Final = 0.25
_applied = 0


def _take(events: int) -> None:
    global _applied  # noqa: PLW0603 - one number of one process
    _applied += events


def _say() -> None:
    while True:
        # Faust takes sys.stdout for its log.
        os.write(1, f"at {_applied} {time.process_time():.6f} {time.monotonic():.6f}\n".encode())
        time.sleep(EVERY_S)


def main() -> int:
    """Work until it is ended."""
    logging.basicConfig(level=logging.ERROR)
    say()
    count_into(_take)
    threading.Thread(target=_say, daemon=True).start()
    return worker.run_worker(Settings.from_env(os.environ))


if __name__ == "__main__":
    sys.exit(main())
