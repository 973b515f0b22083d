"""The slow way, taken only when typed decoding failed: cut an array into its readings, and say why one is refused."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from schemas.events import MAX_DEPTH, MAX_READINGS, PSEUDONYM, Fault, Reason
from schemas.vocabulary import BY_TYPE

# Possessive throughout and satisfied by the end of the input, or an unterminated string full of escaped quotes would be
# scanned again from each of them.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_JSON_SPACE: Final = b" \t\n\r"
_OPEN: Final = frozenset({b"[", b"{"})
_CLOSE: Final = frozenset({b"]", b"}"})
_PSEUDONYM: Final = re.compile(PSEUDONYM)
_WHERE: Final = re.compile(r"`\$\.?([^`]*)`$")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")
_LONGEST_INT: Final = 400
"""Digits. Longer ones are beyond any float, and Python refuses to read them from 4,300 on."""


def nests_too_deep(value: bytes, allowed: int = MAX_DEPTH) -> bool:
    """Tell whether brackets nest deeper than allowed, without recursion and in one pass."""
    if value.count(b"{") + value.count(b"[") <= allowed:
        return False
    depth = 0
    for found in _TOKEN.finditer(value):
        token = found.group()
        if token in _OPEN:
            depth += 1
            if depth > allowed:
                return True
        elif token in _CLOSE:
            depth -= 1
    return False


def split_array(value: bytes) -> list[bytes] | Fault | None:
    """Bytes of each reading of an array; None when the message is no array at all.

    Works on bytes, so that one reading that is not JSON, or not UTF-8, leaves the others what they are. A `Fault` when
    the array itself is broken or has more than `MAX_READINGS`.
    """
    text = value.strip(_JSON_SPACE)
    if text[:1] != b"[":
        return None
    parts: list[bytes] = []
    depth, start = 0, 1
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
            if depth == 0:
                return _last_part(text, parts, start, found.end())
        elif token == b"," and depth == 1:
            parts.append(text[start : found.start()].strip(_JSON_SPACE))
            start = found.end()
            if len(parts) >= MAX_READINGS:
                return Fault(Reason.TOO_LARGE, 0, "readings")
    return Fault(Reason.NOT_JSON, 0, "array")


def _last_part(text: bytes, parts: list[bytes], start: int, end: int) -> list[bytes] | Fault:
    if end != len(text) or text[end - 1 : end] != b"]":
        return Fault(Reason.NOT_JSON, 0, "array")
    last = text[start : end - 1].strip(_JSON_SPACE)
    if last or parts:
        parts.append(last)
    return parts


def screen(value: bytes, index: int = 0, allowed: int = MAX_DEPTH) -> Fault | None:
    """Refuse what no parser should see: nested too deep, or not UTF-8."""
    if nests_too_deep(value, allowed):
        return Fault(Reason.TOO_DEEP, index)
    try:
        value.decode()
    except UnicodeDecodeError:
        return Fault(Reason.NOT_UTF8, index)
    return None


def why_no_event(value: bytes, index: int, topic: str, household: str, error: Exception) -> Fault:
    """Say why a screened reading is no event; what comes first in the order of the checks is named.

    The order is that of the fast way: JSON at all, version, type, household, then the other fields.
    """
    tree = _parse(value)
    if isinstance(tree, Reason):
        return Fault(tree, index)
    if not isinstance(tree, dict):
        return Fault(Reason.WRONG_TYPE, index, "event")
    for name in ("specversion", "type"):
        if name not in tree:
            return Fault(Reason.MISSING_FIELD, index, name)
        if not isinstance(tree[name], str):
            return Fault(Reason.WRONG_TYPE, index, name)
    if tree["specversion"] != "1.0":
        return Fault(Reason.UNKNOWN_TYPE, index, "specversion")
    if fault := type_fault(tree["type"], topic, index):
        return fault
    if fault := household_fault(tree.get("subject"), household, index):
        return fault
    for name in ("source", "id", "time"):
        if name not in tree:
            return Fault(Reason.MISSING_FIELD, index, name)
    return _typed(index, error)


def why_no_record(value: bytes, error: Exception, *, of_household: bool) -> Fault:
    """Say why a screened message of another input could not be decoded."""
    tree = _parse(value)
    if isinstance(tree, Reason):
        return Fault(tree)
    if not isinstance(tree, dict):
        return Fault(Reason.WRONG_TYPE, 0, "record")
    if of_household and not is_pseudonym(tree.get("household")):
        return Fault(Reason.NO_HOUSEHOLD, 0, "household")
    if found := _MISSING.search(str(error)):
        return Fault(Reason.MISSING_FIELD, 0, found.group(1))
    return _typed(0, error)


def type_fault(type_: str, topic: str, index: int) -> Fault | None:
    """Fault of a `type` that is unknown, or belongs on another topic."""
    kind = BY_TYPE.get(type_)
    if kind is None:
        return Fault(Reason.UNKNOWN_TYPE, index, "type")
    return None if kind.topic == topic else Fault(Reason.UNKNOWN_TYPE, index, "topic")


def household_fault(subject: object, household: str, index: int) -> Fault | None:
    """Fault of a `subject` that is no pseudonym, or not the household of the message's key ("" for a garbage key)."""
    if not is_pseudonym(subject):
        return Fault(Reason.NO_HOUSEHOLD, index, "subject")
    return None if subject == household else Fault(Reason.WRONG_KEY, index, "subject" if household else "key")


def is_pseudonym(thing: object) -> bool:
    """Tell whether this can be a household's pseudonym."""
    return isinstance(thing, str) and _PSEUDONYM.fullmatch(thing) is not None


def _parse(value: bytes) -> Any:
    """Plain data of JSON text, or the `Reason` why it is none: NaN and its like are refused last."""
    constants: list[str] = []
    try:
        tree = json.loads(value.decode(), parse_constant=constants.append, parse_int=_whole)
    except (ValueError, RecursionError):
        return Reason.NOT_JSON
    texts = "".join(text for text in _leaves(tree) if isinstance(text, str))
    try:
        texts.encode()
    except UnicodeEncodeError:
        return Reason.LONE_SURROGATE
    infinite = {float("inf"), float("-inf")}
    if constants or any(isinstance(leaf, float) and leaf in infinite for leaf in _leaves(tree)):
        return Reason.NON_FINITE
    return tree


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INT else float("inf")


def _leaves(tree: Any) -> Iterator[Any]:
    """Every key and every plain value; depth is bounded by the screening before."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _leaves(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value)
    else:
        yield tree


def _typed(index: int, error: Exception) -> Fault:
    """Fault of JSON whose fields have the wrong type. Of msgspec's message only the path is kept: the rest has values."""
    text = str(error)
    found = _WHERE.search(text)
    detail = found.group(1) if found else ""
    if isinstance(error, msgspec.ValidationError) and "out of range" in text:
        return Fault(Reason.NON_FINITE, index, detail)
    # No path: sound JSON in which a second field of a name has overwritten the one that could not be read.
    return Fault(Reason.WRONG_TYPE, index, detail)
