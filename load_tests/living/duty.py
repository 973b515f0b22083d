"""A made-up duty roster for synthetic people: somebody answers from the first incident on, by day, at night and on holidays."""

from typing import Final

from msgspec.structs import replace

from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.profiles import Profile
from schemas.times import to_rfc3339
from streams.in_force import profile_in_force
from streams.profile_file import profile_id
from streams.publish import Publisher
from streams.settings import Settings

WHO: Final = "synthetic"
WHY: Final = "a made-up roster, so that incidents of synthetic people have owners"
ROSTER: Final = Duty(
    desks=[
        Desk(
            day="day-office",
            night="night-centre",
            holiday="holiday-centre",
            then=["duty-supervisor", "control-room"],
            emergency="control-room",
            cap_per_shift=12,
        )
    ]
)
"""One desk for every district; 12 incidents a shift, what is more is asked by machine first."""


def with_roster(profile: Profile, at_ms: int) -> Profile:
    """Return a profile with the made-up roster, all other numbers as they are; the very same where it has desks already."""
    if profile.duty.desks:
        return profile
    new = replace(profile, duty=ROSTER, who=WHO, why=WHY, applied_at=to_rfc3339(at_ms), report="")
    return replace(new, id=profile_id(new))


def put_on_duty(settings: Settings, at_ms: int) -> Profile:
    """Put the roster in force, unless another is; `at_ms`: the moment that its record names.

    Raises:
        BrokerAwayError, TopicsDifferError: it cannot be read or written.

    """
    before = profile_in_force(settings)
    new = with_roster(before, at_ms)
    if new is not before:
        with Publisher(settings.bootstrap, settings.partitions) as publisher:
            publisher.broadcast("profile", new.id, encode(new))
    return new
