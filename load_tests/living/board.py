"""Who may sign in to the board of `anbu up`: two made-up people, with new passwords each time, gone when it ends."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from schemas.households import HouseholdRecord
from streams.board.rights import EVERYWHERE, Role
from streams.board.serve import USERS, folder_of
from streams.board.users import Hash, User, UsersError, new_password, read_users, write_users
from streams.commands.outcome import Failed, Misconfigured
from streams.settings import Settings, variable_of

SUPERVISOR: Final = "demo"
OFFICER: Final = "demo-officer"


class SignIn(NamedTuple):
    """Name and password for the board's sign-in page, and what they show."""

    name: str
    password: str
    about: str


def check_loopback(chosen: Settings) -> None:
    """Refuse a board that other machines reach: these sign-ins stand on a terminal, and are for this machine alone.

    Raises:
        Misconfigured: `ANBU_BOARD_HOST` or `ANBU_BOARD_URL` would let others in.

    """
    try:
        is_here = ip_address(chosen.board_host).is_loopback
    except ValueError:
        is_here = chosen.board_host == "localhost"
    if not is_here:
        raise Misconfigured(
            f"anbu up serves its board on this machine alone: leave {variable_of('board_host')} at loopback"
        )
    if chosen.board_url:
        raise Misconfigured(f"anbu up serves its board on this machine alone: leave {variable_of('board_url')} unset")


@contextlib.contextmanager
def demo_users(chosen: Settings, homes: Iterable[HouseholdRecord]) -> Iterator[list[SignIn]]:
    """Let a supervisor of everything and an officer of the fullest district sign in, until the block ends; others stay.

    Raises:
        Failed: the file of users cannot be used; one line.

    """
    districts = Counter(home.district for home in homes if home.district)
    (district, _), *_others = sorted(districts.items(), key=lambda one: (-one[1], one[0])) or [("", 0)]
    made = [SignIn(SUPERVISOR, new_password(), "supervisor of every district")]
    users = [_user(made[0], Role.SUPERVISOR, EVERYWHERE)]
    if district:
        made.append(SignIn(OFFICER, new_password(), f"officer of district {district}"))
        users.append(_user(made[1], Role.RESPONDER, district))
    _replace(chosen, users)
    try:
        yield made
    finally:
        # A password that stood on a terminal opens nothing later, when another board runs on the same file.
        _replace(chosen, [])


def _user(sign_in: SignIn, role: Role, district: str) -> User:
    return User(name=sign_in.name, role=role, districts=[district], password=Hash.of(sign_in.password))


def _replace(chosen: Settings, users: list[User]) -> None:
    path = folder_of(chosen) / USERS
    try:
        kept = [one for one in read_users(path) if one.name not in {SUPERVISOR, OFFICER}] if path.exists() else []
        write_users(path, [*kept, *users])
    except UsersError as error:
        raise Failed(str(error)) from error
