"""The truncation benchmark: who notices, and when, that a recording has been cut."""
