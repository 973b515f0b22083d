"""Recordings: of real homes as CSV, and of neighbourhoods as folders of messages."""
