"""The `anbu` command line: commands of this layer by name, those of outer layers by entry point `anbu.commands`."""

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any, Final, NoReturn

import click

from schemas.compiled import state
from streams.commands.teach import keep_examples

HERE: Final[dict[str, tuple[str, str]]] = {
    "worker": ("streams.commands.worker:worker", "Judge the events: the Faust worker."),
    "writer": (
        "streams.commands.writer:writer",
        "Write incidents, statuses and dead letters to ClickHouse; and the archive.",
    ),
    "webhook": ("streams.commands.webhook:webhook", "Push incidents to systems of others, signed."),
    "archive": ("streams.commands.archive:archive", "The archive of the inputs: take a household out of it."),
    "ticker": ("streams.commands.ticker:ticker", "Write the clock into the log."),
    "send": ("streams.commands.send:send", "Validate events and publish the good ones."),
    "households": ("streams.commands.households:households", "The registry: import, show, declare an absence."),
    "profile": ("streams.commands.profile:profile", "The numbers that decide: show, compare, apply."),
    "incidents": ("streams.commands.incidents:incidents", "What responders see: watch, acknowledge, close."),
    "board": ("streams.commands.board:board", "The responders' board, in a browser."),
    "users": ("streams.commands.users:users", "Who may sign in to the board: add, list, remove."),
    "alerts": ("streams.commands.alerts:alerts", "Public alerts: send one to every partition."),
    "directory": ("streams.commands.directory:directory", "Names and addresses, encrypted: import, add, remove."),
    "access-log": ("streams.commands.access_log:access_log", "Who looked at whom: verify that nothing was altered."),
    "drill": ("streams.commands.drill:drill", "Play an exercise through the live path."),
    "dead-letters": ("streams.commands.dead_letters:dead_letters", "What could not be used: list, show, retry."),
    "doctor": ("streams.commands.doctor:doctor", "Look at every part: one line each, with the remedy."),
}
"""Name: where it is, and its one line. Kept here so that `anbu --help` need not load Faust."""

ABOUT: Final = """Anbu (안부) asks after people who live alone.

It reads what their sensors, phones, check-in calls and care robots report, learns each household's rhythm, and tells
responders early when the signs of life stop or turn dangerous.

Start here:
  anbu demo                      a neighbourhood, its incidents and a summary, in a few minutes
  anbu up                        the same, kept running; then, in a second terminal:
  anbu doctor                    does every part work?
  anbu incidents watch           what responders see
  anbu COMMAND --help            what a command does, an example, what it prints

Connections come from environment variables ANBU_* only. Whatever changes a decision is a record in the log: see
anbu profile --help. Exit codes: 0 done, 1 something failed, 2 wrong arguments or settings.
"""


class Commands(click.Group):
    """A group that loads a command when it is asked for, and reports every error as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, this layer's and the outer ones'."""
        return sorted({*HERE, *_outer()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Load a command."""
        if cmd_name in HERE:
            module, name = HERE[cmd_name][0].split(":")
            found = getattr(importlib.import_module(module), name)
        elif cmd_name in (outer := _outer()):
            try:
                found = outer[cmd_name].load()
            except (ImportError, AttributeError) as error:
                raise click.ClickException(f"{cmd_name} is not installed as it should be: {error}") from error
        else:
            return None
        if not isinstance(found, click.Command):
            raise click.ClickException(f"{cmd_name} is not a command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading those of this layer."""
        rows = []
        for name in self.list_commands(ctx):
            if name in HERE:
                rows.append((name, HERE[name][1]))
                continue
            try:
                command = self.get_command(ctx, name)
                rows.append((name, command.get_short_help_str(80) if command else ""))
            except click.ClickException as error:
                rows.append((name, f"({error.message})"))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command line and leave the process with its exit code."""
        extra.pop("standalone_mode", None)
        try:
            code = super().main(args=args, prog_name=prog_name or "anbu", standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.ClickException as error:
            click.echo(_one_line(error), err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(130)
        except BrokenPipeError:
            # The reader of a pipe has left (`| head`): nothing more to say, and nowhere to say it.
            sys.stdout = None
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _outer() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="anbu.commands")}


def _one_line(error: click.ClickException) -> str:
    said = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{error.ctx.command_path}: {said} (see {error.ctx.command_path} --help)"
    return f"anbu: {said}"


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    """Say which version this is, and whether its engine runs compiled."""
    if asked and not ctx.resilient_parsing:
        click.echo(f"anbu {version('anbu')}, engine: {state()}")
        ctx.exit()


@click.group(cls=Commands, help=keep_examples(ABOUT))
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def cli() -> None:
    """Only a place for the commands."""


def main() -> NoReturn:
    """Entry point of the `anbu` script."""
    cli.main()
