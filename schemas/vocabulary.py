"""The one table of everything a household's systems may say.

Each row tells what an event means: whether it is a hazard, a sign of life or neither, which form its `data` takes,
and which topic carries it. Names follow Home Assistant's device classes where one exists, our own where none does.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Channel(StrEnum):
    """The kind of source, first segment of a CloudEvents `source` such as `/sensors/gw-1`."""

    SENSORS = "sensors"
    PHONE = "phone"
    WORN = "worn"
    CALLS = "calls"
    ROBOT = "robot"


class Meaning(StrEnum):
    """What an event of a kind says about the person."""

    HAZARD = "hazard"
    """An emergency by itself: passed on at arrival."""
    LIFE = "life"
    """Proof of life: done by the person."""
    MAYBE_LIFE = "maybe_life"
    """A motion trigger: proof only with company, because lone triggers are often ghosts."""
    NEITHER = "neither"
    """Telemetry: shows that the source reports, says nothing of the person."""


class Form(StrEnum):
    """Which fields `data` must have."""

    SWITCH = "switch"
    """`state`: "on" or "off"."""
    PULSE = "pulse"
    """Nothing is required; `state` may be "on" or "off", absent means "on"."""
    NUMBER = "number"
    """`value`: a finite number in the row's unit."""
    UNTIL = "until"
    """`until`: the moment up to which this source has reported."""
    CALL = "call"
    """A check-in call's outcome: coded topics, follow-up, disaster answer."""


Ask = Literal["prompt", "sms", "checkin_call", "robot", "guardian", "neighbour", "officer"]
"""Who or what is asked after a resident: a rung of the check-in ladder, the cheapest first."""

