"""A town at work for a browser: the parts as they run, on a broker, and no ClickHouse. Nobody plays the engine here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from board_scene import CHEAP, a_directory
from msgspec.structs import replace
from worker_logs import read_logs, said, wait_until
from worker_runs import Runner

from infra.broker import Broker
from infra.ports import free_ports, listens
from infra.processes import Child, start_command, stop_all
from infra.topics import create_topics, describe
from load_tests.columns.wire import Wire
from load_tests.feed import feed
from load_tests.messages import Message
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from load_tests.simulator.people import GATEWAY
from load_tests.simulator.plan import LOCAL_MS
from schemas.actions import ActionResult, ResponderAction
from schemas.build import encode_events
from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.events import Data, Event
from schemas.households import HouseholdRecord, Rung
from schemas.incidents import Incident
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.board.rights import Role
from streams.board.users import User, write_users
from streams.publish import Publisher
from streams.settings import Settings
from streams.wallclock import now_ms

PARTITIONS: Final = 2
DAYS: Final = 21
HOMES: Final = 10
SEED: Final = 2026
MINUTE_MS: Final = 60_000
TICK_EVERY_S: Final = 300
"""Ticks of the past are coarse, or they would be most of the log; any coarser, and events would seem to come from the future."""
BEHIND_MS: Final = 5 * MINUTE_MS
"""The log's clock stands so far behind at first, or more: nobody may call that watching after 3 minutes."""
SILENT, PRESSED = "sim-00001", "sim-00006"
DISTRICT, ELSEWHERE = "강북구", "도봉구"
MUTE, PILLS = "sim-00004", "sim-00003"
"""A home of which nothing is heard any more, and one where doses are missed."""
AWAY: Final = {"sim-00007", "sim-00008"}
"""Homes of another district."""
MUTE_FOR_MS: Final = 30 * 60 * MINUTE_MS
LATEST_H: Final = 4.0
SILENT_FOR_MS: Final = int(LATEST_H * 60 + 95) * MINUTE_MS
"""So long before the town was filled in, the silent home's last sign of life came: its ladder is through since then."""
LADDER: Final = [Rung("robot", "c-1"), Rung("checkin_call", "c-1"), Rung("guardian", "c-2"), Rung("officer")]
DUTY: Final = Duty(desks=[Desk(district=DISTRICT, day="강북-주간", night="강북-야간", then=["강북-팀장", "관제센터"])])


@dataclass(slots=True)
class Site:
    """The parts of a town at work, and what they wrote."""

    url: str
    settings: Settings
    folder: Path
    worker: Runner
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, name: str) -> Child:
        """Start one part."""
        self.children[name] = start_command(name, settings=self.settings, logs=self.folder)
        return self.children[name]

    def check(self) -> None:
        """See that every part still runs."""
        for child in (self.worker.child, *self.children.values()):
            assert child.alive, child.tail()

    def has_judged(self, until_ms: int) -> bool:
        """Tell whether the worker has judged everything up to a moment of the log."""
        self.check()
        clocks = {one["clock"] for one in self.worker.partitions().values()}
        return clocks == {to_rfc3339(until_ms)}

    def told(self, topic: str) -> list[Any]:
        """Everything that stands on a topic."""
        logs = read_logs(self.settings.bootstrap, {(topic, p): 0 for p in range(PARTITIONS)})
        return [one.what for log in logs.values() for one in said(topic, log)]

    def revisions(self, household: str) -> list[Incident]:
        """Return every revision of a household's incidents."""
        return [one for one in self.told("incidents") if isinstance(one, Incident) and one.household == household]

    def actions(self) -> list[ResponderAction]:
        """Return what officers sent, ticks left out."""
        logs = read_logs(self.settings.bootstrap, {("responder.actions", p): 0 for p in range(PARTITIONS)})
        values = [v for log in logs.values() for v in log.values if v and b'"action"' in v]
        return [msgspec.json.decode(value, type=ResponderAction) for value in values]

    def answers(self) -> dict[str, ActionResult]:
        """Return the engine's answer to each action."""
        return {one.action: one for one in self.told("responder.results")}

    def written(self) -> dict[str, bytes]:
        """Return all that stands in the log, in the parts' own logs and in the worker's metrics, by where."""
        places = {(topic, p): 0 for topic in describe(self.settings.bootstrap) for p in range(PARTITIONS)}
        found = {f"{name}.log": (self.folder / f"{name}.log").read_bytes() for name in ("worker", *self.children)}
        found["metrics"] = self.worker.ask("/metrics").encode()
        for (topic, _), log in read_logs(self.settings.bootstrap, places).items():
            found[topic] = found.get(topic, b"") + b"".join(v for v in (*log.keys, *log.values) if v)
        return found

    def press(self, household: str) -> None:
        """Press a household's emergency button, now."""
        at_ms = now_ms()
        event = Event(household, "emergency_button", GATEWAY, f"press-{at_ms}", at_ms, Data(device="bed"))
        with Publisher(self.settings.bootstrap, PARTITIONS) as pen:
            pen.send("home.sensors", household, encode_events([event]))


