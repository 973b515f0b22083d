"""ClickHouse behind one URL, embedded or a server: the same client and the same code for both."""

import contextlib
import fcntl
import functools
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, NotSupportedError, ProgrammingError
from clickhouse_connect.driver.httputil import all_managers, get_pool_manager

from streams.settings import masked

CONNECT_WITHIN_S: Final = 10

REFUSALS: Final[dict[int, str]] = {
    16: "it lacks a column; run: anbu migrate",
    20: "a table has other columns; run: anbu migrate",
    47: "it lacks a column; run: anbu migrate",
    53: "a table has columns of other types; run: anbu migrate",
    60: "its tables are missing; run: anbu migrate",
    81: "the database is missing; run: anbu migrate",
    192: "it does not know the user; correct ANBU_CLICKHOUSE",
    193: "it refuses the password; correct ANBU_CLICKHOUSE",
    194: "it wants a password; correct ANBU_CLICKHOUSE",
    497: "the user may not do this; grant it SELECT, INSERT and, for anbu migrate, CREATE",
    516: "it refuses user or password; correct ANBU_CLICKHOUSE",
}
"""ClickHouse's error codes that no waiting mends. Whatever else it says is taken for an absence and tried again."""


class ClickHouseAwayError(Exception):
    """ClickHouse does not answer, or cannot do its work at present: worth another try."""


class ClickHouseRefusedError(Exception):
    """It will not work however often it is tried; one line with the remedy."""


def connect(url: str, *, within_s: float = 30.0, create: bool = False) -> Any:
    """Open ClickHouse; a clickhouse-connect client, to be closed by the caller.

    `chdb:///absolute/path` is the embedded engine: one process can have a path open, and a process one path; do not fork
    while it is open. `clickhouse://user:password@host:8123/database` is a server over HTTP, `clickhouses://` over TLS.
    `within_s` bounds every answer of a server; `create` makes its database when it is missing.

    Raises:
        ClickHouseAwayError: nobody answers, or the answer is that it cannot at present.
        ClickHouseRefusedError: the engine is open elsewhere or not installed, the server refuses, or the URL is none.

    """
    # The driver's own log lines hold addresses, and those of a failed insert hold values; its transport's are one a try.
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if url.startswith("chdb://"):
        return _open_embedded(Path(url.removeprefix("chdb://")))
    parts = urlsplit(url)
    if parts.scheme not in {"clickhouse", "clickhouses"} or not parts.hostname:
        raise ClickHouseRefusedError(f"{masked(url)} is neither chdb:///path nor clickhouse://host:8123/database")
    database = unquote(parts.path.strip("/"))
    try:
        if create and database:
            with contextlib.closing(_open_server(url, "", within_s)) as client:
                client.command(f"CREATE DATABASE IF NOT EXISTS {_quoted(database)}")
        return _open_server(url, database, within_s)
    except ClickHouseError as error:
        raise failure_of(error) from error


def failure_of(error: ClickHouseError) -> ClickHouseAwayError | ClickHouseRefusedError:
    """Tell what an error of the driver means, in one line without its message: messages hold addresses, SQL and values."""
    code = getattr(error, "code", None)
    name = getattr(error, "name", None)
    if code in REFUSALS:
        return ClickHouseRefusedError(f"ClickHouse refuses ({name or code}): {REFUSALS[code]}")
    if code is None and isinstance(error, DataError | NotSupportedError | ProgrammingError):
        return ClickHouseRefusedError(
            f"ClickHouse's driver refuses ({type(error).__name__}): a setting this user may not change, or our mistake"
        )
    if code is None:
        return ClickHouseAwayError("ClickHouse does not answer")
    return ClickHouseAwayError(f"ClickHouse cannot at present ({name or 'code'}, {code})")


def _open_server(url: str, database: str, within_s: float) -> Any:
    parts = urlsplit(url)
    tls = parts.scheme == "clickhouses"
    # A pool of our own: the driver's would send rows and password to whatever proxy HTTP_PROXY names, even those for this
    # machine. Connections come from ANBU_* variables only.
    pool = get_pool_manager()
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(_end_pool, pool)
        client: Any = clickhouse_connect.get_client(
            interface="https" if tls else "http",
            host=parts.hostname,
            port=parts.port or (8443 if tls else 8123),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
            database=database or None,
            connect_timeout=CONNECT_WITHIN_S,
            # The driver cuts fractions off, and takes 0 for a mistake.
            send_receive_timeout=max(1, round(within_s)),
            query_limit=0,
            client_name="anbu",
            # A session stays locked on the server for as long as an insert that this side has given up still runs there.
            autogenerate_session_id=False,
            pool_mgr=pool,
        )
        on_failure.pop_all()
    close: Callable[[], None] = client.close

    def close_with_pool() -> None:
        close()
        _end_pool(pool)

    client.close = close_with_pool
    return client


def _end_pool(pool: Any) -> None:
    pool.clear()
    # The driver remembers every pool it made: each try in a night without a server would leave one.
    all_managers.pop(pool, None)


def _open_embedded(folder: Path) -> Any:
    if importlib.util.find_spec("chdb") is None:
        raise ClickHouseRefusedError(
            "the embedded ClickHouse is missing (package chdb); install it with: pip install 'anbu[embedded]'"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClickHouseRefusedError(f"the embedded ClickHouse cannot use {folder}: {error.strerror}") from error
    try:
        client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    except ClickHouseError as error:
        if is_open_elsewhere(folder):
            why = f"{folder} is open in another process; only one can have it open (anbu writer?)"
        elif "already initialized" in str(error):
            why = f"this process has another folder open than {folder}"
        else:
            why = f"{folder} cannot be opened; is it writable, and made by this version?"
        raise ClickHouseRefusedError(f"the embedded ClickHouse: {why}") from error
    _keep_temporary_files(client, folder.with_name(folder.name + ".tmp"))
    return client


def is_open_elsewhere(folder: Path) -> bool:
    """Whether a process has the embedded engine at this folder open: it then holds a lock on its status file."""
    try:
        with (folder / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _keep_temporary_files(client: Any, folder: Path) -> None:
    """Let the embedded driver write its inserts to a folder of its own, wiped now.

    It hands every insert to the engine in a file, in plain text; a process that is killed leaves that file behind, and in
    the system's temporary folder nobody would ever remove it. The engine is open, so nobody else uses the folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    insert: Callable[..., Any] = client.data_insert

    @functools.wraps(insert)
    def insert_through_folder(*args: Any, **kwargs: Any) -> Any:
        with _temporary_files_in(folder):
            return insert(*args, **kwargs)

    client.data_insert = insert_through_folder


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"
