"""Signed-in users: random cookies, tokens in place of pseudonyms, an end after a while. No clock of its own."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.board.session_store import Kept, SessionStore, hash_of, mark_of
from streams.board.users import User, UsersError
from streams.household_link import token_of

IDLE_MS: Final = 30 * 60_000
"""A session nobody used for so long ends: a screen left alone in an office."""
LONGEST_MS: Final = 10 * 3_600_000
"""A session ends after a working day, used or not."""
MOST_SENT: Final = 100
"""Actions of a session whose answers are still shown."""
MOST_SESSIONS: Final = 5_000
KEPT_EVERY_MS: Final = 60_000
"""So often at most it is written that a session is in use: after a restart it counts as idle from then on."""
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
    kind: str = ""
    """Kind of the incident it was about; empty for what is about the home."""


@dataclass(slots=True)
class Session:
    """One sign-in on one browser."""

    user: User
    began_ms: int
    used_ms: int
    address: str
    language: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    is_restored: bool = False
    """It began before the board did: what its URLs stand for must be found out anew."""
    kept_ms: int = 0
    """When it was last written to the disk."""
    _meant: dict[str, str] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _sent: list[Sent] = field(default_factory=list)

    @property
    def form_token(self) -> str:
        """What every form of this session carries (against cross-site requests); made of the cookie, which no page holds."""
        return hmac.new(self.id.encode(), b"forms", "sha256").hexdigest()

    @property
    def _key(self) -> bytes:
        return hmac.new(self.id.encode(), b"names", "sha256").digest()

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
    """All of them. With a store those of before a restart too, while their user is there and has the same password."""

    def __init__(
        self, store: SessionStore | None = None, user_of: Callable[[str], User | None] = lambda _name: None
    ) -> None:
        self._sessions: dict[str, Session] = {}
        self._store = store
        self._user_of = user_of
        self._before = {} if store is None else {one.cookie: one for one in store.all()}
        """What the disk holds of sessions that no browser has come back with yet, by the hash of their cookie."""

    def __len__(self) -> int:
        """Count them, those among them that have gone cold since somebody last asked."""
        return len(self._sessions)

    def begin(self, user: User, address: str, now_ms: int) -> Session:
        """Open a session with a new id, never one that the browser brought along."""
        for old in [one for one in self._before.values() if _is_over(one.began_ms, one.used_ms, now_ms)]:
            self._forget(old.cookie)
        mine = [(s.used_ms, hash_of(s.id)) for s in self._sessions.values() if s.user.name == user.name]
        mine += [(kept.used_ms, kept.cookie) for kept in self._before.values() if kept.user == user.name]
        for _, old_cookie in sorted(mine)[: max(0, len(mine) - MOST_OF_ONE + 1)]:
            self._forget(old_cookie)
        if len(self._sessions) >= MOST_SESSIONS:
            self.end(min(self._sessions.values(), key=lambda s: s.used_ms))
        session = Session(user, now_ms, now_ms, address, user.language, kept_ms=now_ms)
        cookie = hash_of(session.id)
        self._sessions[cookie] = session
        if self._store is not None:
            self._store.add(Kept(cookie, user.name, mark_of(user), now_ms, now_ms, session.language))
        return session

    def find(self, cookie: str, now_ms: int) -> Session | None:
        """Return the session of a cookie, None when it has ended or never was."""
        session = self._sessions.get(hash_of(cookie)) or self._restored(cookie)
        if session is None:
            return None
        if _is_over(session.began_ms, session.used_ms, now_ms):
            self.end(session)
            return None
        return session

    def use(self, session: Session, now_ms: int) -> None:
        """Note that a session is in use."""
        session.used_ms = now_ms
        if now_ms - session.kept_ms >= KEPT_EVERY_MS:
            self.keep(session)

    def keep(self, session: Session) -> None:
        """Write to the disk, where there is one, what changed of a session."""
        session.kept_ms = session.used_ms
        if self._store is not None:
            self._store.change(hash_of(session.id), session.used_ms, session.language)

    def end(self, session: Session) -> None:
        """Sign out."""
        self._forget(hash_of(session.id))

    def is_open(self, session: Session, now_ms: int) -> bool:
        """Tell whether it still stands; asking is no use of it."""
        return self.find(session.id, now_ms) is session

    def _forget(self, cookie: str) -> None:
        self._sessions.pop(cookie, None)
        self._before.pop(cookie, None)
        if self._store is not None:
            self._store.forget(cookie)

    def _restored(self, cookie: str) -> Session | None:
        """Return the session that began before the board did."""
        kept = self._before.get(hash_of(cookie))
        if kept is None:
            return None
        try:
            user = self._user_of(kept.user)
        except UsersError:
            return None  # whom nobody can look up may do nothing
        if user is None or mark_of(user) != kept.password:
            self._forget(kept.cookie)
            return None
        del self._before[kept.cookie]
        session = Session(user, kept.began_ms, kept.used_ms, "", kept.language, id=cookie, is_restored=True)
        self._sessions[kept.cookie] = session
        return session


def _is_over(began_ms: int, used_ms: int, now_ms: int) -> bool:
    return now_ms - used_ms > IDLE_MS or now_ms - began_ms > LONGEST_MS


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())
