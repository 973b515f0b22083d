"""Incidents: what responders read. Closed sets with Korean and English names, CAP 1.2 meaning."""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from schemas.exercise import CapStatus
from schemas.times import Rfc3339
from schemas.vocabulary import Ask


class IncidentKind(StrEnum):
    """What an incident is about: a closed set."""

    EMERGENCY_BUTTON = "emergency_button"
    GAS = "gas"
    SMOKE = "smoke"
    CARBON_MONOXIDE = "carbon_monoxide"
    HEAT = "heat"
    FALL = "fall"
    DISTRESS = "distress"
    WISH_TO_DIE = "wish_to_die"
    CALL_ALARM = "call_alarm"
    DISASTER_HELP = "disaster_help"
    DISASTER_DAMAGE = "disaster_damage"
    SILENCE = "silence"
    UNANSWERED_CALLS = "unanswered_calls"
    MISSED_MEDICATION = "missed_medication"
    CANNOT_SEE = "cannot_see"
    DISASTER_NO_ANSWER = "disaster_no_answer"
    SLOW_DECLINE = "slow_decline"
    WITHDRAWAL = "withdrawal"
    LOW_MOOD = "low_mood"
    FALLING_ANSWERS = "falling_answers"
    LASTING_CONCERN = "lasting_concern"
    COLD_ROOM = "cold_room"
    HOT_ROOM = "hot_room"
    DOOR_OPEN = "door_open"
    WATER_LEAK = "water_leak"
    WEAK_BATTERY = "weak_battery"
    OUT_AT_NIGHT = "out_at_night"
    NIGHT_WANDERING = "night_wandering"
    DAY_NIGHT_REVERSAL = "day_night_reversal"
    MISSED_MEALS = "missed_meals"
    SHORTER_TALKS = "shorter_talks"
    DEVICE_OFFLINE = "device_offline"
    PHONE_OFF = "phone_off"
    DISTRICT_OUTAGE = "district_outage"


EMERGENCIES: Final[frozenset[IncidentKind]] = frozenset(
    {
        IncidentKind.EMERGENCY_BUTTON,
        IncidentKind.GAS,
        IncidentKind.SMOKE,
        IncidentKind.CARBON_MONOXIDE,
        IncidentKind.HEAT,
        IncidentKind.FALL,
        IncidentKind.DISTRESS,
        IncidentKind.WISH_TO_DIE,
        IncidentKind.CALL_ALARM,
        IncidentKind.DISASTER_HELP,
        IncidentKind.DISASTER_DAMAGE,
    },
)
"""Kinds that one event proves: sent on at arrival, never budgeted, never waiting for a model."""

KIND_NAMES: Final[dict[IncidentKind, tuple[str, str]]] = {
    IncidentKind.EMERGENCY_BUTTON: ("응급 버튼", "emergency button"),
    IncidentKind.GAS: ("가스 누출", "gas leak"),
    IncidentKind.SMOKE: ("연기 감지", "smoke"),
    IncidentKind.CARBON_MONOXIDE: ("일산화탄소", "carbon monoxide"),
    IncidentKind.HEAT: ("열 감지", "heat alarm"),
    IncidentKind.FALL: ("낙상", "fall"),
    IncidentKind.DISTRESS: ("도움 요청", "call for help"),
    IncidentKind.WISH_TO_DIE: ("자살 위험 표현", "a wish to die"),
    IncidentKind.CALL_ALARM: ("안부 전화 위험 응답", "alarming answer in a check-in call"),
    IncidentKind.DISASTER_HELP: ("재난 도움 요청", "help needed in a disaster"),
    IncidentKind.DISASTER_DAMAGE: ("재난 피해", "damage in a disaster"),
    IncidentKind.SILENCE: ("생활 반응 없음", "no signs of life"),
    IncidentKind.UNANSWERED_CALLS: ("안부 전화 연속 미응답", "unanswered check-in calls"),
    IncidentKind.MISSED_MEDICATION: ("복약 누락", "missed medication"),
    IncidentKind.CANNOT_SEE: ("확인 불가", "cannot see"),
    IncidentKind.DISASTER_NO_ANSWER: ("재난 안부 미확인", "not reached in a disaster"),
    IncidentKind.SLOW_DECLINE: ("서서히 나빠지는 생활", "slow decline"),
    IncidentKind.WITHDRAWAL: ("고립 심화", "withdrawal"),
    IncidentKind.LOW_MOOD: ("우울·외로움 지속", "low mood over several talks"),
    IncidentKind.FALLING_ANSWERS: ("안부 전화 응답 감소", "check-in calls answered less often"),
    IncidentKind.LASTING_CONCERN: ("이어지는 걱정거리", "a concern that stays"),
    IncidentKind.COLD_ROOM: ("추운 실내", "a cold home"),
    IncidentKind.HOT_ROOM: ("더운 실내", "an overheated home"),
    IncidentKind.DOOR_OPEN: ("열려 있는 출입문", "a front door left open"),
    IncidentKind.WATER_LEAK: ("누수", "a water leak"),
    IncidentKind.WEAK_BATTERY: ("배터리 부족", "a battery nearly empty"),
    IncidentKind.OUT_AT_NIGHT: ("심야 외출", "out in the middle of the night"),
    IncidentKind.NIGHT_WANDERING: ("잦은 심야 외출", "going out at night more often"),
    IncidentKind.DAY_NIGHT_REVERSAL: ("낮밤이 바뀐 생활", "day and night reversed"),
    IncidentKind.MISSED_MEALS: ("식사 흔적 없음", "missed meals"),
    IncidentKind.SHORTER_TALKS: ("짧아진 대화", "shorter talks"),
    IncidentKind.DEVICE_OFFLINE: ("기기 연결 끊김", "a device offline"),
    IncidentKind.PHONE_OFF: ("휴대전화 꺼짐", "phone switched off"),
    IncidentKind.DISTRICT_OUTAGE: ("지역 통신·전원 장애", "an outage of a district"),
}
"""(Korean, English) name of each kind."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPENED = "opened"
    UPDATED = "updated"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


ENDED: Final[frozenset[IncidentState]] = frozenset({IncidentState.CLOSED, IncidentState.WITHDRAWN})


class Severity(StrEnum):
    """CAP 1.2 severity."""

    MINOR = "Minor"
    MODERATE = "Moderate"
    SEVERE = "Severe"
    EXTREME = "Extreme"

    @property
    def rank(self) -> int:
        """0 (Minor) to 3 (Extreme)."""
        return tuple(Severity).index(self)

    @property
    def korean(self) -> str:
        """관심, 주의, 경계, 심각: the four steps of Korea's crisis alerts."""
        return ("관심", "주의", "경계", "심각")[self.rank]


