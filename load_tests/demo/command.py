"""`anbu demo`: a neighbourhood through the whole pipeline at high speed, a live table of its incidents, a summary.

In this order, so that what is printed at the end is true of everything that was sent:

1. Start broker, worker and ClickHouse writer; nothing of an earlier demo is left in the folder.
2. Feed messages and ticks, never more than some days ahead of the worker's clock, and look on.
3. Wait until the clock of every partition has reached the end of the log.
4. Ask the worker what became of the events, then end it: whatever it said is acknowledged now.
5. Read its outputs to their end; wait until the writer has stored everything before it; end the writer and the broker.
6. Judge, ask ClickHouse, print.
"""

import asyncio
import contextlib
import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from infra.broker import BrokerError
from infra.embedded import EmbeddedBroker
from infra.ports import free_ports
from infra.processes import ProcessError
from infra.topics import TopicError
from load_tests.columns.wire import Wire
from load_tests.demo.answer import AnswerError, ask
from load_tests.demo.folder import CLICKHOUSE, LOGS, FolderError, held
from load_tests.demo.judge import MONTH_MS, Judgement, judge
from load_tests.demo.onlooker import Onlooker
from load_tests.demo.parts import PartError, Parts, tell_of
from load_tests.demo.play import Play
from load_tests.demo.rubbish import bad_messages, with_rubbish
from load_tests.demo.signals import INTERRUPTED, closing_undisturbed, interruptible
from load_tests.demo.summary import Outcome, summary, verdict
from load_tests.demo.view import anbu_command, day_of, fitting, known_of, took_text, view_for
from load_tests.feed import FeedProgress
from load_tests.messages import Played, spans_of
from load_tests.recordings import recorded, recording
from load_tests.recordings.recording import HOUSEHOLDS, MESSAGES, TRUTH
from load_tests.simulator.neighbourhood import simulate
from load_tests.truth import Truth
from streams.commands.outcome import Failed, Misconfigured, count
from streams.publish import BrokerAwayError, TopicsDifferError
from streams.screen import make_console
from streams.settings import Settings
from streams.wallclock import monotonic_s

START_MS: Final = 1_767_193_200_000
"""2026-01-01 in Korea: where a simulated neighbourhood begins, so that the same seed gives the same demo on any day."""
PARTITIONS: Final = 4
COUNTED_WITHIN_S: Final = 10.0
"""The worker shows its counts once a second."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is played: who lives there, and what is known of the truth (None: nothing)."""

    title: str
    played: Played
    households: int
    partitions: int
    truth: tuple[Truth, ...] | None


def run(*, households: int, days: int, seed: int, injections: bool, data: Path | None, folder: Path) -> int:
    """Run the demo; its exit code: 0 when the rule holds, 1 when it does not or a part failed, 130 after Ctrl-C.

    `data` plays recorded households instead of simulated ones: then nothing is judged.

    Raises:
        Failed, Misconfigured: it could not begin; one line.

    """
    console = fitting(make_console())
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with interruptible():
            stage = _recorded(data, console) if data is not None else _simulated(households, days, seed, injections)
            with held(folder, "choose another folder with --out") as where:
                return _Demo(console, stage, where, folder).run()
    except KeyboardInterrupt:
        console.print(f"\nstopped: no process is left; what was recorded until then is in {folder}", soft_wrap=True)
        return INTERRUPTED
    except FolderError as error:
        raise Failed(str(error)) from error
    except (BrokerError, ProcessError, TopicError, BrokerAwayError, TopicsDifferError, AnswerError) as error:
        raise Failed(f"the demo ended early: {error}") from error
    except PartError as error:
        tell_of(error)
        return 1


def _simulated(households: int, days: int, seed: int, injections: bool) -> Stage:
    try:
        played = simulate(households, days, seed, start_ms=START_MS, injections=injections)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    what = "" if injections else ", nobody comes to harm"
    title = f"{count(households, 'synthetic household')}, {count(days, 'day')}, seed {seed}{what}"
    return Stage(title, played, households, PARTITIONS, played.truth)


def _recorded(data: Path, console: Console) -> Stage:
    """Read recorded households, those of other years moved by whole weeks to begin with the latest."""
    try:
        imported = recorded.read_csv(data)
        events = list(imported.events)
    except recorded.CsvError as error:
        raise Misconfigured(str(error)) from error
    report = imported.report
    if not events:
        raise Failed(f"{data}: no event in it; {report.refused.total():,} of {count(report.rows, 'row')} refused")
    first: dict[str, int] = {}
    for event in events:
        first[event.household] = min(event.at_ms, first.get(event.household, event.at_ms))
    played = recorded.gathered(recorded.aligned(events, max(first.values()) - recorded.WEEK_MS + 1))
    console.print(
        f"{data}: {count(report.rows, 'row')}, {count(len(events), 'event')} of {count(len(first), 'household')};"
        f" {report.without_meaning.total():,} rows say nothing of a person, {report.refused.total():,} refused"
    )
    for reason, times in report.refused.most_common(5):
        console.print(f"  refused: {times:,} {reason}")
    if max(first.values()) - min(first.values()) > recorded.WEEK_MS:
        console.print("  homes of other weeks are moved by whole weeks, so that all begin together")
    title = f"{count(len(first), 'recorded household')} of {data.name}"
    # A few homes need no partitions, and each would have a tick for every minute of perhaps a year.
    return Stage(title, played, len(first), 1, None)


