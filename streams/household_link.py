"""The link from an incident into the municipality's own system: a configured template and a reference that names nobody."""

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

PLACE: Final = "{token}"
SHORTEST_KEY: Final = 32
"""Bytes. A shorter key could be guessed, and with it the token of every pseudonym."""
TOKEN_DIGITS: Final = 32


class LinkTemplate:
    """Makes links such as `https://care.example.org/home/{token}`.

    The token is the first 32 hex digits of HMAC-SHA256 over the pseudonym under a key that the municipality's system
    shares, so that it can make the same token of its own list; nobody without the key can tell whose link it is.

    Raises:
        ValueError: the template is no https URL with `{token}` once, after the host; or the key is too short.

    """

    def __init__(self, template: str, key: bytes) -> None:
        parts = urlsplit(template)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise ValueError("the link template must be an https URL without a password")
        if template.count(PLACE) != 1 or PLACE in parts.netloc:
            raise ValueError(f"the link template must hold {PLACE} once, after the host")
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"the link key must have at least {SHORTEST_KEY} bytes")
        self._template = template
        self._key = key

    def link(self, household: str) -> str:
        """URL of a household in the municipality's system."""
        return self._template.replace(PLACE, token_of(household, self._key))


def token_of(household: str, key: bytes) -> str:
    """32 hex digits that stand for a pseudonym, and for nobody without the key."""
    return hmac.new(key, household.encode(), hashlib.sha256).hexdigest()[:TOKEN_DIGITS]
