"""Files as a past: recordings of Anbu, CSV, and what is known of them."""

from pathlib import Path

import msgspec

from load_tests.neighbourhood import Played
from load_tests.recorded import CsvError, aligned, gathered, read_csv
from load_tests.recording import MESSAGES, RecordingError, read
from load_tests.whatif.labels import Label, of_truth


class SourceError(ValueError):
    """Nothing of a source can be read, or something cannot be and `--strict` was asked for."""


class Bad(msgspec.Struct, frozen=True):
    """A place of a source that was passed over."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """Say it in one line; never with the content."""
        return f"{self.file}, line {self.line}: {self.reason}"


class Source(msgspec.Struct):
    """What was found in a source."""

    played: Played
    name: str
    kind: str
    """`recording` or `files`."""
    labels: list[Label]
    is_synthetic: bool = False
    """Made up, with everything that was injected written down: what no label explains is false."""
    bad: list[Bad] = []
    """Places passed over, the first thousand."""
    bad_count: int = 0
    notes: list[str] = []


def open_source(path: Path, *, tz: str, align_ms: int | None) -> Source:
    """Open a recording's folder or a CSV file.

    Raises:
        SourceError: there is nothing to replay in it.

    """
    try:
        if path.is_dir() and (path / MESSAGES).exists():
            recording = read(path)
            return Source(recording, path.name, "recording", of_truth(recording.truth), bool(recording.truth))
        imported = read_csv(path, tz)
        events = list(imported.events)
        if align_ms is not None:
            events = aligned(events, align_ms)
        played = gathered(events)
    except (RecordingError, CsvError, ValueError, OSError) as error:
        raise SourceError(str(error)) from error
    report = imported.report
    bad = [Bad(path.name, one.line, f"{one.reason} ({one.column})") for one in report.refusals]
    notes = ["Ticks come from event time: the files have none of their own."]
    return Source(played, path.name, "files", [], bad=bad, bad_count=report.refused.total(), notes=notes)
