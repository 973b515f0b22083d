"""Reads `district.counts` for the stage beside an engine, without a group: whoever owns the partition runs its stage."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.engine.gathering import COUNTS, STAGE
from streams.engine.outputs import Output
from streams.worker.owned import Owned

WAIT_MS: Final = 500
"""So long a fetch waits for more; whoever took the partition away waits no longer for this to end."""


async def gather(bootstrap: str, owned: Owned, send: Callable[[Owned, list[Output]], Awaitable[bool]]) -> None:
    """Take counts until the partition is taken away; a broker that is away is waited for.

    What retention has taken is passed by: counts so old say nothing of today.
    """
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=WAIT_MS,
    )
    at = TopicPartition(COUNTS, STAGE)
    try:
        await _start(consumer, owned)
        consumer.assign([at])
        gathering = owned.engine.gathering if owned.engine is not None else None
        if gathering is not None and gathering.offset:
            consumer.seek(at, gathering.offset)
        while owned.active:
            try:
                found = await consumer.getmany(timeout_ms=WAIT_MS)
            except KafkaError:
                continue
            for records in found.values():
                await _take(owned, records, send)
    finally:
        await consumer.stop()


async def _start(consumer: Any, owned: Owned) -> None:
    while owned.active:
        try:
            await consumer.start()
        except KafkaError:
            await asyncio.sleep(1.0)
        else:
            return


async def _take(owned: Owned, records: list[Any], send: Callable[[Owned, list[Output]], Awaitable[bool]]) -> None:
    """Take records and hand over what follows, with no checkpoint in between: what it forgot nobody would say again."""
    async with owned.applying:
        gathering = owned.engine.gathering if owned.engine is not None else None
        if gathering is None or not owned.active:
            return
        said = [one for record in records for one in gathering.take(record.offset, record.key, record.value)]
        owned.unsent += 1
        if await send(owned, said):
            owned.unsent -= 1
