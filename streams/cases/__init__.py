"""Incidents from their first revision to their end: who is asked, who answers for them, and how they are said. Pure."""

from schemas.compiled import first

__path__ = first(__name__, __path__)
