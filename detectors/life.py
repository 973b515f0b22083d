"""Which events prove that the person is alive, and through which kind of channel."""

import re
from functools import lru_cache
from typing import Final

from detectors.signs import Sign
from schemas.events import Data, Event
from schemas.vocabulary import KINDS, Form, Meaning

HOME: Final = "home"
PHONE: Final = "phone"
WORN: Final = "worn"
CALLS: Final = "calls"
CHANNELS: Final = {"sensors": HOME, "robot": HOME, "phone": PHONE, "worn": WORN, "calls": CALLS}
"""First segment of a source -> kind of channel. A care robot stands in the home and hears what the sensors see."""
ROBOT: Final = "robot"
NAMED: Final = {**CHANNELS, ROBOT: ROBOT}
"""The same as people name it: a robot is one, though it sees what the sensors of a home see."""
SEEING: Final = (HOME, PHONE, WORN)
"""Kinds of channel that see the person live by themselves; a call sees only when it is made."""
COUNTED: Final = 3
"""A gateway that counts says "somebody moved" from this many triggers on: fewer may be a ghost."""

_EXIT: Final = re.compile(
    r"front|exit|outside|outdoor|entr|leave_home|enter_home|foyer|main.?door|hallway,door|현관", re.IGNORECASE
)
_NONE: Final = Sign.NONE
_SOFT: Final = Sign.SOFT
_SURE: Final = Sign.SURE
_NEVER: Final = 0
_IF_ON: Final = 1
_ALWAYS: Final = 2
_ABOVE_ZERO: Final = 3
_MOTION: Final = 4
_RULE: Final[dict[str, int]] = {
    kind.name: (
        _MOTION
        if kind.meaning is Meaning.MAYBE_LIFE
        else _NEVER
        if kind.meaning is not Meaning.LIFE
        else _ABOVE_ZERO
        if kind.form is Form.NUMBER
        else _ALWAYS
        if kind.off == "life"
        else _IF_ON
    )
    for kind in KINDS
} | {"emergency_button": _IF_ON, "robot_distress": _IF_ON}
"""Pressing the button and calling for help are emergencies, and done by somebody who lives."""


def sign_of(event: Event) -> Sign:
    """Return what an event proves. Incoming calls, background traffic and telemetry prove nothing."""
    return sign_by(rule_of(event.kind), event.data)


def rule_of(kind: str) -> int:
    """Return by which rule events of a kind prove that the person lives: looked up once for all of them."""
    return _RULE.get(kind, _NEVER)


def sign_by(rule: int, data: Data) -> Sign:
    """Return what an event proves by its data and the `rule_of` its kind."""
    if rule == _NEVER:
        return _NONE
    if rule == _MOTION:
        count = data.count
        if data.state == "off" or count == 0:
            return _NONE
        return _SURE if count is not None and count >= COUNTED else _SOFT
    if rule == _ALWAYS:
        return _SURE
    if rule == _ABOVE_ZERO:
        return _SURE if data.value is not None and data.value > 0 else _NONE
    return _NONE if data.state == "off" else _SURE


def is_exit(event: Event) -> bool:
    """Tell whether a door is a way out: said by `exit`, or by the name of the device."""
    return event.kind == "door" and (event.data.exit or _names_an_exit(event.data.device))


@lru_cache(maxsize=4096)
def _names_an_exit(device: str) -> bool:
    return _EXIT.search(device) is not None


@lru_cache(maxsize=65536)
def channel_of(source: str) -> str:
    """Return the kind of channel of a source such as `/sensors/gw-1`; an unknown one is taken for a home's."""
    return CHANNELS.get(_first_segment(source), HOME)


def named_channel(source: str) -> str:
    """Return the channel of a source as people name it."""
    return NAMED.get(_first_segment(source), HOME)


def _first_segment(source: str) -> str:
    return source.split("/", 2)[1] if source.startswith("/") else ""
