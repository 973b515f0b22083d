"""A small synthetic neighbourhood on the real parts, scraped by a real Prometheus that tells a real Alertmanager.

Days are filled in, then the log turns live. Prometheus begins with the live part: scraped and evaluated every second,
with the rules' waits shortened to a twentieth (`SCALE`), so that a wait of a minute takes 3 s. At the end the worker is
killed, and what everybody heard of it is kept in `Seen`.
"""

import asyncio
import base64
import contextlib
import http.server
import json
import os
import re
import signal
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from board_scene import CHEAP
from viewers_rules import ALERTMANAGER, RULES, program, with_shorter_waits
from viewers_tls import tls_address
from worker_logs import wait_until, write_event

from infra.embedded import EmbeddedBroker
from infra.ports import free_ports
from infra.processes import Child, start_command, stop_all
from infra.topics import create_topics
from infra.viewers.preview import expanded
from load_tests.demo.rubbish import with_rubbish
from load_tests.feed import feed
from load_tests.living.duty import put_on_duty
from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import Rates, simulate
from schemas.actions import ResponderAction
from schemas.encode import encode
from schemas.incidents import CloseCause, IncidentKind
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.board.rights import Role
from streams.board.users import User, write_users
from streams.clickhouse import connect
from streams.publish import Publisher
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms

SCALE = 0.05
PARTITIONS = 2
DAYS = 4
CLEAN_S = 40
"""Longer than the longest shortened wait (10 minutes: 30 s)."""
BLIND_HOME = 5
"""This home's sources fall silent for its last day."""
FREQUENT = Rates(collapses=3.0, emergencies=3.0, slow=0.5)

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs:
  - {{job_name: anbu-worker, static_configs: [{{targets: ['127.0.0.1:{worker}']}}]}}
  - {{job_name: anbu-writer, static_configs: [{{targets: ['127.0.0.1:{writer}']}}]}}
  - {{job_name: anbu-archive, static_configs: [{{targets: ['127.0.0.1:{writer}']}}]}}
  - {{job_name: anbu-webhook, static_configs: [{{targets: ['127.0.0.1:{webhook}']}}]}}
  - {{job_name: anbu-board, static_configs: [{{targets: ['127.0.0.1:{board}']}}]}}
  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{node}']}}]}}
  - job_name: tls
    metrics_path: /probe
    params: {{module: [tls_connect], target: ['127.0.0.1:{tls}']}}
    static_configs: [{{targets: ['127.0.0.1:{blackbox}']}}]
