"""The engine of one partition: a pure function of its logs, word for word and bit for bit."""

from schemas.compiled import first

__path__ = first(__name__, __path__)
