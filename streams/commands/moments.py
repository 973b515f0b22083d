"""Times as a person writes them on the command line."""

import re
from typing import Final

from schemas.times import from_rfc3339, to_rfc3339
from streams.commands.outcome import Misconfigured

_LASTS: Final = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment(text: str, now: int, option: str) -> str:
    """RFC 3339 of a time, or of how long from `now` (UTC milliseconds): `90m`, `6h`, `2d`.

    Raises:
        Misconfigured: it is neither; names the option.

    """
    if found := _LASTS.fullmatch(text):
        return to_rfc3339(now + int(found[1]) * _UNIT_MS[found[2]])
    try:
        return to_rfc3339(from_rfc3339(text))
    except ValueError as error:
        raise Misconfigured(f"{option}: must be an RFC 3339 time, or how long from now such as 6h") from error
