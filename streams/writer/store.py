"""The writer's side of ClickHouse: rows into tables, once, whatever becomes of the acknowledgement."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.rows import TABLES, Table, Values
from streams.clickhouse import ClickHouseAwayError, connect, failure_of

STORE_WITHIN_S: Final = 60.0
"""Longest wait for one answer of ClickHouse. The driver tries a lost connection twice: 2 tables, 2 tries, 4 minutes."""

ONCE: Final[dict[str, str | int]] = {
    # Since version 26 this one alone decides, and a user's profile may have it off; older servers do not know it.
    "deduplicate_insert": "enable",
    "insert_deduplicate": 1,
    # A server that gathers inserts by itself would acknowledge before they are stored.
    "async_insert": 0,
}
"""Settings of every insert, of which each server gets those it knows: an unknown one it would refuse."""


class Store(Protocol):
    """Where rows go: `ClickHouseStore`, or a test's dict."""

    def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
        """Store rows once; a repeat with the same token changes nothing. Raises as `streams.clickhouse` says."""

    def close(self) -> None:
        """End."""


class ClickHouseStore:
    """Rows into ClickHouse; opened at the first write, so that a writer may start before its store."""

    def __init__(self, url: str, within_s: float = STORE_WITHIN_S, tables: Sequence[Table] = TABLES) -> None:
        """Choose the URL, the longest wait for one answer of a server, and the tables; open nothing yet."""
        self._url = url
        self._tables = tables
        self._within_s = within_s
        self._client: Any = None
        self._once: dict[str, str | int] = {}

    def write(self, table: Table, rows: Sequence[Values], token: str) -> None:
        """Insert rows under a token and wait for the acknowledgement.

        Raises:
            ClickHouseAwayError: not acknowledged; it may be stored all the same, so try again with the same token.
            ClickHouseRefusedError: it will not work, however often it is tried.

        """
        try:
            if self._client is None:
                self._open()
            self._client.insert(
                table.name,
                rows,
                column_names=table.names,
                column_type_names=table.types,
                settings={"insert_deduplication_token": token, **self._once},
            )
        except ClickHouseError as error:
            raise failure_of(error) from error
        except OSError as error:
            # The embedded engine takes its rows from a file: a full disk is an absence, not a mistake in the rows.
            raise ClickHouseAwayError(f"ClickHouse cannot be given rows ({error.strerror})") from error

    def read(self, sql: str) -> Sequence[Values]:
        """Return the rows of a query.

        Raises:
            ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

        """
        try:
            if self._client is None:
                self._open()
            return [tuple(row) for row in self._client.query(sql).result_rows]
        except ClickHouseError as error:
            raise failure_of(error) from error

    def _open(self) -> None:
        client = connect(self._url, within_s=self._within_s)
        try:
            for table in self._tables:
                # Reads nothing; a table or column that is missing is an error with its code.
                names = ", ".join(f"`{name}`" for name in table.names)
                client.command(f"SELECT {names} FROM {table.name} WHERE 0")  # noqa: S608 - names of our own tables
        except BaseException:
            with suppress(ClickHouseError):
                client.close()
            raise
        self._once = {name: value for name, value in ONCE.items() if name in client.server_settings}
        self._client = client

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
