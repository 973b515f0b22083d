"""Whom to tell of open emergencies while a partition's clock stands: then the engine cannot tell anybody. Pure.

Owners move on by the clock of the log. Where that stands, whoever reads the incidents asks here, with the time on the wall:
the board, and `anbu incidents watch`.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from schemas.duty import Duty
from schemas.incidents import EMERGENCIES, Incident
from schemas.partitions import partition_of
from schemas.times import from_rfc3339
from streams.duty import owner_at
from streams.owning import is_taken


class CallOut(NamedTuple):
    """Somebody must be told of these, now and by other means than the engine's."""

    owner: str
    """The post on duty, or the next one where the time of the owner is over. Empty where no roster names anybody."""
    incidents: tuple[Incident, ...]


def call_outs(
    incidents: Iterable[Incident], duty: Duty, standing: Collection[int], partitions: int, now_ms: int
) -> list[CallOut]:
    """Return who must be told of which open emergencies of partitions whose clock stands; by owner.

    `now_ms` is the time on the wall, UTC milliseconds. What an officer has taken in time is theirs and rings nobody; an
    exercise rings nobody.
    """
    found: dict[str, list[Incident]] = {}
    for incident in incidents:
        if incident.ended or incident.kind not in EMERGENCIES or incident.status != "Actual":
            continue
        if partition_of(incident.household, partitions) not in standing:
            continue
        late = incident.step_until is not None and now_ms >= from_rfc3339(incident.step_until)
        if is_taken(incident) and not late:
            continue
        level = incident.level + (1 if late else 0)
        found.setdefault(owner_at(duty, incident.district, level, now_ms), []).append(incident)
    return [CallOut(owner, tuple(found[owner])) for owner in sorted(found)]
