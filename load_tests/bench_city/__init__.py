"""The simulator's half of the detection benchmark: synthetic homes by kind of source, each cut at random moments."""
