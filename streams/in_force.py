"""The profile in force, as the log says it."""

from typing import Final

import msgspec

from schemas.profiles import DEFAULT_PROFILE, Profile
from streams.settings import Settings
from streams.tail import reading

TOPIC: Final = "profile"


def profile_in_force(chosen: Settings) -> Profile:
    """Return the last readable profile on the topic (every partition holds the same), or the one that is shipped."""
    with reading(chosen.bootstrap) as reader:
        found = reader.find_last((TOPIC, 0), lambda record: _profile(record.value) is not None)
    return (_profile(found.value) if found is not None else None) or DEFAULT_PROFILE


def _profile(value: bytes | None) -> Profile | None:
    """Return the profile in a record; None for a tick, and for what the engine refused as a dead letter."""
    try:
        return msgspec.json.decode(value or b"", type=Profile)
    except (msgspec.DecodeError, RecursionError):
        return None
