"""What is read out to a resident about a hazard, from `guidance.toml`."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from schemas.alerts import Hazard

FILE: Final = Path(__file__).with_name("guidance.toml")


class Guidance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same few sentences in Korean and English."""

    ko: str
    en: str


def guidance(kind: Hazard, language: str) -> str:
    """Sentences about a hazard: Korean for `ko` and its variants such as `ko-KR`, English for any other language."""
    found = texts()[kind]
    return found.ko if language.partition("-")[0].casefold() == "ko" else found.en


@lru_cache(maxsize=1)
def texts() -> dict[Hazard, Guidance]:
    """Return the texts of every hazard.

    Raises:
        msgspec.ValidationError: the file names something that is no hazard, or lacks a language.

    """
    return msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), dict[Hazard, Guidance])
