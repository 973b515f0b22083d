"""A day of a district in Seoul, lived through by a real worker that is killed twice, by its writer, and by people who answer and act.

ClickHouse is closed from the first record to the last: its port refuses every connection. It opens when all is told.
"""

import contextlib
import dataclasses
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clickhouse_front import Front
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from worker_logs import START_MS, read_logs, said, wait_until, write_event, write_ticks
from worker_runs import Run, Town, a_run

from infra.broker import Broker
from infra.migrations import migrate
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from schemas.actions import ActionResult, ResponderAction
from schemas.alerts import Hazard, PublicAlert
from schemas.build import encode_events
from schemas.checkins import CheckinRequest
from schemas.duty import Desk, Duty
from schemas.encode import encode
from schemas.events import Data, Event
from schemas.households import HouseholdRecord, Rung, Source
from schemas.incidents import CloseCause, Incident, Severity
from schemas.profiles import DEFAULT_PROFILE
from schemas.rows import INCIDENTS, Row, Values, to_row
from schemas.times import to_rfc3339
from schemas.vocabulary import DisasterAnswer
from streams.clickhouse import connect
from streams.engine.chunk import Chunk
from streams.publish import Publisher
from streams.settings import Settings

MINUTE_MS: Final = 60_000
NOON, EVENING, NIGHT = 12 * 60, 17 * 60, 22 * 60
"""Minutes of the day: the logs begin at midnight in Seoul."""
PER_MINUTE: Final = 250
EXPOSED: Final = [f"d-{number:04d}" for number in range(2000)]
DEAF_TO_IT: Final = set(EXPOSED[::20])
ANSWERS, SILENT = "h-answers", "h-silent"
TAKEN, LEFT, CLOSED = "h-taken", "h-left", "h-closed"
COMPARED: Final = [
    name
    for name, kind in INCIDENTS.columns.items()
    if name == "at" or kind in ("String", "LowCardinality(String)", "UInt32", "Bool")
]
"""Columns of a row that topic and table are compared by."""
PROVIDER: Final = "/calls/provider-1"
LADDER: Final = [Rung("checkin_call", "c-1"), Rung("guardian", "c-2"), Rung("officer", "c-9")]
DESK: Final = Desk(day="day-office", night="night-centre", then=["supervisor", "control-room"])


@dataclass(slots=True)
class Day:
    """What is left of the day: everything that was told, and what the writer made of it."""

    revisions: dict[str, list[Incident]]
    """household -> every revision, each once, in the order of incidents and numbers."""
    requests: list[CheckinRequest]
    results: dict[str, ActionResult]
    rows_while_closed: int
    """Rows that the table held when everything was told."""
    waited: dict[str, float]
    """The writer's metrics at that moment."""
    topic: dict[tuple[Any, Any], Values]
    table: dict[tuple[Any, Any], Values]
    """(incident, revision) -> row, offsets left out."""
    workers: int
    """Worker processes that it took: each but the last was killed with SIGKILL."""
    difference: str
    """What the comparison with a run that was never stopped says of what was told and of every home's state; nothing, if equal."""
    control: str
    """What the comparison with the oracle says when one revision is missing there: it is not blind."""


class Place:
    """The topics of one run, and a pen that writes into them."""

    def __init__(self, run: Run, pen: Publisher) -> None:
        self.run = run
        self.pen = pen

    def log(self, topic: str) -> Chunk:
        return read_logs(self.run.settings.bootstrap, {(topic, 0): self.run.starts[topic, 0]})[topic, 0]

    def told(self, topic: str) -> list[Any]:
        return [one.what for one in said(topic, self.log(topic))]

    def requests(self, purpose: str = "") -> list[CheckinRequest]:
        found = [one for one in self.told("checkin.requests") if one.purpose == (purpose or one.purpose)]
        return list({one.id: one for one in found}.values())

    def revisions(self) -> dict[str, list[Incident]]:
        unique = {(one.id, one.revision): one for one in self.told("incidents") if isinstance(one, Incident)}
        out: dict[str, list[Incident]] = {}
        for key in sorted(unique, key=lambda key: (unique[key].opened_at, *key)):
            out.setdefault(unique[key].household, []).append(unique[key])
        return out

    def results(self) -> dict[str, ActionResult]:
        return {one.action: one for one in self.told("responder.results")}

    def tick(self, *minutes: int) -> None:
        for minute in minutes:
            write_ticks(self.pen, START_MS + minute * MINUTE_MS)
        self.pen.flush()

    def register(self, name: str, *sources: Source, **fields: Any) -> None:
        record = HouseholdRecord(household=name, sources=[*sources, Source(PROVIDER)], **fields)
        self.pen.send("households", name, encode(record))

    def answer(self, request: CheckinRequest, minute: int, **data: Any) -> None:
        words = Data(request=request.id, purpose=request.purpose, **data)
        at_ms = START_MS + minute * MINUTE_MS - 1_000
        event = Event(request.household, "checkin_answered", PROVIDER, f"answer-{request.id}", at_ms, words)
        self.pen.send("care.calls", request.household, encode_events([event]))

    def act(self, incident: Incident, name: str, what: Any, minute: int, **fields: Any) -> None:
        at = to_rfc3339(START_MS + minute * MINUTE_MS)
        words: dict[str, Any] = {"revision": incident.revision, "who": f"officer-{name}", "at": at, **fields}
        action = ResponderAction(id=name, household=incident.household, incident=incident.id, action=what, **words)
        self.pen.send("responder.actions", incident.household, encode(action))
        self.pen.flush()


