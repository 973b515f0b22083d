"""`anbu alerts`: public alerts, written to every partition in order with the events."""

import hashlib

import click

from schemas.alerts import HAZARD_NAMES, AlertMessage, AlertStatus, Hazard, PublicAlert
from schemas.checks import check_alert
from schemas.encode import encode
from schemas.incidents import Severity
from schemas.times import to_rfc3339
from streams.cap.alerts import Taken, take
from streams.cap.form import MOST_BYTES, CapError
from streams.commands.moments import moment
from streams.commands.outcome import Misconfigured, count, settings, told
from streams.commands.teach import TaughtGroup
from streams.publish import Publisher
from streams.wallclock import now_ms

TOPIC = "public.alerts"
_PLAIN = ("kind", "severity", "expires", "text_ko", "text_en", "sender", "status")
_DEFAULT = click.core.ParameterSource.DEFAULT


@click.group(cls=TaughtGroup)
def alerts() -> None:
    """Tell Anbu of a public alert, as a record in the log, in order with the events.

    Every home that it covers is asked, the most endangered first; who does not answer becomes an incident.
    """


@alerts.command("send")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--kind", type=click.Choice([kind.value for kind in Hazard]), help="What it warns of.")
@click.option("--severity", type=click.Choice([one.value for one in Severity]), help="Absent: unknown.")
@click.option("--area", "areas", multiple=True, help="Area code; a legal code of 10 digits covers all beneath it.")
@click.option("--district", "districts", multiple=True, help="District as the registry names it.")
@click.option("--expires", help="RFC 3339 time, or how long from now: 90m, 6h, 2d.")
@click.option("--text-ko", default="", help="The emergency text in Korean.")
@click.option("--text-en", default="", help="The emergency text in English.")
@click.option("--sender", default="anbu.cli", show_default=True, help="Who says it.")
@click.option(
    "--status",
    type=click.Choice([one.value for one in AlertStatus]),
    default=AlertStatus.ACTUAL.value,
    show_default=True,
    help="As CAP 1.2 means it.",
)
@click.option("--check", is_flag=True, help="Only validate: needs no broker.")
@told
def send(file: str | None, check: bool, areas: tuple[str, ...], districts: tuple[str, ...], **plain: str) -> None:
    """Send a CAP 1.2 message (FILE, - for stdin), or an alert in the plain form of an emergency text.

    It goes to every partition. Of a CAP message the area codes count, for Anbu knows homes by code: where it has only
    polygons or circles, or no area, --area and --district stand in. What could not be used is told on stderr; exit code
    1 when somebody whom the message covers may not be asked.

    Example:
      anbu alerts send heat-wave.xml
      sent KMA-2026-0114 of weather@example.go.kr (폭염 · heat wave) to 4 partitions, until 2026-11-24T12:00:00.000Z

    Example:
      anbu alerts send --kind heat_wave --severity Severe --area 1168000000 --expires 6h --text-ko "폭염 경보"
      sent alert-0b1d3c5f7a92 of anbu.cli (폭염 · heat wave) to 4 partitions, until 2026-11-24T15:00:00.000Z
    """
    if file is None:
        taken = Taken((_plain(list(areas), list(districts), **plain),))
    else:
        given = [name for name in _PLAIN if click.get_current_context().get_parameter_source(name) is not _DEFAULT]
        if given:
            raise Misconfigured(f"--{given[0].replace('_', '-')} is said by the message itself")
        taken = _from_file(file, areas, districts)
    for line in (*taken.unused, *taken.left_out):
        click.echo(f"{file}: {line}", err=True)
    if check:
        _tell(taken, "would send", "")
    else:
        chosen = settings()
        with Publisher(chosen.bootstrap, chosen.partitions) as publisher:
            for alert in taken.alerts:
                publisher.broadcast(TOPIC, alert.id, encode(alert))
        _tell(taken, "sent", f" to {count(chosen.partitions, 'partition')}")
    if taken.left_out:
        raise click.exceptions.Exit(1)


def _tell(taken: Taken, verb: str, where: str) -> None:
    for alert in taken.alerts:
        names = " · ".join(HAZARD_NAMES[alert.kind])
        what = f"{alert.id} of {alert.sender}" + (f", part {alert.part}" if alert.part else "")
        if alert.msg_type is AlertMessage.CANCEL:
            click.echo(f"{verb} {what}{where}: it ends {', '.join(one.id for one in alert.references)}")
        else:
            click.echo(f"{verb} {what} ({names}){where}, until {alert.expires}")
    if not taken.alerts:
        click.echo("nothing of it can be sent", err=True)


def _from_file(file: str, areas: tuple[str, ...], districts: tuple[str, ...]) -> Taken:
    try:
        with click.open_file(file, "rb") as stream:
            return take(stream.read(MOST_BYTES + 1), areas=areas, districts=districts)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from error
    except CapError as error:
        raise Misconfigured(f"{file}: {error}") from error


def _plain(areas: list[str], districts: list[str], **said: str) -> PublicAlert:
    """Make an alert of what was said on the command line."""
    for name in ("kind", "expires"):
        if not said[name]:
            raise Misconfigured(f"--{name} is missing: give it, or a file with a CAP 1.2 message")
    at_ms = now_ms()
    until = moment(said["expires"], at_ms, "--expires")
    words = [said["kind"], said["severity"], *areas, *districts, until, *(said[one] for one in _PLAIN[3:])]
    alert = PublicAlert(
        id="alert-" + hashlib.sha256(encode([*words, to_rfc3339(at_ms)])).hexdigest()[:12],
        sender=said["sender"],
        sent=to_rfc3339(at_ms),
        status=AlertStatus(said["status"]),
        kind=Hazard(said["kind"]),
        severity=Severity(said["severity"]) if said["severity"] else None,
        area_codes=areas,
        districts=districts,
        effective=to_rfc3339(at_ms),
        expires=until,
        text_ko=said["text_ko"],
        text_en=said["text_en"],
    )
    if fault := check_alert(alert):
        raise Misconfigured(f"{fault.detail}: {fault.reason.value.replace('_', ' ')}")
    return alert
