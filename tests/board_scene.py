"""A board for tests: hand-made incidents and people of whom nobody exists, a source that stands still, an open door."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from schemas.actions import ActionResult, ResponderAction
from schemas.duty import Duty
from schemas.households import Absence, Need, RiskGrade, TargetGroup
from schemas.incidents import (
    Certainty,
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
from schemas.times import to_rfc3339
from schemas.views import (
    ConcernView,
    ContactMonth,
    ContactView,
    DelayView,
    HourlyDay,
    HouseholdView,
    ReferralView,
    SourceView,
    TopicWeek,
    WeekView,
)
from schemas.vocabulary import CareTopic, Level
from streams.access_log import AccessLog, verify
from streams.board.access import Access
from streams.board.app import make_app
from streams.board.feed import Listeners, Picture, Reading
from streams.board.history import HistoryAwayError, Past
from streams.board.parts import Board, Reached
from streams.board.rights import Role
from streams.board.users import Hash, User, Users, write_users
from streams.directory import Contact, Directory, Person, make_key
from streams.incident_fold import IncidentFold

NOW = 1_795_000_000_000
"""2026-11-18 20:06:40 in Seoul."""
MINUTE = 60_000
HOUR = 60 * MINUTE
PASSWORD = "a synthetic password"  # noqa: S105 - of nobody
CHEAP = Hash.of(PASSWORD, n=2)


def an_incident(name: str = "i-1", revision: int = 1, **said: Any) -> Incident:
    """An open silence of 14 hours in gangbuk, unless said otherwise."""
    opened_ms = said.pop("opened_ms", NOW - 20 * MINUTE)
    given: dict[str, Any] = {
        "id": name,
        "revision": revision,
        "msg_type": "Alert" if revision == 1 else "Update",
        "household": "h-0017",
        "case": "c-1",
        "state": IncidentState.OPENED,
        "kind": IncidentKind.SILENCE,
        "severity": Severity.SEVERE,
        "urgency": Urgency.IMMEDIATE,
        "certainty": Certainty.LIKELY,
        "opened_at": to_rfc3339(opened_ms),
        "at": to_rfc3339(opened_ms + revision * MINUTE),
        "event_from": to_rfc3339(opened_ms if "kind" in said else NOW - 14 * HOUR),
        "event_until": to_rfc3339(opened_ms),
        "last_sign_of_life": to_rfc3339(opened_ms - 14 * HOUR),
        "next_step": NextStep.VISIT_NOW,
        "district": "gangbuk",
        "engine": "test",
        "sentence_ko": "평소 이 시간에는 시간당 생활 반응이 4.2번 있으나, 14시간째 없습니다.",
        "sentence_en": "Usually 4.2 signs of life an hour at this time; none for 14 h.",
    }
    return Incident(**given | said)


def a_ladder(from_ms: int) -> list[LadderStep]:
    """A prompt and a call that nobody answered, a guardian who has not answered yet, an SMS that was skipped."""
    return [
        LadderStep(
            ask="prompt",
            request="r-1",
            asked_at=to_rfc3339(from_ms),
            deadline=to_rfc3339(from_ms + 10 * MINUTE),
            outcome="no_answer",
            outcome_at=to_rfc3339(from_ms + 10 * MINUTE),
        ),
        LadderStep(ask="sms", asked_at=to_rfc3339(from_ms + 10 * MINUTE), outcome="skipped", why="no_consent"),
        LadderStep(
            ask="checkin_call",
            request="r-2",
            asked_at=to_rfc3339(from_ms + 10 * MINUTE),
            deadline=to_rfc3339(from_ms + 25 * MINUTE),
            outcome="no_answer",
            outcome_at=to_rfc3339(from_ms + 12 * MINUTE),
        ),
        LadderStep(
            ask="guardian",
            request="r-3",
            asked_at=to_rfc3339(from_ms + 12 * MINUTE),
            deadline=to_rfc3339(from_ms + 42 * MINUTE),
        ),
    ]


def a_status(partition: int, clock_ms: int, **said: Any) -> Status:
    """A partition's word, of 50 homes unless said otherwise."""
    given: dict[str, Any] = {"households": 50, "blind": 1, "open": 1, "engine": "test", "lag": 0}
    return Status(partition=partition, clock=to_rfc3339(clock_ms), **given | said)


