"""Replays within this process, with every revision in memory: for tests that compare."""

from load_tests.replay_run import Past
from schemas.profiles import Profile
from streams.replay import Run, replay


def run_all(past: Past, profile: Profile | None = None) -> Run:
    """Every partition of a past, together."""
    whole = Run()
    for partition in range(past.partitions):
        whole.add(replay(past.source(partition), past.engine(partition, profile)))
    return whole
