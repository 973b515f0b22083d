"""What partitions tell each other: how many homes of a district are heard, and what closings teach. Pure."""

from schemas.compiled import first

__path__ = first(__name__, __path__)
