"""The engine of one partition: a pure function of its logs, word for word and bit for bit."""
