"""`anbu incidents export`: revisions as files that other systems read."""

from pathlib import Path
from urllib.parse import quote

import click

from streams.cap.form import CapError
from streams.cap.incidents import CapTeller
from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import Taught
from streams.subscriber import IncidentSubscriber


@click.command("export", cls=Taught)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--cap", is_flag=True, required=True, help="As CAP 1.2 messages in XML, one a revision.")
@click.option("--sender", required=True, help="Who sends them, unique in the world: a domain name of yours.")
@click.option("--incident", "only", help="Of this incident only.")
@told
def export(folder: Path, cap: bool, sender: str, only: str | None) -> None:  # noqa: ARG001 - the one form there is yet
    """Write every revision that the broker still has into FOLDER as a CAP 1.2 message.

    Each is in Korean and English, scope Restricted (responders on duty), and refers to the one it replaces. Those of an
    exercise have status Exercise. A file that is there already is written again, the same.

    Example:
      anbu incidents export out --cap --sender anbu.gangbuk.example
      wrote 12 messages of 4 incidents into out
    """
    teller = CapTeller(sender)
    told_of: set[str] = set()
    messages = refused = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with IncidentSubscriber(settings().bootstrap, from_start=True) as subscriber:
            for incident in subscriber.catch_up():
                if only not in (None, incident.id):
                    continue
                try:
                    xml = teller.tell(incident)
                except CapError as error:
                    if error.where == "alert/sender":
                        raise Misconfigured(f"--sender: {error.why}") from error
                    click.echo(f"{incident.id!r}: {error}", err=True)
                    refused += 1
                    continue
                # Ids are digests; whoever wrote another one must not choose where the file lies.
                (folder / f"{quote(incident.id, safe='')}-{incident.revision}.xml").write_bytes(xml)
                told_of.add(incident.id)
                messages += 1
    except OSError as error:
        raise Failed(f"{folder}: {error.strerror}") from error
    click.echo(f"wrote {count(messages, 'message')} of {count(len(told_of), 'incident')} into {folder}")
    if refused:
        raise click.exceptions.Exit(1)
