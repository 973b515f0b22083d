"""Who may sign in: one file, readable by its owner alone, with a salted scrypt hash of each password."""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from streams.board.rights import EVERYWHERE, Role

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
"""Characters. A longer one is refused before it costs anything."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DISTRICT: Final = re.compile(r"[^\s*][^*\n]{0,63}")
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that are mistaken for each other: generated passwords are read aloud and typed once."""


class UsersError(Exception):
    """The file of users cannot be used; one line with the remedy."""


class Hash(msgspec.Struct, frozen=True):
    """scrypt (RFC 7914) of a password: cost `n`, block size `r`, parallelism `p`; salt and key in hexadecimal."""

    salt: str
    key: str
    n: int = 2**15
    r: int = 8
    p: int = 1

    @classmethod
    def of(cls, password: str, *, n: int = 2**15) -> Self:
        """Hash a new password with a fresh salt; about 0.1 s and 32 MB at the default cost."""
        salt = secrets.token_bytes(16)
        return cls(salt=salt.hex(), key=_key(password, salt, n, 8, 1).hex(), n=n)

    def fits(self, password: str) -> bool:
        """Tell whether this is the password, in a time that does not depend on how much of it is right."""
        key = _key(password, bytes.fromhex(self.salt), self.n, self.r, self.p)
        return hmac.compare_digest(key, bytes.fromhex(self.key))


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. `districts`: as the registry names them; `*` for all, supervisors only."""

    name: str
    role: Role
    districts: list[str] = []
    language: Literal["ko", "en"] = "ko"
    password: Hash


class Users:
    """The users of a file, read again whenever it changes: who is removed is out at the next request.

    Raises:
        UsersError: it is missing, not readable, readable by others, or no file of users.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._users: dict[str, User] = {}
        # A name that nobody has costs the same time as a wrong password, or names could be found out.
        self._nobody = Hash.of(secrets.token_hex(16))
        self.get("")

    def get(self, name: str) -> User | None:
        """Return the user of a name, None for nobody."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise UsersError(f"{self._path}: {error.strerror}; add somebody with: anbu users add NAME") from error
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            self._users = {user.name: user for user in read_users(self._path)}
            self._stamp = stamp
        return self._users.get(name)

    def check(self, name: str, password: str) -> User | None:
        """Return the user whose password this is, None for anybody else. Takes about 0.1 s: call it in a thread."""
        user = self.get(name)
        fits = (self._nobody if user is None else user.password).fits(password[:LONGEST_PASSWORD])
        return user if fits and len(password) <= LONGEST_PASSWORD else None


def read_users(path: Path) -> list[User]:
    """Return the users of a file.

    Raises:
        UsersError: it cannot be read, others may read it, or it is none.

    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UsersError(f"{path} may be read by others: chmod 600 {path}")
        users = msgspec.json.decode(path.read_bytes(), type=list[User])
    except OSError as error:
        raise UsersError(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise UsersError(f"{path} is no file of users; move it away and add them again") from error
    for user in users:
        check_user(user)
    return users


def write_users(path: Path, users: list[User]) -> None:
    """Replace the file, whole or not at all, readable by its owner alone.

    Raises:
        UsersError: it cannot be written.

    """
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(sorted(users, key=lambda user: user.name))) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        new.replace(path)
    except OSError as error:
        raise UsersError(f"{path}: {error.strerror}") from error


def check_user(user: User) -> None:
    """Refuse a user who would see too much or nothing.

    Raises:
        UsersError: which rule is broken.

    """
    if not _NAME.fullmatch(user.name):
        raise UsersError(f"{user.name!r} is no name: 1 to 64 letters, digits, dots, dashes, underscores, @")
    sees_persons = user.role in {Role.RESPONDER, Role.SUPERVISOR}
    if sees_persons and not user.districts:
        raise UsersError(f"{user.name}: a {user.role} needs at least one district")
    if not sees_persons and user.districts:
        raise UsersError(f"{user.name}: a {user.role} sees nobody's data and has no districts")
    for district in user.districts:
        if district == EVERYWHERE and user.role is Role.SUPERVISOR:
            continue
        if not _DISTRICT.fullmatch(district):
            raise UsersError(f"{user.name}: {district!r} is no district; only a supervisor may have {EVERYWHERE}")


def check_password(password: str) -> None:
    """Refuse a password that is guessed easily or costs too much.

    Raises:
        UsersError: why.

    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsersError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if len(set(password)) < 5:
        raise UsersError("the password repeats too few characters")


def new_password() -> str:
    """Make a password of four groups of four, about 79 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r * p + 2**20, dklen=32)
