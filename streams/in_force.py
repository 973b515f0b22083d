"""The profile and the registry in force, as the log says them."""

from typing import Final

import msgspec

from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord
from schemas.profiles import DEFAULT_PROFILE, Profile
from streams.settings import Settings
from streams.tail import reading

TOPIC: Final = "profile"


def profile_in_force(chosen: Settings) -> Profile:
    """Return the last readable profile on the topic (every partition holds the same), or the one that is shipped."""
    with reading(chosen.bootstrap) as reader:
        found = reader.find_last((TOPIC, 0), lambda record: _profile(record.value) is not None)
    return (_profile(found.value) if found is not None else None) or DEFAULT_PROFILE


def registered(chosen: Settings) -> list[HouseholdRecord]:
    """Return the last readable record of every household on the topic; not of those that left, nor of exercises."""
    found: dict[bytes, HouseholdRecord] = {}
    with reading(chosen.bootstrap) as reader:
        for record in reader.read_whole("households"):
            if record.key and record.value is None:
                found.pop(record.key, None)
            elif record.key and (home := _record(record.value)) is not None and record.key == home.household.encode():
                found[record.key] = home
    return [home for home in found.values() if not is_exercise(home.household)]


def _record(value: bytes | None) -> HouseholdRecord | None:
    """Return the household in a record; None for a tick, and for what the engine refused as a dead letter."""
    try:
        return msgspec.json.decode(value or b"", type=HouseholdRecord)
    except (msgspec.DecodeError, RecursionError):
        return None


def _profile(value: bytes | None) -> Profile | None:
    """Return the profile in a record; None for a tick, and for what the engine refused as a dead letter."""
    try:
        return msgspec.json.decode(value or b"", type=Profile)
    except (msgspec.DecodeError, RecursionError):
        return None
