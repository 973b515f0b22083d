"""Sessions on the disk, so that a restart signs nobody out: a hash of each cookie, never the cookie or a key made of it."""

import contextlib
import hashlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final, NamedTuple, Self

from streams.board.users import User

_MADE: Final = """
    CREATE TABLE IF NOT EXISTS sessions (
        cookie TEXT PRIMARY KEY, user TEXT, password TEXT, began_ms INTEGER, used_ms INTEGER, language TEXT
    ) STRICT
"""


class Kept(NamedTuple):
    """What the disk knows of a session. `cookie` and `password` are hashes: the file lets nobody sign in."""

    cookie: str
    user: str
    password: str
    began_ms: int
    used_ms: int
    language: str


def hash_of(cookie: str) -> str:
    """SHA-256 of a cookie: of 256 random bits nothing slower is needed."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def mark_of(user: User) -> str:
    """Return what changes with the user's password, and tells nothing of it: a hash over its salted hash."""
    return hashlib.sha256(f"{user.password.salt} {user.password.key}".encode()).hexdigest()


class SessionStore:
    """The file of sessions. One that cannot be read or written is taken away: then a restart signs everybody out.

    A session that was ended and stays in the file would come back to life; so nothing is kept rather than too much.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, readable by its owner alone; an unusable one is replaced by an empty one."""
        store = cls(path)
        for _ in range(2):
            try:
                store._file = _opened(path)
            except (sqlite3.Error, OSError):
                store._give_up()
            else:
                break
        return store

    def all(self) -> list[Kept]:
        """Return every session in the file."""
        return [
            Kept(*row) for row in self._do("SELECT cookie, user, password, began_ms, used_ms, language FROM sessions")
        ]

    def add(self, kept: Kept) -> None:
        """Write a session that begins."""
        self._do("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", *kept)

    def change(self, cookie: str, used_ms: int, language: str) -> None:
        """Write what changed of a session; one that was taken out stays out."""
        self._do("UPDATE sessions SET used_ms = ?, language = ? WHERE cookie = ?", used_ms, language, cookie)

    def forget(self, cookie: str) -> None:
        """Take a session out, by the hash of its cookie."""
        self._do("DELETE FROM sessions WHERE cookie = ?", cookie)

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def _do(self, what: str, *values: object) -> list[tuple[str, str, str, int, int, str]]:
        with self._lock:
            if self._file is None:
                return []
            try:
                with self._file:
                    return self._file.execute(what, values).fetchall()
            except sqlite3.Error:
                self._give_up()
                return []

    def _give_up(self) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            self._path.unlink()


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    # Its journal has the rights of the file. What was deleted is overwritten: it names who was at work when.
    file = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    try:
        file.execute("PRAGMA secure_delete = ON")
        file.execute(_MADE)
        file.execute("SELECT cookie, user, password, began_ms, used_ms, language FROM sessions").fetchall()
    except sqlite3.Error:
        file.close()
        raise
    return file
