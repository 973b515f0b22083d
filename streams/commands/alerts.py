"""`anbu alerts`: public alerts, written to every partition in order with the events."""

import hashlib
import re

import click

from schemas.alerts import HAZARD_NAMES, AlertStatus, Hazard, PublicAlert
from schemas.checks import check_alert
from schemas.encode import encode
from schemas.incidents import Severity
from schemas.times import from_rfc3339, to_rfc3339
from streams.commands.outcome import Misconfigured, settings, told
from streams.commands.teach import TaughtGroup
from streams.publish import Publisher
from streams.wallclock import now_ms

TOPIC = "public.alerts"
_LASTS = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


@click.group(cls=TaughtGroup)
def alerts() -> None:
    """Tell Anbu of a public alert, as a record in the log, in order with the events.

    Today it is checked and kept; asking the homes it covers comes later.
    """


@alerts.command("send")
@click.option("--kind", type=click.Choice([kind.value for kind in Hazard]), required=True, help="What it warns of.")
@click.option("--severity", type=click.Choice([one.value for one in Severity]), help="Absent: unknown.")
@click.option("--area", "areas", multiple=True, help="Area code; a legal code of 10 digits covers all beneath it.")
@click.option("--district", "districts", multiple=True, help="District as the registry names it.")
@click.option("--expires", required=True, help="RFC 3339 time, or how long from now: 90m, 6h, 2d.")
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
def send(
    kind: str,
    severity: str | None,
    areas: tuple[str, ...],
    districts: tuple[str, ...],
    expires: str,
    text_ko: str,
    text_en: str,
    sender: str,
    status: str,
    check: bool,
) -> None:
    """Send an alert in the plain form of an emergency text, to every partition.

    Example:
      anbu alerts send --kind heat_wave --severity Severe --area 1168000000 --expires 6h --text-ko "폭염 경보"
      sent alert-0b1d3c5f7a92 (폭염 · heat wave) to 4 partitions, until 2026-11-24T15:00:00.000Z
    """
    at_ms = now_ms()
    until = _until(expires, at_ms)
    said = [kind, severity, *areas, *districts, until, text_ko, text_en, sender, status, to_rfc3339(at_ms)]
    alert = PublicAlert(
        id="alert-" + hashlib.sha256(encode(said)).hexdigest()[:12],
        sender=sender,
        sent=to_rfc3339(at_ms),
        status=AlertStatus(status),
        kind=Hazard(kind),
        severity=Severity(severity) if severity else None,
        area_codes=list(areas),
        districts=list(districts),
        effective=to_rfc3339(at_ms),
        expires=until,
        text_ko=text_ko,
        text_en=text_en,
    )
    if fault := check_alert(alert):
        raise Misconfigured(f"{fault.detail}: {fault.reason.value.replace('_', ' ')}")
    names = " · ".join(HAZARD_NAMES[alert.kind])
    if check:
        click.echo(f"would send {alert.id} ({names}), until {until}")
        return
    chosen = settings()
    with Publisher(chosen.bootstrap, chosen.partitions) as publisher:
        publisher.broadcast(TOPIC, alert.id, encode(alert))
    click.echo(f"sent {alert.id} ({names}) to {chosen.partitions} partitions, until {until}")


def _until(text: str, at_ms: int) -> str:
    if found := _LASTS.fullmatch(text):
        return to_rfc3339(at_ms + int(found[1]) * _UNIT_MS[found[2]])
    try:
        return to_rfc3339(from_rfc3339(text))
    except ValueError as error:
        raise Misconfigured("--expires: must be an RFC 3339 time, or how long from now such as 6h") from error