class StillSource:
    """A source of one partition whose records are given by hand. `heard_ms`: when the last status came."""

    def __init__(self, clock: Callable[[], int], *incidents: Incident, heard_ms: int = NOW) -> None:
        self.fold = IncidentFold(1)
        self.listeners = Listeners()
        self.results: dict[str, ActionResult] = {}
        self.trouble = ""
        self.tables: Reading | None = None
        """How the reader of homes and answers does; None for well."""
        self.known: dict[str, HouseholdView] = {}
        self.roster = DEFAULT_PROFILE.duty
        self.clock = clock
        self.take(a_status(0, heard_ms), *incidents)

    def take(self, *said: Incident | Status) -> None:
        for one in said:
            self.fold.apply("incidents", b"", msgspec.json.encode(one), self.clock())
        self.listeners.tell()

    def picture(self) -> Picture:
        return Picture(
            incidents=Reading(self.clock(), is_whole=True, trouble=self.trouble),
            tables=self.tables or Reading(self.clock(), is_whole=True, trouble=""),
            cases=tuple(self.fold.cases(ended=True)),
            watching=self.fold.watching(self.clock()),
            statuses=self.fold.statuses(),
            standing=self.fold.standing(self.clock()),
            partitions=self.fold.partitions,
        )

    def result(self, action: str) -> ActionResult | None:
        return self.results.get(action)

    def duty(self) -> Duty:
        return self.roster

    def view(self, household: str) -> HouseholdView | None:
        return self.known.get(household)

    def views(self, is_asked: Callable[[str], bool]) -> list[HouseholdView]:
        return [view for view in self.known.values() if is_asked(view.district)]

    def households(self, is_asked: Callable[[str], bool]) -> list[str]:
        return [view.household for view in self.views(is_asked)]

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        return self.listeners.listen(heard)


class KeptSender:
    """Keeps what was sent; raises `error` instead when it is set."""

    def __init__(self) -> None:
        self.sent: list[ResponderAction] = []
        self.error: Exception | None = None

    def send(self, action: ResponderAction) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(action)


class KeptHistory:
    """Past incidents given by hand; away when there are None."""

    def __init__(self) -> None:
        self.kept: list[Past] | None = None

    def past(self, household: str) -> list[Past]:
        if self.kept is None:
            raise HistoryAwayError(household)
        return self.kept


USUAL = [
    0.1,
    0.6,
    2.1,
    3.4,
    2.2,
    1.4,
    1.2,
    1.9,
    2.8,
    1.6,
    1.0,
    1.1,
    1.7,
    2.9,
    3.2,
    2.1,
    1.5,
    0.9,
    0.4,
    0.1,
    0,
    0,
    0.3,
    0,
]
"""An ordinary day of nobody, 24 hours from 04:00 on."""


def a_view(household: str = "h-0017", seed: int = 17, **said: Any) -> HouseholdView:
    """What is known of a made-up home: 14 days, the last of them silent since its first hour, and six weeks."""
    rng = Random(seed)
    days = [
        HourlyDay(f"2026-11-{day:02d}", [round(usual * rng.uniform(0.4, 1.6)) for usual in USUAL], [3] * (day == 9))
        for day in range(5, 18)
    ]
    days.append(HourlyDay("2026-11-18", [0, 2, *[0] * 15, *[None] * 7]))
    topics = [
        {CareTopic.MEALS: TopicWeek(ok=2, level=Level.OK), CareTopic.MOOD: TopicWeek(ok=1, level=Level.OK)},
        {CareTopic.MEALS: TopicWeek(ok=1, level=Level.OK), CareTopic.SLEEP: TopicWeek(ok=1, level=Level.OK)},
        {CareTopic.MEALS: TopicWeek(ok=1, concern=1, level=Level.CONCERN)},
        {CareTopic.MOOD: TopicWeek(concern=1, level=Level.CONCERN), CareTopic.HEALTH: TopicWeek(ok=1, level=Level.OK)},
        {
            CareTopic.MEALS: TopicWeek(alarm=1, level=Level.ALARM),
            CareTopic.OUTINGS: TopicWeek(measured=0.2, usual=1.1, level=Level.CONCERN),
            CareTopic.MEDICATION: TopicWeek(measured=0.75, usual=0.97, level=Level.CONCERN),
            CareTopic.SLEEP: TopicWeek(ok=1, measured=0.5, usual=0.4, level=Level.OK),
        },
    ]
    mondays = ["2026-10-19", "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"]
    given: dict[str, Any] = {
        "household": household,
        "at": to_rfc3339(NOW - 20 * MINUTE),
        "registered": True,
        "district": "gangbuk",
        "target_group": TargetGroup.ELDER,
        "risk_grade": RiskGrade.HIGH,
        "needs": [Need.HEARING],
        "warm": True,
        "days_learned": 41.0,
        "usual": USUAL,
        "days": days,
        "last_sign_of_life": to_rfc3339(NOW - 14 * HOUR - 20 * MINUTE),
        "deadline": to_rfc3339(NOW - 20 * MINUTE),
        "silence": 1.0,
        "delay": DelayView(5.2, 9.6),
        "sources": [
            SourceView(
                source="/sensors/gw-17",
                channel="sensors",
                enrolled=True,
                health="healthy",
                reported_at=to_rfc3339(NOW - 4 * MINUTE),
            ),
            SourceView(
                source="/phone/p-17",
                channel="phone",
                enrolled=True,
                health="dark",
                reported_at=to_rfc3339(NOW - 30 * HOUR),
            ),
            SourceView(source="/calls/provider-1", channel="calls", health="asked"),
        ],
        "absences": [Absence(to_rfc3339(NOW + 36 * 24 * HOUR), to_rfc3339(NOW + 39 * 24 * HOUR), "visit")],
        "weeks": [
            WeekView(monday=monday, topics=told, calls_answered=2, calls_unanswered=place % 2)
            for place, (monday, told) in enumerate(zip(mondays, topics, strict=True))
        ],
        "concerns": [
            ConcernView(
                topic=CareTopic.MEALS,
                level=Level.ALARM,
                since=to_rfc3339(NOW - 14 * 24 * HOUR),
                told_at=to_rfc3339(NOW - 26 * HOUR),
            ),
            ConcernView(
                topic=CareTopic.MOOD,
                level=Level.CONCERN,
                since=to_rfc3339(NOW - 20 * 24 * HOUR),
                told_at=to_rfc3339(NOW - 9 * 24 * HOUR),
                state="resolved",
                resolved_at=to_rfc3339(NOW - 2 * 24 * HOUR),
            ),
        ],
        "contact": ContactView(
            index=0.31,
            before=0.47,
            trend="falling",
            months=[
                ContactMonth(month=month, index=index)
                for month, index in (("2026-08", 0.52), ("2026-09", 0.49), ("2026-10", 0.47), ("2026-11", 0.31))
            ],
        ),
        "referrals": [ReferralView(referral="meals", at=to_rfc3339(NOW - 12 * 24 * HOUR), before=0.36, after=0.31)],
        "engine": "test",
    }
    return HouseholdView(**given | said)


