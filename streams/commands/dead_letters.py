"""`anbu dead-letters`: what could not be used, and the way back for it."""

from collections import Counter
from collections.abc import Iterable, Iterator

import click
import msgspec

from schemas.events import DeadLetter, Fault, Reason
from schemas.times import to_rfc3339
from schemas.topics import ORDERED_NAMES
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import TaughtGroup
from streams.event_file import faults_of
from streams.publish import Publisher
from streams.settings import Settings
from streams.tail import LogReader, Record, reading
from streams.wallclock import now_ms

TOPIC = "dead.letters"

Position = tuple[str, int, int]
"""Topic, partition, offset: where the refused bytes lie."""

REASON = click.option("--reason", type=click.Choice([reason.value for reason in Reason]), default=None)


@click.group(cls=TaughtGroup)
def dead_letters() -> None:
    """See to what could not be used: each record with its place and reason. Nothing is lost: the bytes are in the input.

    Values are never shown, for they may be personal: only their length and a masked beginning.
    """


@dead_letters.command("list")
@REASON
@click.option("--topic", type=click.Choice(ORDERED_NAMES), default=None)
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many of the newest.")
@told
def list_(reason: str | None, topic: str | None, last: int) -> None:
    """List the newest dead letters, then all of them counted by topic and reason.

    Example:
      anbu dead-letters list --reason missing_field
      2026-11-24T00:13:54.000Z  home.sensors/2/8121  missing_field  value
      41 in home.sensors: missing_field
    """
    letters = [letter for letter in _letters(settings()) if _matches(letter, reason, topic)]
    for letter in letters[-last:]:
        times = f"  x{letter.count} up to offset {letter.last_offset}" if letter.count > 1 else ""
        click.echo(f"{letter.at}  {_text(_position(letter))}  {letter.reason}  {letter.detail}{times}".rstrip())
    counts: Counter[tuple[str, str]] = Counter()
    for letter in letters:
        counts[letter.topic, letter.reason] += letter.count
    for (where, why), count in counts.most_common():
        click.echo(f"{count:,} in {where}: {why}")
    if not letters:
        click.echo("no dead letters")


@dead_letters.command("show")
@click.argument("position")
@told
def show(position: str) -> None:
    """Show all that is known of one refused record, and whether it would decode now.

    POSITION is topic/partition/offset as `list` prints it. The household is not named and no value is shown.

    Example:
      anbu dead-letters show home.sensors/2/8121
      {"reason": "missing_field", "detail": "value", "length": 212, ...}
      still: missing_field (value)
    """
    chosen = settings()
    where = _parse(position)
    found = [letter for letter in _letters(chosen) if _covers(letter, where)]
    if not found:
        raise Failed(f"no dead letter at {position}")
    for letter in found:
        click.echo(msgspec.json.format(msgspec.json.encode(letter), indent=2).decode())
    with reading(chosen.bootstrap) as reader:
        record = reader.read_at(*where)
    if record is None:
        click.echo("gone: retention has taken the bytes")
        return
    faults = _faults(record)
    click.echo(f"arrived {to_rfc3339(record.arrived_ms)}")
    click.echo(f"still: {_said(faults)}" if faults else "decodes now: anbu dead-letters retry " + position)


@dead_letters.command("retry")
@click.argument("positions", nargs=-1)
@REASON
@click.option("--all", "everything", is_flag=True, help="Every dead letter that is kept.")
@told
def retry(positions: tuple[str, ...], reason: str | None, everything: bool) -> None:
    """Read the original bytes again and publish them anew, if they decode now: after an update, or a clock put right.

    Says for each what it did. Bytes that still do not decode stay where they are. Readings that were good the first
    time are recognised as repeats. Exit code 1 when something could not be republished.

    Example:
      anbu dead-letters retry --reason unknown_type
      home.sensors/2/8121: republished
      home.sensors/0/77: still unknown_type (anbu.scent.v1)
      1 republished, 1 not
    """
    if not positions and reason is None and not everything:
        raise Misconfigured("say which: positions, --reason or --all")
    chosen = settings()
    letters = list(_letters(chosen))
    named = [_parse(position) for position in positions]
    wanted = dict.fromkeys(named)
    if reason is not None or everything:
        wanted |= dict.fromkeys(_positions(letter for letter in letters if _matches(letter, reason, None)))
    for position in named:
        if not any(_covers(letter, position) for letter in letters):
            raise Failed(f"no dead letter at {_text(position)}")
    done = 0
    with reading(chosen.bootstrap) as reader, Publisher(chosen.bootstrap, chosen.partitions) as publisher:
        for position in wanted:
            done += _retry(reader, publisher, position)
    click.echo(f"{done} republished, {len(wanted) - done} not")
    if done < len(wanted):
        raise click.exceptions.Exit(1)


def _retry(reader: LogReader, publisher: Publisher, position: Position) -> bool:
    record = reader.read_at(*position)
    if record is None:
        click.echo(f"{_text(position)}: gone, retention has taken the bytes")
        return False
    if faults := _faults(record):
        click.echo(f"{_text(position)}: still {_said(faults)}")
        return False
    publisher.send(record.topic, record.key or b"", record.value)
    publisher.flush()
    click.echo(f"{_text(position)}: republished")
    return True


def _letters(chosen: Settings) -> Iterator[DeadLetter]:
    with reading(chosen.bootstrap) as reader:
        for record in reader.read_whole(TOPIC):
            try:
                yield msgspec.json.decode(record.value or b"", type=DeadLetter)
            except (msgspec.DecodeError, RecursionError):
                click.echo(f"{TOPIC}/{record.partition}/{record.offset}: not a dead letter, passed over", err=True)


def _matches(letter: DeadLetter, reason: str | None, topic: str | None) -> bool:
    return reason in (None, letter.reason) and topic in (None, letter.topic)


def _covers(letter: DeadLetter, position: Position) -> bool:
    topic, partition, offset = position
    last = letter.offset if letter.last_offset is None else letter.last_offset
    return (letter.topic, letter.partition) == (topic, partition) and letter.offset <= offset <= last


def _position(letter: DeadLetter) -> Position:
    return letter.topic, letter.partition, letter.offset


def _positions(letters: Iterable[DeadLetter]) -> Iterator[Position]:
    """Every place the letters speak of; a summary of a flood does not say which of its range, so it is left out."""
    for letter in letters:
        if letter.last_offset is None:
            yield _position(letter)
        else:
            last = f"{letter.topic}/{letter.partition}/{letter.last_offset}"
            click.echo(f"{_text(_position(letter))} to {last}: a summary of {letter.count}; name positions to retry")


def _faults(record: Record) -> list[Fault]:
    return faults_of(record.topic, record.key, record.value, now_ms())


def _said(faults: list[Fault]) -> str:
    kinds = dict.fromkeys(f"{fault.reason} ({fault.detail})" if fault.detail else str(fault.reason) for fault in faults)
    return ", ".join(kinds)


def _text(position: Position) -> str:
    return "/".join(map(str, position))


def _parse(text: str) -> Position:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if topic not in ORDERED_NAMES or not partition.isdecimal() or not offset.isdecimal():
        raise Misconfigured(f"{text!r} is no position; write it as home.sensors/2/8121")
    return topic, int(partition), int(offset)
