"""Workers on a live broker, measured from outside: two against one, latency with an open loop, how little a calm one uses."""
