"""What a person sees: the incident table, the watching line, one line for a pipe. Rich renders it; NO_COLOR is honoured."""

import sys
from collections.abc import Sequence
from datetime import timedelta, tzinfo
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from schemas.incidents import KIND_NAMES, Incident, IncidentState, Severity
from schemas.times import EPOCH, from_rfc3339
from streams.call_out import CallOut
from streams.cases.wording import dated, lasting
from streams.cases.would_change import would_change
from streams.incident_fold import Case, Watching

SEOUL: Final = ZoneInfo("Asia/Seoul")

COLOURS: Final[dict[Severity, str]] = {
    Severity.MINOR: "blue",
    Severity.MODERATE: "yellow",
    Severity.SEVERE: "dark_orange",
    Severity.EXTREME: "bold white on red",
}

STATES: Final[dict[IncidentState, str]] = {
    IncidentState.OPENED: "열림 open",
    IncidentState.UPDATED: "갱신 updated",
    IncidentState.ESCALATED: "격상 escalated",
    IncidentState.ACKNOWLEDGED: "접수 acknowledged",
    IncidentState.CLOSED: "종결 closed",
    IncidentState.WITHDRAWN: "철회 withdrawn",
}


class _Screen(Console):
    """A console whose reader may leave (`| head`)."""

    def on_broken_pipe(self) -> None:
        """Say nothing more, and end what was being done by the usual way of errors: rich would leave the process here."""
        self.quiet = True
        raise BrokenPipeError


def make_console(stream: TextIO | None = None) -> Console:
    """Return a console that colours only for a terminal, and never where NO_COLOR is set.

    It raises BrokenPipeError when nobody reads its output any more, and is silent from then on.
    """
    return _Screen(file=stream or sys.stdout, highlight=False, soft_wrap=False)


def clock_text(at_ms: int, now_ms: int, zone: tzinfo = SEOUL) -> str:
    """`14:05` of today, `11-24 14:05` of another day, `2025-11-24 14:05` of another year; local time of `zone`."""
    at = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)
    now = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone)
    if at.date() == now.date():
        return at.strftime("%H:%M")
    return at.strftime("%m-%d %H:%M" if at.year == now.year else "%Y-%m-%d %H:%M")


def age_text(age_ms: int) -> str:
    """How long ago: `45 s`, `12 min`, `5 h 20 min`, `3 d 4 h`."""
    seconds = max(0, age_ms) // 1000
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def severity_text(severity: Severity) -> Text:
    """`심각 Extreme` in its colour: the word carries it too, for those who see no colours."""
    return Text(f" {severity.korean} {severity.value} ", style=COLOURS[severity])


def kind_text(incident: Incident) -> str:
    """Return the kind in both languages."""
    korean, english = KIND_NAMES[incident.kind]
    return f"{korean} · {english}"


def watching_text(watching: Watching, now_ms: int, zone: tzinfo = SEOUL) -> Text:
    """`watching 200 homes, data up to 14:05`; red, with what to do, as soon as a partition is not watched."""
    until = "none yet" if watching.data_until_ms is None else clock_text(watching.data_until_ms, now_ms, zone)
    line = f"watching {watching.homes:,} homes, data up to {until}"
    if watching.recorded:
        line += " (log time of a recording or backlog)"
    if watching.blind:
        line += f", {watching.blind:,} of them cannot be seen"
    if watching.unregistered:
        line += f", {watching.unregistered:,} not registered"
    if watching.disaster is not None:
        asked = watching.disaster
        line += (
            f"; 재난 안부 · public alert: {asked.asked:,} of {asked.homes:,} homes asked, {asked.reached:,} reached,"
            f" {asked.guided:,} told what to do, {asked.unreached:,} not reached"
        )
    if watching.exercise:
        line += f"; 훈련 중 · exercise under way: {watching.exercise:,} played homes"
    if watching.calm:
        return Text("● " + line, style="green")
    names = ", ".join(map(str, watching.stale))
    what = f"partition {names}" if len(watching.stale) == 1 else f"partitions {names}"
    lost = f" ({watching.unwatched:,} homes)" if watching.unwatched else ""
    return Text(f"▲ NOT WATCHED: {what}{lost}: no status for 3 minutes. Run: anbu doctor\n", style="bold red") + Text(
        "● " + line, style="red"
    )


