"""`anbu households`: the registry's records in the log."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from getpass import getuser
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from schemas.encode import encode
from schemas.households import Absence, HouseholdRecord
from schemas.partitions import partition_of
from schemas.times import from_rfc3339, to_rfc3339
from schemas.views import HouseholdView
from streams.access_log import AccessLog, AccessLogError
from streams.board.proposed_grades import grade_lines, proposed_grade
from streams.board.users import User, UsersError, read_users
from streams.board.weekly_lists import lines_of, weekly_lists
from streams.board.words import Words
from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import TaughtGroup
from streams.publish import Publisher
from streams.registry import Line, check_record, read_csv, read_json_lines
from streams.settings import Settings
from streams.tail import reading
from streams.unpacked import DAMAGED, opened
from streams.wallclock import now_ms

TOPIC = "households"
VIEWS = "households.view"
USERS = Path("board") / "users.json"
ACCESS_LOG = Path("board") / "access.log"


@click.group(cls=TaughtGroup)
def households() -> None:
    """Keep the registry: who is watched, how closely, with whose consent.

    A record is always the full record of a household. The registry's publisher repeats every record once a day, so
    that any retained part of the log holds them all; use `import` for that too.
    """


@households.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--check", is_flag=True, help="Only validate; publish nothing.")
@told
def import_(file: str, check: bool) -> None:
    """Publish registry records from a JSON lines or CSV file (.gz too, - for JSON lines on stdin).

    Every bad line is told with its number and reason on stderr; the good ones go on. Prints how many were published.
    Exit code 1 when a line was bad.

    JSON lines, one household a line:
      {"household":"h-17","target_group":"elder_living_alone","risk_grade":"high","district":"gangbuk",
       "sources":[{"source":"/sensors/gw-17","expect_every_s":3600}]}
    CSV, any of these columns in the first row, household at least:
      household,target_group,risk_grade,sensitivity,latest_silence_h,needs,language,district,area_code,time_zone,sources
      h-17,elder_living_alone,high,1.5,,hearing;dementia,ko,gangbuk,11305,Asia/Seoul,/sensors/gw-17=3600;/phone/p-17

    Example:
      anbu households import registry.csv
      line 4: risk_grade: Invalid enum value 'hihg'
      published 211 households, 1 line refused
    """
    chosen = settings()
    try:
        lines = list(_lines(file))
    except (*DAMAGED, ValueError) as error:
        raise Misconfigured(f"{file}: {error}") from error
    good = [line.record for line in lines if line.record is not None]
    refused = [line for line in lines if line.record is None]
    for line in refused:
        click.echo(f"line {line.number}: {line.reason}", err=True)
    if not check:
        _publish(chosen, good)
    verb = "would publish" if check else "published"
    click.echo(f"{verb} {count(len(good), 'household')}, {count(len(refused), 'line')} refused")
    if refused:
        raise click.exceptions.Exit(1)


@households.command("show")
@click.argument("household")
@told
def show(household: str) -> None:
    """Show the record of a household that is in force, as one JSON object.

    Example:
      anbu households show h-17
      {"household": "h-17", "risk_grade": "high", ...}
      registered 2026-11-24T00:13:54.000Z
    """
    record, arrived_ms = _current(settings(), household)
    click.echo(msgspec.json.format(encode(record), indent=2).decode())
    click.echo(f"registered {to_rfc3339(arrived_ms)}", err=True)


@households.command("absence")
@click.argument("household")
@click.option(
    "--from", "start", required=True, help="RFC 3339, or local time of the household such as 2026-12-01T09:00."
)
@click.option("--until", "end", required=True, help="The same; silence counts again from here.")
@click.option("--cause", type=click.Choice(["trip", "hospital", "visit", "other"]), default="other", show_default=True)
@told
def absence(household: str, start: str, end: str, cause: str) -> None:
    """Declare that nobody will be at home: silence is paused from start to end, and wakes at its end.

    Publishes the household's full record with the absence added. Hazards still alarm meanwhile.

    Example:
      anbu households absence h-17 --from 2026-12-01T09:00 --until 2026-12-04T20:00 --cause trip
      h-17 is away from 2026-12-01T00:00:00.000Z until 2026-12-04T11:00:00.000Z (trip)
    """
    chosen = settings()
    record, _ = _current(chosen, household)
    zone = ZoneInfo(record.time_zone)
    try:
        added = msgspec.convert({"start": _time(start, zone), "end": _time(end, zone), "cause": cause}, Absence)
        kept = [one for one in record.absences if one != added]
        changed = msgspec.structs.replace(record, absences=[*kept, added])
        check_record(changed)
    except ValueError as error:
        raise Misconfigured(f"{error}") from error
    _publish(chosen, [changed])
    click.echo(f"{household} is away from {added.start} until {added.end} ({cause})")


@households.command("end")
@click.argument("household")
@click.option("--yes", is_flag=True, help="Do not ask.")
@told
def end(household: str, yes: bool) -> None:
    """End the watching of a household: its model, deadlines and requests are forgotten.

    Publishes a null record, which is what a registry sends when somebody leaves the service.

    Example:
      anbu households end h-17 --yes
      h-17 is no longer watched
    """
    chosen = settings()
    _current(chosen, household)
    if not yes:
        click.confirm(f"End the watching of {household}?", abort=True, err=True)
    with Publisher(chosen.bootstrap, chosen.partitions) as publisher:
        publisher.send(TOPIC, household, None)
    click.echo(f"{household} is no longer watched")


@households.command("worsened")
@click.option("--officer", help="This officer's list alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an officer and line.")
@click.option("--language", type=click.Choice(["ko", "en"]), default="en", show_default=True)
@told
def worsened(officer: str | None, as_json: bool, language: str) -> None:
    """List for each officer the households whose topics went worse this week: what the board's weekly list shows.

    Officers and their districts are those of `anbu users`; homes of districts that no officer has come last. A topic
    counts whose last word of these two weeks is graver than the one before, and a contact index that falls. Who ran it
    and whose homes it showed is kept in the board's access log; where that cannot be written, nothing is shown.

    Example:
      anbu households worsened
      kim (gangbuk, dobong): 2
        h-17  gangbuk  meals: concern → alarm, contact is falling 0.6 → 0.35
        h-23  dobong  sleep: well → concern

    Example:
      anbu households worsened --officer kim --json | jq '.homes[].household'
    """
    chosen = settings()
    lists = weekly_lists(_views(chosen), _officers(chosen))
    if officer is not None:
        lists = [one for one in lists if one.officer == officer]
        if not lists:
            raise Misconfigured(f"no responder is called {officer}; see: anbu users list")
    _keep_view(chosen, [home.household for one in lists for home in one.homes])
    for one in lists:
        click.echo(encode(one) if as_json else "\n".join(lines_of(one, Words(language))))
    if not lists and not as_json:
        click.echo("no household went worse, and there are no officers: anbu users add")


@households.command("grades")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a household.")
@click.option("--language", type=click.Choice(["ko", "en"]), default="en", show_default=True)
@told
def grades(*, as_json: bool, language: str) -> None:
    """List the households for which another risk grade is proposed, with the reasons. Nothing is changed.

    A grade is set by an officer, in the registry. Who ran it and whose homes it showed is kept in the board's access log;
    where that cannot be written, nothing is shown.

    Example:
      anbu households grades
      h-17  gangbuk  medium → high
        2 things got worse over the last weeks.
        Contact with others is falling (index 0.31).
    """
    chosen = settings()
    proposed = [one for view in _views(chosen) if (one := proposed_grade(view)) is not None]
    proposed.sort(key=lambda one: (one.district, one.household))
    _keep_view(chosen, [one.household for one in proposed])
    words = Words(language)
    for one in proposed:
        click.echo(encode(one) if as_json else "\n".join(grade_lines(one, words)))
    if not proposed and not as_json:
        click.echo("no other grade is proposed")


def _officers(chosen: Settings) -> list[User]:
    path = chosen.datadir / USERS
    try:
        return read_users(path) if path.exists() else []
    except UsersError as error:
        raise Misconfigured(str(error)) from error


def _keep_view(chosen: Settings, homes: list[str]) -> None:
    """Write to the access log that somebody at this terminal sees these homes, before they do."""
    try:
        who = getuser()
    except (KeyError, OSError):  # a container whose user has no name
        who = f"uid {os.getuid()}"
    lines = [
        {"who": who, "role": "terminal", "household": home, "what": "weekly", "incident": "", "address": ""}
        for home in dict.fromkeys(homes)
    ]
    try:
        path = chosen.datadir / ACCESS_LOG
        with contextlib.suppress(OSError):  # then the log says what is wrong
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = AccessLog(path)
        try:
            log.write_all(lines, at_ms=now_ms())
        finally:
            log.close()
    except AccessLogError as error:
        raise Failed(str(error)) from error


def _views(chosen: Settings) -> list[HouseholdView]:
    """Return the last view of every household in the log."""
    found: dict[bytes | None, HouseholdView] = {}
    with reading(chosen.bootstrap) as reader:
        for record in reader.read_whole(VIEWS):
            found.pop(record.key, None)
            if record.value is not None:
                with contextlib.suppress(msgspec.DecodeError):  # of a version that says it otherwise
                    found[record.key] = msgspec.json.decode(record.value, type=HouseholdView)
    return list(found.values())


def _lines(file: str) -> Iterator[Line]:
    if file == "-":
        yield from read_json_lines(sys.stdin)
        return
    path = Path(file)
    with opened(path) as raw:
        # utf-8-sig: spreadsheets begin their CSV with a byte order mark, which would become part of a column's name.
        text = io.TextIOWrapper(raw, encoding="utf-8-sig")
        yield from read_csv(text) if ".csv" in path.suffixes else read_json_lines(text)


def _publish(chosen: Settings, records: list[HouseholdRecord]) -> None:
    with Publisher(chosen.bootstrap, chosen.partitions) as publisher:
        for record in records:
            publisher.send(TOPIC, record.household, encode(record))


def _current(chosen: Settings, household: str) -> tuple[HouseholdRecord, int]:
    """Return the last record of a household in the log, and when it arrived."""
    place = (TOPIC, partition_of(household, chosen.partitions))
    with reading(chosen.bootstrap) as reader:
        found = reader.find_last(place, lambda record: record.key == household.encode())
    if found is None:
        raise Failed(f"no record of {household} in the log; publish it with: anbu households import")
    if found.value is None:
        raise Failed(f"{household} left the service: its last record, of {to_rfc3339(found.arrived_ms)}, is null")
    try:
        return msgspec.json.decode(found.value, type=HouseholdRecord), found.arrived_ms
    except msgspec.DecodeError as error:
        raise Failed(f"the last record of {household} cannot be read: {error}") from error


def _time(text: str, zone: ZoneInfo) -> str:
    """RFC 3339 UTC of a time as a person writes it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write it as 2026-12-01T09:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return to_rfc3339(from_rfc3339(moment.isoformat()))
