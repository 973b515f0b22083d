"""`anbu board`."""

import logging

import click

from streams.access_log import AccessLogError
from streams.commands.outcome import Failed, Misconfigured, settings, told
from streams.commands.teach import Taught
from streams.directory import DirectoryError


@click.command(cls=Taught, short_help="The responders' board, in a browser.")
@told
def board() -> None:
    """Serve the board for responders: open cases with their reasons, live, and what can be done about them.

    It reads Kafka alone and works while ClickHouse is down. Who may sign in stands in board/users.json under
    ANBU_DATADIR (anbu users add), who looked at whom in board/access.log beside it. It listens on this machine only;
    for others put a proxy with TLS in front and set ANBU_BOARD_URL to the address that browsers use.

    Example:
      anbu users add kim --role responder --district gangbuk
      anbu board
      board on http://127.0.0.1:9320; health at http://127.0.0.1:9313/ready
    """
    from streams.board.serve import BoardError, serve  # noqa: PLC0415 - loads aiohttp and Jinja
    from streams.board.users import UsersError  # noqa: PLC0415 - the same

    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.WARNING)
    chosen = settings()
    try:
        serve(chosen, lambda line: click.echo(line, err=True))
    except (UsersError, AccessLogError, BoardError, DirectoryError) as error:
        raise Failed(str(error)) from error
    except ValueError as error:
        raise Misconfigured(f"settings: {error}") from error
