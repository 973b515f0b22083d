"""Commands of this layer, found by the `anbu` command line through the entry points `anbu.commands`."""

import contextlib
import random
from importlib.metadata import version

import click

from infra.growing import grow
from infra.migrations import MigrationError
from infra.migrations import migrate as apply_migrations
from infra.topics import TopicError, create_topics, topic_set
from streams.archive.upkeep import set_retention
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect
from streams.commands.outcome import Failed, count, settings, told
from streams.commands.teach import Taught, TaughtGroup
from streams.settings import masked


@click.group(cls=TaughtGroup, short_help="The topic set: create it, grow it.")
def topics() -> None:
    """Make the topic set, or move it to more partitions: every topic Anbu reads or writes, one partition count for all."""


@topics.command("create")
@click.option(
    "--replication",
    type=click.IntRange(1, 10),
    default=1,
    show_default=True,
    help="Copies the cluster keeps of each: 3 where there are 3 brokers.",
)
@told
def create(replication: int) -> None:
    """Create every topic that is missing, with the partition count and retention it needs.

    Safe to repeat: what is there is checked first, and nothing is created next to a topic that cannot be used. The
    partition count is ANBU_PARTITIONS; a set that is there is moved to more with `anbu topics grow`.

    Example:
      anbu topics create
      16 topics with 4 partitions on 127.0.0.1:9092, 16 of them new
    """
    chosen = settings()
    try:
        made = create_topics(chosen.bootstrap, chosen.partitions, replication=replication, group=chosen.group)
    except TopicError as error:
        raise Failed(str(error)) from error
    size = len(topic_set(chosen.group))
    click.echo(f"{size} topics with {chosen.partitions} partitions on {chosen.bootstrap}, {len(made)} of them new")


@topics.command("grow")
@click.argument("partitions", type=click.IntRange(2, 4096))
@click.option("--group", "new_group", required=True, help="Consumer group of the workers from then on: a new name.")
@told
def grow_set(partitions: int, new_group: str) -> None:
    """Move the topic set to PARTITIONS partitions, the state of every household with it.

    Before: stop whoever writes events, actions and alerts; let the ticker write one more tick into every topic and stop it;
    let the workers judge everything, and stop them. The command refuses to begin where something is left, and changes
    nothing then. Broken off in between it is run again.

    After: start workers, ticker, writers, board and senders with ANBU_PARTITIONS and ANBU_GROUP as the command says.

    Example:
      anbu topics grow 16 --group anbu-2
      211 households from 4 to 16 partitions, 158 of them moved; go on with ANBU_PARTITIONS=16 ANBU_GROUP=anbu-2
    """
    chosen = settings()
    owner = random.SystemRandom().getrandbits(63)
    try:
        done = grow(chosen.bootstrap, chosen.group, new_group, partitions, engine=version("anbu"), owner=owner)
    except TopicError as error:
        raise Failed(str(error)) from error
    click.echo(
        f"{count(done.households, 'household')} from {done.before} to {done.after} partitions, {done.moved:,} of them moved;"
        f" go on with ANBU_PARTITIONS={done.after} ANBU_GROUP={new_group}"
    )


@click.command(cls=Taught, short_help="Bring ClickHouse's tables to this version.")
@told
def migrate() -> None:
    """Apply the numbered migrations that ClickHouse does not have yet, each once and in order.

    Also sets how long the archive is kept: ANBU_ARCHIVE_DAYS.

    Example:
      anbu migrate
      applied 0001_incidents.sql, 0002_statuses.sql, 0003_dead_letters.sql
    """
    chosen = settings()
    try:
        with contextlib.closing(connect(chosen.clickhouse, create=True)) as client:
            applied = apply_migrations(client)
            set_retention(client, chosen.archive_days)
    except (MigrationError, ClickHouseAwayError, ClickHouseRefusedError) as error:
        raise Failed(f"{masked(chosen.clickhouse)}: {error}") from error
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to do: the tables are those of this version")
