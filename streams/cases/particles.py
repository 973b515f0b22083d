"""Korean particles by the last sound of the word before them: 이/가, 을/를, 으로/로."""

from typing import Final

_FIRST, _LAST, _FINALS = 0xAC00, 0xD7A3, 28
_RIEUL: Final = 8
"""Place of ㄹ among the final consonants: before 로 it counts as none."""
_SPOKEN: Final = {
    **dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True)),
    **dict(zip("lmnr", "엘엠엔알", strict=True)),
    "%": "트",
}
"""Digits and the Latin letters whose names end in a consonant, as they are read."""


def subject(word: str) -> str:
    """Return a word with 이 or 가."""
    return word + ("이" if _final(word) else "가")


def object_of(word: str) -> str:
    """Return a word with 을 or 를."""
    return word + ("을" if _final(word) else "를")


def towards(word: str) -> str:
    """Return a word with 으로 or 로."""
    return word + ("으로" if _final(word) not in (0, _RIEUL) else "로")


def _final(word: str) -> int:
    """Return the place of the final consonant, 0 for none; brackets and quotes behind a word are not read."""
    last = word.rstrip(" )]\u201d\u2019'\"")[-1:].lower()
    last = _SPOKEN.get(last, last)
    return (ord(last) - _FIRST) % _FINALS if last and _FIRST <= ord(last) <= _LAST else 0
