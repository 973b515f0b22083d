"""Signatures of deliveries, as Standard Webhooks 1.0.0 describes them (www.standardwebhooks.com). Pure.

What a receiver checks: `verify(headers, body, secrets, now_s)`. It can be copied from here, or taken from any library
of that standard.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
PREFIX: Final = "whsec_"
VERSION: Final = "v1"
TOLERANCE_S: Final = 300
"""A delivery that says it is older than this, or from the future, is refused: it may have been caught and sent again."""
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64


class SignatureError(ValueError):
    """The delivery does not come from whoever has the secret, or comes too late."""


def read_secret(text: str) -> bytes:
    """Bytes of a secret such as `whsec_` and Base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is none; the text is not repeated.

    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret must be whsec_ and Base64") from error
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(f"a secret must have {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secret


def signed(name: str, at_s: int, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """Headers of a delivery: `name` stays the same in every try, `at_s` is when this try is made, seconds since 1970.

    With several secrets each signs, so that a receiver may change from one to the next in its own time.
    """
    signatures = " ".join(f"{VERSION},{_sign(name, str(at_s), body, secret)}" for secret in secrets)
    return {ID: name, TIMESTAMP: str(at_s), SIGNATURE: signatures}


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now_s: float, *, tolerance_s: float = TOLERANCE_S
) -> str:
    """Check a delivery as a receiver does; return its id, under which a repeat is known again.

    Raises:
        SignatureError: a header is missing, the time is off, or no signature is that of a secret.

    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        name, at, signatures = given[ID], given[TIMESTAMP], given[SIGNATURE]
    except KeyError as error:
        raise SignatureError(f"no header {error.args[0]}") from error
    if not (at.isascii() and at.isdigit()) or abs(now_s - int(at)) > tolerance_s:
        raise SignatureError(f"the time of the delivery is off by more than {tolerance_s:g} s")
    wanted = [_sign(name, at, body, secret) for secret in secrets]
    for one in signatures.split(" "):
        version, _, value = one.partition(",")
        if version == VERSION and any(hmac.compare_digest(value.encode(), each.encode()) for each in wanted):
            return name
    raise SignatureError("no signature of it is that of a known secret")


def _sign(name: str, at: str, body: bytes, secret: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, f"{name}.{at}.".encode() + body, hashlib.sha256)).decode()
