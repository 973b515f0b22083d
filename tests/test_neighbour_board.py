"""The sign-ins and the roster of `anbu up`: made up, for this machine and this run alone."""

from pathlib import Path

import pytest
from board_scene import a_user

from load_tests.living.board import OFFICER, SUPERVISOR, check_loopback, demo_users
from load_tests.living.duty import ROSTER, with_roster
from schemas.duty import Desk, Duty
from schemas.households import HouseholdRecord
from schemas.profiles import DEFAULT_PROFILE
from streams.board.rights import Role
from streams.board.users import Users, read_users, write_users
from streams.commands.outcome import Misconfigured
from streams.profile_file import profile_id
from streams.settings import Settings

HOMES = [HouseholdRecord(household=f"h-{n}", district="d02" if n else "d01") for n in range(3)]


def test_a_demo_sign_in_ends_with_the_demo_and_leaves_everybody_else(tmp_path: Path) -> None:
    path = tmp_path / "board" / "users.json"
    write_users(path, [a_user("kim", Role.RESPONDER, "d01")])
    settings = Settings(datadir=tmp_path)
    with demo_users(settings, HOMES) as made:
        users = Users(path)
        supervisor, officer = (users.check(one.name, one.password) for one in made)
        assert supervisor is not None
        assert officer is not None
        assert (supervisor.name, supervisor.districts) == (SUPERVISOR, ["*"])
        assert (officer.name, officer.role, officer.districts) == (OFFICER, Role.RESPONDER, ["d02"])
        assert users.get("kim") is not None
    assert [one.name for one in read_users(path)] == ["kim"]
    assert users.check(made[0].name, made[0].password) is None


def test_two_demos_have_different_passwords(tmp_path: Path) -> None:
    with demo_users(Settings(datadir=tmp_path), HOMES) as first:
        pass
    with demo_users(Settings(datadir=tmp_path), HOMES) as second:
        pass
    assert not {one.password for one in first} & {one.password for one in second}


@pytest.mark.parametrize("reached", [{"board_host": "0.0.0.0"}, {"board_url": "https://anbu.example"}], ids=str)  # noqa: S104 - refused
def test_a_demo_board_that_other_machines_could_reach_is_refused(reached: dict[str, str]) -> None:
    check_loopback(Settings())
    check_loopback(Settings(board_host="::1"))
    with pytest.raises(Misconfigured):
        check_loopback(Settings(**reached))  # type: ignore[arg-type]


def test_the_made_up_roster_never_replaces_one_that_is_in_force() -> None:
    theirs = DEFAULT_PROFILE.__class__(id="p-1", who="kim", why="ours", duty=Duty(desks=[Desk(day="office")]))
    assert with_roster(theirs, 0) is theirs
    made = with_roster(DEFAULT_PROFILE, 0)
    assert made.duty == ROSTER
    assert made.id == profile_id(made) != DEFAULT_PROFILE.id
    assert made.silence == DEFAULT_PROFILE.silence
