"""A recording on disk: messages in order of sending, the registry, and what was injected.

A folder with `messages.jsonl.gz` (one message a line: topic, key, sent_ms, value), `households.json` and `truth.json`.
"""

import gzip
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import orjson

from load_tests.columns.wire import Wire, wires_of
from load_tests.messages import Message, Played, Span, spans_of
from load_tests.truth import Truth
from schemas.build import encode_events
from schemas.encode import encode
from schemas.households import HouseholdRecord
from streams.unpacked import DAMAGED, opened

MESSAGES: Final = "messages.jsonl.gz"
HOUSEHOLDS: Final = "households.json"
TRUTH: Final = "truth.json"
BLOCK_BYTES: Final = 1 << 18
_END: Final = ord("\n")


class _Line(msgspec.Struct, frozen=True, gc=False):
    topic: str
    key: str
    sent_ms: int
    value: msgspec.Raw


_decode: Final = msgspec.json.Decoder(_Line).decode
_decode_lines: Final = msgspec.json.Decoder(_Line).decode_lines


class _Registry(msgspec.Struct, frozen=True, omit_defaults=True):
    from_ms: int
    until_ms: int
    households: list[HouseholdRecord]
    spans: dict[str, Span] = {}


class RecordingError(ValueError):
    """The folder holds no recording, or a line of it cannot be read."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that can be fed; its messages are read as they are asked for."""

    folder: Path
    from_ms: int
    until_ms: int
    households: tuple[HouseholdRecord, ...]
    truth: tuple[Truth, ...]
    spans: Mapping[str, Span] = field(default_factory=dict)
    """As in `Gathered`: households that are not there all the time."""

    def records(self) -> list[HouseholdRecord]:
        """Registry record of every household."""
        return list(self.households)

    def messages(self) -> Iterator[Wire]:
        """Every message in order of `sent_ms`.

        Raises:
            RecordingError: a line is not a message, or the file ends early.

        """
        number = 0
        try:
            with opened(self.folder / MESSAGES) as file:
                for block in _blocks(file):
                    lines = _lines(block)
                    if lines is not None:
                        number += len(lines)
                        yield from wires_of(lines)
                        continue
                    for line in block.removesuffix(b"\n").split(b"\n"):
                        yield from wires_of([_decode(line)])
                        number += 1
        except (msgspec.MsgspecError, *DAMAGED) as error:
            raise RecordingError(f"{self.folder / MESSAGES}, line {number + 1}: {error}") from error


def _blocks(file: BufferedIOBase) -> Iterator[bytes]:
    """Give whole lines, many at once; what stands before a place that cannot be read is given first."""
    begun = b""
    while block := file.read1(BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            yield begun + block[:end]
            begun = block[end:]
        else:
            begun += block
    if begun:
        yield begun


def _lines(block: bytes) -> list[_Line] | None:
    """Read lines at once; None where one is no message, and those before it are to be given one by one."""
    try:
        lines = _decode_lines(block)
    except msgspec.MsgspecError:
        return None
    # An empty line is passed over in silence, and the numbers of those behind it would be wrong.
    ends = np.count_nonzero(np.frombuffer(block, np.uint8) == _END)  # in half the time of `bytes.count`
    return lines if len(lines) == ends + (not block.endswith(b"\n")) else None


def wire_of(message: Message | Wire) -> Wire:
    """Return the message as bytes."""
    if isinstance(message, Wire):
        return message
    return Wire(message.topic, message.household, message.sent_ms, encode_events(message.events), len(message.events))


def line_of(wire: Wire) -> bytes:
    """One line of `messages.jsonl.gz`, newline included."""
    line = {"topic": wire.topic, "key": wire.key, "sent_ms": wire.sent_ms, "value": orjson.Fragment(wire.value)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def write_registry(folder: Path, played: Played, truth: Iterable[Truth] = ()) -> None:
    """Write `households.json` and `truth.json`; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = _Registry(played.from_ms, played.until_ms, played.records(), dict(spans_of(played)))
    (folder / HOUSEHOLDS).write_bytes(encode(registry))
    (folder / TRUTH).write_bytes(orjson.dumps([msgspec.to_builtins(t) for t in truth], option=orjson.OPT_INDENT_2))


def recorded_while_sent(folder: Path, messages: Iterable[Message | Wire]) -> Generator[Wire]:
    """Pass messages on as bytes and write each to the folder's recording on the way.

    The file is complete when the iterator has ended; closed early, it holds what was passed on. Lines hold no clock of
    the machine, so the same messages give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MESSAGES).open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as packed:
        lines: list[bytes] = []
        try:
            for message in messages:
                wire = wire_of(message)
                lines.append(line_of(wire))
                if len(lines) == 2000:
                    packed.write(b"".join(lines))
                    lines.clear()
                yield wire
        finally:
            packed.write(b"".join(lines))


def write(folder: Path, played: Played, truth: Iterable[Truth] = ()) -> int:
    """Write a whole recording; returns the number of messages."""
    write_registry(folder, played, truth)
    return sum(1 for _ in recorded_while_sent(folder, played.messages()))


def read(folder: Path) -> Recording:
    """Open a recording.

    Raises:
        RecordingError: a file is missing or cannot be read.

    """
    try:
        registry = msgspec.json.decode((folder / HOUSEHOLDS).read_bytes(), type=_Registry)
        truth = msgspec.json.decode((folder / TRUTH).read_bytes(), type=list[Truth])
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordingError(f"{folder} holds no recording: {error}") from error
    if not (folder / MESSAGES).exists():
        raise RecordingError(f"{folder} holds no recording: {MESSAGES} is missing")
    return Recording(
        folder, registry.from_ms, registry.until_ms, tuple(registry.households), tuple(truth), registry.spans
    )
