"""A receiver of deliveries on loopback that checks signatures and does as badly as it is told to."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

from streams.webhook.sign import SignatureError, verify

HANG_S = 2.5
"""Longer than the targets of these tests wait."""


class Receiver:
    """A context manager. `act(id, turn)` says what befalls each delivery: a status, "hang", "drop" or "cut".

    "drop" ends the connection before an answer, "cut" takes the delivery and then ends it: the answer is lost.
    """

    def __init__(self, secret: bytes, act: Callable[[str, int], Any] = lambda _name, _turn: 200, port: int = 0) -> None:
        self.secret = secret
        self.act = act
        self.taken: list[tuple[str, dict[str, Any]]] = []
        """Id and payload of each delivery that was taken, repeats among them."""
        self.tries: dict[str, int] = {}
        self.forged = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/anbu"

    def ids(self) -> set[str]:
        with self.lock:
            return {name for name, _ in self.taken}

    def order(self, household: str) -> list[tuple[str, int]]:
        """Incident and revision of what was taken of a home, in the order of the first time."""
        with self.lock:
            seen = [(one["data"]["id"], one["data"]["revision"]) for _, one in self.taken
                    if one["data"]["household"] == household]  # fmt: skip
        return list(dict.fromkeys(seen))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = (
            True  # head and body are two writes: the second would wait 40 ms for an acknowledgement
        )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                name = verify(dict(self.headers), body, [receiver.secret], time.time())
            except SignatureError:
                receiver.forged += 1
                self._answer(401)
                return
            with receiver.lock:
                receiver.tries[name] = turn = receiver.tries.get(name, 0) + 1
                what = receiver.act(name, turn)
                if what == "cut" or (isinstance(what, int) and what < 300):
                    receiver.taken.append((name, orjson.loads(body)))
            if what == "hang":
                receiver.ended.wait(HANG_S)
            elif what in {"drop", "cut"}:
                self._reset()
            else:
                self._answer(what)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"ok")

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_args: object) -> None:
            pass

    return Handler
