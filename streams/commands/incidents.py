"""`anbu incidents`: what responders see."""

import sys
from functools import partial
from typing import Any

import click
from rich.live import Live

from schemas.encode import encode
from schemas.times import to_rfc3339
from streams.call_out import CallOut, call_outs
from streams.commands.districts import Districts, registered_district
from streams.commands.incidents_act import COMMANDS
from streams.commands.incidents_export import export
from streams.commands.outcome import settings, told
from streams.commands.teach import TaughtGroup
from streams.in_force import profile_in_force
from streams.incident_fold import Watching
from streams.screen import call_out_text, incident_line, live_view, make_console, watching_text
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms


@click.group(cls=TaughtGroup)
def incidents() -> None:
    """Follow what responders see: incidents, and whether anybody is watching.

    Responders' own programs use the same reading: streams.subscriber.IncidentSubscriber.
    """


for _one in (export, *COMMANDS):
    incidents.add_command(_one)


@incidents.command("watch")
@click.option(
    "--from-start", is_flag=True, help="Also every revision that the broker still has, not only what is open."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: each new revision, each call-out.")
@click.option("--once", is_flag=True, help="Show what stands now and end.")
@click.option("--ended", is_flag=True, help="Keep ended cases in the table, struck through.")
@click.option("--rows", type=click.IntRange(1, 200), default=20, show_default=True, help="Cases in the live table.")
@told
def watch(from_start: bool, as_json: bool, once: bool, ended: bool, rows: int) -> None:
    """Follow the incidents: a live table with one line a case, or in a pipe one line a revision.

    Reads every open incident first, however old, then follows. The first line says who is watched; it turns red as
    soon as a partition has said nothing for 3 minutes, because a quiet table may also mean that nobody is watching.

    Example:
      anbu incidents watch
      ● watching 200 homes, data up to 14:05
      심각도 severity   종류 kind                    가구 household  경과 age
      심각 Extreme     응급 버튼 · emergency button  h-017              3 min  ...

      anbu incidents watch --json | jq 'select(.type == "incident") | .sentence_en'
      {"type":"watching","homes":200,"blind":1,"data_until":"...","stale":[]} when that changes
      {"type":"call_out","owner":"night-centre","incidents":["..."]} while the clock stands: tell them yourself
    """
    chosen = settings()
    with IncidentSubscriber(chosen.bootstrap, from_start=from_start) as subscriber:
        calls = _Calls(subscriber, chosen)
        if once:
            _show_once(subscriber, calls, as_json=as_json, ended=ended, rows=rows)
        elif as_json or not sys.stdout.isatty():
            _show_lines(subscriber, calls, as_json=as_json)
        else:
            _show_live(subscriber, calls, ended=ended, rows=rows)


class _Calls:
    """Whom to tell because the engine cannot; nobody of a recording, whose clock is not the wall's."""

    def __init__(self, subscriber: IncidentSubscriber, chosen: Settings) -> None:
        self._fold = subscriber.fold
        self._duty = profile_in_force(chosen).duty
        self._districts = Districts(self._fold, partial(registered_district, chosen), now_ms)

    def now(self) -> list[CallOut]:
        fold, now = self._fold, now_ms()
        if fold.watching(now).recorded:
            return []
        # Where one desk answers for all districts, nobody need wait for the registry to be read.
        district_of = self._districts.of if any(desk.district for desk in self._duty.desks) else lambda _: ""
        return call_outs(fold.incidents(), self._duty, fold.standing(now), fold.partitions, now, district_of)


def _show_once(subscriber: IncidentSubscriber, calls: _Calls, *, as_json: bool, ended: bool, rows: int) -> None:
    subscriber.catch_up()
    watching = subscriber.watching()
    called = calls.now()
    if as_json:
        click.echo(encode(_as_data(watching)))
        for call in called:
            click.echo(encode(_call_as_data(call)))
        for incident in subscriber.fold.incidents(ended=ended):
            click.echo(encode(incident))
        return
    make_console().print(live_view(subscriber.cases(ended=ended), watching, now_ms(), calls=called, rows=rows))


def _show_lines(subscriber: IncidentSubscriber, calls: _Calls, *, as_json: bool) -> None:
    said: tuple[int, ...] | None = None
    called: list[CallOut] = []
    while True:
        for incident in subscriber.poll():
            click.echo(encode(incident) if as_json else incident_line(incident))
        if not subscriber.caught_up:
            continue
        watching = subscriber.watching()
        if watching.stale != said:
            # Only when it changes: each minute's homes and clock would drown the incidents.
            said = watching.stale
            click.echo(encode(_as_data(watching)) if as_json else watching_text(watching, now_ms()).plain)
        before, called = called, calls.now()
        if called != before:
            for call in called:
                click.echo(encode(_call_as_data(call)) if as_json else call_out_text([call]).plain.rstrip())


def _show_live(subscriber: IncidentSubscriber, calls: _Calls, *, ended: bool, rows: int) -> None:
    console = make_console()
    # A case takes four lines or more; what a terminal cannot show is counted below.
    rows = min(rows, max(1, (console.height - 4) // 4))
    with Live(console=console, refresh_per_second=2, screen=False) as live:
        while True:
            subscriber.poll(0.5)
            if subscriber.caught_up:
                cases, watching = subscriber.cases(ended=ended), subscriber.watching()
                live.update(live_view(cases, watching, now_ms(), calls=calls.now(), rows=rows))
            else:
                live.update("reading what is open …")


def _call_as_data(call: CallOut) -> dict[str, Any]:
    return {"type": "call_out", "owner": call.owner, "incidents": [one.id for one in call.incidents]}


def _as_data(watching: Watching) -> dict[str, Any]:
    until = watching.data_until_ms
    return {
        "type": "watching",
        "homes": watching.homes,
        "blind": watching.blind,
        "unregistered": watching.unregistered,
        "exercise": watching.exercise,
        "data_until": None if until is None else to_rfc3339(until),
        "stale": list(watching.stale),
    }
