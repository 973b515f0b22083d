"""An exercise as a script: what is sent, what must be told of it and by when, and how that went. Pure.

The shell (`streams.drill.run`) carries messages to the log and brings back what is told; here stands what is played.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from schemas.actions import ActionResult, ResponderAction
from schemas.alerts import AlertMessage, AlertReference, AlertStatus, Hazard, PublicAlert
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.encode import encode
from schemas.events import Data, Event
from schemas.exercise import EXERCISE_PREFIX, MARK_EN, MARK_KO
from schemas.households import HouseholdRecord, Rung, Source
from schemas.incidents import CloseCause, Incident, IncidentKind
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from schemas.vocabulary import BY_NAME, DisasterAnswer
from streams.drill.parts import Answer, Expected, Limits, Message, Outcome, Told, missing_mark

SENSORS: Final = "/sensors/drill"
CALLS: Final = "/calls/drill"
UNANSWERED: Final = 12
"""Calls that nobody answers: more than any profile asks for."""
ALERT_LASTS_MS: Final = 1_800_000
WHO: Final = "anbu.drill"


class Drill:
    """The exercise `name`, begun at `at_ms` (UTC milliseconds), with a home in each of so many partitions.

    `begin`, then `hear` whatever is told and `pass_time`, until `is_over`; each returns what is to be written. Seconds
    are on a clock of the caller's that never steps back.
    """

    def __init__(
        self,
        name: str,
        at_ms: int,
        partitions: int,
        *,
        district: str,
        limits: Limits | None = None,
        disaster_homes: int = 1,
    ) -> None:
        self.name = name
        self.at_ms = at_ms
        self._partitions = partitions
        self.limits = limits or Limits()
        self.district = district
        self.outcomes: list[Outcome] = []
        self.homes = [f"{EXERCISE_PREFIX}{name}-{word}" for word in ("gas", "calls")]
        self.covered = [f"{EXERCISE_PREFIX}{name}-alert-{number}" for number in range(disaster_homes)]
        """Homes that the disaster alert covers, with all others of the exercise."""
        self._silent = [f"{EXERCISE_PREFIX}{name}-silence"] if self.limits.silence_s else []
        self.buttons = [_home_in(f"{EXERCISE_PREFIX}{name}", number, partitions) for number in range(partitions)]
        self._waiting: list[tuple[Expected, float]] = []
        self._incidents: dict[str, Incident] = {}
        self._unmarked: set[str] = set()
        self._alert = self._public_alert()

    @property
    def households(self) -> list[str]:
        """Every household of the exercise."""
        return [*self.buttons, *self.homes, *self.covered, *self._silent]

    @property
    def is_over(self) -> bool:
        """Nothing is waited for any more."""
        return not self._waiting

    @property
    def ok(self) -> bool:
        """Everything came in time, and with its mark."""
        return all(one.ok for one in self.outcomes)

    @property
    def left_open(self) -> list[Incident]:
        """Incidents of the exercise that have not ended."""
        return [one for one in self._incidents.values() if not one.ended]

    def registers(self) -> list[Message]:
        """Return the registry records of its homes."""
        sources = [Source(SENSORS), Source(CALLS)]
        return [
            Message(
                "households",
                name,
                encode(
                    HouseholdRecord(
                        household=name,
                        district=self.district,
                        sources=sources,
                        ladder=[Rung("checkin_call")],
                        latest_silence_h=self.limits.silence_s / 3600 if name in self._silent else None,
                    )
                ),
            )
            for name in self.households
        ]

    def begin(self, now_s: float) -> list[Message]:
        """Return what is sent first. The registry records are in the log by then."""
        out: list[Message] = []
        for send, expect in self._scenes():
            out += send
            self._waiting += [(one, now_s) for one in expect]
        return out

    def hear(self, told: Told, now_s: float) -> list[Message]:
        """Take what was told of anybody; return what is to be done about it."""
        if told.household not in self.households:
            return []
        if isinstance(told, Incident):
            known = self._incidents.get(told.id)
            if known is not None and told.revision <= known.revision:
                return []
            self._incidents[told.id] = told
        self._look_for_mark(told)
        return [message for answer in self._met(told, now_s) for message in answer]

    def pass_time(self, now_s: float) -> None:
        """Give up what is overdue."""
        for expected, since_s in [one for one in self._waiting if now_s - one[1] > one[0].within_s]:
            self._waiting.remove((expected, since_s))
            self.outcomes.append(Outcome(expected.what, ok=False, within_s=expected.within_s, after_s=None))

    def ends(self) -> list[Message]:
        """Return what takes the exercise away: the alert is cancelled, the watching of every home ends."""
        cancel = self._public_alert(
            id=f"{self._alert.id}-end",
            msg_type=AlertMessage.CANCEL,
            references=[AlertReference(self._alert.sender, self._alert.id, self._alert.sent)],
        )
        return [
            Message("public.alerts", cancel.id, encode(cancel), to_all=True),
            *(Message("households", name, None) for name in self.households),
        ]

    def cleaned(self, now_s: float, since_s: float) -> None:
        """Add the line that says whether anything of it is left."""
        left = len(self.left_open)
        why = "" if not left else f"{left} left open"
        self.outcomes.append(
            Outcome("every incident of it has ended", not left, self.limits.turn_s, now_s - since_s, why)
        )

    def _met(self, told: Told, now_s: float) -> Iterator[tuple[Message, ...]]:
        for expected, since_s in [one for one in self._waiting if one[0].household in {told.household, ""}]:
            if expected.is_it(told):
                self._waiting.remove((expected, since_s))
                after_s = now_s - since_s
                in_time = after_s <= expected.within_s
                if expected.is_line or not in_time:
                    self.outcomes.append(Outcome(expected.what, in_time, expected.within_s, after_s))
                answer = expected.then(told)
                self._waiting += [(one, now_s) for one in answer.expect]
                yield answer.send

    def _look_for_mark(self, told: Told) -> None:
        wrong = missing_mark(told)
        if wrong and wrong not in self._unmarked:
            self._unmarked.add(wrong)
            self.outcomes.append(Outcome("a mark on whatever is told", ok=False, within_s=0, after_s=None, why=wrong))

    # What is played.

    def _scenes(self) -> Iterator[Answer]:
        for number, name in enumerate(self.buttons):
            yield self._button(number, name)
        gas, calls = self.homes
        yield self._gas(gas)
        yield self._calls(calls)
        yield self._disaster()
        for name in self._silent:
            yield self._silence(name)

    def _button(self, number: int, name: str) -> Answer:
        what = f"a button pressed in partition {number}"
        pressed = self._event(name, "emergency_button", Data(device="bed"))
        return Answer(
            (pressed,),
            (
                Expected(f"{what}: told", name, self.limits.arrival_s, _is(IncidentKind.EMERGENCY_BUTTON)),
                Expected(
                    f"{what}: in its case",
                    name,
                    self.limits.turn_s,
                    lambda one: _is(IncidentKind.EMERGENCY_BUTTON)(one) and one.case is not None,
                    self._acknowledge if number == 0 else _nothing,
                ),
            ),
        )

    def _acknowledge(self, incident: Incident) -> Answer:
        action = self._action(incident, "acknowledge")
        return Answer(
            (Message("responder.actions", incident.household, encode(action)),),
            (
                Expected(
                    "a responder acknowledges it: answered, and owned",
                    incident.household,
                    self.limits.turn_s,
                    lambda one: isinstance(one, Incident) and one.owner == WHO,
                    self._close,
                ),
            ),
        )

    def _close(self, incident: Incident) -> Answer:
        action = self._action(incident, "close", cause=CloseCause.TEST)
        return Answer(
            (Message("responder.actions", incident.household, encode(action)),),
            (
                Expected(
                    "a responder closes it: answered with yes",
                    incident.household,
                    self.limits.turn_s,
                    lambda one: isinstance(one, ActionResult) and one.action == action.id and one.ok,
                ),
            ),
        )

    def _gas(self, name: str) -> Answer:
        on = self._event(name, "gas", Data(device="kitchen", state="on"))
        off = self._event(name, "gas", Data(device="kitchen", state="off"), after_ms=1)
        return Answer(
            (on,),
            (
                Expected(
                    "a gas alarm: told",
                    name,
                    self.limits.arrival_s,
                    _is(IncidentKind.GAS),
                    lambda _one: Answer(
                        (off,),
                        (
                            Expected(
                                "the gas alarm ends: told as cleared, and left open",
                                name,
                                self.limits.turn_s,
                                lambda one: _is(IncidentKind.GAS)(one) and one.cleared and not one.ended,
                            ),
                        ),
                    ),
                ),
            ),
        )

    def _calls(self, name: str) -> Answer:
        calls = [
            self._event(name, "checkin_no_answer", source=CALLS, after_ms=1000 * (number - UNANSWERED))
            for number in range(UNANSWERED)
        ]
        what = f"{UNANSWERED} calls that nobody answered: told when judged"
        return Answer(tuple(calls), (Expected(what, name, self.limits.turn_s, _is(IncidentKind.UNANSWERED_CALLS)),))

    def _disaster(self) -> Answer:
        """Send a disaster alert of an exercise: each home it covers is asked, and answers; the first needs help."""
        alert = Message("public.alerts", self._alert.id, encode(self._alert), to_all=True)
        fullest = max(Counter(partition_of(name, self._partitions) for name in self.households).values())
        within_s = self.limits.turn_s + 60.0 * (fullest / self.limits.a_minute)
        asked: set[str] = set()

        def of(name: str, number: int) -> Expected:
            def answered(request: CheckinRequest) -> Answer:
                asked.add(name)
                return self._disaster_answer(name, request.id, needs_help=number == 0)

            what = f"a disaster alert: home {number + 1} of {len(self.covered)} is asked, with its guidance"
            is_line = len(self.covered) == 1
            return Expected(what, name, within_s, _asks_about_disaster, answered, is_line=is_line)

        expected = [of(name, number) for number, name in enumerate(self.covered)]
        if len(expected) > 1:
            what = f"a disaster alert: all {len(expected)} homes are asked, with their guidance"
            last = Expected(what, "", within_s, lambda _told: len(asked) == len(self.covered))
            expected.append(last)
        return Answer((alert,), tuple(expected))

    def _disaster_answer(self, name: str, request: str, *, needs_help: bool) -> Answer:
        said = DisasterAnswer.NEEDS_HELP if needs_help else DisasterAnswer.SAFE
        data = Data(request=request, purpose="disaster", disaster=said, guidance_given=True)
        answer = self._event(name, "checkin_answered", data, source=CALLS, after_ms=2)
        if not needs_help:
            return Answer((answer,))
        what = "the answer that help is needed: told"
        return Answer((answer,), (Expected(what, name, self.limits.arrival_s, _is(IncidentKind.DISASTER_HELP)),))

    def _silence(self, name: str) -> Answer:
        stirred = self._event(name, "door", Data(device="front", state="on"))
        within_s = self.limits.silence_s + self.limits.turn_s
        return Answer((stirred,), (Expected("a silence: told", name, within_s, _is(IncidentKind.SILENCE)),))

    def _event(
        self, name: str, kind: str, data: Data | None = None, *, source: str = SENSORS, after_ms: int = 0
    ) -> Message:
        event = Event(
            household=name,
            kind=kind,
            source=source,
            id=f"{self.name}-{kind}-{after_ms}",
            at_ms=self.at_ms + after_ms,
            data=data or Data(),
        )
        return Message(BY_NAME[kind].topic, name, encode_events([event]))

    def _action(self, incident: Incident, action: Any, cause: CloseCause | None = None) -> ResponderAction:
        return ResponderAction(
            id=f"{self.name}-{action}",
            household=incident.household,
            incident=incident.id,
            action=action,
            revision=incident.revision,
            who=WHO,
            at=to_rfc3339(self.at_ms),
            cause=cause,
        )

    def _public_alert(self, **changes: Any) -> PublicAlert:
        words: dict[str, Any] = {
            "id": f"{EXERCISE_PREFIX}{self.name}",
            "sender": WHO,
            "sent": to_rfc3339(self.at_ms),
            "status": AlertStatus.EXERCISE,
            "kind": Hazard.FLOOD,
            "event": "훈련",
            "districts": [self.district],
            "effective": to_rfc3339(self.at_ms),
            "expires": to_rfc3339(self.at_ms + ALERT_LASTS_MS),
            "text_ko": f"{MARK_KO}홍수 경보",
            "text_en": f"{MARK_EN}Flood warning",
        }
        return PublicAlert(**(words | changes))


def _is(kind: IncidentKind) -> Callable[[Any], bool]:
    return lambda one: isinstance(one, Incident) and one.kind is kind


def _asks_about_disaster(told: object) -> bool:
    return isinstance(told, CheckinRequest) and told.purpose == "disaster" and bool(told.guidance)


def _nothing(_told: object) -> Answer:
    return Answer()


def _home_in(name: str, partition: int, partitions: int) -> str:
    """Return a pseudonym that belongs to a partition."""
    number = 0
    while partition_of(f"{name}-{partition}-{number}", partitions) != partition:
        number += 1
    return f"{name}-{partition}-{number}"
