"""What the kinds and values of recorded rows mean in the words of the vocabulary; docs/recordings.md holds the table."""

import re
from collections.abc import Callable
from math import isfinite
from typing import Final

from schemas.events import Data
from schemas.times import from_rfc3339
from schemas.vocabulary import BY_NAME, CALLS_TOPIC, PHONE_TOPIC, SENSORS_TOPIC, Form, Kind

COUNT_S: Final = 300
"""A number as the value of motion or a door is a count over five minutes from the row's time on."""

_EXIT: Final = re.compile(
    r"front|exit|outside|outdoor|entr|leave_home|enter_home|foyer|main.?door|hallway,door", re.IGNORECASE
)
_MAT: Final = re.compile(r"\bmatt?\b|\bpress\b|pressure|\bbed\b|couch|chair", re.IGNORECASE)
_ON: Final = frozenset({"on", "open", "opened", "true", "present"})
_OFF: Final = frozenset({"off", "close", "closed", "false", "absent"})


class Refused(Exception):  # noqa: N818 - an outcome of a row, not an error of the program
    """A row becomes no event. `column` names where the fault is; the content is never told."""

    def __init__(self, reason: str, column: str) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


_MEANINGLESS: Final = None
Said = tuple[str, Data]
"""Kind of the vocabulary and its data."""


def _state(value: str) -> str:
    low = value.lower()
    if low in _ON:
        return "on"
    if low in _OFF:
        return "off"
    raise Refused("unknown value", "value")


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise Refused("unknown value", "value") from None
    if not isfinite(number):
        raise Refused("number is not finite", "value")
    return number


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _switched(kind: str, device: str, value: str, *, way_out: bool = False) -> Said | None:
    """ON, OFF, OPEN, CLOSE, or a count of five minutes; an empty window is no event."""
    if not _is_number(value):
        return kind, Data(device=device, state=_state(value), exit=way_out)  # type: ignore[arg-type]
    count = _number(value)
    if count < 0 or count != int(count):
        raise Refused("count is no whole number", "value")
    if not count:
        return _MEANINGLESS
    return kind, Data(device=device, state="on", count=int(count), over_s=float(COUNT_S), exit=way_out)


def _motion(device: str, value: str) -> Said | None:
    if device == "wrist_steps":
        steps = _number(value)
        if steps < 0:
            raise Refused("number is negative", "value")
        return "steps", Data(device=device, value=steps)
    return _switched("motion", device, value)


def _door(device: str, value: str) -> Said | None:
    if device == "OutsideDoor" and value.upper() in {"ON", "OFF"}:
        # In the recordings that hold it, this is the motion sensor of the area by the door; the door itself says
        # OPEN and CLOSE, or is counted. Taken for the door, everyone would leave 40 times a day.
        return _switched("motion", device, value)
    return _switched("door", device, value, way_out=_EXIT.search(device) is not None)


def _item(device: str, value: str) -> Said | None:
    return _switched("occupancy" if _MAT.search(device) else "door", device, value)


def _screen(device: str, value: str) -> Said | None:
    low = value.lower()
    if low in {"on_unlocked", "unlocked"}:
        return "unlock", Data(device=device)
    if low in {"on_locked", "locked", "on", "off"}:
        return _MEANINGLESS
    raise Refused("unknown value", "value")


def _charger(device: str, value: str) -> Said | None:
    low = value.lower()
    if low not in {"plugged", "unplugged"}:
        raise Refused("unknown value", "value")
    return "charge", Data(device=device, state="on" if low == "plugged" else "off")


def _sms(device: str, value: str) -> Said | None:
    low = value.lower()
    if low == "out":
        return "sms_out", Data(device=device)
    if low == "in":
        return _MEANINGLESS
    raise Refused("unknown value", "value")


def _call(device: str, value: str) -> Said | None:
    low = value.lower()
    if low == "out":
        return "call_out", Data(device=device)
    if low in {"in_answered", "answered"}:
        return "call_in_answered", Data(device=device)
    if low in {"in", "missed"}:
        return _MEANINGLESS
    raise Refused("unknown value", "value")


def _call_result(_device: str, value: str) -> Said | None:
    kind = BY_NAME.get(f"checkin_{value.lower()}")
    if kind is None:
        raise Refused("unknown value", "value")
    return kind.name, Data()


_HOME: Final[dict[str, Callable[[str, str], Said | None]]] = {
    "motion": _motion,
    "door": _door,
    "item": _item,
    "light": lambda device, value: ("illuminance", Data(device=device, value=_number(value))),
}
_PHONE: Final[dict[str, Callable[[str, str], Said | None]]] = {
    "screen": _screen,
    "power": _charger,
    "app": lambda device, _value: ("data_active", Data(device=device)),
    "sms": _sms,
    "call": _call,
}
_CALLS: Final[dict[str, Callable[[str, str], Said | None]]] = {"call_result": _call_result}


def _plain(kind: Kind, device: str, value: str) -> Said:
    """Read a row whose kind is a word of the vocabulary."""
    if kind.form == Form.NUMBER:
        return kind.name, Data(device=device, value=_number(value))
    if kind.form == Form.SWITCH:
        return kind.name, Data(device=device, state=_state(value))  # type: ignore[arg-type]
    if kind.form == Form.UNTIL:
        try:
            from_rfc3339(value)
        except ValueError:
            raise Refused("until is no time with an offset", "value") from None
        return kind.name, Data(device=device, until=value)
    if kind.form == Form.CALL:
        return kind.name, Data()
    state = None if value in {"", "1"} else _state(value)
    return kind.name, Data(device=device, state=state)  # type: ignore[arg-type]


def say(channel: str, device: str, kind: str, value: str) -> Said | None:
    """Return what a row says in the words of the vocabulary; None when it says nothing of the person or the home.

    `kind` is in lower case.

    Raises:
        Refused: the kind or the value is not known.

    """
    words = _PHONE if channel in {"phone", "worn"} else _CALLS if channel == "calls" else _HOME
    special = words.get(kind)
    if special is not None:
        return special(device, value)
    known = BY_NAME.get(kind)
    if known is None:
        raise Refused("unknown kind", "kind")
    topic = PHONE_TOPIC if channel in {"phone", "worn"} else CALLS_TOPIC if channel == "calls" else SENSORS_TOPIC
    if known.topic != topic:
        raise Refused("kind does not belong to this source", "kind")
    return _plain(known, device, value)
