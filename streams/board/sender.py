"""Sends what responders did to `responder.actions`."""

import contextlib
import threading
from typing import Final, Protocol

from schemas.actions import ResponderAction
from schemas.encode import encode
from streams.publish import BrokerAwayError, Publisher

ACTIONS: Final = "responder.actions"


class Sender(Protocol):
    """Takes an action; a double in tests."""

    def send(self, action: ResponderAction) -> None:
        """Return when the log has it.

        Raises:
            BrokerAwayError, TopicsDifferError: the log does not have it, as far as one knows.

        """


class KafkaSender:
    """One producer for all, made when it is first needed, made anew after a failure. Called from any thread."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._publisher: Publisher | None = None
        self._lock = threading.Lock()

    def send(self, action: ResponderAction) -> None:
        """Write it, keyed by household, and wait for the broker. A repeat after a failure is harmless: it has an id."""
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._bootstrap, self._partitions)
            try:
                self._publisher.send(ACTIONS, action.household, encode(action))
                self._publisher.flush()
            except BrokerAwayError:
                self._drop()
                raise

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            with contextlib.suppress(BrokerAwayError):
                publisher.close(drop=True)
