"""One synthetic example of everything on the wire: for the documents, the golden files and the tests."""

from typing import Any, Final

import msgspec

from schemas.actions import ActionResult, ResponderAction
from schemas.alerts import AlertMessage, AlertReference, Hazard, PublicAlert
from schemas.build import cloud_event
from schemas.checkins import CheckinRequest, Concern
from schemas.deadletters import dead_letter
from schemas.district import Counted, DistrictCounts, DistrictState, Heard, Outage
from schemas.events import Data, Event, Fault, Reason, Tick
from schemas.example_view import view_example
from schemas.guidance import guidance
from schemas.households import Absence, HouseholdRecord, Need, RiskGrade, Rung, Source, TargetGroup
from schemas.incidents import (
    Certainty,
    CloseCause,
    Incident,
    IncidentKind,
    IncidentState,
    LadderStep,
    NextStep,
    Severity,
    Status,
    Urgency,
)
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import from_rfc3339, to_rfc3339
from schemas.vocabulary import (
    CALLS_TOPIC,
    KINDS,
    PHONE_TOPIC,
    CareTopic,
    DisasterAnswer,
    Distress,
    Form,
    Kind,
    Level,
)

HOUSEHOLD: Final = "h-000123"
AT_MS: Final = from_rfc3339("2026-11-24T00:13:54.000Z")
_AT: Final = to_rfc3339(AT_MS)
_INCIDENT: Final = "3f0c9a417be2d581"
_ENGINE: Final = "0.1.0"

_DATA: Final[dict[str, Data]] = {
    "motion": Data(device="motion-kitchen", state="on", count=3, over_s=300.0),
    "door": Data(device="door-front", state="on", exit=True),
    "occupancy": Data(device="bed", state="off"),
    "temperature": Data(device="climate-bedroom", value=21.5),
    "humidity": Data(device="climate-bedroom", value=41.0),
    "illuminance": Data(device="light-kitchen", value=180.0),
    "heat": Data(device="heat-kitchen", state="on"),
    "gas": Data(device="gas-kitchen", state="on"),
    "smoke": Data(device="smoke-hall", state="off"),
    "carbon_monoxide": Data(device="co-boiler", state="on"),
    "moisture": Data(device="leak-bathroom", state="on"),
    "water": Data(device="water-main", value=4.2),
    "power": Data(device="kettle", value=1820.0),
    "energy": Data(device="kettle", value=0.11),
    "fall": Data(device="radar-bathroom", state="on"),
    "emergency_button": Data(device="button-bed", state="on"),
    "battery": Data(device="motion-kitchen", value=17.0),
    "tamper": Data(device="motion-kitchen", state="on"),
    "medication_taken": Data(device="dispenser"),
    "robot_distress": Data(device="robot", codes=[Distress.CRY_FOR_HELP]),
    "steps": Data(device="band", value=640.0, over_s=3600.0),
    "charge": Data(device="phone", state="on"),
    "call_out": Data(duration_s=95.0),
    "complete_until": Data(until="2026-11-24T00:00:00.000Z"),
    "checkin_requested": Data(request="ask-20261124-0007", purpose="wellbeing"),
    "checkin_no_answer": Data(request="ask-20261124-0007", purpose="disaster", disaster=DisasterAnswer.NO_ANSWER),
    "checkin_answered": Data(
        request="ask-20261124-0007",
        channel="checkin_call",
        purpose="follow_up",
        topics={CareTopic.MEALS: Level.CONCERN, CareTopic.MOOD: Level.OK},
        resolved=[CareTopic.SLEEP],
        disaster=DisasterAnswer.SAFE,
        guidance_given=True,
        codes=[Distress.PAIN],
        duration_s=140.0,
    ),
    "contact_reached": Data(request="ask-20261124-0009", channel="guardian"),
    "contact_not_reached": Data(request="ask-20261124-0009", channel="neighbour"),
}
_PLAIN: Final[dict[Form, Data]] = {Form.CALL: Data(request="ask-20261124-0007", purpose="wellbeing")}


def _source(kind: Kind) -> str:
    if kind.topic == CALLS_TOPIC:
        return "/calls/provider-1"
    if kind.name == "steps":
        return "/worn/band-1"
    if kind.topic == PHONE_TOPIC:
        return "/phone/telecom-1"
    return "/robot/robot-1" if kind.name.startswith(("robot_", "medication_")) else "/sensors/gw-1"


def _event(number: int, kind: Kind) -> Event:
    data = _DATA.get(kind.name, _PLAIN.get(kind.form, Data()))
    until_ms = from_rfc3339(data.until) if data.until else 0
    return Event(HOUSEHOLD, kind.name, _source(kind), f"example-{number:03d}", AT_MS + number * 1000, data, until_ms)


EVENTS: Final[dict[str, Event]] = {kind.name: _event(number, kind) for number, kind in enumerate(KINDS)}
"""One event of every kind, in the order of the vocabulary."""