def live_through(broker: Broker, folder: Path) -> Day:
    """Live through the day; nothing of it is left running."""
    create_topics(broker.bootstrap, 1)
    (port,) = free_ports(1)
    with (
        contextlib.closing(connect(f"chdb://{folder}/db")) as engine,
        a_run(Town(broker, 1), folder, checkpoint_every_s=0.5, fetch_max_bytes=65_536) as run,
        Publisher(run.settings.bootstrap, 1) as pen,
    ):
        with Front(engine, port) as front:
            url = front.url("away")
            with contextlib.closing(connect(url, create=True)) as client:
                migrate(client)
        settings = dataclasses.replace(run.settings, clickhouse=url, writer_metrics_port=free_ports(1)[0])
        with _writing(settings, folder) as writer:
            place = Place(run, pen)
            worker = run.start()
            _noon(place)
            worker.child.kill()
            worker = run.start()
            _afternoon(place)
            _evening(place, worker)
            _night(place)
            engine.database = "away"
            closed = int(engine.command("SELECT count() FROM incidents"))
            waited = _metrics(settings)
            with Front(engine, port):
                run.town.look()
                run.finish()
                difference = _difference(run)
                wait_until(lambda: _metrics(settings)["anbu_writer_held_records"] == 0, 90, "all is stored")
                assert writer.stop(30) == 0, writer.tail()
            topic, table = _of_topic(place), _of_table(engine)
            told = place.revisions(), place.requests(), place.results()
            return Day(*told, closed, waited, topic, table, run.begun, difference, _without_one(run))


def _noon(place: Place) -> None:
    """Register everybody; a flood alert at noon asks half of the homes."""
    duty = Duty(desks=[DESK])
    profile = replace(
        DEFAULT_PROFILE, id="p-day", duty=duty, disaster_calls_per_minute=PER_MINUTE, checkins_per_month=8.0
    )
    place.pen.broadcast("profile", profile.id, encode(profile))
    for name in EXPOSED:
        place.register(name, district="dong-1", ladder=[Rung("checkin_call", f"c-{name}"), Rung("officer", "c-9")])
    place.register("d-elsewhere", district="dong-2", ladder=LADDER)
    place.tick(*range(NOON - 120, NOON + 1, 60))
    at_ms = START_MS + NOON * MINUTE_MS
    alert = PublicAlert(
        id="a-1",
        sender="weather@example.go.kr",
        sent=to_rfc3339(at_ms),
        kind=Hazard.FLOOD,
        severity=Severity.SEVERE,
        districts=["dong-1"],
        effective=to_rfc3339(at_ms),
        expires=to_rfc3339(at_ms + 24 * 60 * MINUTE_MS),
    )
    place.pen.broadcast("public.alerts", alert.id, encode(alert))
    half = len(EXPOSED) // PER_MINUTE // 2
    place.tick(*range(NOON + 1, NOON + 1 + half))
    asked = wait_until(lambda: len(found := place.requests("disaster")) >= half * PER_MINUTE and found, 120, "half")
    for one in asked:
        _say_safe(place, one, NOON + 1 + half)
    place.pen.flush()


def _afternoon(place: Place) -> None:
    """Ask the other half, with another worker; nineteen in twenty answer, the others are waited for in vain."""
    half = len(EXPOSED) // PER_MINUTE // 2
    before = {one.id for one in place.requests("disaster")}
    place.tick(*range(NOON + 1 + half, NOON + 2 + 2 * half))
    wait_until(lambda: len(place.requests("disaster")) >= len(EXPOSED), 120, "a question a home")
    for one in place.requests("disaster"):
        if one.id not in before:
            _say_safe(place, one, NOON + 2 + 2 * half)
    place.tick(*range(NOON + 2 + 2 * half, NOON + 45, 3))


