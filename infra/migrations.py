"""ClickHouse's tables, brought to this version by numbered SQL files, each applied once and in order.

ClickHouse has no transaction over several statements. So every statement of a migration may be repeated (`IF NOT
EXISTS`), and the note that a migration is applied is written last: one that was cut off half-way is simply applied again.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.clickhouse import ClickHouseRefusedError, failure_of

_FILE: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_NOTES: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt32 COMMENT 'number of the migration',
    name String COMMENT 'its file',
    checksum String COMMENT 'SHA-256 of the file, hexadecimal',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which it was applied'
)
ENGINE = ReplacingMergeTree
ORDER BY number
COMMENT 'migrations applied to this database'
"""


class MigrationError(Exception):
    """The migrations of this version do not fit what the database says of itself; one line that names the first."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal; line ends do not count, for a checkout may change them."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The SQL statements, without comment lines. A statement ends with a semicolon at the end of a line."""
        lines = (line for line in self.sql.splitlines() if not line.lstrip().startswith("--"))
        return [part for one in re.split(r";[ \t]*(?:\n|$)", "\n".join(lines)) if (part := one.strip())]


def migrations() -> list[Migration]:
    """Every migration of this version, in order.

    Raises:
        MigrationError: the numbers are not 1, 2, 3 and so on.

    """
    found = []
    for file in files("infra").joinpath("migrations").iterdir():
        named = _FILE.fullmatch(file.name)
        if named is not None:
            found.append(Migration(int(named[1]), file.name, file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(f"migration {expected:04d} is missing or there twice: found {migration.name}")
    return found


def migrate(client: Any, known: list[Migration] | None = None) -> list[str]:
    """Apply what the client's database does not have yet; names of what was applied, in order.

    Safe to repeat, and safe to run twice at once. `known`: the migrations to apply, those of this version by default.

    Raises:
        MigrationError: a migration that was applied has been changed since, or the database has one that this version
            does not know (nothing is applied then); or ClickHouse does not take one of them.
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    known = migrations() if known is None else known
    try:
        client.command(_NOTES)
        rows = client.query("SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number").result_rows
        noted = {int(number): (str(name), str(checksum)) for number, name, checksum in rows}
        _check(noted, {migration.number: migration for migration in known})
        applied = []
        for migration in known:
            if migration.number not in noted:
                _apply(client, migration)
                _note(client, migration)
                applied.append(migration.name)
    except ClickHouseError as error:
        raise failure_of(error) from error
    return applied


def _check(noted: dict[int, tuple[str, str]], known: dict[int, Migration]) -> None:
    for number, (name, checksum) in noted.items():
        migration = known.get(number)
        if migration is None:
            raise MigrationError(f"the database has migration {name}, made by a newer version of Anbu: update this one")
        if migration.checksum != checksum:
            raise MigrationError(
                f"migration {migration.name} was changed after it was applied here;"
                " restore the file and put the change into a new migration"
            )


def _apply(client: Any, migration: Migration) -> None:
    for statement in migration.statements:
        try:
            client.command(statement)
        except ClickHouseError as error:
            failure = failure_of(error)
            if getattr(error, "code", None) is None or isinstance(failure, ClickHouseRefusedError):
                raise failure from error
            raise MigrationError(f"{migration.name} failed: {failure}") from error


def _note(client: Any, migration: Migration) -> None:
    client.command(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES",
        data=f"({migration.number}, '{migration.name}', '{migration.checksum}')",
    )
