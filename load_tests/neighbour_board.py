"""Who may sign in to the board of `anbu up`: somebody made up, with a new password each time."""

from typing import Final, NamedTuple

from streams.board.rights import EVERYWHERE, Role
from streams.board.serve import USERS, folder_of
from streams.board.users import Hash, User, UsersError, new_password, read_users, write_users
from streams.commands.outcome import Failed
from streams.settings import Settings

NAME: Final = "demo"


class SignIn(NamedTuple):
    """Name and password for the board's sign-in page."""

    name: str
    password: str


def demo_user(chosen: Settings) -> SignIn:
    """Add somebody who sees every synthetic home; others in the file stay.

    Raises:
        Failed: the file cannot be used; one line.

    """
    path = folder_of(chosen) / USERS
    made = SignIn(NAME, new_password())
    user = User(name=NAME, role=Role.SUPERVISOR, districts=[EVERYWHERE], password=Hash.of(made.password))
    try:
        others = [one for one in read_users(path) if one.name != NAME] if path.exists() else []
        write_users(path, [*others, user])
    except UsersError as error:
        raise Failed(str(error)) from error
    return made
