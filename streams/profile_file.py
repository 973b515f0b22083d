"""Profiles as TOML files: what an operator edits, compares and applies."""

import hashlib
import re
import tomllib
from typing import Any, Final, get_type_hints

import msgspec

from schemas.checks import check_profile
from schemas.duty import Desk
from schemas.encode import encode
from schemas.profiles import Profile

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
SIGNED: Final = frozenset({"id", "who", "why", "applied_at", "report"})
"""Fields that `anbu profile apply` fills in itself; in a file they are refused, for they would be lies there."""


def read_profile(text: str, *, who: str, why: str, applied_at: str) -> Profile:
    """Profile of a TOML text, signed. A field that the file does not name has the value this version ships with.

    The id is a hash of everything that decides, so the same numbers have the same id whoever applies them.

    Raises:
        ValueError: not TOML, an unknown field, a wrong type, a number out of its range. One line that names the field.

    """
    try:
        fields: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from None
    if signed := sorted(SIGNED & set(fields)):
        raise ValueError(f"{', '.join(signed)}: filled in when it is applied, not by the file")
    _refuse_unknown(fields, Profile, "")
    try:
        profile = msgspec.convert({**fields, "id": "", "who": who, "why": why, "applied_at": applied_at}, Profile)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    profile = msgspec.structs.replace(profile, id=profile_id(profile))
    if fault := check_profile(profile):
        raise ValueError(f"{fault.detail}: out of its range")
    return profile


def profile_id(profile: Profile) -> str:
    """`p-` and 12 digits of a hash over all that decides: not over who signed it, why and when."""
    deciding = {name: value for name, value in msgspec.to_builtins(profile).items() if name not in SIGNED}
    return "p-" + hashlib.sha256(encode(deciding)).hexdigest()[:12]


def write_profile(profile: Profile) -> str:
    """TOML of a profile, to be edited and applied again; who, why and when stand above it as comments."""
    fields = {name: value for name, value in msgspec.to_builtins(profile).items() if name not in SIGNED}
    lines = [
        f"# id {profile.id}",
        f"# who {_comment(profile.who)}",
        f"# why {_comment(profile.why)}",
        f"# applied at {profile.applied_at or 'never: shipped with this version'}",
        "",
        *_table(fields, ""),
    ]
    return "\n".join(lines) + "\n"


def _table(fields: dict[str, Any], name: str) -> list[str]:
    """Lines of a table: its own values first, or TOML would take them for those of the table before them."""
    tables = {key: value for key, value in fields.items() if isinstance(value, dict)}
    arrays = {key: value for key, value in fields.items() if _is_array_of_tables(value)}
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in fields.items() if key not in {*tables, *arrays}]
    for key, value in tables.items():
        lines += ["", f"[{name}{key}]", *_table(value, f"{name}{key}.")]
    for key, value in arrays.items():
        for one in value:
            lines += ["", f"[[{name}{key}]]", *_table(one, f"{name}{key}.")]
    return lines


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def differences(old: Profile, new: Profile) -> list[str]:
    """`silence.fixed_h: 24.0 -> 12.0` for each number that differs; empty when they decide alike."""
    before, after = _flat(old), _flat(new)
    # A table by district has other names in each profile.
    names = dict.fromkeys([*before, *after])
    return [
        f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def _flat(profile: Profile) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.to_builtins(profile).items() if name not in SIGNED}
    return _flattened(fields, "")


def _flattened(fields: dict[str, Any], prefix: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in fields.items():
        out |= _flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def _refuse_unknown(fields: dict[str, Any], kind: type[msgspec.Struct], prefix: str) -> None:
    """Refuse a misspelt name: passed over, it would leave the old number deciding.

    Raises:
        ValueError: names the field, or the table that is none.

    """
    if unknown := sorted(set(fields) - set(kind.__struct_fields__)):
        names = ", ".join(prefix + name for name in unknown)
        raise ValueError(f"unknown field {names}; known: {', '.join(kind.__struct_fields__)}")
    types = get_type_hints(kind)
    for name, value in fields.items():
        inner = types[name]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            if not isinstance(value, dict):
                raise ValueError(f"{prefix}{name}: must be a table, [{prefix}{name}]")  # noqa: TRY004 - one kind of error for a bad file
            _refuse_unknown(value, inner, f"{prefix}{name}.")
        elif name == "desks" and isinstance(value, list):
            for one in value:
                _refuse_unknown(one if isinstance(one, dict) else {}, Desk, f"{prefix}{name}.")


def _key(name: str) -> str:
    """Return a key as TOML reads it: the code of a district may hold anything, and would be a wrong line without quotes."""
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # orjson's text of a string is a TOML basic string; of a number, a TOML number.
    return encode(value).decode()


def _comment(text: str) -> str:
    return " ".join(text.split())
