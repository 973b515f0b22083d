"""`python -m load_tests.living.live`: a synthetic neighbourhood that lives in real time on a broker of yours.

Where `anbu up` brings its own parts and fills in the past, this only sends what its synthetic people do from now on, to
`ANBU_KAFKA`, and leaves the ticks to the tickers: it can run against a log that is live already. Never against one that
watches real people: `households` would list the synthetic ones among them.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Final

from load_tests.columns.wire import Wire
from load_tests.feed import FeedProgress, as_time_passes, feed
from load_tests.living.duty import put_on_duty
from load_tests.recordings.recording import wire_of
from load_tests.simulator.neighbourhood import Neighbourhood, simulate
from load_tests.simulator.plan import LOCAL_MS
from schemas.topics import DAY_MS, ORDERED_NAMES
from streams.publish import check_partitions, partition_counts
from streams.settings import Settings
from streams.wallclock import now_ms

HOUSEHOLDS: Final = 200
AHEAD_DAYS: Final = 365
SEED: Final = 2026
BEFORE_MS: Final = 600_000
"""The feed's own ticks end here, before the first message: a simulated tick in a live log would be refused and alarmed."""


def neighbourhood(at_ms: int, households: int = HOUSEHOLDS, days: int = AHEAD_DAYS, seed: int = SEED) -> Neighbourhood:
    """Make people whose first day is the one of `at_ms`."""
    return simulate(households, days, seed, start_ms=(at_ms + LOCAL_MS) // DAY_MS * DAY_MS - LOCAL_MS)


async def live(settings: Settings, town: Neighbourhood, from_ms: int, until_ms: int | None = None) -> FeedProgress:
    """Send the registry, then each message when its time comes; until `until_ms`, or as long as the people have a future.

    Raises:
        aiokafka.errors.KafkaError: the broker does not take it.

    """

    def messages() -> Iterator[Wire]:
        return (wire_of(one) for one in town.messages() if one.sent_ms >= from_ms)

    return await feed(
        settings.bootstrap,
        town,
        partitions=settings.partitions,
        from_ms=from_ms,
        until_ms=until_ms,
        live_from_ms=from_ms - BEFORE_MS,
        messages=messages(),
        pace=as_time_passes,
    )


def main() -> None:
    """Live until Ctrl-C."""
    settings = Settings.from_env(os.environ)
    check_partitions(partition_counts(settings.bootstrap), dict.fromkeys(ORDERED_NAMES, settings.partitions))
    at_ms = now_ms()
    put_on_duty(settings, at_ms)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(live(settings, neighbourhood(at_ms), at_ms))


if __name__ == "__main__":
    main()
