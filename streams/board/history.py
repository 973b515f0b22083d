"""Past incidents of a household, from ClickHouse: the only part of the board that is missing while it is down."""

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect
from streams.wallclock import monotonic_s

WITHIN_S: Final = 3.0
AGAIN_S: Final = 20.0
"""After a failure it is not asked for so long: each page would else wait for it."""
MOST: Final = 50
"""Incidents shown: the newest."""
SQL: Final = """
    SELECT kind, severity, state, cause, opened_at, at, owner, sentence_ko, sentence_en, status
    FROM (
        SELECT *
        FROM incidents FINAL
        WHERE household = {household:String}
        ORDER BY incident, revision DESC
        LIMIT 1 BY incident
    )
    ORDER BY opened_at DESC, incident
    LIMIT {most:UInt32}
"""


class HistoryAwayError(Exception):
    """Past incidents cannot be read now."""


class Past(NamedTuple):
    """What became of an incident: its last revision. Times in UTC."""

    kind: str
    severity: str
    state: str
    cause: str
    opened_at: datetime
    at: datetime
    owner: str
    sentence_ko: str
    sentence_en: str
    status: str


class History(Protocol):
    """What a household's page asks; a double in tests."""

    def past(self, household: str) -> list[Past]:
        """Return its incidents, the newest first.

        Raises:
            HistoryAwayError: they cannot be read now.

        """


class ClickHouseHistory:
    """Asks ClickHouse, one question at a time. Never opens the embedded engine: only one process can, the writer."""

    def __init__(self, url: str, *, opening: Callable[..., Any] = connect) -> None:
        self._url = url
        self._opening = opening
        self._client: Any = None
        self._lock = threading.Lock()
        self._failed_s: float | None = None

    def past(self, household: str) -> list[Past]:
        """Return a household's incidents, the newest first."""
        if self._url.startswith("chdb://"):
            raise HistoryAwayError("the embedded ClickHouse is open in the writer alone")
        with self._lock:
            if self._failed_s is not None and monotonic_s() - self._failed_s < AGAIN_S:
                raise HistoryAwayError("it failed a moment ago")
            try:
                rows = self._ask(household)
            except (ClickHouseError, ClickHouseAwayError, ClickHouseRefusedError) as error:
                self._failed_s = monotonic_s()
                self._drop()
                raise HistoryAwayError("ClickHouse does not answer") from error
            self._failed_s = None
        return sorted((Past(*row) for row in rows), key=lambda one: one.opened_at, reverse=True)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._drop()

    def _ask(self, household: str) -> list[Any]:
        if self._client is None:
            self._client = self._opening(self._url, within_s=WITHIN_S)
        result = self._client.query(SQL, parameters={"household": household, "most": MOST})
        return list(result.result_rows)

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()
