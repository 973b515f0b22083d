"""Deterministic ids: the same thing in the log always has the same id, in every run and every replay."""

from hashlib import blake2b

from schemas.incidents import IncidentKind


def _id(*parts: object) -> str:
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def emergency_id(household: str, source: str, device: str, kind: IncidentKind, at_ms: int, event_id: str) -> str:
    """Id of an emergency's incident: its event alone decides. Gateways reuse event ids after a reboot: time is in it."""
    return _id("emergency", household, source, device, kind, at_ms, event_id)


def incident_id(household: str, kind: IncidentKind, opening_ms: int) -> str:
    """Id of any other incident, opened when the partition's clock stood at `opening_ms`."""
    return _id("incident", household, kind, opening_ms)


def case_id(household: str, opening_ms: int) -> str:
    """Id of a household's case, opened with its first incident."""
    return _id("case", household, opening_ms)


def request_id(household: str, purpose: str, at_ms: int) -> str:
    """Id of a check-in request."""
    return _id("request", household, purpose, at_ms)
