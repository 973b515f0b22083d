"""The form of a sound event, apart from what decodes it: a compiler of typed Python cannot make such a class."""

from schemas.events import CloudEvent


class Envelope(CloudEvent, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the fast way takes: an event without fields of its sender's own, so that nothing can nest deeply."""

    datacontenttype: str | None = None
    dataschema: str | None = None