SENSORS_TOPIC: Final = "home.sensors"
PHONE_TOPIC: Final = "phone.usage"
CALLS_TOPIC: Final = "care.calls"


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the vocabulary.

    `off` says what `state: "off"` means: "nothing" (ignored as sign of life), "life" (letting go of a switch is as good
    as pressing it), or "cleared" (a hazard's incident is updated as cleared, never closed).
    """

    name: str
    topic: str
    meaning: Meaning
    form: Form
    unit: str = ""
    off: str = "nothing"
    about: str = ""

    @property
    def type(self) -> str:
        """The CloudEvents `type`, with its version."""
        return f"anbu.{self.name}.v1"


_H, _L, _M, _N = Meaning.HAZARD, Meaning.LIFE, Meaning.MAYBE_LIFE, Meaning.NEITHER
_SW, _PU, _NU = Form.SWITCH, Form.PULSE, Form.NUMBER

KINDS: Final[tuple[Kind, ...]] = (
    # Emergency safety sensors, for elders living alone and severely disabled people.
    Kind(
        "motion", SENSORS_TOPIC, _M, _PU, about="a room's motion detector; `count` and `over_s` for gateways that count"
    ),
    Kind("door", SENSORS_TOPIC, _L, _SW, off="life", about="a door, cupboard or window; `exit: true` for a way out"),
    Kind("occupancy", SENSORS_TOPIC, _L, _SW, off="life", about="a bed or chair mat"),
    Kind("temperature", SENSORS_TOPIC, _N, _NU, "°C"),
    Kind("humidity", SENSORS_TOPIC, _N, _NU, "%"),
    Kind("illuminance", SENSORS_TOPIC, _N, _NU, "lx"),
    Kind("heat", SENSORS_TOPIC, _H, _PU, off="cleared", about="a heat alarm"),
    Kind("gas", SENSORS_TOPIC, _H, _PU, off="cleared"),
    Kind("smoke", SENSORS_TOPIC, _H, _PU, off="cleared"),
    Kind("carbon_monoxide", SENSORS_TOPIC, _H, _PU, off="cleared"),
    Kind("moisture", SENSORS_TOPIC, _N, _PU, off="cleared", about="a leak"),
    Kind("water", SENSORS_TOPIC, _L, _NU, "L", about="water drawn"),
    Kind("power", SENSORS_TOPIC, _N, _NU, "W", about="an appliance's power"),
    Kind("energy", SENSORS_TOPIC, _N, _NU, "kWh", about="an appliance's meter"),
    Kind("fall", SENSORS_TOPIC, _H, _PU, off="cleared"),
    Kind("emergency_button", SENSORS_TOPIC, _H, _PU, off="cleared"),
    Kind("heartbeat", SENSORS_TOPIC, _N, _PU, about="the source is alive, whatever the person does"),
    Kind("battery", SENSORS_TOPIC, _N, _NU, "%"),
    Kind("tamper", SENSORS_TOPIC, _N, _PU),
    # Care robots stand in the home and speak through its gateway.
    Kind("medication_reminded", SENSORS_TOPIC, _N, _PU),
    Kind("medication_taken", SENSORS_TOPIC, _L, _PU),
    Kind("medication_missed", SENSORS_TOPIC, _N, _PU),
    Kind("robot_dialog", SENSORS_TOPIC, _L, _PU, about="the person talked with the robot"),
    Kind("robot_distress", SENSORS_TOPIC, _H, _PU, off="cleared", about="coded distress words, see `codes`"),
    Kind("robot_offline", SENSORS_TOPIC, _N, _PU),
    # Mobile care: derived use only, no counterpart, content or cell.
    Kind("call_out", PHONE_TOPIC, _L, _PU),
    Kind("call_in_answered", PHONE_TOPIC, _L, _PU),
    Kind("sms_out", PHONE_TOPIC, _L, _PU),
    Kind("data_active", PHONE_TOPIC, _L, _PU, about="use by hand, not background traffic"),
    Kind("unlock", PHONE_TOPIC, _L, _PU),
    Kind("steps", PHONE_TOPIC, _L, _NU, "steps", about="of a phone or a worn device; 0 is no sign of life"),
    Kind("charge", PHONE_TOPIC, _L, _SW, off="life", about="plugged in or out by hand"),
    Kind("power_on", PHONE_TOPIC, _L, _PU),
    Kind("power_off", PHONE_TOPIC, _N, _PU),
    Kind("complete_until", PHONE_TOPIC, _N, Form.UNTIL, about="batches: everything up to `until` has been reported"),
    # AI check-in calls: outcomes coded by the provider, never free text.
    Kind("checkin_requested", CALLS_TOPIC, _N, Form.CALL),
    Kind("checkin_no_answer", CALLS_TOPIC, _N, Form.CALL),
    Kind("checkin_busy", CALLS_TOPIC, _N, Form.CALL),
    Kind("checkin_dead_number", CALLS_TOPIC, _N, Form.CALL),
    Kind("checkin_refused", CALLS_TOPIC, _L, Form.CALL),
    Kind("checkin_answered", CALLS_TOPIC, _L, Form.CALL),
    # What a guardian or a neighbour answers: whether they reached the person. They are told no rhythm, and tell none.
    Kind("contact_reached", CALLS_TOPIC, _L, Form.CALL, about="a guardian or neighbour met or spoke to the person"),
    Kind("contact_not_reached", CALLS_TOPIC, _N, Form.CALL, about="a guardian or neighbour tried and did not"),
)

BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in KINDS}
BY_TYPE: Final[dict[str, Kind]] = {kind.type: kind for kind in KINDS}


class Level(StrEnum):
    """How a topic of a check-in call went."""

    OK = "ok"
    CONCERN = "concern"
    ALARM = "alarm"


class CareTopic(StrEnum):
    """What a check-in call asks about."""

    HEALTH = "health"
    MEALS = "meals"
    SLEEP = "sleep"
    EXERCISE = "exercise"
    OUTINGS = "outings"
    MOOD = "mood"
    MEDICATION = "medication"


class DisasterAnswer(StrEnum):
    """What came of a disaster check."""

    SAFE = "safe"
    DAMAGE = "damage"
    NEEDS_HELP = "needs_help"
    NO_ANSWER = "no_answer"


class Distress(StrEnum):
    """Coded words of a call or a robot that must reach a human at once."""

    CRY_FOR_HELP = "cry_for_help"
    WISH_TO_DIE = "wish_to_die"
    PAIN = "pain"
    FALLEN = "fallen"
