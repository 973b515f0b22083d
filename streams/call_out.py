"""Whom to tell of open emergencies while a partition's clock stands: then the engine cannot tell anybody. Pure.

Owners move on by the clock of the log. Where that stands, whoever reads the incidents asks here, with the time on the wall:
the board, and `anbu incidents watch`.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from schemas.duty import Duty
from schemas.incidents import EMERGENCIES, Incident
from schemas.partitions import partition_of
from schemas.times import from_rfc3339
from streams.cases.duty import owner_at


class CallOut(NamedTuple):
    """Somebody must be told of these, now and by other means than the engine's."""

    owner: str
    """The post on duty, or a later one where the time of those before it is over. Empty where no roster names anybody."""
    incidents: tuple[Incident, ...]


def call_outs(
    incidents: Iterable[Incident],
    duty: Duty,
    standing: Collection[int],
    partitions: int,
    now_ms: int,
    district_of: Callable[[str], str] = lambda _: "",
) -> list[CallOut]:
    """Return who must be told of which open emergencies of partitions whose clock stands; by owner.

    `now_ms` is the time on the wall, UTC milliseconds. `district_of` gives the district of a household whose incident says
    none: the first word of an emergency is told before the registry is asked. What an officer has taken in time is theirs
    and rings nobody; an exercise rings nobody.
    """
    found: dict[str, list[Incident]] = {}
    for incident in incidents:
        if incident.ended or incident.kind not in EMERGENCIES or incident.status != "Actual":
            continue
        if partition_of(incident.household, partitions) not in standing:
            continue
        late = _times_late(incident, duty, now_ms)
        if incident.taken and not late:
            continue
        district = incident.district or district_of(incident.household)
        owner = owner_at(duty, district, incident.level + late, now_ms, emergency=True)
        found.setdefault(owner, []).append(incident)
    return [CallOut(owner, tuple(found[owner])) for owner in sorted(found)]


def _times_late(incident: Incident, duty: Duty, now_ms: int) -> int:
    """Count the owners whose time has passed since the engine last spoke: it moves on here as it would have there.

    What nobody owns yet has its time from its beginning.
    """
    limit_ms = max(1, duty.acknowledge_min.of_ms(incident.severity))
    if incident.step_until is not None:
        until_ms = from_rfc3339(incident.step_until)
    elif incident.taken:
        return 0
    else:
        until_ms = from_rfc3339(incident.opened_at) + limit_ms
    return 0 if now_ms < until_ms else 1 + (now_ms - until_ms) // limit_ms
