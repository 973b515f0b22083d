"""What a responder's program does about incidents: send an action, and hear what became of it.

    from streams.responder import Responder

    with Responder("127.0.0.1:9092", 4, who="kim") as responder:
        answer = responder.act(incident, "acknowledge")
        if not answer.ok:
            say(REASONS[answer.reason])

An action is idempotent by its id: after an error, the same one may be sent again. It is answered once: `answer_to` finds
an answer that came after one had ceased to wait. Actions on one household are taken in their order; a close is held
against the revision that was seen.
"""

import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from schemas.actions import ABOUT_AN_INCIDENT, ActionKind, ActionResult, ResponderAction
from schemas.checks import check_action
from schemas.encode import encode
from schemas.incidents import Incident
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from streams.publish import BrokerAwayError, Publisher, TopicsDifferError
from streams.tail import LogReader, Record
from streams.wallclock import monotonic_s, now_ms

ACTIONS: Final = "responder.actions"
RESULTS: Final = "responder.results"
WITHIN_S: Final = 30.0
POLL_MS: Final = 100

REASONS: Final[dict[str, str]] = {
    "": "taken",
    "changed_since": "it has grown graver since the revision that was seen: look again, then close",
    "no_contact_does_not_close": "no contact is no ending: somebody has to reach the person",
    "already_ended": "it has ended already",
    "kept_for_later": "the engine has not come to that incident yet; the action is kept and taken when it does",
    "cause_needed": "a close needs a cause",
    "until_needed": "it needs a time until when",
    "referral_needed": "it needs the service to which the person is referred",
    "too_long": "so long is not allowed",
    "over_already": "that time is over already",
    "emergency": "an emergency cannot be put off",
    "too_many": "too many of them wait already",
    "not_watched": "this household is not watched",
    "not_known": "there is no such incident",
    "nobody_to_ask": "the registry lists nobody and nothing that could be asked",
}
"""What each answer means, for people; the codes are those of `ActionResult.reason`."""

_RESULT: Final = msgspec.json.Decoder(ActionResult)


class NoAnswerError(Exception):
    """The log has the action, and no answer came in time: it stands, and is answered when the engine comes to it."""

    def __init__(self, action: ResponderAction, within_s: float) -> None:
        self.action = action
        super().__init__(f"no answer within {within_s:g} s: the action is in the log and is taken when its turn comes")


class Responder:
    """One responder on one broker; a context manager. `who` is a name or number of staff, never a resident's.

    Raises:
        BrokerAwayError: the broker does not answer.
        TopicsDifferError: a topic is missing or has another partition count.

    """

    def __init__(self, bootstrap: str, partitions: int, *, who: str, clock: Callable[[], int] = now_ms) -> None:
        self._who = who
        self._partitions = partitions
        self._clock = clock
        self._publisher = Publisher(bootstrap, partitions)
        try:
            self._reader = LogReader(bootstrap)
        except BaseException:
            self._publisher.close(drop=True)
            raise

    def act(self, incident: Incident, action: ActionKind, *, within_s: float = WITHIN_S, **fields: Any) -> ActionResult:
        """Act on an incident as it was seen, or on its household, and return the engine's answer.

        `fields` are those of `ResponderAction`: `cause` for a close or a note, `until` for a snooze, and so on; `id` to
        send an earlier action again. An action that is kept for later is waited for as well.

        Raises:
            ValueError: the action cannot be meant; names the field.
            NoAnswerError: it is in the log, and was not answered in time.
            BrokerAwayError: it is not in the log, as far as one knows.

        """
        return self.send(self.action_of(incident.household, action, incident=incident, **fields), within_s=within_s)

    def action_of(
        self, household: str, action: ActionKind, *, incident: Incident | None = None, **fields: Any
    ) -> ResponderAction:
        """Return an action that can be sent.

        Raises:
            ValueError: it cannot be meant; names the field.

        """
        seen = {} if incident is None else {"incident": incident.id, "revision": incident.revision}
        said = {
            "id": secrets.token_hex(16),
            "household": household,
            "action": action,
            "who": self._who,
            "at": to_rfc3339(self._clock()),
            **seen,
            **{name: value for name, value in fields.items() if value is not None},
        }
        if action in ABOUT_AN_INCIDENT and not said.get("incident"):
            raise ValueError("incident: this action needs one")
        try:
            made = msgspec.convert(said, ResponderAction)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        if fault := check_action(made):
            raise ValueError(f"{fault.detail}: {fault.reason.value.replace('_', ' ')}")
        return made

    def send(self, action: ResponderAction, *, within_s: float = WITHIN_S) -> ActionResult:
        """Send an action and return its answer; as `act`."""
        place = (RESULTS, partition_of(action.household, self._partitions))
        if self._reader.partitions(RESULTS) <= place[1]:
            raise TopicsDifferError(f"topic {RESULTS} is missing; create it with: anbu topics create")
        # The end is taken before the action is sent: its answer lies behind it.
        self._reader.follow({place: self._reader.bounds([place])[place][1]})
        self._publisher.send(ACTIONS, action.household, encode(action))
        self._publisher.flush()
        until_s = monotonic_s() + within_s
        kept: ActionResult | None = None
        while monotonic_s() < until_s:
            try:
                records = self._reader.poll(POLL_MS)
            except BrokerAwayError:
                continue  # the action is in the log: its answer may still come
            for record in records:
                found = _answer(record.value, action.id)
                if found is not None and found.reason != "kept_for_later":
                    return found
                kept = found or kept
        if kept is not None:
            return kept
        raise NoAnswerError(action, within_s)

    def answer_to(self, action: ResponderAction) -> ActionResult | None:
        """Return the answer that an action got earlier; None while it has none, or is only kept for later."""
        place = (RESULTS, partition_of(action.household, self._partitions))

        def is_it(record: Record) -> bool:
            found = _answer(record.value, action.id)
            return found is not None and found.reason != "kept_for_later"

        record = self._reader.find_last(place, is_it)
        return None if record is None else _answer(record.value, action.id)

    def close(self) -> None:
        """End the connections."""
        self._reader.close()
        self._publisher.close(drop=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answer(value: bytes | None, action: str) -> ActionResult | None:
    if not value or action.encode() not in value:
        return None
    try:
        found = _RESULT.decode(value)
    except msgspec.MsgspecError:
        return None
    return found if found.action == action else None
