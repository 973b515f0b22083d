"""What Anbu reads and writes: events, households, incidents, actions; their wire forms and their tables."""

from schemas.compiled import first

__path__ = first(__name__, __path__)
