"""Who is told, and how: targets from a TOML file, checked before anything is sent."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from schemas.incidents import Incident
from streams.household_link import LinkTemplate
from streams.webhook.sign import read_secret

MOST_TARGETS: Final = 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class TargetsError(ValueError):
    """The file cannot be used; one line that names the target and the field."""


class _Written(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[target]]` as it stands in the file."""

    name: str
    url: str
    form: Literal["incidents", "alertmanager"] = "incidents"
    secret_file: str = ""
    districts: list[str] = []
    target_groups: list[str] = []
    exercises: bool = False
    link: str = ""
    link_key_file: str = ""
    within_s: float = 10.0
    plain_http: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    target: list[_Written] = []


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver."""

    name: str
    url: str
    form: Literal["incidents", "alertmanager"]
    secrets: tuple[bytes, ...]
    districts: frozenset[str]
    """Empty: of every district, and of homes whose district is not known (yet)."""
    target_groups: frozenset[str]
    exercises: bool
    within_s: float
    link: Callable[[str], str] | None = None

    def wants(self, incident: Incident) -> bool:
        """Tell whether a revision is for it."""
        return (
            (self.exercises or incident.status == "Actual")
            and (not self.districts or incident.district in self.districts)
            and (not self.target_groups or incident.target_group in self.target_groups)
        )

    def link_of(self, incident: Incident) -> str | None:
        """Return the link into the municipality's system; None where the target has none."""
        return None if self.link is None else self.link(incident.household)


def read_targets(path: Path) -> list[Target]:
    """Read the file and the secrets beside it; names of files are relative to its folder.

    Raises:
        TargetsError: it cannot be used. A secret is never repeated.

    """
    try:
        written = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).target
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TargetsError(f"{path}: {error}") from error
    if not 1 <= len(written) <= MOST_TARGETS:
        raise TargetsError(f"{path}: must have 1 to {MOST_TARGETS} [[target]]")
    if len({one.name for one in written}) < len(written):
        raise TargetsError(f"{path}: two targets have one name: under it the place in the log is kept")
    return [_target(one, path) for one in written]


def _target(one: _Written, path: Path) -> Target:
    def refuse(field: str, why: object) -> TargetsError:
        return TargetsError(f"{path}: target {one.name!r}, {field}: {why}")

    if not _NAME.fullmatch(one.name):
        raise refuse("name", "must be 1 to 32 of a-z, 0-9 and -")
    if why := _wrong_url(one.url, plain_http=one.plain_http):
        raise refuse("url", why)
    if not 1 <= one.within_s <= 60:
        raise refuse("within_s", "must lie between 1 and 60")
    if one.form == "incidents" and not one.secret_file:
        raise refuse("secret_file", "must name a file with a secret: make one with openssl rand -base64 32")
    try:
        secrets = _secrets(path.parent / one.secret_file) if one.secret_file else ()
    except (OSError, ValueError) as error:
        raise refuse("secret_file", _said(error)) from error
    link = None
    if one.link:
        try:
            link = LinkTemplate(one.link, (path.parent / one.link_key_file).read_bytes().strip()).link
        except (OSError, ValueError) as error:
            raise refuse("link", _said(error)) from error
    return Target(
        one.name,
        one.url,
        one.form,
        secrets,
        frozenset(one.districts),
        frozenset(one.target_groups),
        one.exercises,
        one.within_s,
        link,
    )


def _said(error: Exception) -> str:
    return error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)


def _secrets(file: Path) -> tuple[bytes, ...]:
    """One secret a line, the newest first; each of them signs."""
    lines = [line for line in file.read_text(encoding="ascii").split() if line]
    if not 1 <= len(lines) <= 4:
        raise ValueError("must hold 1 to 4 secrets, one a line")
    return tuple(map(read_secret, lines))


def _wrong_url(url: str, *, plain_http: bool) -> str:
    """Say what is wrong with a URL; "" for nothing. Incidents leave the machine encrypted, unless somebody says otherwise."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "must begin with https://"
    if parts.username is not None or parts.password is not None:
        return "must hold no password"
    if parts.fragment or not url.isascii() or any(sign.isspace() for sign in url):
        return "must hold no fragment, no space, and no letters beyond ASCII"
    if parts.scheme == "http" and not plain_http and not _is_loopback(host):
        return (
            "must begin with https:// unless it is on this machine (plain_http = true: on a network of nobody else's)"
        )
    return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def blind_spots(targets: list[Target]) -> list[str]:
    """Say, one line each, of what no target of the file is told."""
    real = [one for one in targets if one.form == "incidents"] or targets
    out = []
    if all(one.districts or one.target_groups for one in real):
        out.append(
            "every target has districts or target groups: nobody is told at once of an emergency in a home whose record"
            " is not known yet; give the control room a target without them"
        )
    return out
