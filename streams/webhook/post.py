"""One request to a receiver, and what its answer means."""

import logging
from enum import StrEnum
from typing import Final, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

LONGEST_ANSWER: Final = 65_536
LONGEST_REST_S: Final = 300.0
"""A receiver may ask for rest (`Retry-After`), but not for hours: an emergency may be among what waits."""
REFUSED: Final = frozenset({400, 409, 413, 414, 415, 422, 431})
"""Answers that speak of this delivery. Any other that is no success speaks of the receiver, its address or its rights."""

logging.getLogger("urllib3").setLevel(logging.ERROR)


class Answer(StrEnum):
    """What became of one try."""

    TAKEN = "taken"
    REFUSED = "refused"
    """The receiver would not take this one."""
    FAILED = "failed"
    """The receiver answers, and cannot take it now."""
    AWAY = "away"
    """No answer."""


class Tried(NamedTuple):
    """How a try went, with what is told of it: never a body, never a URL."""

    answer: Answer
    said: str
    after_s: float = 0.0


class Post:
    """A connection to one receiver, kept open between tries. Redirects are not followed: who answers was not chosen."""

    def __init__(self, url: str, within_s: float) -> None:
        self._url = url
        timeout = urllib3.Timeout(connect=min(5.0, within_s), read=within_s)
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False, timeout=timeout)

    def send(self, body: bytes, headers: dict[str, str]) -> Tried:
        """Try once."""
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
            try:
                # What it says is not used; read to its end, the connection serves the next one as well.
                answer.read(LONGEST_ANSWER)
                is_whole = answer.read(1) == b""
            finally:
                answer.release_conn()
            if not is_whole:
                answer.close()
        except (HTTPError, OSError) as error:
            return Tried(Answer.AWAY, type(error).__name__)
        return Tried(meaning(answer.status), f"HTTP {answer.status}", _rest(answer.headers.get("Retry-After", "")))

    def close(self) -> None:
        """End the connection."""
        self._pool.clear()


def meaning(status: int) -> Answer:
    """Return what a status code says."""
    if 200 <= status < 300:
        return Answer.TAKEN
    return Answer.REFUSED if status in REFUSED else Answer.FAILED


def _rest(text: str) -> float:
    return min(float(text), LONGEST_REST_S) if text.isascii() and text.isdigit() else 0.0
