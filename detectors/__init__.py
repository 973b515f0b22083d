"""What Anbu decides: pure models of one household each, without Kafka, without I/O, without a wall clock.

`detectors.Household` is the public interface: docs/using.md drives one by hand.
"""

from typing import TYPE_CHECKING, Any

from schemas.compiled import first

if TYPE_CHECKING:
    from detectors.household import Household

__path__ = first(__name__, __path__)

__all__ = ["Household"]


def __getattr__(name: str) -> Any:
    """Load the model when it is asked for: whoever needs one of the modules beside it need not load them all."""
    if name == "Household":
        from detectors.household import Household  # noqa: PLC0415 - that is what this is for

        return Household
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
