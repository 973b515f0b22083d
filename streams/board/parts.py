"""What every page of the board shares: made once by whoever starts it."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from streams.board.access import Access
from streams.board.feed import Source
from streams.board.history import History
from streams.board.limits import Limit
from streams.board.sender import Sender
from streams.board.sessions import Session, Sessions
from streams.board.users import Users
from streams.directory import Directory
from streams.household_link import LinkTemplate

MINUTE_MS: Final = 60_000
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Reached:
    """Under which addresses browsers reach the board. `https`: a proxy with TLS stands in front and says who asks."""

    hosts: frozenset[str]
    https: bool = False

    @classmethod
    def at(cls, host: str, port: int, url: str = "") -> "Reached":
        """Take the address it listens on, and the public URL, https, if there is one."""
        # At the loopback address the health check of the machine itself asks, too.
        own = {written for name in _LOOPBACK for written in _written(name, port, HTTP_PORT)}
        if url:
            parts = urlsplit(url)
            return cls(
                frozenset(own | _written(parts.hostname or "", parts.port or HTTPS_PORT, HTTPS_PORT)), https=True
            )
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - never a name
            return cls(frozenset(own))
        return cls(frozenset(own | _written(host, port, HTTP_PORT)))


def _written(host: str, port: int, default: int) -> set[str]:
    """Return how `Host` may say it: browsers leave the default port out, and put an IPv6 address in brackets."""
    host = host.lower()
    with contextlib.suppress(ValueError):  # a name, or an address of the older kind
        host = f"[{IPv6Address(host).compressed}]"
    return {f"{host}:{port}"} | ({host} if port == default else set())


@dataclass(frozen=True, slots=True)
class Limits:
    """How often things may be tried."""

    names: Limit = field(default_factory=lambda: Limit(5, 10 * MINUTE_MS))
    """Failed sign-ins of one name from one address."""
    addresses: Limit = field(default_factory=lambda: Limit(20, 10 * MINUTE_MS))
    """Failed sign-ins from one address, whatever the name."""
    everywhere: Limit = field(default_factory=lambda: Limit(50, 60 * MINUTE_MS))
    """Failed sign-ins of one name, from wherever."""
    requests: Limit = field(default_factory=lambda: Limit(300, MINUTE_MS))
    """Requests of one session."""
    actions: Limit = field(default_factory=lambda: Limit(60, MINUTE_MS))
    """Actions of one session."""


@dataclass(slots=True, kw_only=True)
class Board:
    """Everything a page needs."""

    users: Users
    access: Access
    source: Source
    sender: Sender
    history: History
    clock: Callable[[], int]
    reached: Reached
    sessions: Sessions = field(default_factory=Sessions)
    limits: Limits = field(default_factory=Limits)
    link: LinkTemplate | None = None
    directory: Callable[[], Directory] | None = None
    """Opens the local directory of names and addresses, as it is now; None where there is none."""
    streams: dict[str, list[asyncio.Task[Any]]] = field(default_factory=dict)
    """What serves the live streams, by session, the oldest first: ended when the board ends."""
    form_key: bytes = b""
    past_thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="board-history")
    )
    """Where the history is asked: a ClickHouse that hangs must not hold the threads that all other pages need."""


BOARD: Final = web.AppKey("board", Board)
SESSION: Final = web.RequestKey("session", Session)
