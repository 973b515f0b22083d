"""Anbu and its peers side by side."""
