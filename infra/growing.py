"""Move a topic set to more partitions, on the same broker: `anbu topics grow`.

1. Read the old group's changelog and see that everything was judged: each old partition stands at the end of its logs, all
   at one tick, and the group has no member.
2. Give every topic of the set the new count.
3. Write again, where they belong now, the last record of whatever is found by its household: registry records, open
   incidents, household views. Then put away the old ones of the two compacted topics.
4. Make the changelog of the new group, with the new count, and write the dealt states: rows, then a position row each.
5. Read it back.

Broken off anywhere it is run again: what was written twice counts once. The old group's changelog stays as it is.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from kafka.errors import KafkaError

from infra.topics import TopicError, TopicState, admin_of, create_topics, describe
from schemas.events import TICK_KEY
from schemas.partitions import partition_of
from schemas.topics import ALL, ORDER_OF, ORDERED_NAMES, changelog_of
from streams.engine.snapshot import Changelog, Recovered
from streams.growing import NotDrainedError, grown, rows_of
from streams.publish import Publisher
from streams.tail import LogReader, reading

_COMPACTED: Final = ("incidents.open", "households.view")
_REGISTRY: Final = "households"


class _Named(msgspec.Struct):
    household: str


@dataclass(frozen=True, slots=True)
class Grown:
    """What was moved."""

    before: int
    after: int
    households: int
    moved: int
    """Of the households, those that live in another partition now."""
    rows: int


def grow(bootstrap: str, group: str, new_group: str, partitions: int, *, engine: str, owner: int) -> Grown:
    """Move the set; the workers of `new_group` go on where those of `group` stopped.

    Raises:
        BrokerAwayError: the broker does not answer.
        TopicError: the topics, the group or the logs are not as they must be; nothing of the old state is changed.

    """
    there = describe(bootstrap)
    before = _count_before(there, group, new_group, partitions)
    _check_nobody_works(bootstrap, (group, new_group))
    with reading(bootstrap) as reader:
        old = [_recovered(reader, changelog_of(group), number) for number in range(before)]
        _check_judged(reader, old, before)
        replication = max(1, there[changelog_of(group)].replication)
        _widen(bootstrap, there, partitions)
    with reading(bootstrap) as reader, Publisher(bootstrap, partitions) as pen:
        _move_records(reader, pen, before, partitions)
        ends = [_ends(reader, number) for number in range(partitions)]
    states = _grown(old, ends)
    create_topics(bootstrap, partitions, replication=replication, group=new_group)
    rows = 0
    with reading(bootstrap) as reader, Publisher(bootstrap, partitions) as pen:
        topic = changelog_of(new_group)
        for number, state in enumerate(states):
            # Of an attempt before, which broke off: this one must win over it.
            tried = _recovered(reader, topic, number)
            state.top_epoch, state.top_number = tried.top_epoch, max(state.top_number, tried.top_number)
            for kept in _rows(state, number, partitions, engine, owner):
                for key, value in kept.rows:
                    pen.send(topic, key, value, partition=number)
                    rows += 1
                pen.flush()
        pen.flush()
        _check_written(reader, topic, states)
    names = [name for found in old for name in found.households]
    moved = sum(partition_of(name, before) != partition_of(name, partitions) for name in names)
    return Grown(before, partitions, len(names), moved, rows)


# What must hold before.


def _count_before(there: Mapping[str, TopicState], group: str, new_group: str, partitions: int) -> int:
    if group == new_group:
        raise TopicError(f"the workers of the larger set need a group of their own: not {group}")
    changelog = there.get(changelog_of(group))
    if changelog is None:
        raise TopicError(f"topic {changelog_of(group)} is missing: group {group} has no state to move")
    before = changelog.partitions
    if partitions <= before:
        raise TopicError(f"the set has {before} partitions: it can be given more of them, not {partitions}")
    for topic in ALL:
        if topic.name not in there:
            raise TopicError(f"topic {topic.name} is missing; create it with: anbu topics create")
        # Those of an attempt that broke off have the new count already.
        if there[topic.name].partitions not in {before, partitions}:
            raise TopicError(
                f"topic {topic.name} has {there[topic.name].partitions} partitions, the state of group {group} has"
                f" {before}: they do not belong together"
            )
    return before


def _check_nobody_works(bootstrap: str, groups: tuple[str, ...]) -> None:
    with admin_of(bootstrap) as admin:
        for group in groups:
            members: list[Any] = []
            with contextlib.suppress(KafkaError):  # a group that never was
                members = admin.describe_groups([group])[group].get("members", [])
            if members:
                raise TopicError(f"group {group} has {len(members)} workers: stop them first (SIGTERM), and start none")


def _recovered(reader: LogReader, topic: str, number: int) -> Recovered:
    changelog = Changelog()
    for record in reader.read_whole(topic, number):
        changelog.take(record.key, record.value)
    return changelog.result()


def _check_judged(reader: LogReader, old: list[Recovered], before: int) -> None:
    """Refuse logs that hold anything the state does not know."""
    for number, found in enumerate(old):
        if found.position is None:
            continue  # told below, with its remedy
        position = found.position[0][0]
        for topic, end in zip(ORDERED_NAMES, _ends(reader, number), strict=True):
            at = position[ORDER_OF[topic]]
            left = end - at
            if left > 0 and topic == _REGISTRY:
                left = sum(not _is_moved(one.key, number, before) for one in reader.read_to_end({(topic, number): at}))
            if left > 0:
                raise TopicError(
                    f"{topic}/{number} holds {left} records that no worker has judged: stop whoever writes, let the"
                    " ticker write one more tick, then let the workers reach it and stop them"
                )


def _is_moved(key: bytes | None, number: int, before: int) -> bool:
    """Tell whether a registry record was written here by an attempt before: it does not belong here by the old count."""
    return key is not None and key != TICK_KEY and partition_of(key, before) != number


def _ends(reader: LogReader, number: int) -> list[int]:
    bounds = reader.bounds((topic, number) for topic in ORDERED_NAMES)
    return [bounds[topic, number][1] for topic in ORDERED_NAMES]


# What is done.


def _widen(bootstrap: str, there: Mapping[str, TopicState], partitions: int) -> None:
    narrow = {topic.name: partitions for topic in ALL if there[topic.name].partitions != partitions}
    if not narrow:
        return
    with admin_of(bootstrap) as admin:
        try:
            admin.create_partitions(narrow)
        except KafkaError as error:
            raise TopicError(f"the broker gives the topics no more partitions: {type(error).__name__}") from error
        admin.wait_for_topics(list(narrow), timeout_ms=15_000)


def _move_records(reader: LogReader, pen: Publisher, before: int, partitions: int) -> None:
    gone: list[tuple[str, int, bytes]] = []
    for topic in (_REGISTRY, *_COMPACTED):
        for number in range(before):
            for key, value in _last_of_each(reader, topic, number).items():
                home = _household(topic, key, value)
                if home is None or partition_of(home, before) != number or partition_of(home, partitions) == number:
                    continue
                pen.send(topic, key, value, partition=partition_of(home, partitions))
                if topic in _COMPACTED:
                    gone.append((topic, number, key))
    # All of them lie in their new place before the first is put away in its old one.
    pen.flush()
    for topic, number, key in gone:
        pen.send(topic, key, None, partition=number)
    pen.flush()


def _last_of_each(reader: LogReader, topic: str, number: int) -> dict[bytes, bytes]:
    last: dict[bytes, bytes] = {}
    for record in reader.read_whole(topic, number):
        if record.key is None or record.key == TICK_KEY:
            continue
        if record.value is None:
            last.pop(record.key, None)
        else:
            last[record.key] = record.value
    return last


def _household(topic: str, key: bytes, value: bytes) -> str | None:
    if topic != "incidents.open":
        return key.decode(errors="replace")
    try:
        return msgspec.json.decode(value, type=_Named).household
    except msgspec.MsgspecError:
        return None


def _grown(old: list[Recovered], ends: list[list[int]]) -> list[Recovered]:
    try:
        return grown(old, ends)
    except NotDrainedError as error:
        raise TopicError(str(error)) from error


def _rows(state: Recovered, number: int, partitions: int, engine: str, owner: int) -> Iterator[Any]:
    try:
        yield from rows_of(state, number, partitions, engine=engine, owner=owner)
    except NotDrainedError as error:
        raise TopicError(str(error)) from error


def _check_written(reader: LogReader, topic: str, states: list[Recovered]) -> None:
    for number, state in enumerate(states):
        found = _recovered(reader, topic, number)
        if found.position is None or found.lost or found.households.keys() != state.households.keys():
            raise TopicError(f"{topic}/{number} does not read back as it was written: run the command again")
