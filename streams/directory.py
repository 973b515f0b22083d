"""Names and addresses, where a municipality has no system of its own to link to: one file, encrypted record by record.

Each line holds a token for a household (HMAC-SHA256 under a key of its own) and its record sealed by AES-256-GCM, so
that the file tells neither who is in it nor how long a record is. What is sealed is bound to the token and to the file:
a record moved to another household's line opens no more. Both keys come by HKDF-SHA256 from one key file, which only its
owner may read. Nothing of it reaches topics, tables, logs or metrics. Whoever looks somebody up must own an open incident
of theirs, and stands in the access log before anything is shown.

Source: RFC 5869 (HKDF); NIST SP 800-38D (GCM with random nonces of 96 bits: far below 2^32 records a key).
"""

import base64
import binascii
import contextlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.encode import encode
from schemas.incidents import Incident
from schemas.refusals import is_pseudonym
from streams.access_log import AccessLog

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PADDED_TO: Final = 512
"""Records are filled up to multiples of so many bytes."""
MOST_TEXT: Final = 500
MOST_CONTACTS: Final = 8
LOOKED_UP: Final = "directory"
DENIED: Final = "directory_denied"


class DirectoryError(Exception):
    """The directory or its key cannot be used; one line, without anything that stands in it."""


class NotAllowedError(Exception):
    """Whoever asked does not own an open incident of this household. The attempt stands in the access log."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who may be called about the resident."""

    relation: str = ""
    name: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        """Nothing of it: a repr ends up in logs."""
        return "Person(…)"


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who lives there and how they are reached."""

    name: str = ""
    address: str = ""
    phone: str = ""
    contacts: tuple[Person, ...] = ()
    access_notes: str = ""
    """How one gets in: where a key is kept, which door."""

    def __repr__(self) -> str:
        """Nothing of it: a repr ends up in logs."""
        return "Contact(…)"


class _Sealed(msgspec.Struct):
    """What one line seals. It says whose it is, so that another key can make its token anew."""

    household: str
    contact: Contact
    fill: str = ""


class _Line(msgspec.Struct):
    at: str
    box: str


class _Head(msgspec.Struct):
    anbu_directory: int
    id: str


_HEAD: Final = msgspec.json.Decoder(_Head, strict=True)
_LINE: Final = msgspec.json.Decoder(_Line, strict=True)
_SEALED: Final = msgspec.json.Decoder(_Sealed, strict=True)


class Directory:
    """The records of one file; `open` it, or make a `new` one. Changes are on the disk after `save`.

    Records stay sealed in memory until they are looked up.
    """

    def __init__(self, path: Path, key: bytes, number: str, boxes: dict[str, bytes]) -> None:
        """Use `open` or `new` instead."""
        self._path = path
        self._id = number
        self._boxes = boxes
        self._seal = AESGCM(_derived(key, b"anbu directory seal"))
        self._index = _derived(key, b"anbu directory index")

    @classmethod
    def new(cls, path: Path, key_file: Path) -> Self:
        """Begin an empty directory; nothing is written before `save`.

        Raises:
            DirectoryError: there is one already, or the key cannot be used.

        """
        if path.exists():
            raise DirectoryError(f"{path} is there already")
        return cls(path, read_key(key_file), secrets.token_hex(16), {})

    @classmethod
    def open(cls, path: Path, key_file: Path) -> Self:
        """Read a directory, and see that the key is the one it was sealed with.

        Raises:
            DirectoryError: the file or the key cannot be used, or they do not belong together.

        """
        key = read_key(key_file)
        try:
            _check_private(path)
            head, *lines = path.read_bytes().splitlines() or [b""]
            number = _HEAD.decode(head).id
            boxes = {line.at: base64.b64decode(line.box, validate=True) for line in map(_LINE.decode, lines)}
        except OSError as error:
            raise DirectoryError(f"{path}: {error.strerror}") from error
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise DirectoryError(f"{path} is no directory of Anbu, or was altered") from error
        found = cls(path, key, number, boxes)
        for token in list(boxes)[:1]:
            found._unseal(token)
        return found

    def __len__(self) -> int:
        """Count the households in it."""
        return len(self._boxes)

    def put(self, household: str, contact: Contact) -> None:
        """Add a household, or take the place of what was there.

        Raises:
            ValueError: names the field that is too long; nothing of what stands in it is repeated.

        """
        check(household, contact)
        token = self._token(household)
        bare = len(encode(_Sealed(household, contact)))
        sealed = encode(_Sealed(household, contact, fill="." * (-bare % PADDED_TO)))
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._boxes[token] = nonce + self._seal.encrypt(nonce, sealed, self._bound_to(token))

    def remove(self, household: str) -> bool:
        """Take a household out; tell whether it was there."""
        return self._boxes.pop(self._token(household), None) is not None

    def save(self) -> None:
        """Write everything into a new file, readable by its owner alone, and put it in the place of the old one.

        Raises:
            DirectoryError: the disk refused it; the old file stands.

        """
        head = encode(_Head(1, self._id))
        lines = [encode(_Line(at, base64.b64encode(box).decode())) for at, box in sorted(self._boxes.items())]
        _write_private(self._path, b"\n".join([head, *lines]) + b"\n")

    def rekeyed(self, key_file: Path) -> "Directory":
        """Return the same records under another key; `save` it to take the place of this one."""
        other = Directory(self._path, read_key(key_file), secrets.token_hex(16), {})
        for token in self._boxes:
            found = self._unseal(token)
            other.put(found.household, found.contact)
        return other

    def look_up(
        self,
        household: str,
        *,
        who: str,
        role: str,
        incident: Incident,
        at_ms: int,
        log: AccessLog,
        address: str = "",
    ) -> Contact | None:
        """Return who lives there, for the owner of an open incident of that household; None where nobody is listed.

        It is in the access log when this returns, and so is an attempt that is refused.

        Raises:
            NotAllowedError: `who` does not own it, it has ended, or it is another household's.
            AccessLogError: the log does not take it; nothing may be shown.
            DirectoryError: the record was altered.

        """
        owns = incident.household == household and not incident.ended and incident.owner == who
        is_allowed = owns and incident.acknowledged_by == who
        what = LOOKED_UP if is_allowed else DENIED
        log.write(
            who=who, role=role, household=household, what=what, incident=incident.id, address=address, at_ms=at_ms
        )
        if not is_allowed:
            raise NotAllowedError("only who has acknowledged an open incident of this household may look it up")
        token = self._token(household)
        if token not in self._boxes:
            return None
        found = self._unseal(token)
        return found.contact if found.household == household else None

    def _token(self, household: str) -> str:
        return hmac.digest(self._index, household.encode(), "sha256").hex()

    def _bound_to(self, token: str) -> bytes:
        return f"{self._id}:{token}".encode()

    def _unseal(self, token: str) -> _Sealed:
        box = self._boxes[token]
        try:
            plain = self._seal.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], self._bound_to(token))
            return _SEALED.decode(plain)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            # No cause: it could hold a piece of the record.
            del error
            raise DirectoryError(f"{self._path}: a record was altered, or the key is another one's") from None


def check(household: str, contact: Contact) -> None:
    """Check a record before it is sealed.

    Raises:
        ValueError: names the field; nothing of what stands in it is repeated.

    """
    if not is_pseudonym(household):
        raise ValueError("household: must be a pseudonym of 1 to 64 letters, digits, - or _")
    texts = {
        "name": contact.name,
        "address": contact.address,
        "phone": contact.phone,
        "access_notes": contact.access_notes,
    }
    if len(contact.contacts) > MOST_CONTACTS:
        raise ValueError(f"contacts: at most {MOST_CONTACTS}")
    for number, person in enumerate(contact.contacts, 1):
        texts |= {f"contacts[{number}].{field}": getattr(person, field) for field in ("relation", "name", "phone")}
    for field, text in texts.items():
        if len(text) > MOST_TEXT:
            raise ValueError(f"{field}: at most {MOST_TEXT} characters")


def make_key(key_file: Path) -> None:
    """Make a new key, readable by its owner alone.

    Raises:
        DirectoryError: there is a file already: a key that is written over opens nothing any more.

    """
    try:
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    except FileExistsError as error:
        raise DirectoryError(f"{key_file} is there already") from error
    except OSError as error:
        raise DirectoryError(f"{key_file}: {error.strerror}") from error


def read_key(key_file: Path) -> bytes:
    """Read a key that `make_key` made.

    Raises:
        DirectoryError: it is none, or others may read it.

    """
    try:
        _check_private(key_file)
        key = base64.b64decode(key_file.read_bytes().strip(), validate=True)
    except OSError as error:
        raise DirectoryError(f"{key_file}: {error.strerror}") from error
    except binascii.Error as error:
        raise DirectoryError(f"{key_file} holds no key; make one with: anbu directory new") from error
    if len(key) != KEY_BYTES:
        raise DirectoryError(f"{key_file} holds no key of {KEY_BYTES} bytes")
    return key


def merged(directory: Directory, records: Iterable[tuple[str, Contact]]) -> int:
    """Put many records; return how many."""
    number = 0
    for household, contact in records:
        directory.put(household, contact)
        number += 1
    return number


def _derived(key: bytes, about: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, about).derive(key)


def _check_private(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
        raise DirectoryError(f"{path} may be read by others than its owner: chmod 600 it")


def _write_private(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        # The new name must be on the disk as well, or a power cut brings back the old file.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise DirectoryError(f"{path}: {error.strerror}") from error
