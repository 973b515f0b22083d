"""The end of the demo in words and figures. Pure: from what was seen to what is printed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from load_tests.demo.answer import Answer
from load_tests.demo.judge import COLLAPSES_IN_TIME, FALSE_ALARMS_PER_MONTH, Found, Judgement
from load_tests.demo.onlooker import Stories, Story
from load_tests.demo.view import ROOMY, day_of, moment, span_text
from schemas.incidents import KIND_NAMES, IncidentKind, Severity
from streams.commands.outcome import count
from streams.screen import COLOURS

_OUTCOMES: Final = {
    "applied": "applied; a repeat among them changes nothing",
    "late": "too late to be learned from (over 30 h); their emergencies went out",
    "dead_letter": "dead letters",
    "not_registered": "of a household that nobody registered",
    "no_consent": "of a source whose consent is withdrawn",
}
_KIND_WIDTH: Final = 18
_MOST_LISTED: Final = 30
"""Incidents of recorded households that are listed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that the summary speaks of."""

    events: int
    """Sent, rubbish included."""
    rubbish: int
    """Of them, synthetic rubbish."""
    records: int
    ticks: int
    readings: dict[str, int]
    """What the worker says became of them."""
    stories: Stories
    judged: Judgement | None
    """None: nothing is known of what was true, as with recorded households."""
    answer: Answer
    household_months: float
    """Months of 30 days that the households were watched, added up."""

    def failures(self) -> list[str]:
        """Return one sentence for each thing that is not as it must be: the demo fails with any."""
        out = [] if self.judged is None else self.judged.failures()
        counted = sum(self.readings.values())
        if counted != self.events:
            out.append(f"{self.events:,} events were sent, and what became of {counted:,} is known.")
        if self.readings.get("dead_letter", 0) != self.stories.dead.total():
            out.append(
                f"The worker refused {self.readings.get('dead_letter', 0):,} readings, the dead letters stand for"
                f" {self.stories.dead.total():,}."
            )
        if self.answer.differences:
            out.append("ClickHouse differs from the topics: " + " ".join(self.answer.differences))
        return out


def summary(outcome: Outcome, width: int) -> Group:
    """Return the whole summary but for the verdict, for a screen of so many columns."""
    parts: list[RenderableType] = [
        _heading("이벤트 Events"),
        _events(outcome),
        _heading("사례 Incidents"),
        _incidents(outcome.stories.lines(), outcome.judged, width),
    ]
    if outcome.judged is not None:
        parts += _found(outcome.judged)
    else:
        parts += [_heading("표시된 것 What was flagged"), _flagged(outcome), _listed(outcome.stories.lines())]
    parts += [_heading("ClickHouse"), _answer(outcome.answer, outcome.stories)]
    return Group(*parts)


def verdict(outcome: Outcome) -> Text:
    """One line that says whether the rule holds, or each part of it that does not."""
    failures = outcome.failures()
    if failures:
        return Text("\n".join(["FAILED", *(f"  {one}" for one in failures)]), style="bold red")
    if outcome.judged is None:
        return Text(
            "DONE  Nothing is known of what was true in recorded households, so nothing is judged.", style="bold green"
        )
    rule = (
        f"every immediate emergency, {COLLAPSES_IN_TIME:.0%} of the collapses within 24 h,"
        f" at most {FALSE_ALARMS_PER_MONTH} false alarms a household-month"
        if outcome.judged.found
        else "nobody came to harm, and no emergency was opened"
    )
    return Text(f"PASSED  The rule: {rule}.", style="bold green")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold cyan")


def _indented(what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, 2), expand=False)


def _events(outcome: Outcome) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    of_them = (
        f", {outcome.rubbish} of them synthetic rubbish, sent to show what becomes of it" if outcome.rubbish else ""
    )
    table.add_row(f"{outcome.events:,}", f"sent{of_them}")
    for name, number in outcome.readings.items():
        if number or name == "applied":
            table.add_row(f"{number:,}", _OUTCOMES.get(name, name))
    if outcome.stories.dead:
        reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(outcome.stories.dead.items()))
        table.add_row("", Text(reasons, style="dim"))
    table.add_row(f"{outcome.records:,}", f"Kafka records in all, {outcome.ticks:,} of them ticks")
    return _indented(table)


def _incidents(lines: Sequence[Story], judged: Judgement | None, width: int) -> Padding:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    # The figures keep their room, a long name is cut.
    table.add_column("종류 kind", no_wrap=True, max_width=width - 60)
    for severity in reversed(Severity):
        table.add_column(
            severity.value, justify="right", style=COLOURS[severity].replace("white on ", ""), no_wrap=True
        )
    table.add_column("all", justify="right", style="bold")
    table.add_column("withdrawn", justify="right", no_wrap=True)
    if judged is not None:
        table.add_column("false", justify="right")
    by_kind: dict[IncidentKind, list[Story]] = defaultdict(list)
    for story in lines:
        by_kind[story.last.kind].append(story)
    for kind, of_kind in sorted(by_kind.items(), key=lambda one: (-len(one[1]), one[0])):
        korean, english = KIND_NAMES[kind]
        table.add_row(f"{korean} · {english}" if width >= ROOMY else english, *_counts(of_kind, judged, kind))
    table.add_row("all", *_counts(lines, judged, None), style="bold", end_section=True)
    return _indented(table)


def _counts(stories: Sequence[Story], judged: Judgement | None, kind: IncidentKind | None) -> list[str]:
    by_severity = Counter(story.severity for story in stories)
    row = [f"{by_severity[severity] or ''}" for severity in reversed(Severity)]
    row += [f"{len(stories)}", f"{sum(story.withdrawn for story in stories) or ''}"]
    if judged is not None:
        row.append(f"{(len(judged.false_alarms) if kind is None else judged.by_kind.get(kind, 0)) or ''}")
    return row


def _found(judged: Judgement) -> list[RenderableType]:
    parts: list[RenderableType] = [_heading("주입된 것 What was injected, and how long after it the incident was told")]
    if not judged.found:
        parts.append(_indented(Text("Nothing: nobody came to harm.")))
    groups = (
        ("emergencies", judged.immediate, "told on arrival, waiting for nothing"),
        ("collapses", judged.collapses, "from the moment the person went down"),
        ("slow ones", judged.slow, "seen by calls or doses alone; not part of the rule"),
    )
    for name, found, about in groups:
        if found:
            seen = sum(one.delay_ms is not None for one in found)
            line = Text.assemble((f"{seen} of {len(found)} {name}", "bold"), (f"  {about}{_spread(found)}", "dim"))
            parts += [_indented(line), Padding(_delays(found), (0, 0, 0, 4), expand=False)]
    missed = [one for one in judged.found if one.delay_ms is None]
    if missed:
        parts.append(_indented(_missed(missed)))
    share = judged.collapses_in_time
    if share is not None:
        parts.append(
            _indented(Text(f"{share:.0%} of the collapses within 24 h; the rule asks for {COLLAPSES_IN_TIME:.0%}."))
        )
    parts.append(
        _indented(
            Text(
                f"{count(len(judged.false_alarms), 'false alarm')} in {_months(judged.household_months)}:"
                f" {judged.false_alarms_per_month:.2f} a month; the rule allows {FALSE_ALARMS_PER_MONTH}."
            )
        )
    )
    return parts


def _spread(found: Sequence[Found]) -> str:
    delays = sorted(one.delay_ms for one in found if one.delay_ms is not None)
    if len(delays) < 3 or delays[-1] < 60_000:
        return ""
    return f"; median {span_text(delays[len(delays) // 2])}, longest {span_text(delays[-1])}"


def _delays(found: Sequence[Found]) -> Table:
    """Each injected event by kind: household and delay, in columns."""
    by_kind: dict[IncidentKind, list[Found]] = defaultdict(list)
    for one in found:
        if one.delay_ms is not None:
            by_kind[one.truth.kind].append(one)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", max_width=_KIND_WIDTH)
    table.add_column()
    for kind, of_kind in by_kind.items():
        each = [f"{one.truth.household} {span_text(one.delay_ms or 0):>11}" for one in of_kind]
        table.add_row(KIND_NAMES[kind][1], Columns(each, padding=(0, 3)))
    return table


def _missed(missed: Iterable[Found]) -> Text:
    out = Text("Missed:", style="red")
    for one in missed:
        what, kind = one.truth.code.replace("_", " "), KIND_NAMES[one.truth.kind][1]
        said = what if what == kind else f"{what} ({kind})"
        out.append(f"\n  {one.truth.household}  {moment(one.truth.at_ms)}  {said}")
    return out


def _flagged(outcome: Outcome) -> Padding:
    lines = outcome.stories.lines()
    months = outcome.household_months
    return _indented(Text(f"{count(len(lines), 'incident')} in {_months(months)}, {len(lines) / months:.2f} a month:"))


def _months(months: float) -> str:
    return f"{months:,.1f} household-months" if months < 10 else f"{months:,.0f} household-months"


def _listed(lines: Sequence[Story]) -> Padding:
    if not lines:
        return _indented(Text("Nothing."))
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for title in ("시각 told", "심각도", "가구 home", "종류 kind"):
        table.add_column(title, no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for story in lines[:_MOST_LISTED]:
        table.add_row(
            f"{day_of(story.told_ms)} {moment(story.told_ms)[-5:]}",
            Text(story.severity.value, style=COLOURS[story.severity]),
            story.last.household,
            Text(KIND_NAMES[story.last.kind][1], style="dim strike" if story.withdrawn else ""),
            Text(_shortened(story.last.sentence_en), style="dim"),
        )
    if len(lines) > _MOST_LISTED:
        table.add_row(f"… and {len(lines) - _MOST_LISTED} more", "", "", "", "")
    return _indented(table)


def _shortened(sentence: str) -> str:
    """Keep how long it lasted, which a narrow line would cut off first."""
    return sentence.rpartition("; ")[2].partition(":")[0].removesuffix(".")


def _answer(answer: Answer, stories: Stories) -> Padding:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(answer.columns):
        table.add_column(name, justify="right" if i else "left")
    for row in answer.rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    agrees = (
        Text("Equal to what the topics hold: nothing was lost on the way, nothing doubled.", style="green")
        if not answer.differences
        else Text(" ".join(answer.differences), style="red")
    )
    parts: list[RenderableType] = [Text(answer.sql, style="italic"), Text(), table, Text()]
    repeats = len(stories.by_id) - len(stories.lines())
    if repeats:
        parts.append(Text(f"{repeats} of them repeat another: a button pressed five times is one line above."))
    return _indented(Group(*parts, agrees))