class Urgency(StrEnum):
    """CAP 1.2 urgency."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"


class Certainty(StrEnum):
    """CAP 1.2 certainty."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"


CertaintyBy = Literal["", "observed", "calibrated", "assumed"]
"""What a certainty rests on. `observed`: a device or a person said it. `calibrated`: a chance that was held against how often
it came true, on synthetic homes (docs/learning.md). `assumed`: the word is fixed for the kind, and nobody has counted how often
it is right. Empty in incidents of an earlier version."""


class CloseCause(StrEnum):
    """Why an incident was closed: a closed set. `no_contact` can be noted but does not close."""

    SAFE_AT_HOME = "safe_at_home"
    SAFE_AWAY = "safe_away"
    HOSPITAL = "hospital"
    DEVICE_FAULT = "device_fault"
    SOURCE_OUTAGE = "source_outage"
    WRONG_CONTACT = "wrong_contact"
    NO_CONTACT = "no_contact"
    HELPED = "helped"
    EMERGENCY = "emergency"
    DECEASED = "deceased"
    LEFT_SERVICE = "left_service"
    MERGED = "merged"
    TEST = "test"


class NextStep(StrEnum):
    """What a responder should do next: a closed set."""

    CALL_119 = "call_119"
    REHEARSE_119 = "rehearse_119"
    """In an exercise, in place of `call_119`: who reads nothing but the next step must not call 119 either."""
    CRISIS_PROTOCOL = "crisis_protocol"
    VISIT_NOW = "visit_now"
    VISIT_TODAY = "visit_today"
    CALL_RESIDENT = "call_resident"
    CHECK_DEVICE = "check_device"
    FOLLOW_UP = "follow_up"
    EMOTIONAL_SUPPORT = "emotional_support"
    """Somebody to talk to: no danger, and nobody is sent."""
    ASKING = "asking"
    """The home and its contacts are being asked; nobody need go yet. See `Incident.ladder`."""
    NONE = "none"


