"""How long the archive keeps what it has, and how a household's part of it is taken out without a gap."""

import re
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.events import PSEUDONYM, SOURCE
from schemas.rows import ARCHIVE, SNAPSHOTS
from streams.archive.rows import ERASED
from streams.archive.snapshots import erase_from_snapshots
from streams.clickhouse import failure_of

_PSEUDONYM: Final = re.compile(PSEUDONYM)
_SOURCE: Final = re.compile(SOURCE)
_EMPTY: Final = "household = '', kind = '', source = '', id = '', at = NULL, data = '', sha256 = '', length = 0"


def set_retention(client: Any, days: int) -> None:
    """Let rows of the archive and of its snapshots go so many days after they were written; repeating it changes nothing.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says; the user needs ALTER.

    """
    wanted = f"toDateTime(stored_at) + toIntervalDay({int(days)})"
    try:
        for table in (ARCHIVE, SNAPSHOTS):
            made = client.query(
                "SELECT create_table_query FROM system.tables"  # noqa: S608 - names of our own tables
                f" WHERE database = currentDatabase() AND name = '{table.name}'"
            ).result_rows[0][0]
            if wanted not in str(made):
                client.command(f"ALTER TABLE {table.name} MODIFY TTL {wanted}")
    except ClickHouseError as error:
        raise failure_of(error) from error


def erase(client: Any, household: str, *, source: str = "") -> int:
    """Take a household, or one source of it, out of the archive; return how many readings were erased.

    The places of the records stay, with the form `erased`: a gap in offsets would look like a loss, and a replay must be
    able to say that something is not there on purpose. What snapshots know of the household goes too, of every source: a
    model cannot be cut by sources; and so do results of replays that name it. Done when it returns; ClickHouse rewrites the parts concerned.

    Raises:
        ValueError: no pseudonym, or no source.
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says; the user needs ALTER.

    """
    if not _PSEUDONYM.fullmatch(household) or (source and not _SOURCE.fullmatch(source)):
        raise ValueError("no pseudonym, or no source")
    where = f"household = '{household}'" + (f" AND source = '{source}'" if source else "")
    try:
        readings = int(client.query(f"SELECT count() FROM archive FINAL WHERE {where}").result_rows[0][0])  # noqa: S608 - checked above
        if readings:
            client.command(
                f"ALTER TABLE archive UPDATE form = '{ERASED}', {_EMPTY} WHERE {where} SETTINGS mutations_sync = 2"
            )
    except ClickHouseError as error:
        raise failure_of(error) from error
    erase_from_snapshots(client, household)
    try:
        client.command(
            f"ALTER TABLE replay_incidents DELETE WHERE household = '{household}' SETTINGS mutations_sync = 2"
        )
        for table, column in (("replay_parts", "played"), ("replay_reports", "report")):
            # They name it among others: a replay of that time has to be made again.
            client.command(
                f"ALTER TABLE {table} DELETE WHERE position({column}, '{household}') > 0 SETTINGS mutations_sync = 2"
            )
    except ClickHouseError as error:
        raise failure_of(error) from error
    return readings
