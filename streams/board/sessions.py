"""Signed-in users: random cookies, tokens in place of pseudonyms, an end after a while. In memory alone, no clock."""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.board.users import User
from streams.household_link import token_of

IDLE_MS: Final = 30 * 60_000
"""A session nobody used for so long ends: a screen left alone in an office."""
LONGEST_MS: Final = 10 * 3_600_000
"""A session ends after a working day, used or not."""
MOST_SENT: Final = 100
"""Actions of a session whose answers are still shown."""
MOST_SESSIONS: Final = 5_000
MOST_OF_ONE: Final = 10
"""Sessions of one user; the oldest ends when another begins."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An action that was sent in a session. `is_sent`: the log has it."""

    household: str
    id: str
    action: str
    at_ms: int
    is_sent: bool


@dataclass(slots=True)
class Session:
    """One sign-in on one browser."""

    user: User
    began_ms: int
    used_ms: int
    address: str
    language: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """What every form of this session carries (against cross-site requests)."""
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _meant: dict[str, str] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _sent: list[Sent] = field(default_factory=list)

    def token(self, name: str) -> str:
        """Return what stands for a household or an incident in this session's URLs; another session has another."""
        token = token_of(name, self._key)
        self._meant[token] = name
        return token

    def meant(self, token: str) -> str | None:
        """Return what a token of this session stands for, None for one that it never gave out."""
        return self._meant.get(token)

    def unseen(self, shown: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return which (household, incident) were not shown in this session before.

        A live page draws the same line anew each minute: only the first time is a view to be logged.
        """
        return [one for one in shown if one not in self._seen]

    def see(self, shown: Iterable[tuple[str, str]]) -> None:
        """Take these for shown; only once the access log has them."""
        self._seen.update(shown)

    def say(self, sent: Sent) -> None:
        """Remember an action, so that its answer can be shown."""
        self._sent = [*(one for one in self._sent if one.id != sent.id), sent][-MOST_SENT:]

    def sent_about(self, household: str) -> list[Sent]:
        """Return what was sent about a household, oldest first."""
        return [one for one in self._sent if one.household == household]

    @property
    def districts(self) -> frozenset[str]:
        """Districts of the user."""
        return frozenset(self.user.districts)


class Sessions:
    """All of them. A restart of the board ends them all."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def begin(self, user: User, address: str, now_ms: int) -> Session:
        """Open a session with a new id, never one that the browser brought along."""
        mine = sorted((s for s in self._sessions.values() if s.user.name == user.name), key=lambda s: s.used_ms)
        for old in mine[: max(0, len(mine) - MOST_OF_ONE + 1)]:
            self.end(old)
        if len(self._sessions) >= MOST_SESSIONS:
            self.end(min(self._sessions.values(), key=lambda s: s.used_ms))
        session = Session(user, now_ms, now_ms, address, user.language)
        self._sessions[session.id] = session
        return session

    def find(self, cookie: str, now_ms: int) -> Session | None:
        """Return the session of a cookie, None when it has ended or never was."""
        session = self._sessions.get(cookie)
        if session is None:
            return None
        if now_ms - session.used_ms > IDLE_MS or now_ms - session.began_ms > LONGEST_MS:
            self.end(session)
            return None
        return session

    def end(self, session: Session) -> None:
        """Sign out."""
        self._sessions.pop(session.id, None)

    def is_open(self, session: Session, now_ms: int) -> bool:
        """Tell whether it still stands; asking is no use of it."""
        return self.find(session.id, now_ms) is session


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())
