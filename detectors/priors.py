"""What is believed of a household before it is known: return hazards per kind of source, from `priors.json`.

`home` was counted in simulated homes with motion sensors in each room (a simulator made it, not people); sparse cells
lean on the hours around them. `phone` and `worn` are drawn by hand from three facts: use follows the waking hours, short
pauses end soonest, and a long silence ends with the morning, whenever it began. A table counted from motion sensors was
wrong for both: it expects somebody at night.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Final

Rates = list[list[float]]
"""Events an hour by hour of the day and bucket of elapsed time."""

_TABLES: Final[dict[str, list[Rates]]] = json.loads(files("detectors").joinpath("priors.json").read_text("utf-8"))


@cache
def prior(kind: str) -> tuple[Rates, Rates]:
    """Return the (at home, away) rates of a kind of channel, each [24][14], events an hour."""
    at_home, away = _TABLES[kind]
    return at_home, away
