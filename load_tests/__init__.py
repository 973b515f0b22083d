"""What Anbu is tried on: simulated neighbourhoods, recordings, the demo, faults and load."""
