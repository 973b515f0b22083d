"""A grid of profiles: every value of every parameter with every other."""

import tomllib
from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import msgspec

from load_tests.whatif.runs import Variant
from schemas.checks import check_profile
from schemas.profiles import Profile
from streams.profile_file import SIGNED, profile_id

MOST: Final = 64
"""Profiles of one sweep: each is a whole replay."""


def sweep(base: Variant, grid: Sequence[str]) -> list[Variant]:
    """Return a variant of `base` for each point of a grid such as `["silence_budget=0.02,0.05", "silence.ask_at=6,8"]`.

    Raises:
        ValueError: no such parameter, no number, a number out of its range, or too many points.

    """
    if base.profile is None:
        raise ValueError("a sweep needs a profile to start from")
    axes = [_axis(text) for text in grid]
    points = list(product(*(values for _, values in axes)))
    if len(points) > MOST:
        raise ValueError(f"{len(points)} profiles; at most {MOST} in one sweep")
    out = []
    for point in points:
        named = list(zip((name for name, _ in axes), point, strict=True))
        fields = msgspec.to_builtins(base.profile)
        for name, value in named:
            _set(fields, name, value)
        try:
            profile = msgspec.convert(fields, Profile)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        profile = msgspec.structs.replace(profile, id=profile_id(profile))
        if fault := check_profile(profile):
            raise ValueError(f"{fault.detail}: out of its range")
        out.append(Variant(", ".join(f"{name.removeprefix('silence.')} {value}" for name, value in named), profile))
    return out


def _axis(text: str) -> tuple[str, list[Any]]:
    name, found, values = text.partition("=")
    try:
        read = tomllib.loads(f"values = [{values}]")["values"]
    except tomllib.TOMLDecodeError:
        read = []
    if not found or not read:
        raise ValueError(f"{text!r}: write it as silence_budget=0.02,0.05,0.1")
    return name.strip(), read


def _set(fields: dict[str, Any], name: str, value: Any) -> None:
    *tables, last = name.split(".")
    at: Any = fields
    for table in tables:
        at = at.get(table) if isinstance(at, dict) else None
    if not isinstance(at, dict) or last not in at or last in SIGNED or isinstance(at[last], dict):
        known = [key for key in fields if key not in SIGNED | {"silence", "report"}]
        known += [f"silence.{key}" for key in fields["silence"]]
        raise ValueError(f"no parameter {name}; known: {', '.join(known)}")
    # 24 in a grid means 24.0 where the profile holds a float.
    at[last] = float(value) if isinstance(at[last], float) and isinstance(value, int) else value
