"""A board process for a browser: synthetic cases and homes on a broker, and somebody who plays the engine's part."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from board_scene import CHEAP, HOUR, MINUTE, USUAL, a_directory, a_ladder, a_status, a_view, an_incident

from infra.broker import Broker
from infra.ports import free_ports, listens
from infra.processes import start_command
from infra.topics import create_topics
from schemas.actions import ActionResult, ResponderAction
from schemas.encode import encode
from schemas.incidents import Certainty, Incident, IncidentKind, IncidentState, NextStep, Severity
from schemas.times import EPOCH, to_rfc3339
from schemas.views import HourlyDay, HouseholdView
from streams.board.rights import Role
from streams.board.users import User, write_users
from streams.board.words import SEOUL
from streams.publish import Publisher
from streams.settings import Settings
from streams.tail import LogReader
from streams.wallclock import monotonic_s, now_ms

PARTITIONS: Final = 2
STALE_IN_MS: Final = 175_000
"""The last word of partition 1 is so old at first: it goes stale 5 s later, unless it speaks again."""


class Street:
    """A made-up street on a broker: what an engine would have told of it, and its answers to actions."""

    def __init__(self, bootstrap: str, at_ms: int) -> None:
        self.at_ms = at_ms
        self.told: dict[str, Incident] = {}
        self.actions: list[ResponderAction] = []
        self._lock = threading.Lock()
        self._publisher = Publisher(bootstrap, PARTITIONS)
        self._reader = LogReader(bootstrap)
        self._reader.follow({("responder.actions", partition): 0 for partition in range(PARTITIONS)})
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._play, name="played-engine")

    def fill(self) -> None:
        """Tell what stands at first."""
        at = self.at_ms
        ladder = a_ladder(at - 30 * MINUTE)
        self.tell(
            an_incident(
                "i-silent",
                opened_ms=at - 31 * MINUTE,
                shares={"home": 0.72, "phone": 0.21, "calls": 0.07},
                ladder=ladder,
                target_group="elder_living_alone",
                step_until=to_rfc3339(at + 25 * MINUTE),
                owner="gangbuk-day",
            ),
            an_incident(
                "i-pills",
                household="h-0088",
                case="c-2",
                kind=IncidentKind.MISSED_MEDICATION,
                severity=Severity.MODERATE,
                next_step=NextStep.ASKING,
                opened_ms=at - 3 * HOUR,
                ladder=ladder[:1],
                sentence_ko="복약을 3번 연속 걸렀습니다.",
                sentence_en="3 doses in a row were missed.",
            ),
            an_incident(
                "i-blind",
                household="h-0111",
                case="c-3",
                kind=IncidentKind.CANNOT_SEE,
                severity=Severity.MINOR,
                next_step=NextStep.CHECK_DEVICE,
                opened_ms=at - 26 * HOUR,
                state=IncidentState.ACKNOWLEDGED,
                owner="lee",
                acknowledged_by="lee",
                sentence_ko="26시간째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다.",
                sentence_en="Nothing has reported for 26 h: Anbu cannot see this home.",
            ),
            an_incident("i-other", household="h-0500", case="c-4", district="dobong", opened_ms=at - HOUR),
            an_incident(
                "i-played",
                household="exercise-1",
                case="c-5",
                status="Exercise",
                kind=IncidentKind.FALL,
                next_step=NextStep.REHEARSE_119,
                opened_ms=at - 2 * MINUTE,
                sentence_ko="[훈련] 낙상: 2분 전 감지되었습니다.",
                sentence_en="[EXERCISE] Fall, 2 min ago.",
            ),
        )
        self.speak(0, at)
        self.speak(1, at - STALE_IN_MS)
        for view in homes(at):
            self._publisher.send("households.view", view.household, encode(view))
        self._publisher.flush()
        self._thread.start()

    def press(self) -> None:
        """Somebody presses an emergency button."""
        self.tell(
            an_incident(
                "i-button",
                household="h-0203",
                case="c-6",
                kind=IncidentKind.EMERGENCY_BUTTON,
                severity=Severity.EXTREME,
                certainty=Certainty.OBSERVED,
                next_step=NextStep.CALL_119,
                last_sign_of_life=to_rfc3339(now_ms()),
                opened_ms=now_ms(),
                sentence_ko="응급 버튼: 방금 감지되었습니다.",
                sentence_en="Emergency button, just now.",
            )
        )

    def tell(self, *incidents: Incident) -> None:
        """Write revisions, as the engine does, to both topics."""
        with self._lock:
            for one in incidents:
                self.told[one.id] = one
                self._publisher.send("incidents", one.household, encode(one))
                self._publisher.send("incidents.open", one.id, encode(one))
            self._publisher.flush()

    def speak(self, partition: int, clock_ms: int) -> None:
        """Write a partition's word that it is watching."""
        with self._lock:
            status = a_status(partition, clock_ms, households=181 if partition else 182)
            self._publisher.send("incidents", str(partition), encode(status), partition=partition)
            self._publisher.flush()

    def _play(self) -> None:
        """Answer actions as the engine answers acknowledge and close."""
        while not self._ending.is_set():
            for record in self._reader.poll(100):
                action = msgspec.json.decode(record.value or b"", type=ResponderAction)
                self.actions.append(action)
                self._answer(action)

    def _answer(self, action: ResponderAction) -> None:
        result = ActionResult(
            action=action.id, household=action.household, incident=action.incident, ok=True, at=to_rfc3339(now_ms())
        )
        before = self.told.get(action.incident)
        if before is not None and action.action in {"acknowledge", "close"}:
            changes: dict[str, Any] = {"owner": action.who, "acknowledged_by": action.who}
            changes["state"] = IncidentState.ACKNOWLEDGED if action.cause is None else IncidentState.CLOSED
            changes |= {"cause": action.cause, "revision": before.revision + 1, "at": to_rfc3339(now_ms())}
            self.tell(msgspec.structs.replace(before, **changes))
        with self._lock:
            self._publisher.send("responder.results", action.household, encode(result))
            self._publisher.flush()

    def close(self) -> None:
        """End the playing."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._reader.close()
        self._publisher.close(drop=True)


def homes(at_ms: int) -> list[HouseholdView]:
    """Views of the street's homes: h-0017 has been silent since the morning, the others are as usual."""
    out = []
    for number, household in enumerate(["h-0017", "h-0203", "h-0088", "h-0111", *(f"h-0{n}" for n in range(300, 324))]):
        view = a_view(household, seed=number)
        days = _dated(view.days, at_ms)
        if household != "h-0017":
            today = [None if n is None else round(usual * 1.1) for n, usual in zip(days[-1].begun, USUAL, strict=True)]
            days[-1] = HourlyDay(days[-1].date, today)
        weeks = [
            msgspec.structs.replace(week, monday=_monday(at_ms, back))
            for back, week in zip(reversed(range(len(view.weeks))), view.weeks, strict=True)
        ]
        sources = [
            msgspec.structs.replace(
                one, reported_at=to_rfc3339(at_ms - (30 * HOUR if one.health == "dark" else 4 * MINUTE))
            )
            for one in view.sources
        ]
        changes: dict[str, Any] = {"weeks": weeks, "sources": sources}
        changes |= {
            "last_sign_of_life": to_rfc3339(at_ms - 14 * HOUR - 31 * MINUTE),
            "days": days,
            "at": to_rfc3339(at_ms),
            "deadline": to_rfc3339(at_ms + 9 * HOUR),
        }
        if number > 1:
            changes |= {"weeks": weeks[:2], "contact": None, "silence": number % 7 / 10}
            changes["last_sign_of_life"] = to_rfc3339(at_ms - number * 7 * MINUTE)
        out.append(msgspec.structs.replace(view, **changes))
    return out