class Town:
    """A simulated neighbourhood of which one home has been silent since a few hours before the log's last moment."""

    def __init__(self, until_ms: int) -> None:
        midnight_ms = (until_ms + LOCAL_MS) // DAY_MS * DAY_MS - LOCAL_MS
        self._town: Neighbourhood = simulate(
            HOMES, DAYS + 1, SEED, start_ms=midnight_ms - DAYS * DAY_MS, injections=False
        )
        self.from_ms, self.until_ms = self._town.from_ms, until_ms
        self._silent_ms = until_ms - SILENT_FOR_MS

    def records(self) -> list[HouseholdRecord]:
        """Return the registry: two districts, and for the silent home a latest silence and no quiet hours."""
        out = []
        for one in self._town.records():
            home = replace(one, district=ELSEWHERE if one.household in AWAY else DISTRICT)
            out.append(replace(home, ladder=LADDER) if one.household == SILENT else home)
        return out

    def messages(self) -> Iterator[Message | Wire]:
        """Return every message; of the silent home none but its gateway's reports after its last sign of life."""
        yield from sorted([*self._kept(), *self._added()], key=lambda message: message.sent_ms)

    def _kept(self) -> Iterator[Message]:
        for one in self._town.messages():
            ends_ms = {SILENT: self._silent_ms, MUTE: self.until_ms - MUTE_FOR_MS}.get(one.household, self.until_ms)
            if one.sent_ms < ends_ms:
                yield one

    def _added(self) -> Iterator[Message | Wire]:
        def at(kind: str, at_ms: int, home: str = SILENT, **data: Any) -> Message:
            event = Event(home, kind, GATEWAY, f"{kind}-{at_ms}", at_ms, Data(**data))
            return Message("home.sensors", home, at_ms + 1, [event])

        yield at("motion", self._silent_ms, device="living", state="on")
        for hours in (26, 14, 2):
            yield at("medication_missed", self.until_ms - hours * 60 * MINUTE_MS, PILLS, device="box")
        (mine,) = (one for one in self.records() if one.household == SILENT)
        watched = encode(replace(mine, latest_silence_h=LATEST_H))
        for at_ms in range(self._silent_ms, self.until_ms, 10 * MINUTE_MS):
            # Again and again: the feed repeats the registry's own record at midnight.
            yield Wire("households", SILENT, at_ms + 2, watched)
            yield at("temperature", at_ms, device="living", value=22.5)


@contextmanager
def a_town_at_work(broker: Broker, folder: Path) -> Iterator[Site]:
    """Run worker and board on a filled log whose clock stands behind; `start("ticker")` lets it go on."""
    board, closed = free_ports(2)
    a_directory(folder, SILENT)
    settings = Settings(
        kafka=broker.url,
        partitions=PARTITIONS,
        group="board-day",
        datadir=folder,
        board_port=board,
        board_metrics_port=0,
        clickhouse=f"clickhouse://nobody@127.0.0.1:{closed}/anbu",
        tick_every_s=1.0,
        directory=str(folder / "people.anbu"),
        directory_key=str(folder / "people.key"),
    )
    create_topics(settings.bootstrap, PARTITIONS, group=settings.group)
    write_users(
        folder / "board" / "users.json",
        [User(name="kim", role=Role.RESPONDER, districts=[DISTRICT], password=CHEAP)],
    )
    site = Site(f"http://127.0.0.1:{board}", settings, folder, Runner(settings, folder))
    try:
        site.start("board")
        with Publisher(settings.bootstrap, PARTITIONS) as pen:
            pen.broadcast("profile", "p-day", encode(replace(DEFAULT_PROFILE, id="p-day", duty=DUTY)))
        grid_ms = TICK_EVERY_S * 1000
        town = Town((now_ms() - BEHIND_MS) // grid_ms * grid_ms)
        asyncio.run(feed(settings.bootstrap, town, partitions=PARTITIONS, tick_every_s=TICK_EVERY_S))
        wait_until(lambda: listens("127.0.0.1", board), 30, "the board")
        wait_until(lambda: site.has_judged(town.until_ms), 60, "everything that was filled in")
        yield site
        site.check()
    finally:
        stop_all([site.worker.child, *site.children.values()])
