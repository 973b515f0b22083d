"""How Anbu runs: the Faust worker, the partition engine, checkpoints, sinks, metrics and the command line."""