def a_user(name: str, role: Role, *districts: str) -> User:
    return User(name=name, role=role, districts=list(districts), password=CHEAP)


EVERYBODY = (
    a_user("kim", Role.RESPONDER, "gangbuk"),
    a_user("lee", Role.RESPONDER, "dobong"),
    a_user("park", Role.SUPERVISOR, "*"),
    a_user("choi", Role.SUPERVISOR, "dobong"),
    a_user("eng", Role.ENGINEER),
    a_user("view", Role.VIEWER),
)


def a_directory(folder: Path, household: str = "h-0017") -> Callable[[], Directory]:
    """A directory in which one home that does not exist has a name and an address."""
    path, key = folder / "people.anbu", folder / "people.key"
    make_key(key)
    directory = Directory.new(path, key)
    made_up = Contact(
        "이가상", "강북구 가상로 1, 101호", "02-000-0000", (Person("딸", "이모의", "010-0000-0000"),), "경비실에 열쇠"
    )
    directory.put(household, made_up)
    directory.save()
    return lambda: Directory.open(path, key)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


def a_board(folder: Path, *incidents: Incident, heard_ms: int = NOW, **said: Any) -> Board:
    """A board of the people above, with these incidents."""
    clock = Hands()
    write_users(folder / "users.json", list(EVERYBODY))
    return Board(
        users=Users(folder / "users.json"),
        access=Access(AccessLog(folder / "access.log"), clock),
        source=StillSource(clock, *incidents, heard_ms=heard_ms),
        sender=KeptSender(),
        history=KeptHistory(),
        clock=clock,
        **{"reached": Reached(frozenset({"127.0.0.1"})), **said},
    )


def in_loop(test: Callable[..., Any]) -> Callable[..., None]:
    """Run a test that waits, in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


@asynccontextmanager
async def opened(board: Board) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve a board on a free port of this machine, and a browser without a screen."""
    async with TestServer(make_app(board), host="127.0.0.1") as server:
        board.reached = Reached(frozenset({f"127.0.0.1:{server.port}"}))
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            yield client


async def form_token(client: TestClient[Any, Any], path: str = "/sign-in") -> str:
    """Take the token of a page's forms."""
    text = await (await client.get(path)).text()
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    assert found, text
    return found[1]


async def sign_in(client: TestClient[Any, Any], name: str, password: str = PASSWORD) -> int:
    """Sign in as a browser would; return the status of the answer."""
    fields = {"name": name, "password": password, "form_token": await form_token(client)}
    answer = await client.post("/sign-in", data=fields, allow_redirects=False)
    return answer.status


def logged(folder: Path) -> list[dict[str, Any]]:
    """Lines of the access log, sound ones."""
    path = folder / "access.log"
    assert not verify(path).wrong
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
