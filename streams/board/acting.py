"""What a form says, turned into a responder's action; only what the wire form knows is offered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from schemas.actions import ResponderAction
from schemas.incidents import CloseCause
from schemas.times import from_rfc3339, to_rfc3339
from streams.board.words import SEOUL

HOUR_MS: Final = 3_600_000
SNOOZE_H: Final = ("1", "3", "6", "12")
LONGEST_ABSENCE_MS: Final = 92 * 24 * HOUR_MS
ENDINGS: Final = tuple(c.value for c in CloseCause if c not in {CloseCause.MERGED, CloseCause.NO_CONTACT})
"""Without "no contact", which closes nothing, and "merged", which only the engine says."""
FOUND: Final = ("no_contact", "wrong_contact", "safe_at_home", "safe_away", "hospital", "device_fault", "helped")
"""What a note may say was found."""
_ID: Final = re.compile(r"[0-9a-f]{32}")


class FormError(Exception):
    """A form lacks something, or holds what no form of ours offers."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One field of an action's form. `about`: code of its label; `table`: where the choices have their names."""

    name: str
    about: str
    table: str = ""
    choices: tuple[str, ...] = ()
    form: Literal["choice", "hours", "time"] = "choice"


@dataclass(frozen=True, slots=True)
class Form:
    """One action as it is offered; every field must be filled in."""

    action: str
    asks: tuple[Ask, ...] = ()


_HINTS: Final = get_type_hints(ResponderAction)


def choices_of(field: str) -> tuple[str, ...]:
    """Return the words of a field of `ResponderAction` that is a closed set; none for a field it does not have."""
    return _words(_HINTS[field]) if field in _HINTS else ()


def _words(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return tuple(str(word) for word in get_args(hint))
    return tuple(word for part in get_args(hint) for word in _words(part))


_FORMS: Final = (
    Form("acknowledge"),
    Form("visit"),
    Form("note", (Ask("cause", "note_cause", "cause", FOUND),)),
    Form("close", (Ask("cause", "cause", "cause", ENDINGS),)),
    Form("request_check", (Ask("purpose", "purpose", "purpose", choices_of("purpose")),)),
    Form("snooze", (Ask("until", "snooze_for", "", SNOOZE_H, "hours"),)),
    Form("refer", (Ask("referral", "referral", "referral", choices_of("referral")),)),
    Form(
        "declare_absence",
        (
            Ask("absence", "absence", "absence", choices_of("absence")),
            Ask("start", "from", form="time"),
            Ask("until", "to", form="time"),
        ),
    ),
)
_OF_HOUSEHOLD: Final = frozenset({"request_check", "refer", "declare_absence"})


def _is_known(form: Form) -> bool:
    """Tell whether the wire form has the action and every field of its form."""
    has_fields = all(ask.name in _HINTS and (ask.choices or ask.form == "time") for ask in form.asks)
    return form.action in choices_of("action") and has_fields


FOR_INCIDENT: Final = tuple(form for form in _FORMS if _is_known(form))
"""What can be done about an open incident, in the order in which it is offered."""
FOR_HOUSEHOLD: Final = tuple(form for form in FOR_INCIDENT if form.action in _OF_HOUSEHOLD)
"""What can be done for a household without any incident."""


def action_of(
    fields: Mapping[str, str],
    *,
    offered: tuple[Form, ...],
    household: str,
    incident: str,
    revision: int,
    who: str,
    now_ms: int,
) -> ResponderAction:
    """Return the action that a form asks for. Its `id` came with the form: a form sent twice is one action.

    Raises:
        FormError: the action is not offered, or a field is missing or holds what is not offered.

    """
    form = next((form for form in offered if form.action == fields.get("action")), None)
    number = fields.get("id", "")
    if form is None or not _ID.fullmatch(number):
        raise FormError
    said: dict[str, Any] = {
        "id": number,
        "household": household,
        "incident": incident,
        "action": form.action,
        "revision": revision,
        "who": who,
        "at": to_rfc3339(now_ms),
    }
    said |= {ask.name: _answer(ask, fields.get(ask.name, ""), now_ms) for ask in form.asks}
    if form.action == "declare_absence":
        _check_absence(said, now_ms)
    try:
        return msgspec.convert(said, ResponderAction)
    except msgspec.ValidationError as error:
        raise FormError from error


def _answer(ask: Ask, text: str, now_ms: int) -> str:
    if ask.form == "time":
        return _moment(text)
    if text not in ask.choices:
        raise FormError
    return to_rfc3339(now_ms + int(text) * HOUR_MS) if ask.form == "hours" else text


def _moment(text: str) -> str:
    """RFC 3339 of what a browser's field for date and time says; it means Korea's time."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            raise FormError
        return to_rfc3339(from_rfc3339(at.replace(tzinfo=SEOUL).isoformat()))
    except ValueError as error:
        raise FormError from error


def _check_absence(said: Mapping[str, Any], now_ms: int) -> None:
    start_ms, until_ms = from_rfc3339(said["start"]), from_rfc3339(said["until"])
    if not start_ms < until_ms or until_ms <= now_ms or until_ms - start_ms > LONGEST_ABSENCE_MS:
        raise FormError