RECORDS: Final[dict[str, msgspec.Struct]] = {
    "tick": Tick(AT_MS),
    "household": HouseholdRecord(
        household=HOUSEHOLD,
        target_group=TargetGroup.ELDER,
        risk_grade=RiskGrade.HIGH,
        sensitivity=1.5,
        latest_silence_h=20.0,
        needs=[Need.HEARING],
        district="dong-27",
        area_code="1168000000",
        sources=[
            Source("/sensors/gw-1", 3600),
            Source("/phone/telecom-1", 86_400),
            Source("/robot/robot-1", consent=False),
        ],
        ladder=[
            Rung("checkin_call", "c-881", "22:00", "07:00"),
            Rung("guardian", "c-882"),
            Rung("officer", "c-900"),
        ],
        absences=[Absence("2026-12-24T00:00:00.000Z", "2026-12-27T03:00:00.000Z", "visit")],
    ),
    "responder_action": ResponderAction(
        id="act-0001",
        household=HOUSEHOLD,
        incident=_INCIDENT,
        action="close",
        revision=2,
        who="officer-17",
        at=_AT,
        cause=CloseCause.SAFE_AT_HOME,
    ),
    "public_alert": PublicAlert(
        id="alert-2026-0114",
        sender="weather@example.go.kr",
        sent="2026-11-24T00:00:00.000Z",
        msg_type=AlertMessage.UPDATE,
        references=[AlertReference("weather@example.go.kr", "alert-2026-0113", "2026-11-23T21:00:00.000Z")],
        kind=Hazard.HEAT_WAVE,
        event="폭염경보",
        severity=Severity.SEVERE,
        urgency=Urgency.EXPECTED,
        certainty=Certainty.LIKELY,
        area_codes=["1168000000"],
        effective="2026-11-24T00:00:00.000Z",
        expires="2026-11-24T12:00:00.000Z",
        text_ko="폭염 경보",
        text_en="Heat wave warning",
    ),
    "district_counts": DistrictCounts(
        partition=3,
        at="2026-11-24T02:35:00.000Z",
        districts=[
            Counted(district="dong-27", home=Heard(homes=410, heard=12), phone=Heard(homes=388, heard=240)),
            Counted(district="dong-28", home=Heard(homes=395, heard=361), phone=Heard(homes=371, heard=233)),
        ],
    ),
    "district_state": DistrictState(
        district="dong-27",
        at="2026-11-24T02:35:00.000Z",
        outages=[Outage(channel="home", since="2026-11-24T02:15:00.000Z", expected=1240, heard=31)],
    ),
    "profile": DEFAULT_PROFILE,
    "incident": Incident(
        id=_INCIDENT,
        revision=2,
        msg_type="Update",
        references=[f"{_INCIDENT}/1"],
        household=HOUSEHOLD,
        case="case-5d1e",
        state=IncidentState.UPDATED,
        kind=IncidentKind.SILENCE,
        severity=Severity.SEVERE,
        urgency=Urgency.IMMEDIATE,
        certainty=Certainty.LIKELY,
        certainty_by="calibrated",
        score=14.2,
        threshold=12.5,
        shares={"phone": 0.25, "sensors": 0.75},
        chance=0.9981,
        chance_by={"usual": 6.56, "silence": -0.31},
        opened_at="2026-11-24T00:03:00.000Z",
        at=_AT,
        event_from="2026-11-23T13:40:00.000Z",
        event_until=_AT,
        last_sign_of_life="2026-11-23T13:40:00.000Z",
        deadline="2026-11-24T00:03:00.000Z",
        would_change="life",
        next_step=NextStep.ASKING,
        ladder=[
            LadderStep(
                ask="checkin_call",
                request="ask-20261124-0006",
                asked_at="2026-11-24T00:03:00.000Z",
                deadline="2026-11-24T00:18:00.000Z",
                outcome="no_answer",
                outcome_at="2026-11-24T00:05:10.000Z",
            ),
            LadderStep(
                ask="guardian",
                request="ask-20261124-0009",
                asked_at="2026-11-24T00:06:00.000Z",
                deadline="2026-11-24T00:36:00.000Z",
            ),
        ],
        step_until="2026-11-24T00:36:00.000Z",
        district="dong-27",
        target_group="elder_living_alone",
        profile="default-1",
        engine=_ENGINE,
        sentence_ko="10시간 34분째 생활 반응이 없습니다.",
        sentence_en="No signs of life for 10 h 34 min.",
    ),
    "status": Status(partition=3, clock=_AT, households=412, blind=5, open=2, lag=0, engine=_ENGINE),
    "checkin_request": CheckinRequest(
        id="ask-20261124-0007",
        household=HOUSEHOLD,
        ask="sms",
        contact="c-881",
        purpose="disaster",
        language="ko",
        requested_at=_AT,
        deadline="2026-11-24T00:43:54.000Z",
        hazard=Hazard.HEAT_WAVE,
        guidance=guidance(Hazard.HEAT_WAVE, "ko"),
        alert="weather@example.go.kr,alert-2026-0114",
        concerns=[Concern(topic=CareTopic.SLEEP, level=Level.CONCERN, since="2026-11-17T01:12:00.000Z")],
    ),
    "action_result": ActionResult(
        action="act-0001", household=HOUSEHOLD, incident=_INCIDENT, ok=False, reason="changed_since", at=_AT
    ),
    "household_view": view_example(HOUSEHOLD, _AT, _INCIDENT, _ENGINE),
    "dead_letter": dead_letter(
        "home.sensors",
        3,
        184_467,
        Fault(Reason.BAD_TIME, 1, "time"),
        b'[{"specversion":"1.0","type":"anbu.motion.v1","source":"/sensors/gw-1"},{"time":"yesterday"}]',
        AT_MS,
    ),
}
"""One example of every other thing on the wire, by the name of its JSON Schema."""


def wire_examples() -> dict[str, Any]:
    """Every example as plain data: events under `event_<kind>`, the rest under its own name."""
    events = {f"event_{kind}": cloud_event(event) for kind, event in EVENTS.items()}
    return events | {name: msgspec.to_builtins(record) for name, record in RECORDS.items()}
