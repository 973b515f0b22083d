"""`anbu directory`: the encrypted file of names and addresses."""

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from streams.commands.outcome import Failed, Misconfigured, count, settings
from streams.commands.teach import TaughtGroup
from streams.directory import Contact, Directory, DirectoryError, Person, check, make_key

COLUMNS = ("household", "name", "address", "phone", "contacts", "access_notes")


class _Written(Contact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    household: str


@click.group(cls=TaughtGroup)
def directory() -> None:
    """Keep names and addresses in one encrypted file, where there is no system of the municipality's own to link to.

    Only the owner of an open incident sees the record of its household, on the board; each look-up goes to the access
    log first. Nothing of it reaches the log, the tables or any metric, and this command shows none of it. The files are
    named by ANBU_DIRECTORY and ANBU_DIRECTORY_KEY; keep copies of the key and of the file in different places.
    """


@directory.command("new")
def new() -> None:
    """Make a key, if there is none, and an empty directory.

    Example:
      ANBU_DIRECTORY=people.anbu ANBU_DIRECTORY_KEY=people.key anbu directory new
      people.anbu and people.key are there, readable by you alone
    """
    path, key_file = _files()
    with _refusing():
        if not key_file.exists():
            make_key(key_file)
        Directory.new(path, key_file).save()
    click.echo(f"{path} and {key_file} are there, readable by you alone")


@directory.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--check", "check_only", is_flag=True, help="Only validate; change nothing.")
def import_(file: str, check_only: bool) -> None:
    """Add or change records from a JSON lines or CSV file (- for JSON lines on stdin). Who is not in it stays.

    A bad line is told with its number and the field, never with what stands in it; then nothing is changed. Delete the
    file afterwards: it is not encrypted.

    JSON lines, one household a line:
      {"household":"h-17","name":"...","address":"...","phone":"...","access_notes":"...",
       "contacts":[{"relation":"...","name":"...","phone":"..."}]}
    CSV, any of these columns in the first row, household at least; several contacts with ;
      household,name,address,phone,contacts,access_notes
      h-17,...,...,...,relation:name:phone;relation:name:phone,...

    Example:
      anbu directory import people.csv
      211 households imported, 230 in the directory
    """
    records, faults = [], []
    for number, found in _lines(file):
        if isinstance(found, str):
            faults.append(f"line {number}: {found}")
        else:
            records.append(found)
    for line in faults:
        click.echo(line, err=True)
    if faults:
        raise Failed(f"{count(len(faults), 'line')} cannot be used: nothing was changed")
    if check_only:
        click.echo(f"{count(len(records), 'household')} can be imported")
        return
    with _refusing():
        kept = _open()
        for one in records:
            kept.put(one.household, _contact(one))
        kept.save()
    click.echo(f"{count(len(records), 'household')} imported, {len(kept):,} in the directory")


@directory.command("add")
@click.argument("household")
def add(household: str) -> None:
    """Add or change one record. What stands in it is asked for, or comes as JSON on stdin: arguments can be seen by others.

    Example:
      anbu directory add h-17
      Name: ...
      h-17 is in the directory
    """
    with _refusing():
        kept = _open()
        if sys.stdin.isatty():
            asked = {field: click.prompt(field.replace("_", " ").capitalize(), default="", show_default=False)
                     for field in ("name", "address", "phone", "access_notes")}  # fmt: skip
            contact = Contact(**asked)
        else:
            contact = msgspec.json.decode(sys.stdin.buffer.read(), type=Contact)
        kept.put(household, contact)
        kept.save()
    click.echo(f"{household} is in the directory")


@directory.command("remove")
@click.argument("household")
def remove(household: str) -> None:
    """Take a household out, as soon as it leaves the service.

    Example:
      anbu directory remove h-17
      h-17 is no longer in the directory
    """
    with _refusing():
        kept = _open()
        if not kept.remove(household):
            raise Failed(f"{household} is not in the directory")
        kept.save()
    click.echo(f"{household} is no longer in the directory")


@directory.command("count")
def count_() -> None:
    """Say how many households are in it; also shows that the key fits.

    Example:
      anbu directory count
      230 households
    """
    with _refusing():
        click.echo(count(len(_open()), "household"))


@directory.command("rekey")
@click.argument("new_key", type=click.Path(dir_okay=False, path_type=Path))
def rekey(new_key: Path) -> None:
    """Seal every record under another key, made if it is not there. Afterwards ANBU_DIRECTORY_KEY must name it.

    Example:
      anbu directory rekey people-2027.key
      230 households sealed under people-2027.key; set ANBU_DIRECTORY_KEY to it, and destroy the old key
    """
    with _refusing():
        kept = _open()
        if not new_key.exists():
            make_key(new_key)
        kept.rekeyed(new_key).save()
    click.echo(
        f"{count(len(kept), 'household')} sealed under {new_key}; set ANBU_DIRECTORY_KEY to it, and destroy the old key"
    )


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn what goes wrong into one line that repeats nothing of a record."""
    try:
        yield
    except msgspec.MsgspecError as error:
        raise Failed(f"the record cannot be used: {_said(error)}") from None
    except (DirectoryError, ValueError) as error:
        raise Failed(str(error)) from None


def _files() -> tuple[Path, Path]:
    chosen = settings()
    for name in ("directory", "directory_key"):
        if not getattr(chosen, name):
            raise Misconfigured(f"ANBU_{name.upper()} must name a file")
    return Path(chosen.directory), Path(chosen.directory_key)


def _open() -> Directory:
    return Directory.open(*_files())


def _lines(file: str) -> Iterator[tuple[int, _Written | str]]:
    """Each line with its record, or with what is wrong: a field's name, and nothing that stands in it."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        # utf-8-sig: spreadsheets begin their CSV with a byte order mark, which would become part of a column's name.
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read as UTF-8 text") from error
    rows = _csv(text) if file.endswith(".csv") else enumerate(text.splitlines(), 1)
    for number, row in rows:
        if isinstance(row, str) and not row.strip():
            continue
        try:
            found = msgspec.json.decode(row, type=_Written) if isinstance(row, str) else msgspec.convert(row, _Written)
            check(found.household, _contact(found))
        except msgspec.MsgspecError as error:
            yield number, _said(error)
        except ValueError as error:
            yield number, str(error)
        else:
            yield number, found


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    unknown = set(rows.fieldnames or ()) - set(COLUMNS)
    if unknown or "household" not in (rows.fieldnames or ()):
        raise Misconfigured(f"the first row must name columns among {', '.join(COLUMNS)}, household at least")
    for row in rows:
        said: dict[str, Any] = {name: value or "" for name, value in row.items() if name in COLUMNS}
        people = [one.split(":", 2) for one in said.pop("contacts", "").split(";") if one.strip()]
        said["contacts"] = [dict(zip(("relation", "name", "phone"), one, strict=False)) for one in people]
        yield rows.line_num, said


def _contact(one: _Written) -> Contact:
    return Contact(
        one.name, one.address, one.phone, tuple(Person(*_parts(each)) for each in one.contacts), one.access_notes
    )


def _parts(one: Person) -> tuple[str, str, str]:
    return one.relation, one.name, one.phone


def _said(error: msgspec.MsgspecError) -> str:
    """Say where the fault is: a path and no value, for a value could name somebody."""
    return (
        str(error).split(" - at ")[-1].strip("`") if "Expected" in str(error) else "is no JSON object of known fields"
    )
