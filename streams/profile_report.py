"""The replay report that a profile rests on: which engine made it, which profiles it played, and its own name."""

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

LARGEST: Final = 64_000_000
"""Bytes. A report is figures, not a recording."""


class _Head(msgspec.Struct):
    engine: str
    profiles: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What `anbu replay --out` wrote as report.json, as far as a decision rests on it."""

    id: str
    """`r-` and 12 digits of a hash of its bytes: whoever has the file can see that it is this one."""
    engine: str
    profiles: dict[str, str]
    """Name of each run and the id of the profile that held in it."""

    @classmethod
    def read(cls, body: bytes) -> "ReplayReport":
        """Read a report.

        Raises:
            ValueError: it is none.

        """
        try:
            head = msgspec.json.decode(body, type=_Head)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError("no replay report: report.json of anbu replay --profile ... --out FOLDER") from error
        return cls("r-" + hashlib.sha256(body).hexdigest()[:12], head.engine, head.profiles)

    def why_not(self, profile: str, engine: str) -> str:
        """Say why a profile (its id) cannot rest on it in an installation of this engine version; "" where it can."""
        if profile not in self.profiles.values():
            return f"it played {', '.join(sorted(self.profiles.values())) or 'no profile'}, not {profile}"
        if self.engine != engine:
            return f"it was made by engine {self.engine}, and this is {engine}: the same numbers may decide otherwise"
        return ""
