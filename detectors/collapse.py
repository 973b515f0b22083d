"""Collapse injection: what a household's stream looks like when the person stops."""

from collections.abc import Iterable, Iterator

from detectors.life import sign_of
from schemas.events import Event


def cut(events: Iterable[Event], at_ms: int, *, keep_telemetry: bool = True) -> Iterator[Event]:
    """Yield events as if the person had collapsed at `at_ms`, UTC milliseconds.

    From then on nothing that a person does is left; what devices say by themselves goes on, or with
    `keep_telemetry=False` ends too (a cut wire). Motion triggers count as done by the person.
    """
    for event in events:
        if event.at_ms < at_ms or (keep_telemetry and not sign_of(event)):
            yield event
