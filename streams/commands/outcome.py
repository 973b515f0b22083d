"""How a command ends: one line on stderr and an exit code, never a traceback for what was to be expected."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from streams.publish import BrokerAwayError, TopicsDifferError, quiet_kafka_logs
from streams.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


class Failed(click.ClickException):
    """Something outside did not work: exit code 1."""

    exit_code = 1


class Misconfigured(click.ClickException):
    """The settings or the arguments cannot be right: exit code 2."""

    exit_code = 2


def settings() -> Settings:
    """Return the settings of this process, from ANBU_* in its environment."""
    try:
        return Settings.from_env(os.environ)
    except ValueError as error:
        raise Misconfigured(f"settings: {error}") from error


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the failures that every command knows into its one line."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        quiet_kafka_logs()
        try:
            return command(*args, **kwargs)
        except BrokerAwayError as error:
            raise Failed(f"{error}; look with: anbu doctor") from error
        except TopicsDifferError as error:
            raise Failed(str(error)) from error

    return run


def count(number: int, noun: str) -> str:
    """`1 line`, `1,204 lines`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
