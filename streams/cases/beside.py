"""A call to the resident that runs beside an emergency: never before it, and never in anybody's way. Pure.

The emergency is told on arrival, with its next step. When its turn in the order comes it joins the case, and in that same
revision the person may be called: whether they answer is worth knowing to whoever is on the way. The outcome stands in the
incident's ladder and changes nothing else: no next step, no owner, no limit, and it closes nothing.
"""

from typing import Final

from msgspec.structs import replace

from detectors.hours import hours_of
from detectors.ladder import PATIENCE_MS, SPOKEN, Home, calls_to_resident
from schemas.checkins import CheckinRequest
from schemas.incidents import EMERGENCIES, Incident, IncidentKind, Urgency
from streams.cases.climb import question, step_of
from streams.cases.ladder_steps import waited_for
from streams.cases.ledger import Ledger
from streams.cases.revisions import Teller, asking, put_into

CALLED_ABOUT: Final = frozenset({IncidentKind.EMERGENCY_BUTTON, IncidentKind.FALL, IncidentKind.DISTRESS})
"""Kinds beside which the person is called. Never where they should leave at once: a phone that rings holds somebody back
from a fire, and with gas nobody should pick one up. Never about a wish to die: that is for a trained human. Not after what
somebody has just said in a call."""
JOINED: Final = 2
"""The revision with which an emergency joins its case: the first was told on arrival."""


def call_beside(ledger: Ledger, teller: Teller, told: list[Incident], clock_ms: int) -> CheckinRequest | None:
    """Put a call into the revision with which an emergency joins its case, where the registry lists one; None otherwise.

    Not to who cannot hear or has withdrawn consent, not where a call or a robot is asking already, and not about what
    happened over an hour ago. The night is no reason to be silent about an emergency, nor is the month's budget.
    """
    record = teller.record
    joined = [one for one in told if one.kind in CALLED_ABOUT and one.revision == JOINED and not one.ended]
    entry = ledger.open.get(joined[0].id) if joined else None
    if record is None or entry is None or entry.incident.urgency is Urgency.PAST:
        return None
    dangers = EMERGENCIES - CALLED_ABOUT
    if any(one.incident.kind in dangers and not one.incident.cleared for one in ledger.open.values()):
        return None  # what is open beside it forbids the phone, whatever has joined
    out = [waited_for(one.incident.ladder, clock_ms) for one in ledger.open.values()]
    if any(step is not None and step.ask in SPOKEN for step in out):
        return None
    rung = next(iter(calls_to_resident(Home(record, hours_of(record.time_zone), lambda _: 1.0))), None)
    if rung is None:
        return None
    deadline_ms = clock_ms + PATIENCE_MS[rung.ask]
    request = question(
        ledger.household,
        record,
        rung,
        "wellbeing",
        clock_ms,
        deadline_ms,
        incident=entry.incident.id,
        asked_by="beside",
    )
    entry.ask_ms = deadline_ms
    after = asking(teller, entry.latest, [step_of(request, beside=True)], clock_ms)
    put_into(told, entry, replace(after, state=entry.incident.state))
    ledger.rearm()
    return request
