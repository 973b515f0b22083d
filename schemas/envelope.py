"""The form of a sound event, apart from what decodes it: a compiler of typed Python cannot make such a class."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.data import Data
from schemas.vocabulary import BY_TYPE

if TYPE_CHECKING:
    Type = str
else:
    # One of the known texts is found while it is read, and no new one is made. An unknown type goes the slow way, which says so.
    Type = Literal[tuple(BY_TYPE)]


class Envelope(msgspec.Struct, kw_only=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the fast way takes: a `CloudEvent` without fields of its sender's own, so that nothing can nest deeply.

    Its fields are sorted, as in a message of our own: each is looked for first behind the one before.
    """

    data: Data = Data()
    datacontenttype: str | None = None
    dataschema: str | None = None
    id: Annotated[str, Meta(min_length=1, max_length=128)]
    source: str
    specversion: Literal["1.0"]
    subject: str
    time: str
    type: Type
