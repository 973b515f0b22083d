"""Who may sign in to the board: kept so that a stolen file tells no password, and a careless one is refused."""

import stat
from pathlib import Path

import pytest
from board_scene import EVERYBODY, PASSWORD, a_user
from click.testing import CliRunner, Result

from streams.board.rights import Role
from streams.board.users import (
    Hash,
    Users,
    UsersError,
    check_password,
    check_user,
    new_password,
    read_users,
    write_users,
)
from streams.cli import cli


def anbu(folder: Path, *args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, [*args], env={"ANBU_DATADIR": str(folder)}, input=stdin)


def test_a_password_is_kept_as_a_salted_hash_that_fits_it_alone() -> None:
    one, other = Hash.of(PASSWORD), Hash.of(PASSWORD)
    assert one != other, "two who chose the same password do not look alike"
    assert one.fits(PASSWORD)
    assert not one.fits(PASSWORD + " ")
    assert not one.fits("")
    assert 128 * one.n * one.r >= 32 * 2**20, "a guess costs at least 32 MB"


def test_the_users_file_is_for_its_owner_alone_and_refused_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "board" / "users.json"
    write_users(path, list(EVERYBODY))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD.encode() not in path.read_bytes()
    assert {user.name for user in read_users(path)} == {user.name for user in EVERYBODY}
    for mode in (0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(UsersError, match="chmod 600"):
            Users(path)


def test_a_missing_or_broken_users_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    with pytest.raises(UsersError, match="anbu users add"):
        Users(path)
    path.write_text("{")
    path.chmod(0o600)
    with pytest.raises(UsersError, match="no file of users"):
        Users(path)


def test_nobody_is_let_in_without_the_whole_password(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    write_users(path, list(EVERYBODY))
    users = Users(path)
    assert users.check("kim", PASSWORD)
    assert not users.check("kim", PASSWORD[:-1])
    assert not users.check("nobody", PASSWORD)
    assert not users.check("", "")
    assert not users.check("kim", PASSWORD + "x" * 300)


@pytest.mark.parametrize(
    ("role", "districts"),
    [
        (Role.RESPONDER, ()),
        (Role.SUPERVISOR, ()),
        (Role.RESPONDER, ("*",)),
        (Role.ENGINEER, ("gangbuk",)),
        (Role.VIEWER, ("*",)),
        (Role.SUPERVISOR, ("gang*",)),
        (Role.RESPONDER, ("",)),
    ],
)
def test_a_user_who_would_see_too_much_or_nothing_is_refused(role: Role, districts: tuple[str, ...]) -> None:
    with pytest.raises(UsersError):
        check_user(a_user("kim", role, *districts))


def test_short_or_simple_passwords_are_refused_and_generated_ones_are_not() -> None:
    for poor in ("short", "aaaaaaaaaaaaaaaa", "x" * 300):
        with pytest.raises(UsersError):
            check_password(poor)
    passwords = {new_password() for _ in range(50)}
    assert len(passwords) == 50
    for password in passwords:
        check_password(password)


def test_users_are_added_listed_changed_and_removed_by_command(tmp_path: Path) -> None:
    added = anbu(tmp_path, "users", "add", "kim", "--role", "responder", "--district", "gangbuk", stdin=PASSWORD + "\n")
    assert added.exit_code == 0, added.output
    assert PASSWORD not in added.output
    again = anbu(tmp_path, "users", "add", "kim", "--role", "supervisor", "--district", "*", "--generate")
    assert "password: " in again.output
    listed = anbu(tmp_path, "users", "list").output
    assert listed == "kim: supervisor of *\n"
    password = again.output.split("password: ")[1].strip()
    assert Users(tmp_path / "board" / "users.json").check("kim", password)
    assert anbu(tmp_path, "users", "remove", "kim").exit_code == 0
    assert "nobody yet" in anbu(tmp_path, "users", "list").output
    assert anbu(tmp_path, "users", "remove", "kim").exit_code == 1


def test_a_user_that_breaks_a_rule_is_refused_in_one_line(tmp_path: Path) -> None:
    for args in (
        ("kim", "--role", "responder"),
        ("kim", "--role", "viewer", "--district", "gangbuk"),
        ("k m", "--role", "viewer"),
    ):
        refused = anbu(tmp_path, "users", "add", *args, "--generate")
        assert refused.exit_code == 2
        assert len(refused.output.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_board_does_not_start_without_anybody_who_may_sign_in(tmp_path: Path) -> None:
    started = anbu(tmp_path, "board")
    assert started.exit_code == 1
    assert "anbu users add" in started.output
