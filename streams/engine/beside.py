"""What a position row holds of districts and of the stage that puts them together, as it must look."""

import msgspec

from detectors.row_forms import Count, Moment, Number


class _Districts(msgspec.Struct, array_like=True):
    """What is known of districts; empty where nothing is."""

    known: list[tuple[str, Moment, list[Moment], Moment, list[Moment]]] = []
    weights_ms: Moment = 0
    weights: list[Number] = []


class Beside(msgspec.Struct, array_like=True):
    """Empty in rows of the first versions."""

    districts: _Districts | None = None
    stage_offset: Count = 0
    stage: bytes = b""
