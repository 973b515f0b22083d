"""In which district a home is, for whoever must be told of it while the engine cannot say so."""

from collections.abc import Callable
from typing import Final

import msgspec

from schemas.households import HouseholdRecord
from schemas.partitions import partition_of
from streams.incident_fold import IncidentFold
from streams.publish import BrokerAwayError
from streams.settings import Settings
from streams.tail import reading

AWAY_MS: Final = 60_000
"""A broker that did not answer is not asked again for so long: whoever waits for it shows nothing meanwhile."""


class Districts:
    """Districts of homes: by their other incidents, or by the registry, each home asked for once.

    `registered` gives the district of a household in the registry, "" where it has none; it may raise BrokerAwayError.
    """

    def __init__(self, fold: IncidentFold, registered: Callable[[str], str], clock: Callable[[], int]) -> None:
        self._fold = fold
        self._registered = registered
        self._clock = clock
        self._known: dict[str, str] = {}
        self._away_until_ms = 0

    def of(self, household: str) -> str:
        """Return the district of a household; "" where it is not known, or not now."""
        if household in self._known:
            return self._known[household]
        incidents = self._fold.incidents(ended=True)
        said = next((one.district for one in incidents if one.household == household and one.district), "")
        if said or self._clock() < self._away_until_ms:
            return said
        try:
            self._known[household] = self._registered(household)
        except BrokerAwayError:
            self._away_until_ms = self._clock() + AWAY_MS
            return ""
        return self._known[household]


def registered_district(chosen: Settings, household: str) -> str:
    """Return the district of a household by its last registry record; "" where it has none.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    place = ("households", partition_of(household, chosen.partitions))
    with reading(chosen.bootstrap) as reader:
        found = reader.find_last(place, lambda record: record.key == household.encode())
    if found is None or found.value is None:
        return ""
    try:
        return msgspec.json.decode(found.value, type=HouseholdRecord).district or ""
    except (msgspec.MsgspecError, RecursionError):
        return ""
