"""Replays within this process, with every revision in memory: for tests that compare."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logs import Logs

import load_tests.whatif.log
from infra.migrations import migrate
from load_tests.whatif.log import Past
from schemas.profiles import Profile
from schemas.rows import ARCHIVE
from schemas.topics import ORDERED_NAMES
from streams.archive.rows import archive_rows
from streams.clickhouse import connect
from streams.replay.run import Run, replay


def run_all(past: Past, profile: Profile | None = None) -> Run:
    """Every partition of a past, together."""
    whole = Run()
    for partition in range(past.partitions):
        whole.add(replay(past.source(partition), past.engine(partition, profile)))
    return whole


@contextlib.contextmanager
def an_archive(folder: Path, logs: Logs) -> Iterator[tuple[str, Any]]:
    """Archive some logs in the embedded engine, rows twice over as by a writer that was killed; its address and its client."""
    url = f"chdb://{folder}/db"
    with contextlib.closing(connect(url)) as client:
        migrate(client)
        for number, log in enumerate(logs):
            rows = [
                row.values
                for offset in range(len(log))
                for row in archive_rows(
                    ORDERED_NAMES[number], 0, offset, log.keys[offset], log.values[offset], 0, broker_stamped=False
                )
            ]
            for part in (rows, rows[: len(rows) // 2]):
                client.insert("archive", part, column_names=ARCHIVE.names, column_type_names=ARCHIVE.types)
        load_tests.whatif.log._open[url] = client
        yield url, client
        del load_tests.whatif.log._open[url]
