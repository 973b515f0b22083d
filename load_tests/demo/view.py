"""What a person watches while the demo runs: a live table in a terminal, plain lines everywhere else."""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from load_tests.demo.onlooker import Story
from load_tests.truth import Truth
from schemas.incidents import EMERGENCIES, KIND_NAMES, IncidentKind, Severity
from schemas.times import EPOCH
from schemas.topics import DAY_MS
from streams.incident_fold import Watching
from streams.screen import SEOUL, incident_line, severity_text, watching_text
from streams.wallclock import now_ms

NARROWEST: Final = 80
WIDEST: Final = 120
ROOMY: Final = 100
"""From this width on there is room for both languages in one line."""
_HEAD_ROWS: Final = 9
"""Rows of a terminal that the table cannot have."""
_PLAIN_LINES: Final = 10
"""So many lines of progress where nothing can be drawn anew."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to see at a moment. Times are log time, UTC milliseconds."""

    from_ms: int
    until_ms: int
    clock_ms: int
    """Up to here everything has been judged."""
    events: int
    elapsed_s: float
    homes: int
    blind: int
    dead: int
    lines: Sequence[Story]
    """Incidents, the oldest first."""
    watching: Watching | None = None
    """Once time passes as it does: who is watched at this moment, judged by the wall clock."""

    @property
    def share(self) -> float:
        """How much of the log time has been judged, 0 to 1."""
        return min(1.0, max(0.0, (self.clock_ms - self.from_ms) / max(1, self.until_ms - self.from_ms)))

    @property
    def day(self) -> int:
        """Day of the log that is being judged, from 1."""
        return min(self.days, max(0, self.clock_ms - self.from_ms) // DAY_MS + 1)

    @property
    def days(self) -> int:
        """Days of the log."""
        return max(1, -(-(self.until_ms - self.from_ms) // DAY_MS))


class View(Protocol):
    """Shows a sight again and again."""

    def show(self, sight: Sight) -> None:
        """Show what there is to see now."""

    def close(self) -> None:
        """Leave the screen to what comes next."""


Known = Callable[[Story], Text]
"""What is known of an incident beside what it says: what was injected, or nothing."""


def moment(at_ms: int) -> str:
    """`01-14 08:12`, in Korea."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL).strftime("%m-%d %H:%M")


def day_of(at_ms: int) -> str:
    """`2026-01-14`, in Korea."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL).strftime("%Y-%m-%d")


def span_text(span_ms: int) -> str:
    """How long after: `< 1 min`, `12 min`, `6 h 20 min`, `2 d 4 h`."""
    minutes = max(0, span_ms) // 60_000
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"


def took_text(elapsed_s: float) -> str:
    """`42 s`, `1 min 05 s`."""
    seconds = round(elapsed_s)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"


def fitting(console: Console) -> Console:
    """Keep the width where the tables read well."""
    console.width = min(WIDEST, max(NARROWEST, console.width)) if console.is_terminal else 100
    return console


def view_for(console: Console, known: Known) -> View:
    """Return what suits the output: a terminal can be drawn anew, a file, a pipe or a dumb terminal cannot."""
    # Asked of the file itself: FORCE_COLOR makes the console take a pipe for a terminal.
    can_redraw = console.is_interactive and console.file.isatty()
    return LiveView(console, known) if can_redraw else PlainView(console)


class LiveView:
    """A bar, three figures and the newest incidents, drawn anew in place."""

    def __init__(self, console: Console, known: Known) -> None:
        """Take the screen."""
        self._console = console
        self._known = known
        # Drawn only when told to: its own thread would draw while the figures change.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, sight: Sight) -> None:
        """Draw what there is to see now."""
        rows = max(3, self._console.height - _HEAD_ROWS)
        self._live.update(live_picture(sight, self._known, self._console.width, rows), refresh=True)

    def close(self) -> None:
        """Give the screen back."""
        self._live.stop()


def live_picture(sight: Sight, known: Known, width: int, rows: int) -> Group:
    """Return the whole picture; `rows` lines for incidents."""
    open_now = sum(not story.last.ended for story in sight.lines)
    urgent = sum(story.last.kind in EMERGENCIES for story in sight.lines)
    told = Text.assemble(
        "incidents ",
        (f"{len(sight.lines):,}", "bold"),
        "   emergencies ",
        (f"{urgent}", "bold red"),
        "   open ",
        (f"{open_now:,}", "bold"),
    )
    newest = sorted(sight.lines, key=lambda one: one.told_ms, reverse=True)
    return Group(
        *_progress(sight, width),
        told,
        *_said(newest),
        Text(),
        newest_table(newest[:rows], known, width),
    )


def _progress(sight: Sight, width: int) -> list[RenderableType]:
    if sight.watching is not None:
        return [watching_text(sight.watching, now_ms()), Text(f"{sight.events:,} events sent; Ctrl-C ends everything")]
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=1.0, completed=sight.share, width=width // 3),
        Text(f"day {sight.day} of {sight.days}", style="bold"),
        Text(f"{day_of(sight.clock_ms)} {moment(sight.clock_ms)[-5:]} in the log", style="cyan"),
        Text(took_text(sight.elapsed_s), style="dim"),
    )
    per_s = sight.events / sight.elapsed_s if sight.elapsed_s > 0 else 0.0
    figures = Text.assemble(
        (f"{sight.events:,}", "bold"),
        f" events sent, {per_s:,.0f}/s   ",
        (f"{sight.homes:,}", "bold"),
        f" homes watched, {sight.blind} unseen   ",
        (f"{sight.dead}", "bold"),
        " dead letters",
    )
    return [bar, figures]


def _said(newest: Sequence[Story]) -> list[Text]:
    """Return the newest sentence that says more than its kind, in both languages."""
    for story in newest:
        if story.last.kind not in EMERGENCIES and not story.withdrawn:
            lines = (story.last.sentence_ko, story.last.sentence_en)
            return [
                Text.assemble(("  ▸ ", "cyan"), story.last.household, "  ", line, no_wrap=True, overflow="ellipsis")
                for line in lines
            ]
    return [Text(), Text()]


def newest_table(newest: Sequence[Story], known: Known, width: int) -> Table:
    """Return one line each for the newest incidents, the last told first."""
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("시각 told", no_wrap=True)
    table.add_column("심각도 severity", no_wrap=True)
    table.add_column("가구 home", no_wrap=True)
    table.add_column("종류 kind", no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column("", no_wrap=True)
    for story in newest:
        korean, english = KIND_NAMES[story.last.kind]
        style = "dim strike" if story.withdrawn else "bold" if story.last.kind in EMERGENCIES else ""
        table.add_row(
            Text(moment(story.told_ms), style="dim"),
            severity_text(story.severity),
            story.last.household,
            Text(f"{korean} · {english}" if width >= ROOMY else english, style=style),
            known(story),
        )
    return table


class PlainView:
    """A line at each tenth of the way, with the gravest that happened since."""

    def __init__(self, console: Console, most: int = 3) -> None:
        """Show at most so many incidents a line of progress."""
        self._console = console
        self._most = most
        self._next = 0
        self._shown = 0
        self._stale: tuple[int, ...] | None = None

    def show(self, sight: Sight) -> None:
        """Print a line when enough has passed since the last; once time passes as it does, one for each incident."""
        if sight.watching is not None:
            self._follow(sight.lines, sight.watching)
            return
        if sight.share * _PLAIN_LINES < self._next:
            return
        self._next = int(sight.share * _PLAIN_LINES) + 1
        new = sight.lines[self._shown :]
        self._shown = len(sight.lines)
        self._console.print(
            f"{took_text(sight.elapsed_s):>12}   day {sight.day:>3} of {sight.days}   events sent {sight.events:>10,}"
            f"   incidents {len(sight.lines):>4}   dead letters {sight.dead:>3}"
        )
        grave = [story for story in new if story.severity.rank >= Severity.SEVERE.rank]
        for story in sorted(grave, key=lambda one: -one.severity.rank)[: self._most]:
            self._console.print(
                f"{'':>12}   {moment(story.told_ms)}  {story.severity.value:<8}  {story.last.household}"
                f"  {' · '.join(KIND_NAMES[story.last.kind])}"
            )

    def _follow(self, lines: Sequence[Story], watching: Watching) -> None:
        if self._stale is None:
            self._shown = len(lines)  # what was told while the past was filled in is news no more
        for story in lines[self._shown :]:
            self._console.print(incident_line(story.last), soft_wrap=True)
        self._shown = len(lines)
        if watching.stale != self._stale:
            self._stale = watching.stale
            self._console.print(watching_text(watching, now_ms()), soft_wrap=True)

    def close(self) -> None:
        """Nothing is left to do."""


def known_of(truth: tuple[Truth, ...] | None) -> Known:
    """Return what says of an incident which injected event it has found."""
    if truth is None:
        return lambda _: Text()
    injected: dict[tuple[str, IncidentKind], list[Truth]] = defaultdict(list)
    for one in truth:
        injected[one.household, one.kind].append(one)

    def known(story: Story) -> Text:
        told = story.told
        for one in reversed(injected[told.household, told.kind]):
            if one.explains(told.household, told.kind, told.opened_ms):
                if one.must_find:
                    return Text(f"✓ after {span_text(told.opened_ms - one.at_ms)}", style="green")
                return Text("✓ " + ("an outage" if "outage" in one.code else "of a collapse"), style="green")
        return Text("not injected", style="dim")

    return known


def anbu_command() -> str:
    """Return how the `anbu` command is called from here: by name where the PATH has this very one."""
    mine = Path(sys.executable).with_name("anbu")
    found = shutil.which("anbu")
    if not mine.exists() or (found is not None and Path(found).resolve() == mine.resolve()):
        return "anbu"
    return os.path.relpath(mine)
