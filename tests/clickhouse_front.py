"""A loopback HTTP server that speaks enough of ClickHouse's interface for clickhouse-connect, on the embedded engine.

It stands in for a server in tests, and lies when told to: `faults` are taken one by one by the inserts that come.
The engine and its SQL are the real ones; the HTTP side is ours, so it proves the client's behaviour, not a server's.
"""

import contextlib
import importlib
import json
import re
import socket
import struct
import threading
from collections import deque
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from clickhouse_connect.driver.exceptions import DatabaseError

_INSERT = re.compile(rb"INSERT INTO (\S+) \(([^)]*)\) FORMAT Native\n", re.IGNORECASE)
_TRANSPORT = {
    "database",
    "query",
    "query_id",
    "wait_end_of_query",
    "client_protocol_version",
    "enable_http_compression",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
    "cast_string_to_dynamic_use_inference",
    "date_time_input_format",
}
_STATUS = {60: 404, 81: 404, 516: 403}


class Fault(StrEnum):
    """What befalls one insert."""

    BUSY = "503, not applied"
    RESET_BEFORE = "connection reset, not applied"
    RESET_AFTER = "applied, then connection reset: the acknowledgement is lost"
    HANG_BEFORE = "no answer, not applied"
    HANG_AFTER = "applied, no answer"
    TOO_MANY_PARTS = "error 252, not applied"
    LATE_ERROR = "status 200 with progress, then error 252 among the headers, not applied"
    CUT = "applied, then the answer ends within its headers"
    UNKNOWN_TABLE = "error 60"
    NONE = "applied and acknowledged"


_BEFORE = {Fault.RESET_BEFORE, Fault.HANG_BEFORE}
_AFTER = {Fault.RESET_AFTER, Fault.HANG_AFTER}
_PARTS = "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)"
_RESETS = {Fault.RESET_BEFORE, Fault.RESET_AFTER}


class Front:
    """The server; a context manager. `engine` is a clickhouse-connect client on the embedded engine."""

    def __init__(self, engine: Any, port: int = 0) -> None:
        self.engine = engine
        self.faults: deque[Fault] = deque()
        self.inserts: list[tuple[str, str]] = []
        """(table, token) of each insert that reached the engine."""
        self.is_away = False
        """Every connection is reset, whatever it asks."""
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        # A client that was killed, or gave up: the test's own doing.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def url(self, database: str) -> str:
        """`clickhouse://` URL of one of its databases."""
        return f"clickhouse://127.0.0.1:{self._server.server_address[1]}/{database}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _all_frames(body: bytes, encoding: str) -> bytes:
    """The driver makes a frame of each block of rows; whoever reads the first one only has lost the others."""
    if encoding == "zstd":  # what the driver does without lz4, from Python 3.14 on
        return bytes(importlib.import_module("compression.zstd").decompress(body))
    blocks = []
    while body:
        frame = importlib.import_module("lz4.frame").LZ4FrameDecompressor()
        blocks.append(frame.decompress(body))
        body = frame.unused_data or b""
    return b"".join(blocks)


def _handler_of(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(b"Ok.\n")

        def do_POST(self) -> None:
            body = self._body()
            if front.is_away:
                self._reset()
                return
            params = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            if encoding := self.headers.get("Content-Encoding"):
                body = _all_frames(body, encoding)
            try:
                found = _INSERT.match(body)
                if found is not None:
                    self._insert(found, body, params)
                else:
                    sql = params.get("query", "").encode() + body
                    self._answer(self._run(lambda engine: engine.raw_query(sql.decode()), params))
            except DatabaseError as error:
                self._fail(_STATUS.get(error.code or 0, 500), error.code, str(error))

        def _insert(self, found: re.Match[bytes], body: bytes, params: dict[str, str]) -> None:
            fault = front.faults.popleft() if front.faults else Fault.NONE
            if fault is Fault.BUSY:
                self._fail(503, None, "busy")
                return
            if fault is Fault.TOO_MANY_PARTS:
                self._fail(500, 252, _PARTS)
                return
            if fault is Fault.LATE_ERROR:
                self._answer(_PARTS.encode(), {"X-ClickHouse-Progress": "{}", "X-ClickHouse-Exception-Code": "252"})
                return
            if fault is Fault.UNKNOWN_TABLE:
                self._fail(404, 60, "Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE)")
                return
            if fault not in _BEFORE:
                table = found[1].decode()
                names = [name.strip(" `") for name in found[2].decode().split(",")]
                settings = {name: value for name, value in params.items() if name not in _TRANSPORT}
                block = body[found.end() :]
                self._run(lambda engine: engine.raw_insert(table, names, block, settings, "Native"), params)
                front.inserts.append((table, settings.get("insert_deduplication_token", "")))
            if fault in _RESETS:
                self._reset()
            elif fault is Fault.CUT:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {}\r\n")
                self.close_connection = True
            elif fault in _BEFORE | _AFTER:
                front.ended.wait()  # until the client has given up, and the test is over
                self.close_connection = True
            else:
                self._answer(b"", {"X-ClickHouse-Summary": json.dumps({"written_rows": "1"})})

        def _run(self, work: Any, params: dict[str, str]) -> bytes:
            with front.lock:
                front.engine.database = params.get("database", "default")
                done = work(front.engine)
            return done if isinstance(done, bytes) else b""

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            chunks = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
            # A client that has given up meanwhile is the test's own doing.
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                told = {"X-ClickHouse-Format": "Native", "X-ClickHouse-Timezone": "UTC", **(headers or {})}
                for name, value in told.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def _fail(self, status: int, code: int | None, message: str) -> None:
            self._answer(message.encode(), {} if code is None else {"X-ClickHouse-Exception-Code": str(code)}, status)

        def _reset(self) -> None:
            # Lingering for 0 s makes close() send a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.close()

    return Handler
