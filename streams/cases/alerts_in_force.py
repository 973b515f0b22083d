"""Public alerts that are known to a partition: which are in force, whom they cover, and how they bear on silence. Pure.

An alert counts from `effective` to `expires`, until an Update replaces or a Cancel ends it. What is over is remembered to
its expiry, so that a repeat does not bring it back.
"""

from typing import Any, Final, NamedTuple

import msgspec

from schemas.alerts import AlertMessage, AlertStatus, Hazard, PublicAlert, covers
from schemas.exercise import is_exercise
from schemas.households import HouseholdRecord
from schemas.incidents import Severity, Urgency
from schemas.profiles import Profile
from schemas.times import from_rfc3339

MOST: Final = 64
"""Alerts remembered; beyond that the one that expires first is forgotten."""


class Known(NamedTuple):
    """An alert, and how it stands to others."""

    alert: PublicAlert
    thread: str
    """Names the first alert of a row of updates: whoever was asked under it is not asked again under its updates."""
    is_over: bool = False
    """Replaced or cancelled."""

    @property
    def effective_ms(self) -> int:
        """When it begins to count, UTC milliseconds."""
        return from_rfc3339(self.alert.effective)

    @property
    def expires_ms(self) -> int:
        """When it ceases to count, UTC milliseconds."""
        return from_rfc3339(self.alert.expires)

    @property
    def asks(self) -> bool:
        """Homes it covers are asked: all but Minor ones, of which nobody need be called."""
        return self.alert.severity is not Severity.MINOR

    @property
    def severity(self) -> Severity:
        """CAP severity; one that the authority does not know is taken for Moderate."""
        return self.alert.severity or Severity.MODERATE

    @property
    def is_pressing(self) -> bool:
        """It asks through quiet hours: Extreme, or Severe and Immediate."""
        if self.alert.severity is Severity.EXTREME:
            return True
        return self.alert.severity is Severity.SEVERE and self.alert.urgency is Urgency.IMMEDIATE

    def is_in_force(self, clock_ms: int) -> bool:
        """Tell whether it counts at a clock."""
        return not self.is_over and self.effective_ms <= clock_ms < self.expires_ms


class Bearing(NamedTuple):
    """How the alerts in force bear on the judgement of a home's silence."""

    factor: float = 1.0
    """On its false-alarm budget: above 1 a silence alarms earlier, below 1 later."""
    dark_until_ms: int = 0
    """A blackout explains until then that nothing reports; 0 when none does."""


CALM: Final = Bearing()


class AlertsInForce:
    """The alerts of one partition. `take` and `pass_time` say whether anything about who is exposed has changed."""

    def __init__(self) -> None:
        self._known: list[Known] = []
        self._active: tuple[Known, ...] = ()
        self._covering: dict[tuple[str, str, bool], tuple[Known, ...]] = {}

    def __bool__(self) -> bool:
        """Say whether any alert is in force."""
        return bool(self._active)

    def take(self, alert: PublicAlert, clock_ms: int) -> bool:
        """Take an alert as it came. One that only tries the path, a repeat, and one that is past change nothing."""
        if alert.status is AlertStatus.TEST or any(one.alert.key == alert.key for one in self._known):
            return False
        named = {(one.sender, one.id) for one in alert.references}
        before: list[Known] = []
        if alert.msg_type is not AlertMessage.ALERT:
            # An exercise must not end what is real, nor the other way round.
            before = [
                one
                for one in self._known
                if (one.alert.sender, one.alert.id) in named and one.alert.status is alert.status
            ]
            self._known = [one._replace(is_over=True) if one in before else one for one in self._known]
        if alert.msg_type is not AlertMessage.CANCEL and from_rfc3339(alert.expires) > clock_ms:
            self._known.append(Known(alert, self._thread(alert, before)))
            if len(self._known) > MOST:
                self._known.remove(min(self._known, key=lambda one: (one.expires_ms, one.alert.key)))
        return self.pass_time(clock_ms)

    def _thread(self, alert: PublicAlert, before: list[Known]) -> str:
        """Return the thread of an alert: that of what it replaces, unless it is graver or another hazard."""
        rank = (alert.severity or Severity.MODERATE).rank
        for one in before:
            if one.alert.kind is alert.kind and one.severity.rank >= rank:
                return one.thread
        return f"{alert.sender},{alert.id},{alert.part}"

    def pass_time(self, clock_ms: int) -> bool:
        """Let the clock move; tell whether an alert has begun to count or ceased to."""
        if not self._known:
            return False
        self._known = [one for one in self._known if one.expires_ms > clock_ms]
        active = tuple(one for one in self._known if one.is_in_force(clock_ms))
        if active == self._active:
            return False
        self._active = active
        self._covering.clear()
        return True

    def covering(self, record: HouseholdRecord) -> tuple[Known, ...]:
        """Return the alerts in force that cover a home, in the order in which they came.

        An exercise covers exercise households only, and nothing else covers those.
        """
        if not self._active:
            return ()
        place = (record.district, record.area_code, is_exercise(record.household))
        found = self._covering.get(place)
        if found is None:
            district, area_code, plays = place
            found = self._covering[place] = tuple(
                one
                for one in self._active
                if (one.alert.status is AlertStatus.EXERCISE) == plays
                and covers(one.alert, district=district, area_code=area_code)
            )
        return found

    def bearing(self, record: HouseholdRecord | None, profile: Profile) -> Bearing:
        """Return how they bear on a home: danger tightens, a blackout loosens, both at once leave it as it is."""
        found = self.covering(record) if record is not None else ()
        dark_ms = max((one.expires_ms for one in found if one.alert.kind is Hazard.BLACKOUT), default=0)
        factor = 1 / profile.blackout_looser if dark_ms else 1.0
        if any(one.asks and one.alert.kind is not Hazard.BLACKOUT for one in found):
            factor = 1.0 if dark_ms else profile.disaster_tighter
        return Bearing(factor, dark_ms)

    def threads(self) -> set[str]:
        """Return the threads of all alerts that are remembered."""
        return {one.thread for one in self._known}

    def state(self) -> list[Any]:
        """Return plain data for a snapshot row."""
        return [[msgspec.to_builtins(one.alert), one.thread, one.is_over] for one in self._known]

    def restore(self, state: list[Any], clock_ms: int) -> None:
        """Take the data of a `state()` at the clock at which it was taken.

        Raises:
            msgspec.ValidationError, ValueError, TypeError: not such a state.

        """
        self._known = [Known(msgspec.convert(alert, PublicAlert), thread, over) for alert, thread, over in state]
        self._active = tuple(one for one in self._known if one.is_in_force(clock_ms))
        self._covering.clear()
