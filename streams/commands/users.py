"""`anbu users`: who may sign in to the board."""

import sys
from pathlib import Path

import click

from streams.board.rights import Role
from streams.board.users import (
    Hash,
    User,
    UsersError,
    check_password,
    check_user,
    new_password,
    read_users,
    write_users,
)
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import TaughtGroup


@click.group(cls=TaughtGroup)
def users() -> None:
    """Keep who may sign in to the board: a file in ANBU_DATADIR, readable by its owner alone.

    Passwords are kept as salted scrypt hashes. A running board takes a change with the next request: whoever is
    removed, or has a new password, is signed out.
    """


@users.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--district", "districts", multiple=True, help="As the registry names it; * for all (supervisors only).")
@click.option("--language", type=click.Choice(["ko", "en"]), default="ko", show_default=True)
@click.option("--generate", is_flag=True, help="Make a password and print it once.")
@told
def add(name: str, role: str, districts: tuple[str, ...], language: str, generate: bool) -> None:
    """Add somebody, or give them a new password, role and districts.

    What each role may:
      responder   sees and acts on the homes of their districts
      supervisor  the same, and the state of the parts; --district '*' for all
      engineer    the state of the parts, nobody's data
      viewer      totals, nobody's data

    The password is asked for, or read from stdin when that is no terminal.

    Example:
      anbu users add kim --role responder --district gangbuk --district dobong
      Password:
      kim: responder of gangbuk, dobong
    """
    path = _path()
    try:
        password = new_password() if generate else _ask()
        check_password(password)
        user = User(
            name=name,
            role=Role(role),
            districts=list(districts),
            language="en" if language == "en" else "ko",
            password=Hash.of(password),
        )
        check_user(user)
    except UsersError as error:
        raise Misconfigured(str(error)) from error
    try:
        others = [one for one in _read(path) if one.name != name]
        write_users(path, [*others, user])
    except UsersError as error:
        raise Failed(str(error)) from error
    click.echo(_line(user))
    if generate:
        click.echo(f"password: {password}")


@users.command("list")
@told
def list_() -> None:
    """List who may sign in.

    Example:
      anbu users list
      kim: responder of gangbuk, dobong
    """
    try:
        found = _read(_path())
    except UsersError as error:
        raise Failed(str(error)) from error
    for user in found:
        click.echo(_line(user))
    if not found:
        click.echo("nobody yet: anbu users add NAME --role responder --district DISTRICT")


@users.command("remove")
@click.argument("name")
@told
def remove(name: str) -> None:
    """Let somebody sign in no more; their open sessions end.

    Example:
      anbu users remove kim
      removed kim
    """
    path = _path()
    try:
        found = _read(path)
        if all(one.name != name for one in found):
            raise Failed(f"there is no user {name}")
        write_users(path, [one for one in found if one.name != name])
    except UsersError as error:
        raise Failed(str(error)) from error
    click.echo(f"removed {name}")


def _path() -> Path:
    return settings().datadir / "board" / "users.json"


def _read(path: Path) -> list[User]:
    return read_users(path) if path.exists() else []


def _ask() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\n")


def _line(user: User) -> str:
    where = f" of {', '.join(user.districts)}" if user.districts else ""
    return f"{user.name}: {user.role}{where}"
