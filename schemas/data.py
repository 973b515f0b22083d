"""What an event says beside its kind: `data` of a CloudEvent."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.times import Rfc3339
from schemas.vocabulary import Ask, CareTopic, DisasterAnswer, Distress, Level

Name = Annotated[str, Meta(max_length=128)]
"""A device, an id: bounded, or one event could fill a household's state."""
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Reading = Annotated[float, Meta(ge=-1e12, le=1e12)]
"""A measured value. Whatever is larger is no measurement, and its square would overflow a detector's statistics."""


class Data(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """`data` of a CloudEvent. Which fields must be there is the kind's form; unknown fields are ignored.

    They are ignored by a second look of `schemas.decode`. That this type refuses them at the first is how it knows, at
    no cost, that nothing is nested deeper than the fields themselves.
    """

    device: Name = ""
    state: Literal["on", "off"] | None = None
    value: Reading | None = None
    count: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    over_s: Seconds | None = None
    exit: bool = False
    until: Rfc3339 | None = None
    request: Name | None = None
    channel: Ask | None = None
    """How the question was put, where it was no call: the registry's word for the rung."""
    purpose: Literal["wellbeing", "follow_up", "medication", "disaster"] | None = None
    topics: dict[CareTopic, Level] | None = None
    resolved: Annotated[list[CareTopic], Meta(max_length=16)] | None = None
    disaster: DisasterAnswer | None = None
    guidance_given: bool | None = None
    codes: Annotated[list[Distress], Meta(max_length=16)] | None = None
    duration_s: Seconds | None = None