def _say_safe(place: Place, request: CheckinRequest, minute: int) -> None:
    if request.household not in DEAF_TO_IT:
        place.answer(request, minute, disaster=DisasterAnswer.SAFE, guidance_given=True)


def _evening(place: Place, worker: Any) -> None:
    """Two homes stir at five and then only report. One answers a call; of the other nobody answers, and it is night."""
    pen, homes = place.pen, (ANSWERS, SILENT)
    for name in homes:
        place.register(name, Source("/sensors/gw-1"), ladder=LADDER, latest_silence_h=4.0)
    place.tick(*range(EVENING - 60, EVENING, 20))
    for name in homes:
        write_event(pen, name, "door", START_MS + (EVENING - 20) * MINUTE_MS + 1_000)
    for minute in range(EVENING, EVENING + 250, 10):
        for name in homes:
            write_event(pen, name, "temperature", START_MS + (minute - 10) * MINUTE_MS + 1_000)
        place.tick(minute)
    asked = wait_until(
        lambda: len(found := [one for one in place.requests("wellbeing") if one.incident]) >= 2 and found, 120, "two"
    )
    # Killed between question and answer: its successor must know what was asked.
    worker.child.kill()
    place.run.start()
    place.answer(next(one for one in asked if one.household == ANSWERS), EVENING + 242)
    place.tick(*range(EVENING + 242, NIGHT, 5))


def _night(place: Place) -> None:
    """Three buttons at ten. One is taken before its turn in the order has come, one is closed by two officers at once."""
    pen, at = place.pen, NIGHT
    for name in (TAKEN, LEFT, CLOSED):
        place.register(name, Source("/sensors/gw-1"))
    place.tick(at)
    for name in (TAKEN, LEFT, CLOSED):
        write_event(pen, name, "emergency_button", START_MS + at * MINUTE_MS + 1_000)
    pen.flush()
    arrived = wait_until(
        lambda: {TAKEN, LEFT, CLOSED} <= (found := place.revisions()).keys() and found, 60, "three presses on arrival"
    )
    assert [one.revision for one in arrived[TAKEN]] == [1], "its turn has not come: the clock stands"
    place.act(arrived[TAKEN][0], "early", "acknowledge", at)
    place.tick(at + 1)
    wait_until(lambda: "early" in place.results(), 60, "an answer")
    closing = place.revisions()[CLOSED][-1]
    place.act(closing, "nobody", "close", at, cause=CloseCause.NO_CONTACT)
    place.act(closing, "first", "close", at, cause=CloseCause.HELPED)
    place.act(closing, "second", "close", at, cause=CloseCause.HELPED)
    place.tick(*range(at + 2, at + 24, 2))


@contextlib.contextmanager
def _writing(settings: Settings, logs: Path) -> Iterator[Child]:
    writer = start_command("writer", settings=settings, logs=logs)
    try:
        yield writer
    finally:
        with contextlib.suppress(OSError):
            writer.kill()


def _without_one(run: Run) -> str:
    records = run.town.oracle[0].told.records
    key = next(key for key in records if key[0] == "incidents")
    del records[key]
    return _difference(run)


def _difference(run: Run) -> str:
    try:
        run.check()
    except AssertionError as error:
        return str(error)
    return ""


def _of_topic(place: Place) -> dict[tuple[Any, Any], Values]:
    log, at = place.log("incidents"), [INCIDENTS.names.index(name) for name in COMPARED]
    rows = [to_row("incidents", 0, offset, value) for offset, value in zip(log.offsets, log.values, strict=True)]
    return _keyed([row.values[i] for i in at] for row in rows if isinstance(row, Row) and row.table is INCIDENTS)


def _of_table(engine: Any) -> dict[tuple[Any, Any], Values]:
    names = ", ".join(f"toUnixTimestamp64Milli(`{name}`)" if name == "at" else f"`{name}`" for name in COMPARED)
    sql = f"SELECT {names} FROM incidents FINAL"  # noqa: S608 - names of our own columns
    return _keyed(engine.query(sql).result_rows)


def _keyed(rows: Iterable[Sequence[Any]]) -> dict[tuple[Any, Any], Values]:
    """Return rows by incident and revision; of those told again after a kill, the last."""
    return {(row[COMPARED.index("incident")], row[COMPARED.index("revision")]): tuple(row) for row in rows}


def _metrics(settings: Settings) -> dict[str, float]:
    """Return the sums of the writer's metrics, by name."""
    url = f"http://127.0.0.1:{settings.writer_metrics_port}/metrics"
    found: dict[str, float] = {}
    with urllib.request.urlopen(url, timeout=10) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found
