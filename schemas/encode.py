"""How Anbu writes: orjson with sorted keys, so that the same thing is always the same bytes."""

from typing import Any

import msgspec
import orjson


def encode(thing: Any) -> bytes:
    """Deterministic JSON bytes of a Struct or of plain data."""
    if isinstance(thing, msgspec.Struct):
        thing = msgspec.to_builtins(thing)
    return orjson.dumps(thing, option=orjson.OPT_SORT_KEYS)
