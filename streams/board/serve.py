"""`anbu board`: the board as a process, from its settings to the listening port."""

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from aiohttp import web

from streams.access_log import AccessLog
from streams.board.access import Access
from streams.board.app import make_app
from streams.board.feed import KafkaFeed
from streams.board.history import ClickHouseHistory
from streams.board.meter import meter
from streams.board.parts import Board, Reached
from streams.board.sender import KafkaSender
from streams.board.session_store import SessionStore
from streams.board.sessions import Sessions
from streams.board.users import Users
from streams.directory import Directory
from streams.health import HealthError, HealthServer
from streams.household_link import LinkTemplate
from streams.in_force import profile_in_force
from streams.metrics import BoardPrometheus, new_registry
from streams.settings import Settings
from streams.wallclock import now_ms

FOLDER: Final = "board"
USERS: Final = "users.json"
ACCESS_LOG: Final = "access.log"
SESSIONS: Final = "sessions.sqlite"


class BoardError(Exception):
    """The board cannot start; one line with the remedy."""


def folder_of(settings: Settings) -> Path:
    """Folder in which the board keeps its users and its access log."""
    return settings.datadir / FOLDER


def listening(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say; a free port for port 0.

    Raises:
        BoardError: the port is taken, or the address is none of this machine.

    """
    family = socket.AF_INET6 if ":" in settings.board_host else socket.AF_INET
    try:
        return socket.create_server((settings.board_host, settings.board_port), family=family, backlog=128)
    except OSError as error:
        where = f"port {settings.board_port} on {settings.board_host}"
        raise BoardError(f"the board cannot listen on {where}: {error.strerror}; set ANBU_BOARD_PORT") from error


def build(settings: Settings, port: int, *, clock: Callable[[], int] = now_ms) -> web.Application:
    """Return the application with its real parts, for the port it listens on; they run as long as it does.

    Raises:
        BoardError, UsersError, AccessLogError, DirectoryError, ValueError: a file or a setting cannot be used; one line.

    """
    folder = folder_of(settings)
    feed = KafkaFeed(settings.bootstrap, settings.partitions, clock=clock, profile=lambda: profile_in_force(settings))
    sender = KafkaSender(settings.bootstrap, settings.partitions)
    history = ClickHouseHistory(settings.clickhouse)
    users = Users(folder / USERS)
    log = AccessLog(folder / ACCESS_LOG)
    kept = SessionStore.open(folder / SESSIONS)
    board = Board(
        users=users,
        access=Access(log, clock),
        source=feed,
        sender=sender,
        history=history,
        clock=clock,
        reached=Reached.at(settings.board_host, port, settings.board_url),
        sessions=Sessions(kept, users.get),
        link=_link(settings),
        directory=_directory(settings),
    )

    async def run(_app: web.Application) -> AsyncIterator[None]:
        feed.start()
        yield
        feed.close()
        sender.close()
        board.past_thread.shutdown(wait=False, cancel_futures=True)
        history.close()
        kept.close()
        log.close()

    app = make_app(board)
    app.cleanup_ctx.append(run)
    return app


def _link(settings: Settings) -> LinkTemplate | None:
    if not settings.link_template:
        return None
    try:
        key = Path(settings.link_key).read_bytes().strip()
    except OSError as error:
        raise BoardError(f"ANBU_LINK_KEY={settings.link_key} cannot be read: {error.strerror}") from error
    return LinkTemplate(settings.link_template, key)


def _directory(settings: Settings) -> Callable[[], Directory] | None:
    """Return what opens the directory anew for each look-up: whoever was taken out of it is not found any more.

    Raises:
        DirectoryError: it cannot be used.

    """
    if not settings.directory:
        return None
    path, key = Path(settings.directory), Path(settings.directory_key)
    Directory.open(path, key)
    return lambda: Directory.open(path, key)


def serve(settings: Settings, told: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        BoardError, UsersError, AccessLogError, DirectoryError, ValueError: it cannot start; one line.

    """
    # The server's own lines about what failed hold the values that it failed on.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL + 1)
    registry = new_registry()
    with listening(settings) as where, contextlib.ExitStack() as left:
        port = where.getsockname()[1]
        host = f"[{settings.board_host}]" if ":" in settings.board_host else settings.board_host
        url = settings.board_url or f"http://{host}:{port}"
        app = build(settings, port)
        health = meter(app, BoardPrometheus(registry, engine=version("anbu")), url)
        try:
            asked = HealthServer(
                health, registry, settings.metrics_host, settings.board_metrics_port, port_setting="board_metrics_port"
            )
        except HealthError as error:
            raise BoardError(str(error)) from error
        left.callback(asked.close)
        with contextlib.suppress(web.GracefulExit):
            web.run_app(
                app,
                sock=where,
                access_log=None,  # its lines hold addresses and paths; who looked at whom is in the access log
                shutdown_timeout=3.0,
                print=lambda *_: told(f"board on {url}; health at {asked.url}/ready"),
            )