class _Demo:
    """One run, from the first part that starts to the last line printed."""

    def __init__(self, console: Console, stage: Stage, folder: Path, shown: Path) -> None:
        self.console = console
        self.stage = stage
        self.folder = folder
        self.shown = shown
        """The folder as the user wrote it."""
        worker, writer = free_ports(2)
        self.broker = EmbeddedBroker(folder=folder / LOGS)
        self.settings = Settings(
            kafka=self.broker.url,
            clickhouse=f"chdb://{folder / CLICKHOUSE}",
            partitions=stage.partitions,
            metrics_port=worker,
            writer_metrics_port=writer,
            datadir=folder,
        )
        self.began_s = monotonic_s()

    def run(self) -> int:
        played = self.stage.played
        days = f"{day_of(played.from_ms)} to {day_of(played.until_ms - 1)} in the log"
        self.console.print(Text.assemble(("안부 Anbu", "bold cyan"), f"  {self.stage.title}  ", (days, "dim")))
        self._record_who()
        parts = Parts(self.settings, self.broker, self.folder / LOGS, self._tell)
        with closing_undisturbed(parts.close):
            parts.start()
            self._tell("ticks       by the feed, for the time of a recording; anbu up has a live ticker")
            self.console.print()
            done, readings, onlooker = self._play(parts)
        judged = self._judge(onlooker)
        answer = ask(self.settings.clickhouse, onlooker.stories)
        rubbish = 0 if self.stage.truth is None else len(bad_messages(START_MS))
        outcome = Outcome(
            events=done.events,
            rubbish=rubbish,
            records=done.records,
            ticks=done.ticks,
            readings=readings,
            stories=onlooker.stories,
            judged=judged,
            answer=answer,
            household_months=self._household_months(),
        )
        self.console.print(summary(outcome, self.console.width))
        self._end(outcome)
        return 1 if outcome.failures() else 0

    def _record_who(self) -> None:
        recording.write_registry(self.folder, self.stage.played, self.stage.truth or ())

    def _messages(self) -> Iterator[Wire]:
        played = self.stage.played
        sent = recording.recorded_while_sent(self.folder, played.messages())
        return sent if self.stage.truth is None else with_rubbish(sent, played.from_ms, played.until_ms)

    def _play(self, parts: Parts) -> tuple[FeedProgress, dict[str, int], Onlooker]:
        stage = self.stage
        onlooker = Onlooker(self.settings.bootstrap, stage.partitions)
        with contextlib.closing(onlooker):
            view = view_for(self.console, known_of(stage.truth))
            with closing_undisturbed(view.close):
                play = Play(parts, onlooker, stage.played, lambda play: view.show(play.sight()))
                done = asyncio.run(play.run(self._messages()))
                view.show(play.sight())
            self._tell(f"judged      {done.events:,} events, {stage.households:,} homes in {took_text(play.elapsed_s)}")
            readings = _counted(parts, done.events)
            parts.stop_worker()
            parts.stop_writer(_read_to_end(parts, onlooker))
        return done, readings, onlooker

    def _judge(self, onlooker: Onlooker) -> Judgement | None:
        stage = self.stage
        if stage.truth is None:
            return None
        played = stage.played
        return judge(
            stage.truth,
            onlooker.stories.told(),
            households=stage.households,
            from_ms=played.from_ms,
            until_ms=played.until_ms,
        )

    def _household_months(self) -> float:
        played = self.stage.played
        whole = (played.from_ms, played.until_ms)
        spans = spans_of(played)
        return sum(
            (until - since) / MONTH_MS for since, until in (spans.get(r.household, whole) for r in played.records())
        )

    def _end(self, outcome: Outcome) -> None:
        say = self.console.print
        say()
        say(verdict(outcome), soft_wrap=bool(outcome.failures()))
        say(f"Took {took_text(monotonic_s() - self.began_s)}.", style="dim")
        truth = f", {TRUTH}" if self.stage.truth is not None else ""
        say(f"\nLeft in {self.shown}/: {MESSAGES}, {HOUSEHOLDS}{truth}, {CLICKHOUSE}/, {LOGS}/")
        say("\nTry next:", style="bold")
        for command, about in next_commands(self.shown):
            say(f"  {about}", style="dim")
            say(Text(f"    {command}"), soft_wrap=True)

    def _tell(self, line: str) -> None:
        self.console.print(Text.assemble(("  ✓ ", "green"), line))


def _counted(parts: Parts, events: int) -> dict[str, int]:
    """Ask the worker until it has shown what became of every event, for a short while."""
    end_s = monotonic_s() + COUNTED_WITHIN_S
    while sum((readings := parts.readings()).values()) < events and monotonic_s() < end_s:
        parts.check()
        time.sleep(0.2)
    return readings


def _read_to_end(parts: Parts, onlooker: Onlooker) -> dict[tuple[str, int], int]:
    """Read everything the worker said; offset behind the last record of each place. Nobody writes there any more."""
    quiet_s = monotonic_s()
    while not (onlooker.at_end() and monotonic_s() - quiet_s > 1.0):
        parts.check()
        if onlooker.look():
            quiet_s = monotonic_s()
    return onlooker.ends()


def next_commands(folder: Path) -> list[tuple[str, str]]:
    """Return three commands that work from here, each with what it is for."""
    anbu, here = anbu_command(), shlex.quote(str(folder))
    python = shlex.quote(os.path.relpath(sys.executable))
    sql = "SELECT at, household, kind, sentence_ko FROM incidents_current ORDER BY at DESC LIMIT 5"
    code = f"import chdb; print(chdb.connect({str(folder / CLICKHOUSE)!r}).query({sql!r}, 'Pretty'))"
    return [
        (f"{anbu} up", f"The same parts, kept running; then in a second terminal: {anbu} incidents watch"),
        (f'{python} -c "{code}"', "What ClickHouse holds, asked without a server."),
        (f"{anbu} replay {here}", "The same days again from their recording; with --profile, under other numbers."),
    ]
