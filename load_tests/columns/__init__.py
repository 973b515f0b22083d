"""A past in columns: read from text, sorted by days and laid into frames, each step in one loop; compiled with the engine."""

from schemas.compiled import first

__path__ = first(__name__, __path__)
