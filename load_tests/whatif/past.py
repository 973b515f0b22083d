"""From a source on disk to logs that can be replayed: read once, cut where asked, spooled by partition."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from load_tests.messages import Played
from load_tests.whatif.cuts import copies_of, draw_cuts, with_copies
from load_tests.whatif.kept import SPOOL, drop
from load_tests.whatif.runs import Work, engine_fingerprint, fingerprint
from load_tests.whatif.spool import Spooled, write_spool


def identity_of(source: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of every file: whether it is the same past as when a run was killed."""
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    return [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]


def spooled_work(
    folder: Path,
    played: Played,
    *,
    identity: object,
    partitions: int,
    cuts: int,
    seed: int,
    at: Callable[[float], None],
) -> Work:
    """Write the spool of a past, or take the one that a killed run of the same past has left.

    Raises:
        ValueError: the past cannot be a log.

    """
    mark = fingerprint(engine_fingerprint(), identity, partitions, cuts, seed)
    spool = folder / f"{SPOOL}{mark}"
    drop(folder, SPOOL, but=spool)  # of another question that was killed: it holds every event of every household
    done = spool / "spooled.json"
    if done.exists():
        spooled = msgspec.json.decode(done.read_bytes(), type=Spooled)
    else:
        drawn = draw_cuts(played, cuts, seed) if cuts else []
        spooled = write_spool(
            spool,
            played,
            partitions,
            cuts=drawn,
            messages=with_copies(played, drawn),
            extra=copies_of(played, drawn),
            at=at,
        )
    return Work(folder, mark, spool, spooled)


def drop_spool(work: Work) -> None:
    """Remove the logs of a finished run: they hold every event of every household."""
    if work.spool is None:
        return
    for file in work.spool.iterdir():
        file.unlink()
    work.spool.rmdir()
