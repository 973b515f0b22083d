"""Counts events and says the CPU time of the whole process at marks. Nothing here is Anbu's: peers import it by its file name."""

import os
import time


class Meter:
    """Prints `at EVENTS CPU_SECONDS WALL_SECONDS` when a mark is reached, and ends the process at the last one."""

    def __init__(self, marks: str) -> None:
        self._marks = [int(mark) for mark in marks.split(",")]
        self.count = 0
        self.next = self._marks[0]

    def take(self, events: int = 1) -> None:
        """Count events."""
        self.count += events
        if self.count >= self.next:
            self._say()

    def _say(self) -> None:
        cpu_s, wall_s = time.process_time(), time.monotonic()
        while self._marks and self.count >= self._marks[0]:
            self._marks.pop(0)
        os.write(1, f"at {self.count} {cpu_s:.6f} {wall_s:.6f}\n".encode())  # Faust takes sys.stdout for its log
        if not self._marks:
            os._exit(0)
        self.next = self._marks[0]
