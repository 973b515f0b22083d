"""Help texts that teach: examples keep their lines."""

import inspect
from typing import Any

import click


def keep_examples(text: str | None) -> str | None:
    """Mark each paragraph that holds an indented line, so that click prints it as written instead of wrapping it."""
    if text is None:
        return None
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join("\b\n" + p if any(line.startswith("  ") for line in p.splitlines()) else p for p in paragraphs)


class Taught(click.Command):
    """A command whose docstring is its help, examples included."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"help": keep_examples(kwargs.get("help"))})


class TaughtGroup(click.Group):
    """A group of such commands; called without one it shows its help."""

    command_class = Taught

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": True} | kwargs | {"help": keep_examples(kwargs.get("help"))})
