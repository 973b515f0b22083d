"""Writing to the log: one small synchronous producer for the command line, the ticker and the importers."""

import contextlib
import logging
import socket
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from schemas.partitions import partition_of
from schemas.topics import BY_NAME

LEARNED_WITHIN_MS: Final = 10_000
"""So old what a client knows of a topic's partitions may be: a set can be grown while it runs."""

PENDING_AT_MOST: Final = 2_000
"""Unanswered messages held before waiting for the broker: the client library's own buffer has no limit."""


class BrokerAwayError(Exception):
    """The broker did not answer, or did not take a message, in time."""


class TopicsDifferError(Exception):
    """A topic is missing, or its partition count is not the one of the settings."""


def quiet_kafka_logs() -> None:
    """Keep the client library's reconnect chatter out of the command line: what matters is raised or told in one line."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def broker_answers(bootstrap: str) -> Iterator[None]:
    """Turn the client library's errors into `BrokerAwayError`, so that callers need not know the library."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise BrokerAwayError(f"the broker at {bootstrap} does not answer ({type(error).__name__})") from error


def find_listener(bootstrap: str, within_s: float) -> None:
    """Return when any of the brokers accepts a connection.

    Asked before a client is made: the library retries for its whole timeout where nobody listens, and each client that
    could not be made keeps a thread and sockets, of which a ticker would gather thousands in a night without a broker.

    Raises:
        BrokerAwayError: none does.

    """
    why = ""
    for address in bootstrap.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=within_s).close()
        except OSError as error:
            why = why or error.strerror or "no answer"
        else:
            return
    raise BrokerAwayError(f"the broker at {bootstrap} does not answer ({why})")


def partition_counts(bootstrap: str, *, within_s: float = 5.0) -> dict[str, int]:
    """Partition count of every topic the broker has.

    Asks for the list first and never for a topic by name: the embedded broker creates whatever topic is asked for.

    Raises:
        BrokerAwayError: no answer within `within_s` seconds.

    """
    within_ms = int(within_s * 1000)
    find_listener(bootstrap, within_s)
    with broker_answers(bootstrap):
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=within_ms, request_timeout_ms=within_ms
        )
        try:
            names = admin.list_topics()
            found = admin.describe_topics(names) if names else []
        finally:
            admin.close()
    return {str(topic["name"]): len(topic["partitions"]) for topic in found}


def check_partitions(counts: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    """Refuse topics that are missing or cut differently: a record in the wrong partition is lost to its household.

    Raises:
        TopicsDifferError: names the first topic that differs.

    """
    for name, partitions in wanted.items():
        if name not in counts:
            raise TopicsDifferError(f"topic {name} is missing; create it with: anbu topics create")
        if counts[name] != partitions:
            raise TopicsDifferError(
                f"topic {name} has {counts[name]} partitions, the settings say {partitions};"
                " it is one number for all of a set, also of one that was grown: correct ANBU_PARTITIONS"
            )


class Publisher:
    """Sends records where the engine expects them and waits until the broker has them (acks from all replicas).

    `send` and `broadcast` buffer at most `PENDING_AT_MOST` messages; `flush` (also on leaving a `with` block) returns
    only when the broker has acknowledged every one. Keyed records go to `partition_of(key)`.

    Raises `BrokerAwayError` when the broker is not there or takes longer than `within_s`, `TopicsDifferError` when a
    topic is missing or has another partition count; both before anything is written to that topic. One that is grown
    meanwhile is refused within `LEARNED_WITHIN_MS`.
    """

    def __init__(self, bootstrap: str, partitions: int, *, within_s: float = 5.0) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._within_s = within_s
        self._pending: list[Any] = []
        self.sent = 0
        """Messages acknowledged by the broker."""
        self._counts = partition_counts(bootstrap, within_s=within_s)
        within_ms = int(within_s * 1000)
        with broker_answers(bootstrap):
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap,
                acks="all",
                allow_auto_create_topics=False,
                bootstrap_timeout_ms=within_ms,
                max_block_ms=within_ms,
                # A message that waits for an absent broker must not be written minutes later, when nobody waits for it.
                request_timeout_ms=within_ms,
                delivery_timeout_ms=within_ms + 1000,
                max_request_size=1_048_576,
                linger_ms=5,
                metadata_max_age_ms=LEARNED_WITHIN_MS,
            )

    def send(self, topic: str, key: str | bytes, value: bytes | None, *, partition: int | None = None) -> None:
        """Write one record, to the partition of its key unless one is given."""
        self._check(topic)
        key = key.encode() if isinstance(key, str) else key
        at = partition_of(key, self._partitions) if partition is None else partition
        with broker_answers(self._bootstrap):
            self._pending.append(self._producer.send(topic, key=key, value=value, partition=at))
        if len(self._pending) >= PENDING_AT_MOST:
            self.flush()

    def broadcast(self, topic: str, key: str | bytes, value: bytes) -> None:
        """Write one record to every partition: profile, district state and alerts are read by all."""
        if not BY_NAME[topic].broadcast:
            raise ValueError(f"{topic} is keyed by {BY_NAME[topic].key}, not written to every partition")
        for partition in range(self._partitions):
            self.send(topic, key, value, partition=partition)

    def flush(self) -> None:
        """Wait until the broker has everything sent so far."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        with broker_answers(self._bootstrap):
            self._producer.flush(self._within_s + 1.0)
            for answer in pending:
                answer.get(self._within_s)
        self.sent += len(pending)

    def close(self, *, drop: bool = False) -> None:
        """End the connection; `drop` gives up what the broker has not acknowledged."""
        try:
            if not drop:
                self.flush()
        finally:
            self._producer.close(timeout=0 if drop else self._within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drop=kind is not None)

    def _check(self, topic: str) -> None:
        check_partitions(self._counts, {topic: self._partitions})
        # Asked at each record, from what the client knows (no request): a set that was grown since would take it into
        # a partition where its household no longer lives.
        with broker_answers(self._bootstrap):
            has = self._producer.partitions_for(topic)
        check_partitions({topic: len(has)}, {topic: self._partitions})
