"""The doctor's eyes: asks the broker and ClickHouse, and only reads."""

import contextlib
import fcntl
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.events import TICK_KEY, Tick
from schemas.topics import ORDERED_NAMES
from streams.doctor import SeenTick, StoreAwayError
from streams.incident_fold import Watching
from streams.publish import partition_counts
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.tail import LogReader, Place, Record

_TICK: Final = msgspec.json.Decoder(Tick)


class BrokerLook:
    """A `Look` at what the settings point to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: LogReader | None = None

    def topics(self) -> Mapping[str, int]:
        """Partition count of every topic."""
        return partition_counts(self._settings.bootstrap)

    def last_ticks(self) -> Mapping[Place, SeenTick | None]:
        """Last tick in every partition of every ordered topic: all their ends at once, then further back where needed."""
        if self._reader is None:
            self._reader = LogReader(self._settings.bootstrap)
        places = [(topic, partition) for topic in ORDERED_NAMES for partition in range(self._settings.partitions)]
        found: dict[Place, SeenTick | None] = dict.fromkeys(places)
        for record in self._reader.read_last(places, 50):
            if (seen := _tick(record)) is not None:
                found[(record.topic, record.partition)] = seen
        for place in [place for place, seen in found.items() if seen is None]:
            last = self._reader.find_last(place, lambda record: _tick(record) is not None)
            found[place] = _tick(last) if last is not None else None
        return found

    def watching(self) -> Watching:
        """Return what the status records say."""
        with IncidentSubscriber(self._settings.bootstrap) as subscriber:
            subscriber.catch_up()
            return subscriber.watching()

    def store(self) -> str:
        """Return one sentence about ClickHouse."""
        if self._settings.clickhouse_is_embedded:
            return _look_at_lock(Path(urlsplit(self._settings.clickhouse).path))
        return _ask_server(self._settings.clickhouse)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            with contextlib.suppress(Exception):
                self._reader.close()


def _tick(record: Record) -> SeenTick | None:
    if record.key != TICK_KEY or record.value is None:
        return None
    try:
        return SeenTick(_TICK.decode(record.value), record.arrived_ms)
    except msgspec.DecodeError:
        return None


def _look_at_lock(folder: Path) -> str:
    """Judge the embedded engine by its lock: only one process can have it open, and that should be the writer."""
    try:
        with (folder / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass  # it is removed when the engine is closed in order
    except BlockingIOError:
        return "the embedded engine is open, in the one process that can have it open"
    raise StoreAwayError("no process has the embedded engine open: anbu migrate, then anbu writer")


def _ask_server(url: str) -> str:
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    # The driver's errors may hold the whole address; only their kind is told.
    try:
        client = clickhouse_connect.get_client(dsn=url, connect_timeout=5, send_receive_timeout=10, query_limit=0)
        try:
            found = client.query(
                "SELECT version(), countIf(name = 'incidents') FROM system.tables WHERE database = currentDatabase()"
            ).result_rows[0]
        finally:
            client.close()
    except ClickHouseError as error:
        raise StoreAwayError(
            f"start ClickHouse, or correct ANBU_CLICKHOUSE ({type(error).__name__}); if it runs: anbu migrate"
        ) from error
    if not found[1]:
        raise StoreAwayError("its tables are missing: anbu migrate")
    return f"version {found[0]} answers and has its tables"
