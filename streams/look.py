"""The doctor's eyes: asks the broker and ClickHouse, and only reads."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.events import TICK_KEY, Tick
from schemas.rows import EVERY_TABLE
from schemas.topics import ORDERED_NAMES
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect, failure_of, is_open_elsewhere
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
            return _look_at_folder(Path(self._settings.clickhouse.removeprefix("chdb://")))
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


def _look_at_folder(folder: Path) -> str:
    """Judge the embedded engine from outside: opening it here could keep the writer from opening it."""
    if is_open_elsewhere(folder):
        return "the embedded engine is open, in the one process that can have it open"
    if not (folder / "metadata").is_dir():
        raise StoreAwayError(f"the embedded engine was never opened at {folder}: anbu migrate, then anbu writer")
    return "the embedded engine is at rest; a writer opens it with its first row"


def _ask_server(url: str) -> str:
    try:
        with contextlib.closing(connect(url, within_s=10.0)) as client:
            version = client.command("SELECT version()")
            for table in EVERY_TABLE:
                # Reads nothing; a table that is missing is an error with its remedy.
                client.command(f"SELECT 1 FROM {table.name} WHERE 0")  # noqa: S608 - names of our own tables
    except ClickHouseError as error:
        raise StoreAwayError(str(failure_of(error))) from error
    except ClickHouseAwayError as error:
        raise StoreAwayError(f"{error}: start it, or correct ANBU_CLICKHOUSE") from error
    except ClickHouseRefusedError as error:
        raise StoreAwayError(str(error)) from error
    return f"version {version} answers and has its {len(EVERY_TABLE)} tables"
