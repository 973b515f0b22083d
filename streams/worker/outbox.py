"""What a worker writes: outputs at once, rows of a checkpoint in their order, each waited for where it matters."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from schemas.encode import encode
from schemas.incidents import Status
from streams.engine.partition import Output
from streams.wallclock import now_ms

BATCH_BYTES: Final = 900_000
"""Below `max.message.bytes` of every topic."""
DELIVER_WITHIN_S: Final = 40.0


class NotDeliveredError(Exception):
    """The broker did not take a record: what was told is not known to be told, so the worker must end and begin anew."""


class Outbox:
    """One producer for all partitions of a worker. Records of a partition of a topic are written in order."""

    def __init__(
        self, bootstrap: str, *, acknowledged: Callable[[Output], None], failed: Callable[[str], None]
    ) -> None:
        """Choose the broker; `acknowledged` is called for each output the broker has, `failed` once for one it refused."""
        self._bootstrap = bootstrap
        self._acknowledged = acknowledged
        self._failed = failed
        self._producer: Any = None
        self._waiting: dict[int, set[asyncio.Future[Any]]] = {}
        self._refused = ""
        """The first topic of which the broker refused an output: nothing that follows from it may be kept."""

    async def start(self) -> None:
        """Connect."""
        # Idempotence stays off: the embedded broker has none, and readers know repeats. One request is in flight a
        # partition, so that order holds all the same.
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=BATCH_BYTES + 100_000,
            request_timeout_ms=30_000,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Write what is buffered, and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, partition: int, outputs: Iterable[Output], lag: int | None) -> None:
        """Hand outputs over; `lag` is stamped into status records."""
        for output in outputs:
            what = output.what
            value = None
            if isinstance(what, Status):
                value = encode(_stamped(what, lag))
            elif what is not None:
                value = encode(what)
            try:
                to = partition if output.to is None else output.to
                future = await self._producer.send(output.topic, key=output.key or None, value=value, partition=to)
            except (TimeoutError, KafkaError) as error:
                self._failed(f"{output.topic}/{partition} cannot be written ({type(error).__name__})")
                raise NotDeliveredError(output.topic) from error
            waiting = self._waiting.setdefault(partition, set())
            waiting.add(future)
            future.add_done_callback(lambda done, output=output, waiting=waiting: self._done(done, output, waiting))

    def _done(self, done: "asyncio.Future[Any]", output: Output, waiting: "set[asyncio.Future[Any]]") -> None:
        waiting.discard(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._acknowledged(output)
        else:
            self._refused = self._refused or output.topic
            self._failed(f"{output.topic} was not taken by the broker ({type(error).__name__})")

    async def delivered(self, partition: int) -> None:
        """Wait until everything handed over so far for a partition is acknowledged.

        Raises:
            NotDeliveredError: something was not.

        """
        waiting = list(self._waiting.get(partition, ()))
        if waiting:
            await self._all(waiting)
        if self._refused:
            raise NotDeliveredError(f"{self._refused} was refused")

    async def write_rows(
        self, topic: str, partition: int, rows: list[tuple[bytes, bytes | None]]
    ) -> list[tuple[int, int]]:
        """Write rows in order, wait for the broker to have them all, and return where: (first offset, count) of each batch.

        Raises:
            NotDeliveredError: the broker did not take them.

        """
        futures = []
        counts = []
        batch = self._producer.create_batch()
        stamp_ms = now_ms()
        try:
            for key, value in rows:
                if batch.append(timestamp=stamp_ms, key=key, value=value) is None:
                    counts.append(batch.record_count())
                    futures.append(await self._producer.send_batch(batch, topic, partition=partition))
                    await asyncio.sleep(0)  # thousands of rows are no reason for an emergency to wait
                    batch = self._producer.create_batch()
                    if batch.append(timestamp=stamp_ms, key=key, value=value) is None:
                        raise NotDeliveredError(f"a row of {len(value or b'')} bytes does not fit into a batch")
            if batch.record_count():
                counts.append(batch.record_count())
                futures.append(await self._producer.send_batch(batch, topic, partition=partition))
        except KafkaError as error:
            raise NotDeliveredError(f"{topic}/{partition} ({type(error).__name__})") from error
        await self._all(futures)
        return [(future.result().offset, count) for future, count in zip(futures, counts, strict=True)]

    async def _all(self, futures: "list[asyncio.Future[Any]]") -> None:
        _, late = await asyncio.wait(futures, timeout=DELIVER_WITHIN_S)
        if late:
            raise NotDeliveredError(f"the broker did not acknowledge within {DELIVER_WITHIN_S:g} s")
        for future in futures:
            error = None if future.cancelled() else future.exception()
            if error is not None or future.cancelled():
                raise NotDeliveredError(type(error).__name__) from error


def _stamped(status: Status, lag: int | None) -> Status:
    return replace(status, lag=lag)
