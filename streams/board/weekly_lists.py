"""The weekly list as every officer has it: the homes of their districts whose topics went worse. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from schemas.views import HouseholdView
from schemas.vocabulary import CareTopic, Level
from streams.board.rights import Role, covers
from streams.board.users import User
from streams.board.words import Words
from streams.board.worsening import is_fading, needs_a_look, turn, worsened

NOBODY: Final = ""
"""Whose list it is where no officer has the district."""


class TopicChange(msgspec.Struct, frozen=True):
    """A topic that is worse than it was; `before` is null where nobody spoke of it before. `monday`: its week."""

    topic: CareTopic
    before: Level | None
    after: Level
    monday: str


class FallingContact(msgspec.Struct, frozen=True):
    """The contact index before and now, 0 to 1; null where it could not be seen."""

    before: float | None
    index: float | None


class HomeToLookAt(msgspec.Struct, frozen=True):
    """A home on the list. `at`: RFC 3339, up to when it was judged."""

    household: str
    district: str
    at: str
    changes: list[TopicChange]
    contact: FallingContact | None


class WeeklyList(msgspec.Struct, frozen=True):
    """One officer's list; the officer is "" for homes of districts that no officer has."""

    officer: str
    districts: list[str]
    homes: list[HomeToLookAt]


def weekly_lists(views: Iterable[HouseholdView], users: Iterable[User]) -> list[WeeklyList]:
    """Return a list for each responder, by name, empty ones too; last, if any, the homes that nobody has.

    A home of two officers stands on both lists. Exercises are on none. The order of homes is the board's.
    """
    homes = sorted((one for one in views if one.status == "Actual" and needs_a_look(one)), key=turn)
    officers = sorted((one for one in users if one.role is Role.RESPONDER), key=lambda one: one.name)
    out = [
        WeeklyList(
            one.name,
            list(one.districts),
            [_home(view) for view in homes if covers(frozenset(one.districts), view.district)],
        )
        for one in officers
    ]
    theirs = frozenset(district for one in officers for district in one.districts)
    left = [view for view in homes if not covers(theirs, view.district)]
    if left:
        out.append(WeeklyList(NOBODY, sorted({view.district for view in left}), [_home(view) for view in left]))
    return out


def _home(view: HouseholdView) -> HomeToLookAt:
    changes = [TopicChange(one.topic, one.before, one.after, one.monday) for one in worsened(view)]
    contact = view.contact if is_fading(view) else None
    return HomeToLookAt(
        view.household,
        view.district,
        view.at,
        changes,
        None if contact is None else FallingContact(contact.before, contact.index),
    )


def lines_of(weekly: WeeklyList, words: Words) -> Iterator[str]:
    """Return a list as lines for people, in the language of `words`."""
    where = ", ".join(district or words.say("unknown_district") for district in weekly.districts)
    yield f"{weekly.officer or words.say('owner_none')} ({where}): {len(weekly.homes)}"
    for home in weekly.homes:
        said = [
            words.say(
                "change" if one.before else "change_new",
                topic=words.name("topic", one.topic),
                before=words.name("level", one.before or ""),
                after=words.name("level", one.after),
            )
            for one in home.changes
        ]
        if home.contact is not None:
            numbers = [words.number(one) for one in (home.contact.before, home.contact.index) if one is not None]
            said.append(" ".join([words.say("fading"), " → ".join(numbers)]).strip())
        yield f"  {home.household}  {home.district}  {', '.join(said)}"