def _monday(at_ms: int, weeks_back: int) -> str:
    now = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL) - timedelta(hours=4)
    return (now - timedelta(days=now.weekday(), weeks=weeks_back)).date().isoformat()


def _dated(days: list[HourlyDay], at_ms: int) -> list[HourlyDay]:
    """Give made-up days the dates up to now; today has no hours that are still to come."""
    now = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL) - timedelta(hours=4)
    dates = [(now - timedelta(days=back)).date().isoformat() for back in reversed(range(len(days)))]
    out = [msgspec.structs.replace(day, date=date) for day, date in zip(days, dates, strict=True)]
    out[-1] = HourlyDay(
        dates[-1], [min(n or 0, 2) if place <= now.hour else None for place, n in enumerate(days[-1].begun)]
    )
    return out


@contextmanager
def a_board_process(broker: Broker, folder: Path) -> Iterator[tuple[str, Street]]:
    """Run `anbu board` on a broker with the street in it; the URL, and the street."""
    create_topics(broker.bootstrap, PARTITIONS)
    write_users(
        folder / "board" / "users.json",
        [User(name="kim", role=Role.RESPONDER, districts=["gangbuk"], password=CHEAP)],
    )
    a_directory(folder)
    (port,) = free_ports(1)
    settings = Settings(
        kafka=broker.url,
        partitions=PARTITIONS,
        board_port=port,
        board_metrics_port=0,
        datadir=folder,
        directory=str(folder / "people.anbu"),
        directory_key=str(folder / "people.key"),
    )
    street = Street(broker.bootstrap, now_ms())
    child = None
    try:
        child = start_command("board", settings=settings, logs=folder)
        street.fill()
        until_s = monotonic_s() + 30
        while not listens("127.0.0.1", port):
            assert child.alive, child.tail(20)
            assert monotonic_s() < until_s, child.tail(20)
        yield f"http://127.0.0.1:{port}", street
        assert child.alive, child.tail(20)
    finally:
        street.close()
        if child is not None:
            child.stop(10)
