"""Whether a replay equals what was told live: like with like, up to where both came, after the warm-up. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from schemas.incidents import Incident
from schemas.times import from_rfc3339
from streams.replay.run import Differences, comparable, differences

FIRST: Final = 5
"""So many differences are told field by field."""


@dataclass(frozen=True, slots=True)
class Equality:
    """What came of comparing a replay with the live run."""

    differing: Differences
    revisions: int
    """Revisions of the live run that were compared."""
    until_ms: int
    """Up to this log time: later ones the replay cannot have seen."""
    after_ms: int = 0
    """Incidents opened before are left out: the replay still warmed up. 0: none is."""
    other_engine: int = 0
    """Incidents left out because another version of the engine told some of them."""
    details: tuple[str, ...] = ()
    """The first differences, one line each."""

    def __bool__(self) -> bool:
        """Say whether they are equal, and there was something to compare."""
        return not self.differing and self.revisions > 0


def equality(
    replayed: Iterable[Incident],
    live: Iterable[Incident],
    *,
    engine: str,
    until_ms: int,
    after_ms: int = 0,
    begun_ms: Callable[[str], int] = lambda _household: 0,
) -> Equality:
    """Compare a replay by `engine`, whose clocks came to `until_ms` at least, with the live run.

    An incident that another version told, even one revision of it, is not compared: that versions differ is why there are
    versions. `begun_ms` gives the clock of the snapshot from which a household's partition went on, 0 where it began with
    the log: what was told up to then the replay has not told again. The profile needs no such rule, for both switch it at the same record.
    """
    here, there = list(replayed), list(live)
    others = {one.id for one in there if one.engine != engine}
    here, there = (
        _reached([one for one in side if one.id not in others], until_ms, after_ms, begun_ms) for side in (here, there)
    )
    found = differences(here, there)
    mine, theirs = ({(one.id, one.revision): comparable(one) for one in side} for side in (here, there))
    both = sorted(key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key])
    details = [_how(mine[key], theirs[key]) for key in both[:FIRST]]
    for side, keys, known in (
        ("only in the replay", mine.keys() - theirs.keys(), mine),
        ("only in the live run", theirs.keys() - mine.keys(), theirs),
    ):
        details += [f"{side}: {_name(known[key])}" for key in sorted(keys, key=lambda k: (known[k].at, k))[:FIRST]]
    return Equality(found, len(theirs), until_ms, after_ms, len(others), tuple(details))


def joined(parts: Iterable[Equality]) -> Equality:
    """Return what came of comparing in parts, each with other incidents."""
    differing = Differences([], [], [])
    revisions = until_ms = after_ms = other_engine = 0
    details: list[str] = []
    for one in parts:
        differing.only_here.extend(one.differing.only_here)
        differing.only_there.extend(one.differing.only_there)
        differing.otherwise.extend(one.differing.otherwise)
        revisions += one.revisions
        other_engine += one.other_engine
        until_ms, after_ms = one.until_ms, one.after_ms
        details += one.details[: max(0, 3 * FIRST - len(details))]
    return Equality(differing, revisions, until_ms, after_ms, other_engine, tuple(details))


def _reached(incidents: list[Incident], until_ms: int, after_ms: int, begun_ms: Callable[[str], int]) -> list[Incident]:
    """Leave out what one side may not have come to yet, what was told before a snapshot, and what opened in the warm-up."""
    begun = {one.id for one in incidents if one.case is not None and from_rfc3339(one.at) <= begun_ms(one.household)}
    reached = {one.id for one in incidents if one.case is not None and from_rfc3339(one.at) <= until_ms}
    later = {one.id for one in incidents if one.case is not None}
    out = []
    for one in incidents:
        if after_ms and from_rfc3339(one.opened_at) < after_ms:
            continue
        if begun_ms(one.household) and (
            # Told on arrival, it was before the snapshot if its turn was.
            one.id in begun if one.case is None else from_rfc3339(one.at) <= begun_ms(one.household)
        ):
            continue
        if one.case is None and one.id in later:
            # Told on arrival, before its turn: it counts once its turn has come.
            is_due = one.id in reached
        else:
            at_ms = from_rfc3339(one.at)
            is_due = at_ms < until_ms if one.case is None else at_ms <= until_ms
        if is_due:
            out.append(one)
    return out


def _name(one: Incident) -> str:
    return f"{one.id}/{one.revision} {one.kind.value} {one.state.value} at {one.at}"


def _how(mine: Incident, theirs: Incident) -> str:
    """Name the fields of a revision that differ; without the sentences, which only say the others again."""
    words: list[str] = []
    for name in mine.__struct_fields__:
        here, there = getattr(mine, name), getattr(theirs, name)
        if here != there and not name.startswith("sentence"):
            words.append(f"{name} {_text(here)} instead of {_text(there)}")
    return f"told otherwise: {mine.id}/{mine.revision}: {', '.join(words) or 'its sentence'}"


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
