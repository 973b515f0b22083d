"""`anbu incidents ack`, `close` and the others: what a responder did, and the engine's answer."""

from collections.abc import Callable
from typing import Any, get_args

import click

from schemas.actions import AbsenceCause, ActionKind, ActionResult, Referral
from schemas.checkins import Purpose
from schemas.encode import encode
from schemas.incidents import CloseCause, Incident
from streams.commands.moments import moment
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import Taught
from streams.responder import REASONS, NoAnswerError, Responder
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms

_SHORTEST = 6
_CAUSES = [one.value for one in CloseCause if one is not CloseCause.MERGED]
"""Without `merged`, which only the engine says."""

Decorated = Callable[..., Any]
WHO = click.option(
    "--who", required=True, envvar="ANBU_WHO", help="Who did it: a name or number of staff (or ANBU_WHO)."
)
AGAIN = click.option("--id", "id_", help="Id of an action that was sent before: sent again, it changes nothing.")
WITHIN = click.option(
    "--within",
    "within_s",
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    help="Seconds for an answer.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="The engine's answer as one JSON object.")
REVISION = click.option("--revision", type=click.IntRange(1), help="The revision that was seen; default: the last one.")


def _command(name: str, *options: Decorated) -> Callable[[Decorated], click.Command]:
    """Make a command on an incident, with the options that all of them have."""

    def decorate(function: Decorated) -> click.Command:
        wrapped = told(function)
        for option in (JSON, WITHIN, AGAIN, REVISION, *reversed(options), WHO):
            wrapped = option(wrapped)
        return click.command(name, cls=Taught)(click.argument("incident")(wrapped))

    return decorate


@_command("ack")
def ack(incident: str, **said: Any) -> None:
    """Take an incident: you become its owner. INCIDENT is its id, or the first letters of it, 6 at least.

    Exit code 0 when the engine took it, 1 when it refused or did not answer, 2 for wrong arguments.

    Example:
      anbu incidents ack 3f0c9a --who kim
      taken: acknowledge on 3f0c9a417be2d581 (silence, h-017), revision 2
    """
    _act(incident, "acknowledge", said)


@_command("close", click.option("--cause", type=click.Choice(_CAUSES), required=True))
def close(incident: str, **said: Any) -> None:
    """Close an incident with its cause. Refused if it has grown graver since the revision that was seen.

    What you say is learned from: after safe_at_home the silence counts as ordinary life of this home. `no_contact` closes
    nothing: somebody has to reach the person.

    Example:
      anbu incidents close 3f0c9a --cause safe_at_home --who kim
      taken: close on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "close", said)


@_command("note", click.option("--cause", type=click.Choice(_CAUSES), help="What was found."))
def note(incident: str, **said: Any) -> None:
    """Note what was found, such as no contact. It is answered, and changes nothing by itself. There is no free text.

    Example:
      anbu incidents note 3f0c9a --cause no_contact --who kim
      taken: note on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "note", said)


@_command("visit")
def visit(incident: str, **said: Any) -> None:
    """Say that somebody goes there now.

    Example:
      anbu incidents visit 3f0c9a --who kim
      taken: visit on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "visit", said)


@_command("snooze", click.option("--until", required=True, help="RFC 3339 time, or how long from now: 30m, 3h."))
def snooze(incident: str, **said: Any) -> None:
    """Put an incident off, with a limit; a rise in severity ends that. An emergency cannot be put off.

    Example:
      anbu incidents snooze 3f0c9a --until 3h --who kim
      taken: snooze on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "snooze", said)


@_command(
    "check", click.option("--purpose", type=click.Choice(get_args(Purpose)), default="wellbeing", show_default=True)
)
def check(incident: str, **said: Any) -> None:
    """Ask for a check of the incident's household: a call, or whatever its registry record allows.

    Example:
      anbu incidents check 3f0c9a --purpose wellbeing --who kim
      taken: request_check on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "request_check", said)


@_command(
    "absence",
    click.option("--from", "start", help="RFC 3339; default: now."),
    click.option("--until", required=True, help="RFC 3339 time, or how long from now: 2d."),
    click.option("--cause", "absence", type=click.Choice(get_args(AbsenceCause)), default="other", show_default=True),
)
def absence(incident: str, **said: Any) -> None:
    """Declare that nobody is at home in the incident's household, until a time.

    Example:
      anbu incidents absence 3f0c9a --until 4d --cause hospital --who kim
      taken: declare_absence on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "declare_absence", said)


@_command("refer", click.option("--to", "referral", type=click.Choice(get_args(Referral)), required=True))
def refer(incident: str, **said: Any) -> None:
    """Refer the person of the incident's household to a service.

    Example:
      anbu incidents refer 3f0c9a --to meals --who kim
      taken: refer on 3f0c9a417be2d581 (silence, h-017), revision 3
    """
    _act(incident, "refer", said)


COMMANDS = (ack, close, note, visit, snooze, check, absence, refer)


def _act(name: str, action: ActionKind, said: dict[str, Any]) -> None:
    who, within_s, as_json = said.pop("who"), said.pop("within_s"), said.pop("as_json")
    revision, said["id"] = said.pop("revision"), said.pop("id_")
    if "until" in said:
        said["until"] = moment(said["until"], now_ms(), "--until")
    if said.get("start"):
        said["start"] = moment(said["start"], now_ms(), "--from")
    chosen = settings()
    found = _find(chosen.bootstrap, name)
    if revision is not None:
        if revision > found.revision:
            raise Misconfigured(f"--revision: the last one is {found.revision}")
        said["revision"] = revision
    with Responder(chosen.bootstrap, chosen.partitions, who=who) as responder:
        try:
            made = responder.action_of(found.household, action, incident=found, **said)
        except ValueError as error:
            raise Misconfigured(str(error)) from error
        try:
            earlier = responder.answer_to(made) if said["id"] else None
            answer = earlier or responder.send(made, within_s=within_s)
        except NoAnswerError as error:
            raise Failed(f"{error}; ask again with: --id {made.id}") from error
    _tell(found, action, made.revision, answer, as_json=as_json)


def _tell(incident: Incident, action: str, revision: int, answer: ActionResult, *, as_json: bool) -> None:
    what = f"{action} on {incident.id} ({incident.kind.value}, {incident.household}), revision {revision}"
    if as_json:
        click.echo(encode(answer))
    elif answer.ok:
        click.echo(f"taken: {what}")
    if not answer.ok:
        raise Failed(f"{action} on {incident.id}: {REASONS.get(answer.reason, answer.reason)}")


def _find(bootstrap: str, name: str) -> Incident:
    """Return the incident whose id begins so, open or ended a while ago."""
    if len(name) < _SHORTEST:
        raise Misconfigured(f"INCIDENT: at least {_SHORTEST} letters of its id")
    with IncidentSubscriber(bootstrap) as subscriber:
        subscriber.catch_up()
        found = [one for one in subscriber.fold.incidents(ended=True) if one.id.startswith(name)]
    if not found:
        raise Failed(f"no incident {name}: see what is open with: anbu incidents watch --once --json")
    if len(found) > 1:
        raise Misconfigured(f"INCIDENT: {len(found)} incidents begin with {name}: give more of the id")
    return found[0]
