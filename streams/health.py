"""`/metrics`, `/live` and `/ready` over HTTP, from threads of its own; whatever is asked, the process goes on with its work.

Alive is not enough to be healthy: `/live` asks whether the process does its rounds, `/ready` whether each of its
partitions makes progress.
"""

import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, NamedTuple, Protocol, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from schemas.encode import encode
from schemas.times import to_rfc3339
from streams.settings import variable_of
from streams.wallclock import monotonic_s

log = logging.getLogger("anbu.health")

LIVE_WITHIN_S: Final = 10.0
STARTS_WITHIN_S: Final = 60.0
"""Before its first round a process counts as live for so long: it may be waiting for the broker."""
CONNECTIONS: Final = 16
"""Answered at the same time; one more is closed at once, or whoever opens many would take all threads and files."""
REQUEST_WITHIN_S: Final = 5.0
"""A client that neither sends nor reads for so long is left."""


class Answer(NamedTuple):
    """Yes or no, and the JSON body that says why."""

    ok: bool
    body: dict[str, Any]


class Judge(Protocol):
    """Whoever knows how the process does; asked from the server's threads."""

    def live(self, at_s: float) -> Answer:
        """Tell whether it does its rounds; if not, it should be restarted."""

    def ready(self, at_s: float) -> Answer:
        """Tell whether it does its work."""


class HealthError(Exception):
    """The port cannot be had; one line that names the variable to change."""


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """Where one partition of a worker stands."""

    partition: int
    recovered: bool
    applied: int
    """Sum of the next offsets over its topics."""
    end: int
    """Sum of the ends of its logs."""
    clock_ms: int
    """Log time; 0 before the first tick of every topic."""
    stands_s: float
    """How long its clock has not moved."""
    stalled: bool


class Heart:
    """When the last round was done. Beaten by the one thread that works, asked by others."""

    def __init__(
        self, started_s: float, *, live_within_s: float = LIVE_WITHIN_S, starts_within_s: float = STARTS_WITHIN_S
    ) -> None:
        """Begin at `started_s`, seconds of the clock on which everything later is told and asked."""
        self._started_s = started_s
        self._live_within_s = live_within_s
        self._starts_within_s = starts_within_s
        self._beat_s: float | None = None

    def beat(self, at_s: float) -> None:
        """Take down that a round was done."""
        self._beat_s = at_s

    def why_not(self, at_s: float) -> list[str]:
        """Say what is wrong: nothing, or that no round was done for too long."""
        beat_s = self._beat_s
        if beat_s is None:
            if at_s - self._started_s <= self._starts_within_s:
                return []
            return [f"no round was done in the {at_s - self._started_s:.0f} s since the start"]
        if at_s - beat_s < self._live_within_s:
            return []
        return [f"no round was done for {at_s - beat_s:.0f} s"]


class Health:
    """How a worker does: fed by its event loop every second, asked by `HealthServer`."""

    def __init__(self, started_s: float) -> None:
        """Begin at `started_s`, seconds of a clock that never steps back."""
        self._heart = Heart(started_s)
        self._partitions: tuple[PartitionHealth, ...] = ()

    def heartbeat(self, at_s: float) -> None:
        """Take down that the event loop goes round."""
        self._heart.beat(at_s)

    def partitions(self, listed: Sequence[PartitionHealth]) -> None:
        """Take the partitions that the worker owns now, and how each does, in place of the ones before."""
        # One assignment: the threads that ask see the old ones or the new ones.
        self._partitions = tuple(sorted(listed, key=lambda one: one.partition))

    def live(self, at_s: float) -> Answer:
        """Tell whether the last heartbeat is younger than 10 s."""
        why = self._heart.why_not(at_s)
        return Answer(not why, {"live": not why, "why": why, "partitions": list(map(_told, self._partitions))})

    def ready(self, at_s: float) -> Answer:
        """Tell whether it owns partitions, has recovered all of them, and none is stalled."""
        partitions = self._partitions
        why = self._heart.why_not(at_s)
        if not partitions:
            why.append("owns no partition")
        why += [f"partition {one.partition} is recovering" for one in partitions if not one.recovered]
        why += [f"partition {one.partition} makes no progress" for one in partitions if one.stalled]
        return Answer(not why, {"ready": not why, "why": why, "partitions": list(map(_told, partitions))})


def _told(one: PartitionHealth) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "recovered": one.recovered,
        "stalled": one.stalled,
        "applied": one.applied,
        "end": one.end,
        "behind": max(0, one.end - one.applied),
        "clock": _clock_text(one.clock_ms),
        "clock_stands_s": round(one.stands_s, 1),
    }


def _clock_text(clock_ms: int) -> str | None:
    if clock_ms <= 0:
        return None
    try:
        return to_rfc3339(clock_ms)
    except (ValueError, OverflowError):
        return None  # a tick of the year 99999: the number itself is among the metrics


class HealthServer:
    """Answers until it is closed; a context manager. Its threads die with the process.

    Raises:
        HealthError: nobody may listen there; `port_setting` is named in the message.

    """

    def __init__(
        self,
        judge: Judge,
        registry: CollectorRegistry,
        host: str,
        port: int,
        *,
        port_setting: str = "metrics_port",
        clock: Callable[[], float] = monotonic_s,
    ) -> None:
        """Listen on `host` and `port` (0: a free one) from now on."""
        self._server = _listen(host, port, variable_of(port_setting), _handler_of(judge, registry, clock))
        self.host: Final = host
        self.port: Final[int] = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="anbu-health", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:9310`, without a path."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    """Not http.server's own: that one asks the name service for its name, which can take minutes."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS

    def __init__(self, family: socket.AddressFamily, address: Any, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = family
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(address, handler)

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            # No file is left for it. It stays in the queue, and asking again at once would take a whole core.
            time.sleep(0.1)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._room.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        # A client that left in the middle, mostly. The server's own way is a traceback on standard error.
        log.debug("a request for metrics or health was not answered")


def _listen(host: str, port: int, port_variable: str, handler: type[BaseHTTPRequestHandler]) -> _Server:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        host_variable = variable_of("metrics_host")
        raise HealthError(f"{host_variable}={host} is no address of this machine ({error.strerror})") from error
    try:
        return _Server(family, address, handler)
    except OSError as error:
        raise HealthError(
            f"{port_variable}={port}: port {port} of {host} cannot be had ({error.strerror}); choose another, or 0 for a"
            " free one"
        ) from error


def _handler_of(judge: Judge, registry: CollectorRegistry, clock: Callable[[], float]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_WITHIN_S
        server_version = "anbu"
        sys_version = ""

        def do_GET(self) -> None:
            try:
                status, kind, body = self._answer(self.path.partition("?")[0].rstrip("/"))
            except Exception:
                # A metric that cannot be read is no reason to answer nothing: that looks like a dead process.
                log.exception("%s could not be answered", self.path.partition("?")[0][:40])
                status, kind, body = HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"see the log\n"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
            if path == "/metrics":
                return HTTPStatus.OK, *_exposed(registry, self.headers.get("Accept", ""))
            if path not in {"/live", "/ready"}:
                return HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /live and /ready are here\n"
            answer = judge.live(clock()) if path == "/live" else judge.ready(clock())
            status = HTTPStatus.OK if answer.ok else HTTPStatus.SERVICE_UNAVAILABLE
            return status, "application/json", encode(answer.body) + b"\n"

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


def _exposed(registry: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    """Content type and text of all metrics, in the form that was asked for."""
    try:
        encoder, kind = choose_encoder(accept)
    except (ValueError, TypeError):  # the library fails on a version that is none
        encoder, kind = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return kind, encoder(registry)