"""


@dataclass(slots=True)
class Seen:
    """What a run left for its tests."""

    clean: list[str] = field(default_factory=list)
    """Alerts that fired while all was well, the watchdog left out."""
    evaluated: int = 0
    """How often the rules were evaluated in that time."""
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    """Each expression of a panel with what Prometheus answered, before the kill."""
    exemplars: list[dict[str, str]] = field(default_factory=list)
    """Labels of the exemplars that Prometheus has of the latency of emergencies."""
    incidents: set[str] = field(default_factory=set)
    """Ids of the emergency buttons that were pressed."""
    tables: dict[str, Any] = field(default_factory=dict)
    """Each SQL of a panel with the rows ClickHouse gave, or the error."""
    down_after_s: float = 0.0
    """From the last scrape at which the worker answered to the first evaluation at which AnbuWorkerDown fired."""
    told: dict[str, set[str]] = field(default_factory=dict)
    """Receivers with the alerts that reached them as firing."""
    held_back: set[str] = field(default_factory=set)
    """Alerts that Alertmanager had and held back for another."""


class Receiver:
    """Takes down what Alertmanager tells each receiver."""

    def __init__(self) -> None:
        self.told: dict[str, set[str]] = {}
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "alerts" not in body:  # an incident, pushed by the webhook
                    self.send_response(204)
                    self.end_headers()
                    return
                names = {one["labels"]["alertname"] for one in body["alerts"] if one["status"] == "firing"}
                told.setdefault(self.path.strip("/"), set()).update(names)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())


class Watching:
    """Prometheus and Alertmanager on loopback."""

    def __init__(self, folder: Path, settings: Settings, receiver: Receiver) -> None:
        folder.mkdir(parents=True)
        self.port, self.alertmanager, node, blackbox = free_ports(4)
        self._left = contextlib.ExitStack()
        self._rules = folder / "rules.yml"
        self._rules.write_text("groups: []\n", "utf-8")
        config = CONFIG.format(
            alertmanager=self.alertmanager,
            worker=settings.metrics_port,
            writer=settings.writer_metrics_port,
            webhook=settings.webhook_metrics_port,
            board=settings.board_metrics_port,
            node=node,
            blackbox=blackbox,
            tls=self._left.enter_context(tls_address(folder)),
        )
        (folder / "prometheus.yml").write_text(config, "utf-8")
        # The same routes; only where they lead, and how long they gather.
        routes = ALERTMANAGER.read_text("utf-8").replace("127.0.0.1:9320", f"127.0.0.1:{receiver.port}")
        routes = re.sub(r"group_wait: \d+[sm]", "group_wait: 1s", routes)
        (folder / "alertmanager.yml").write_text(routes, "utf-8")
        self.children = [
            Child(
                "node exporter",
                [
                    *(program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{node}"),
                    *("--collector.disable-defaults", "--collector.filesystem"),
                ],
                log=folder / "node.log",
            ),
            Child(
                "blackbox exporter",
                [
                    *(program("prometheus-blackbox-exporter"), f"--web.listen-address=127.0.0.1:{blackbox}"),
                    f"--config.file={RULES.parent / 'blackbox.yml'}",
                ],
                log=folder / "blackbox.log",
            ),
            Child(
                "alertmanager",
                [
                    *(program("prometheus-alertmanager"), f"--config.file={folder / 'alertmanager.yml'}"),
                    *(f"--web.listen-address=127.0.0.1:{self.alertmanager}", "--cluster.listen-address="),
                    f"--storage.path={folder / 'alertmanager'}",
                ],
                log=folder / "alertmanager.log",
            ),
            Child(
                "prometheus",
                [
                    *(program("prometheus"), f"--config.file={folder / 'prometheus.yml'}"),
                    *(f"--web.listen-address=127.0.0.1:{self.port}", f"--storage.tsdb.path={folder / 'tsdb'}"),
                    *("--rules.alert.resend-delay=5s", "--enable-feature=exemplar-storage"),
                ],
                log=folder / "prometheus.log",
            ),
        ]

    def close(self) -> None:
        """End all of them."""
        stop_all(self.children, 5)
        self._left.close()

    def begin(self) -> None:
        """Let the rules be evaluated from now on: before the first scrapes, waits of 3 s are shorter than a slow start."""
        self._rules.write_text(with_shorter_waits(RULES.read_text("utf-8"), SCALE), "utf-8")
        os.kill(self.children[-1].pid, signal.SIGHUP)
        wait_until(lambda: self.query("ALERTS"), 30, "the rules")

    def query(self, expr: str, at_s: float | None = None) -> list[Any]:
        """An instant query: its series, or the error."""
        asked = {"query": expr} | ({} if at_s is None else {"time": f"{at_s}"})
        answer = _get(f"http://127.0.0.1:{self.port}/api/v1/query?{urllib.parse.urlencode(asked)}")
        if answer["status"] != "success":
            raise ValueError(f"{expr}: {answer['error']}")
        result = answer["data"]["result"]
        return result if answer["data"]["resultType"] != "scalar" else [{"metric": {}, "value": result}]

    def exemplars(self, expr: str, from_s: float) -> list[dict[str, str]]:
        """The labels of what stands beside an expression as single cases."""
        asked = urllib.parse.urlencode({"query": expr, "start": f"{from_s}", "end": f"{time.time()}"})
        found = _get(f"http://127.0.0.1:{self.port}/api/v1/query_exemplars?{asked}")["data"]
        return [one["labels"] for series in found for one in series["exemplars"]]

    def is_up(self) -> bool:
        try:
            return len(self.query("up == 1")) == 7
        except (OSError, ValueError):  # not there yet, or it answers in words that it is still starting
            return False


def _feed_the_past(settings: Settings) -> Any:
    until_ms = now_ms() // 60_000 * 60_000
    town = simulate(20, DAYS, 11, start_ms=until_ms - DAYS * DAY_MS, rates=FREQUENT)
    dark = town.households[BLIND_HOME].name
    sent = (wire for wire in map(wire_of, town.messages()) if wire.key != dark or wire.sent_ms < until_ms - DAY_MS)
    messages = with_rubbish(sent, town.from_ms, until_ms)
    asyncio.run(feed(settings.bootstrap, town, partitions=PARTITIONS, until_ms=until_ms, messages=messages))
    return town


def _respond(settings: Settings, pen: Publisher) -> int:
    """Acknowledge what is open, and close some of it, never the home that cannot be seen; how many were open."""
    with IncidentSubscriber(settings.bootstrap) as subscriber:
        found = {one.id: one for one in subscriber.catch_up(20)}
    causes = (CloseCause.SAFE_AT_HOME, CloseCause.HELPED, CloseCause.EMERGENCY)
    open_ones = [one for one in found.values() if one.state.value not in {"closed", "withdrawn"}]
    # Ids follow from the time of the run: which of them come first differs from day to day.
    seen_ones = [one for one in open_ones if one.kind is not IncidentKind.CANNOT_SEE]
    for number, one in enumerate(sorted(seen_ones, key=lambda incident: incident.id)[:6]):
        for action in ("acknowledge", "close")[: 2 if number % 2 else 1]:
            act = ResponderAction(
                id=f"act-{number}-{action}",
                household=one.household,
                incident=one.id,
                action=action,  # type: ignore[arg-type]
                who="officer-1",
                revision=99,
                at=to_rfc3339(now_ms()),
                cause=causes[number % 3] if action == "close" else None,
            )
            pen.send("responder.actions", one.household, encode(act))
    pen.flush()
    return len(open_ones)


def _live(settings: Settings, homes: list[str], watching: Watching, clean_s: float) -> None:
    """Let people live for a while: motion everywhere, one emergency, a reading that cannot be used."""
    with Publisher(settings.bootstrap, PARTITIONS) as pen:
        assert _respond(settings, pen) > 3
        until_s = time.monotonic() + clean_s
        beat = 0
        while time.monotonic() < until_s:
            for home in homes[beat % 4 :: 4]:
                if home != homes[BLIND_HOME]:
                    write_event(pen, home, "motion", now_ms())
            if beat == 5:
                write_event(pen, homes[0], "emergency_button", now_ms())
                pen.send("home.sensors", homes[1], b"motion in the hall, I think")
            pen.flush()
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.board_port}/sign-in", timeout=10) as page:
                page.read()
            beat += 1
            assert all(child.alive for child in watching.children), [child.tail() for child in watching.children]
            time.sleep(1.0)


@contextlib.contextmanager
def _parts(folder: Path, told: int) -> Iterator[tuple[Settings, dict[str, Child]]]:
    """Broker, tables, writer and worker, all on loopback and gone afterwards."""
    targets = folder / "webhooks.toml"
    (folder / "desk.secret").write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n", "ascii")
    targets.write_text(
        f'[[target]]\nname = "desk"\nurl = "http://127.0.0.1:{told}/desk"\nsecret_file = "desk.secret"\n', "utf-8"
    )
    write_users(
        folder / "board" / "users.json", [User(name="kim", role=Role.SUPERVISOR, districts=["*"], password=CHEAP)]
    )
    with EmbeddedBroker(folder=folder) as broker:
        worker, writer, webhook, board, health = free_ports(5)  # after the broker has taken its own
        settings = Settings(
            kafka=broker.url,
            partitions=PARTITIONS,
            metrics_port=worker,
            writer_metrics_port=writer,
            webhook_metrics_port=webhook,
            board_port=board,
            board_metrics_port=health,
            tick_every_s=1.0,
            checkpoint_every_s=1.0,
            clickhouse=f"chdb://{folder / 'clickhouse'}",
            datadir=folder,
        )
        create_topics(settings.bootstrap, PARTITIONS)
        children: dict[str, Child] = {}
        try:
            assert start_command("migrate", settings=settings, logs=folder).wait(60) == 0
            for name, *rest in (("writer", "--archive", "too"), ("worker",), ("board",), ("webhook", str(targets))):
                children[name] = start_command(name, *rest, settings=settings, logs=folder)
            yield settings, children
        finally:
            stop_all(children.values(), 5)


class Looker(Protocol):
    """Somebody who looks at the run as well."""

    def at_prometheus(self, url: str, from_s: float) -> None:
        """Look before the worker is killed; Prometheus has seen the run since `from_s`."""

    def at_clickhouse(self, client: Any) -> None:
        """Look at the tables, at the end."""


def play(
    folder: Path, exprs: list[str], sqls: list[str], *, clean_s: float = CLEAN_S, looker: Looker | None = None
) -> Seen:
    """Play the whole run. `exprs` and `sqls` are asked at its end, before the worker is killed and after."""
    seen = Seen()
    receiver = Receiver()
    with contextlib.ExitStack() as left, _parts(folder, receiver.port) as (settings, children):
        left.callback(receiver.close)
        put_on_duty(settings, now_ms())  # shifts with a cap
        town = _feed_the_past(settings)
        wait_until(lambda: _has_judged(settings, town.until_ms, children["worker"]), 90, "the worker to judge the past")
        for name in ("first", "second"):
            children[name] = start_command("ticker", settings=settings, logs=folder / name)
        wait_until(lambda: _has_judged(settings, now_ms() - 5_000, children["worker"]), 30, "live ticks")
        watching = Watching(folder / "watching", settings, receiver)
        left.callback(watching.close)
        wait_until(watching.is_up, 30, "Prometheus to scrape both")
        watching.begin()
        began_s = time.time()
        _live(settings, [home.name for home in town.households], watching, clean_s)
        _look(seen, watching, exprs, began_s)
        if looker:
            looker.at_prometheus(f"http://127.0.0.1:{watching.port}", began_s)
        with IncidentSubscriber(settings.bootstrap) as subscriber:
            seen.incidents = {one.id for one in subscriber.catch_up(20) if one.kind is IncidentKind.EMERGENCY_BUTTON}
        _kill_the_worker(seen, watching, receiver, children["worker"])
        assert children["writer"].stop(20) == 0, children["writer"].tail()
        _ask_tables(seen, settings, sqls, looker)
    return seen


def _has_judged(settings: Settings, until_ms: int, worker: Child) -> bool:
    assert worker.alive, worker.tail()
    url = f"http://127.0.0.1:{settings.metrics_port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return False
    clocks = [float(one) for one in re.findall(r"^anbu_clock_timestamp_seconds\{.*\} (\S+)$", text, re.MULTILINE)]
    return len(clocks) == PARTITIONS and min(clocks) * 1000 >= until_ms


def _look(seen: Seen, watching: Watching, exprs: list[str], began_s: float) -> None:
    window = f"[{int(time.time() - began_s) + 1}s]"
    for one in watching.query(f'max_over_time(ALERTS{{alertstate="firing", alertname!="AnbuWatchdog"}}{window})'):
        seen.clean.append(one["metric"]["alertname"])
    (watchdog,) = watching.query(f'count_over_time(ALERTS{{alertname="AnbuWatchdog", alertstate="firing"}}{window})')
    seen.evaluated = int(watchdog["value"][1])
    for expr in exprs:
        seen.metrics[expr] = watching.query(expr.replace("$__rate_interval", "15s").replace("$__range", "1m"))

    seen.exemplars = watching.exemplars("anbu_emergency_seconds_bucket", began_s)


def _kill_the_worker(seen: Seen, watching: Watching, receiver: Receiver, worker: Child) -> None:
    worker.kill()
    firing = 'ALERTS{alertname="AnbuWorkerDown", alertstate="firing"}'
    wait_until(lambda: watching.query(firing), 60, "AnbuWorkerDown")
    wait_until(lambda: "AnbuWorkerDown" in receiver.told.get("on-call", ()), 60, "word to the one on call")
    (alive,) = watching.query('timestamp(up{job="anbu-worker"} == 1)[2m:1s]')
    (told,) = watching.query(f"timestamp({firing})[2m:1s]")
    seen.down_after_s = float(told["values"][0][1]) - float(alive["values"][-1][1])
    # What follows from a dead worker has come as well, and is held back.
    wait_until(lambda: _held_back(watching) >= {"AnbuWorkerLost"}, 60, "what is held back")
    seen.held_back = _held_back(watching)
    seen.told = {name: set(told) for name, told in receiver.told.items()}


def _held_back(watching: Watching) -> set[str]:
    listed = _get(f"http://127.0.0.1:{watching.alertmanager}/api/v2/alerts")
    return {one["labels"]["alertname"] for one in listed if one["status"]["inhibitedBy"]}


def _ask_tables(seen: Seen, settings: Settings, sqls: list[str], looker: Looker | None) -> None:
    until_s = now_ms() // 1000
    with contextlib.closing(connect(settings.clickhouse)) as client:
        if looker:
            looker.at_clickhouse(client)
        for sql in sqls:
            try:
                seen.tables[sql] = client.query(expanded(sql, until_s - 30 * 86_400, until_s + 60, 3_600)).result_rows
            except Exception as error:  # noqa: BLE001 - told by the test of that panel
                seen.tables[sql] = error