class LadderStep(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the check-in ladder: who or what was asked, until when an answer helps, and what came of it.

    The last step may be the officer: told, not asked, so without a request. Times are RFC 3339 in UTC.
    """

    ask: Ask
    request: str = ""
    """Id of the `CheckinRequest`; empty for the officer and for what was skipped."""
    asked_at: Rfc3339
    deadline: Rfc3339 | None = None
    outcome: Literal["", "answered", "no_answer", "declined", "reached", "not_reached", "skipped"] = ""
    """Empty while the answer is awaited."""
    outcome_at: Rfc3339 | None = None
    why: Literal[
        "",
        "no_time",
        "quiet_hours",
        "cannot_hear",
        "cannot_speak",
        "no_consent",
        "budget",
        "late",
        "concern",
        "beside",
        "no_rung_left",
        "grave",
        "load",
    ] = ""
    """Why it was skipped (`no_time`, `quiet_hours`, `cannot_hear`, `cannot_speak`, `no_consent`, `budget`), why the
    officer is told (`no_rung_left`, `grave`, `concern`), that an answer came after its deadline (`late`), that a call
    runs beside an emergency (`beside`), or that it is asked because the owner's shift is full (`load`). A step without
    request and outcome waits for `quiet_hours`, which end at its deadline: it is asked then."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of one incident, the value of a record on `incidents`, keyed by household.

    Delivery is at least once: a reader drops a revision that is not above the highest it has seen of that `id`.
    Times are RFC 3339 in UTC.
    """

    type: Literal["incident"] = "incident"
    status: CapStatus = "Actual"
    """CAP 1.2: `Exercise` where the household is one of an exercise; then nobody is in need."""
    id: str
    revision: int
    msg_type: Literal["Alert", "Update", "Cancel"]
    references: list[str] = []
    """`id/revision` of what this revision replaces, or the incident it was merged into."""
    household: str
    case: str | None = None
    """Gathers a household's incidents. None only in revision 1 of an emergency, sent before its turn in the order."""
    state: IncidentState
    kind: IncidentKind
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    certainty_by: CertaintyBy = ""
    """What the certainty rests on: only `calibrated` may be read as a probability."""
    score: float | None = None
    """Silence: cumulative hazard in nats, -log P(a living person stays silent this long)."""
    threshold: float | None = None
    shares: dict[str, float] = {}
    """What each channel contributed, 0..1, summing to 1."""
    chance: float | None = None
    """How likely it is that somebody needs help, 0..1, when this was told: it orders what is open and decides nothing."""
    chance_by: dict[str, float] = {}
    """What that is made of, log-odds: `usual` for what is known of the kind and the silence, and what closings taught by
    feature (`docs/learning.md`)."""
    opened_at: Rfc3339
    at: Rfc3339
    """Clock of this revision."""
    event_from: Rfc3339
    event_until: Rfc3339
    last_sign_of_life: Rfc3339 | None = None
    deadline: Rfc3339 | None = None
    """When the decision falls or fell due."""
    would_change: str = ""
    """Code of what would change the decision: `life`, `answer`, `heartbeat`, `late_data`, `clear`."""
    next_step: NextStep
    ladder: list[LadderStep] = []
    """The questions asked so far, in their order. An officer need not act while one awaits its answer."""
    owner: str | None = None
    """Who answers for it: the post on duty, and from the acknowledgement on the officer who gave it. None while no
    roster is known, or while the home and its contacts are being asked."""
    acknowledged_by: str | None = None
    """The officer who took it last. None: nobody has."""
    level: int = 0
    """How often it moved on to another owner because the one before let the time pass."""
    step_until: Rfc3339 | None = None
    """When the owner's time is over and the next one is told."""
    visited_at: Rfc3339 | None = None
    """When an officer last said that somebody goes there or has been there."""
    snoozed_until: Rfc3339 | None = None
    """Until when the owner has put it off; a rise in severity ends that."""
    district: str | None = None
    target_group: str | None = None
    cleared: bool = False
    """A hazard's device said `off`, or life was seen again after a silence: told, never closing."""
    cause: CloseCause | None = None
    profile: str | None = None
    engine: str
    sentence_ko: str
    sentence_en: str

    @property
    def ended(self) -> bool:
        """Closed or withdrawn."""
        return self.state in ENDED

    @property
    def taken(self) -> bool:
        """An officer has it: who acknowledged it last is its owner still."""
        return self.acknowledged_by is not None and self.owner == self.acknowledged_by


class DisasterCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Homes that the public alerts in force cover, and what came of asking them. Exercises are not among them."""

    homes: int
    asked: int
    reached: int
    guided: int
    """Of those reached, homes that were told the guidance for the hazard."""
    unreached: int
    """Homes that did not answer in time, each an incident `disaster_no_answer`."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A partition's word, every minute of log time, that it is watching: tells calm from dead."""

    type: Literal["status"] = "status"
    partition: int
    clock: Rfc3339
    households: int
    blind: int
    open: int
    lag: int | None = None
    """Records behind the end of the inputs, stamped by the worker; the only field not a function of the log."""
    unregistered: int = 0
    """Of the households, those without a registry record: learned from for 7 days, then dropped."""
    lost: int = 0
    """Records that retention took before they were read: what they said of anybody is not known."""
    disaster: DisasterCounts | None = None
    """None while no public alert is in force."""
    exercise: int = 0
    """Households of an exercise; they are in none of the other counts."""
    slow: int = 0
    """Households whose sources make a collapse be found late (`HouseholdView.delay`)."""
    budget: float | None = None
    """False alarms of silence that the profile in force accepts, a household and month; None of an older engine."""
    engine: str