def call_out_text(calls: Sequence[CallOut]) -> Text:
    """Whom to ring now, by other means than the engine's, while a clock stands; empty when nobody."""
    out = Text()
    for call in calls:
        owner = call.owner or "당직표 없음 · nobody on the roster"
        homes = ", ".join(sorted({one.household for one in call.incidents}))
        out.append(f"▲ 시계 정지 · clock stands: tell {owner} now of open emergencies at {homes}\n", style="bold red")
    return out


def incident_table(cases: Sequence[Case], now_ms: int, *, rows: int = 20, zone: tzinfo = SEOUL) -> Table:
    """One entry a case, the gravest first; what does not fit in `rows` is counted below.

    Ages count from `now_ms`: the wall clock, or the log's clock for a recording. Kind and sentences share a column, so
    that it reads well from 80 columns on.
    """
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("심각도 severity", no_wrap=True)
    table.add_column("경과 age", no_wrap=True, justify="right")
    table.add_column("가구 home", no_wrap=True)
    table.add_column("종류 kind", ratio=1)
    for case in cases[:rows]:
        gravest = case.gravest
        more = f" +{len(case.incidents) - 1}" if len(case.incidents) > 1 else ""
        said = Text(kind_text(gravest), style="strike dim" if case.ended else "bold")
        if gravest.cleared:
            said.append("  해제됨 · cleared", style="not bold green")
        told = dated(gravest, clock_text(from_rfc3339(gravest.event_from), now_ms, zone))
        korean, english = lasting(gravest, told, now_ms)
        said.append(f"\n{korean}", style="not bold")
        said.append(f"\n{english}", style="not bold dim")
        if (change := would_change(gravest)) is not None:
            said.append(f"\n판단이 바뀌려면 would change: {change[0]} · {change[1]}", style="not bold dim")
        for other in case.incidents[1:4]:
            opened = clock_text(from_rfc3339(other.opened_at), now_ms, zone)
            said.append(f"\n+ {kind_text(other)}, {opened}", style="not bold dim")
        table.add_row(
            severity_text(gravest.severity), age_text(now_ms - case.opened_ms), Text(case.household + more), said
        )
    if len(cases) > rows:
        table.add_row("", "", "", Text(f"… {len(cases) - rows} more cases", style="dim"))
    return table


def live_view(
    cases: Sequence[Case],
    watching: Watching,
    now_ms: int,
    *,
    calls: Sequence[CallOut] = (),
    rows: int = 20,
    zone: tzinfo = SEOUL,
) -> Group:
    """Everything the watch command shows: whether anybody watches, whom to tell where the clock stands, then the cases."""
    log_ms = watching.data_until_ms if watching.recorded and watching.data_until_ms is not None else now_ms
    head = call_out_text(calls) + watching_text(watching, log_ms if watching.recorded else now_ms, zone)
    if not cases:
        calm = "열린 사례 없음 · no open cases" if watching.calm else "열린 사례 없음 · no open cases known"
        return Group(head, Text(""), Text(calm, style="green" if watching.calm else "yellow"))
    return Group(head, Text(""), incident_table(cases, log_ms, rows=rows, zone=zone))


def incident_line(incident: Incident, zone: tzinfo = SEOUL) -> str:
    """One revision as one line of plain text, for a pipe or a log."""
    at_ms = from_rfc3339(incident.at)
    at = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    korean, english = dated(incident, clock_text(from_rfc3339(incident.event_from), at_ms, zone))
    change = would_change(incident)
    last = "" if change is None else f" | 판단이 바뀌려면 would change: {change[0]} · {change[1]}"
    return (
        f"{at}  {incident.severity.korean} {incident.severity.value:<8}  {STATES[incident.state]:<15}"
        f"  {kind_text(incident)}  {incident.household}  {korean} | {english}{last}"
    )
