"""`anbu up`: a synthetic neighbourhood back-filled up to now, then in real time, with every part running until Ctrl-C.

The log turns live once: the feed writes simulated ticks up to the moment at which it began, then the ticker is started,
and from there on messages come as their time comes and ticks are live.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from infra.broker import LOOPBACK, BrokerError
from infra.embedded import EmbeddedBroker
from infra.ports import free_ports, listens
from infra.processes import ProcessError
from infra.topics import TopicError
from load_tests.columns.wire import Wire
from load_tests.demo.folder import LOGS, FolderError, held
from load_tests.demo.onlooker import Onlooker
from load_tests.demo.parts import PartError, Parts, tell_of
from load_tests.demo.play import Play
from load_tests.demo.rubbish import with_rubbish
from load_tests.demo.signals import closing_undisturbed, interruptible
from load_tests.demo.view import View, anbu_command, fitting, known_of, took_text, view_for
from load_tests.feed import FeedProgress, as_time_passes
from load_tests.living.board import SignIn, check_loopback, demo_users
from load_tests.living.duty import put_on_duty
from load_tests.provider import homes_of, provider
from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from load_tests.simulator.plan import LOCAL_MS
from schemas.topics import DAY_MS
from streams.commands.outcome import Failed, Misconfigured, count, settings
from streams.publish import BrokerAwayError, TopicsDifferError
from streams.screen import make_console
from streams.settings import Settings, masked, variable_of
from streams.wallclock import now_ms

AHEAD_DAYS: Final = 365
"""So long the synthetic people have a future; whoever keeps them running longer starts anew."""
SEAM_MS: Final = 4_000
"""The ticker is started when the feed is this near to now: messages of a moment must not come long after its tick."""
NEAR_MS: Final = 120_000
"""A worker this near to now has caught up: it says once a minute how far it has come."""
TICK_MS: Final = 60_000
"""Grid of the simulated ticks; the past ends on it, or the feed would wait for its next moment."""


def run(*, households: int, days: int, seed: int) -> int:
    """Run everything until Ctrl-C; 0 then, 1 when a part failed.

    Raises:
        Failed, Misconfigured: it could not begin; one line.

    """
    chosen = _usable(settings())
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = fitting(make_console())
    try:
        with interruptible(), held(chosen.datadir, f"choose another with {variable_of('datadir')}") as folder:
            _Up(console, chosen, folder, _neighbourhood(households, days, seed)).run()
    except KeyboardInterrupt:
        console.print("\nstopped: no process is left, and the log, which was in memory, is gone")
        return 0
    except FolderError as error:
        raise Failed(str(error)) from error
    except (BrokerError, ProcessError, TopicError, BrokerAwayError, TopicsDifferError) as error:
        raise Failed(str(error)) from error
    except PartError as error:
        tell_of(error)
        return 1
    console.print("the synthetic people have no more future: start again")
    return 0


def _neighbourhood(households: int, days: int, seed: int) -> Neighbourhood:
    midnight_ms = (now_ms() + LOCAL_MS) // DAY_MS * DAY_MS - LOCAL_MS
    try:
        return simulate(households, days + AHEAD_DAYS, seed, start_ms=midnight_ms - days * DAY_MS)
    except ValueError as error:
        raise Misconfigured(str(error)) from error


def _usable(chosen: Settings) -> Settings:
    """Refuse settings that point elsewhere, and ports that are taken, before anything is started."""
    check_loopback(chosen)
    port = _broker_port(chosen)
    ports = {"kafka": port, "metrics_port": chosen.metrics_port, "writer_metrics_port": chosen.writer_metrics_port}
    ports["board_port"] = chosen.board_port
    for name, number in {**ports, "board_metrics_port": chosen.board_metrics_port}.items():
        if number and listens(LOOPBACK, number):
            raise Failed(
                f"port {number} is taken (another anbu up?): end that, or set {variable_of(name)} here and in every"
                " terminal that looks on"
            )
    if not all(ports.values()):
        worker, writer, board = free_ports(3)
        return replace(
            chosen,
            metrics_port=chosen.metrics_port or worker,
            writer_metrics_port=chosen.writer_metrics_port or writer,
            board_port=chosen.board_port or board,
        )
    return chosen


def _broker_port(chosen: Settings) -> int:
    host, _, port = chosen.bootstrap.rpartition(":")
    if host not in {LOOPBACK, "localhost"}:
        raise Misconfigured(
            f"anbu up brings its own broker, on this machine: ANBU_KAFKA={masked(chosen.kafka)} is none of its own."
            " With a broker of yours: anbu topics create, anbu migrate, then anbu worker, anbu writer and anbu ticker"
        )
    return int(port)


class _Up:
    """One run, from the first part that starts until Ctrl-C."""

    def __init__(self, console: Console, chosen: Settings, folder: Path, played: Neighbourhood) -> None:
        self.console = console
        self.settings = chosen
        self.logs = folder / LOGS
        self.played = played
        self.began_ms = now_ms() // TICK_MS * TICK_MS
        """Up to here the past is filled in; from here on time passes as it does."""
        self.is_live = False
        """The ticker has been started."""
        self.has_caught_up = False
        """The worker has judged everything up to now, once."""
        self.sign_ins: list[SignIn] = []
        """Who may sign in to the board."""

    def run(self) -> None:
        homes = count(len(self.played.households), "synthetic household")
        days = (self.began_ms - self.played.from_ms) // DAY_MS
        title = f"{homes}, {count(days, 'day')} filled in, then real time"
        self.console.print(Text.assemble(("안부 Anbu", "bold cyan"), f"  {title}"))
        broker = EmbeddedBroker(port=_broker_port(self.settings), folder=self.logs)
        parts = Parts(self.settings, broker, self.logs, self._tell)
        with (
            contextlib.ExitStack() as signed_in,
            closing_undisturbed(lambda: parts.close(8.0)),
            contextlib.ExitStack() as answering,
        ):
            parts.start(archive=True)
            # Before the first tick of the past: every incident has an owner from its first revision on.
            duty = put_on_duty(self.settings, self.played.from_ms).duty.desks[0]
            self._tell(f"roster      {duty.day} by day, {duty.night} at night, {duty.holiday} on holidays; all made up")
            self.sign_ins = signed_in.enter_context(demo_users(self.settings, self.played.records()))
            parts.start_board()
            self.console.print()
            onlooker = Onlooker(self.settings.bootstrap, self.settings.partitions)
            with contextlib.closing(onlooker):
                view = view_for(self.console, known_of(self.played.truth))
                with closing_undisturbed(view.close):
                    play = Play(parts, onlooker, self.played, lambda play: self._show(view, play))
                    asyncio.run(
                        play.run(
                            self._messages(),
                            live_from_ms=self.began_ms,
                            pace=as_time_passes,
                            reached=lambda done: self._go_live(parts, play, done, answering),
                        )
                    )

    def _messages(self) -> Iterator[Wire]:
        sent = (wire_of(message) for message in self.played.messages())
        return with_rubbish(sent, self.played.from_ms, self.began_ms)

    def _go_live(self, parts: Parts, play: Play, done: FeedProgress, answering: contextlib.ExitStack) -> None:
        """Start the ticker, once every simulated tick is written and the feed has come up to now."""
        if not self.is_live and done.log_ms >= max(self.began_ms, now_ms() - SEAM_MS):
            self.is_live = True
            parts.start_ticker()
            answering.enter_context(provider(self.settings, homes_of(self.played), self.played.seed))
            self._tell(f"filled in   {done.events:,} events in {took_text(play.elapsed_s)}")
            self._tell(f"ticker      a live tick every {self.settings.tick_every_s:g} s from now on")

    def _show(self, view: View, play: Play) -> None:
        sight = play.sight(self.began_ms)
        if self.is_live and not self.has_caught_up and play.clock_ms > now_ms() - NEAR_MS:
            self.has_caught_up = True
            self._tell(
                f"judged      everything up to now, {len(sight.lines):,} incidents in {took_text(play.elapsed_s)}"
            )
            self._tell_what_to_try()
        if self.has_caught_up:
            sight = replace(sight, watching=play.onlooker.stories.watching(now_ms()))
        view.show(sight)

    def _tell(self, line: str) -> None:
        self.console.print(Text.assemble(("  ✓ ", "green"), line))

    def _tell_what_to_try(self) -> None:
        for line in what_to_try(self.settings, self.played.households[0].name, self.logs, self.sign_ins):
            self.console.print(line, soft_wrap=True)


def what_to_try(chosen: Settings, household: str, logs: Path, sign_ins: list[SignIn]) -> list[Text]:
    """Return where everything is and what can be asked of it from a second terminal."""
    anbu = anbu_command()
    worker = f"http://{chosen.metrics_host}:{chosen.metrics_port}"
    writer = f"http://{chosen.metrics_host}:{chosen.writer_metrics_port}"
    held_by = ", open in the writer alone while this runs" if chosen.clickhouse_is_embedded else ""
    press = (
        """echo '{"specversion":"1.0","type":"anbu.emergency_button.v1","source":"/sensors/try","id":"'$(date +%s)'","""
        f""""time":"'$(date -u +%FT%TZ)'","subject":"{household}","data":{{"device":"bed"}}}}' | {anbu} send"""
    )
    places = (
        ("board", f"http://{chosen.board_host}:{chosen.board_port}  until this ends, sign in as"),
        *(("", f"{one.name}, {one.password}  {one.about}") for one in sign_ins),
        ("Kafka", chosen.kafka),
        ("worker", f"{worker}/metrics  {worker}/ready  {worker}/live"),
        ("writer", f"{writer}/metrics  {writer}/ready"),
        ("ClickHouse", masked(chosen.clickhouse) + held_by),
        ("logs", str(logs)),
    )
    asks = (
        (f"{anbu} doctor", "does every part work?"),
        (f"{anbu} incidents watch", "what responders see"),
        (f"{anbu} households show {household}", "the registry"),
        (f"{anbu} profile show", "the numbers that decide"),
        (f"{anbu} dead-letters list", "what could not be used"),
    )
    same = "" if chosen == Settings() else ", with the same ANBU_* variables"
    return [
        Text(),
        *(Text.assemble((f"  {name:<12}", "bold"), place) for name, place in places),
        Text(f"\nIn a second terminal{same}:", style="bold"),
        *(Text.assemble(f"  {command:<{len(anbu) + 28}}", (about, "dim")) for command, about in asks),
        Text("or press somebody's emergency button:", style="bold"),
        Text(f"  {press}"),
        Text("\nCtrl-C ends everything.", style="bold"),
        Text(),
    ]
