"""What is kept of a record that could not be used: enough to find it again, nothing that tells of a person."""

import hashlib
import re
import unicodedata
from typing import Final

from msgspec.structs import replace

from schemas.events import DeadLetter, Fault
from schemas.times import to_rfc3339

HEAD_BYTES: Final = 64
_ESCAPE: Final = re.compile(r"\\u[0-9A-Fa-f]{0,4}")
_REPLACED: Final = "\ufffd"


def dead_letter(topic: str, partition: int, offset: int, fault: Fault, value: bytes | None, at_ms: int) -> DeadLetter:
    """Dead letter of one refused reading; length and SHA-256 are those of the whole message.

    A null message has length 0 and the hash of no bytes.
    """
    body = value or b""
    return DeadLetter(
        topic=topic,
        partition=partition,
        offset=offset,
        index=fault.index,
        reason=fault.reason,
        detail=fault.detail,
        length=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        head=masked(body[:HEAD_BYTES]),
        at=to_rfc3339(at_ms),
    )


def flood_summary(first: DeadLetter, *, count: int, last_offset: int, at_ms: int) -> DeadLetter:
    """One dead letter for many of one reason: the first of them, how many, and up to which offset they lie."""
    return replace(first, count=count, last_offset=last_offset, at=to_rfc3339(at_ms))


def masked(head: bytes) -> str:
    r"""Make every letter of any alphabet `a` every digit `9` and every control character `.`.

    Only ASCII punctuation and the sign for broken UTF-8 stay what they are. An escape such as `\uc548` is one letter.
    """
    text = _ESCAPE.sub("a", head.decode("utf-8", "replace"))
    return "".join(map(_mask, text))


def _mask(char: str) -> str:
    if char == _REPLACED:
        return char
    if char.isalpha():
        return "a"
    if unicodedata.category(char).startswith("N"):
        return "9"
    if char.isascii():
        return char if char.isprintable() else "."
    # Combining marks spell letters and emoji can name somebody.
    return "a"
