"""Which topics of a home went worse, for the officer's weekly list. Pure."""

from dataclasses import dataclass
from typing import Final

from schemas.views import HouseholdView
from schemas.vocabulary import CareTopic, Level

RANK: Final = {Level.OK: 0, Level.CONCERN: 1, Level.ALARM: 2}


@dataclass(frozen=True, slots=True)
class Change:
    """A topic that is worse than it was; `before` is None where nobody spoke of it before."""

    topic: CareTopic
    before: Level | None
    after: Level
    monday: str
    """Week in which it became so."""


def worsened(view: HouseholdView) -> list[Change]:
    """Return the topics whose last word, in this week or the one before, is graver than their word before; gravest first.

    A concern that stays one is not listed again every week; one that nobody had spoken of before is.
    """
    recent = {week.monday for week in view.weeks[-2:]}
    found = []
    for topic in CareTopic:
        told = [(week.monday, week.topics[topic].level) for week in view.weeks if topic in week.topics]
        if not told or told[-1][0] not in recent:
            continue
        monday, after = told[-1]
        before = told[-2][1] if len(told) > 1 else None
        if RANK[after] > (0 if before is None else RANK[before]):
            found.append(Change(topic, before, after, monday))
    return sorted(found, key=lambda change: -RANK[change.after])


def needs_a_look(view: HouseholdView) -> bool:
    """Tell whether a home belongs on the weekly list: a topic went worse, or contact is falling."""
    return bool(worsened(view)) or is_fading(view)


def is_fading(view: HouseholdView) -> bool:
    """Tell whether the contact index falls."""
    return view.contact is not None and view.contact.trend == "falling"


def turn(view: HouseholdView) -> tuple[int, int, bool, str]:
    """Order of the weekly list: alarms first, then by how much went worse."""
    changes = worsened(view)
    return (
        -max((RANK[change.after] for change in changes), default=0),
        -len(changes),
        not is_fading(view),
        view.household,
    )
