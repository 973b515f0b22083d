"""What Anbu reads and writes: events, households, incidents, actions; their wire forms and their tables."""
