"""`anbu send`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from streams.commands.outcome import Misconfigured, count, settings, told
from streams.commands.teach import Taught
from streams.event_file import Bad, Good, read_messages
from streams.publish import Publisher
from streams.unpacked import DAMAGED, opened
from streams.wallclock import now_ms


@click.command(cls=Taught, short_help="Validate events and publish the good ones.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--check", is_flag=True, help="Only validate: needs no broker.")
@told
def send(files: tuple[str, ...], check: bool) -> None:
    """Validate events and publish the good ones, from JSON or JSON lines files (.gz too) or from stdin.

    A line is one CloudEvents 1.0 event, or an array of events. Topic and partition follow from each event's type and
    subject. Every bad event is told on stderr with its line and reason, the good ones go on. Exit code 1 when one was
    bad.

    Example:
      echo '{"specversion":"1.0","type":"anbu.emergency_button.v1","source":"/sensors/gw-17","id":"b-1",
             "time":"2026-11-24T09:30:00+09:00","subject":"h-17","data":{"device":"bed"}}' | anbu send
      sent 1 event in 1 message, 0 refused

    Example:
      anbu send --check night.jsonl
      line 3: bad_time (time)
      line 9, event 2: missing_field (value)
      would send 48 events in 12 messages, 2 refused
    """
    publisher = None
    if not check:
        chosen = settings()
        publisher = Publisher(chosen.bootstrap, chosen.partitions)
    events = messages = refused = 0
    try:
        for file in files or ("-",):
            for one in _read(file):
                if isinstance(one, Bad):
                    refused += 1
                    click.echo(f"{file}: {one}" if len(files) > 1 else str(one), err=True)
                    continue
                events, messages = events + one.events, messages + 1
                if publisher is not None:
                    publisher.send(one.topic, one.household, one.value)
    finally:
        # What was read before a file turned out unreadable goes on too.
        if publisher is not None:
            publisher.close()
    verb = "would send" if check else "sent"
    click.echo(f"{verb} {count(events, 'event')} in {count(messages, 'message')}, {refused} refused")
    if refused:
        raise click.exceptions.Exit(1)


def _read(file: str) -> Iterator[Good | Bad]:
    try:
        if file == "-":
            yield from read_messages(sys.stdin.buffer, now_ms())
            return
        with opened(Path(file)) as lines:
            yield from read_messages(lines, now_ms())
    except DAMAGED as error:
        raise Misconfigured(f"{file}: {error}") from error
