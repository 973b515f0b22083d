"""The worker: engines of its partitions on a broker, with emergencies, checkpoints and takeovers."""
