"""Files as a past: recordings of Anbu, files of others, and what is known of them."""

import errno
from pathlib import Path
from typing import Final

import msgspec

from load_tests.columns.sayings import Sayings
from load_tests.messages import Played
from load_tests.recordings.recorded import CsvError
from load_tests.recordings.recording import MESSAGES, RecordingError, read
from load_tests.whatif.files import Bad, Found, StrictError, each_columns
from load_tests.whatif.labels import Label, of_truth
from load_tests.whatif.on_disk import OnDisk

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class SourceError(ValueError):
    """Nothing of a source can be read, or something cannot be and `--strict` was asked for."""


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
    disorder: int = 0
    """Events that stood after later ones of their household."""
    notes: list[str] = []
    moved_ms: dict[str, int] = {}
    """By how much each household was moved in time; what is known of it moves with it."""


def open_source(
    path: Path, folder: Path | None = None, *, tz: str, align_ms: int | None, strict: bool = False
) -> Source:
    """Open a recording's folder, a file, or a folder of files (those of folders inside it too).

    Events of files are sorted in `folder`; without one where temporary files go.

    Raises:
        SourceError: there is nothing to replay in it; or something cannot be read, or stands out of order, and `strict`.
        OSError: events cannot be written where they are sorted.

    """
    try:
        if path.is_dir() and (path / MESSAGES).exists():
            recording = read(path)
            return Source(recording, path.name, "recording", of_truth(recording.truth), bool(recording.truth))
        files = sorted(file for file in path.rglob("*") if not file.is_dir()) if path.is_dir() else [path]
        found = Found(strict=strict)
        try:
            sayings = Sayings()
            played = OnDisk(each_columns(files, tz, found, sayings), sayings, align_ms, folder)
        except (CsvError, StrictError):
            raise
        except ValueError:
            told = "".join(f"; {one}" for one in [*found.bad, *found.notes][:3])
            raise SourceError(f"{path.name}: no event in it{told}") from None
    except (RecordingError, CsvError, StrictError) as error:
        raise SourceError(str(error)) from error
    except OSError as error:
        if error.filename is None or error.errno in FULL:
            raise  # nothing is wrong with the source: there is no room to sort its events in
        raise SourceError(f"{error.filename}: {error.strerror}") from error
    notes = [*found.notes, "Ticks come from event time: the files have none of their own."]
    return Source(
        played,
        path.name,
        "files",
        [],
        bad=found.bad,
        bad_count=found.bad_count,
        disorder=found.disorder,
        notes=notes,
        moved_ms=played.moved_ms,
    )
