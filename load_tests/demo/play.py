"""Feed and look on at the same time, until everything that was sent has been judged."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiokafka.errors import KafkaError

from load_tests.columns.wire import Wire
from load_tests.demo.onlooker import Onlooker
from load_tests.demo.parts import PartError, Parts
from load_tests.demo.view import Sight
from load_tests.feed import FeedProgress, feed
from load_tests.messages import Played
from schemas.events import TickMode
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.publish import BrokerAwayError
from streams.wallclock import monotonic_s

AHEAD_MS: Final = 3 * DAY_MS
"""So far the feed runs ahead of the worker's clock: enough for it never to wait, little enough to watch it work."""
STANDS_S: Final = 90.0
"""A clock that does not move for so long while its log goes on will not move any more; a worker ends itself before that."""
_LOOK_MS: Final = 150


class Play:
    """A neighbourhood being fed into running parts, and somebody who looks on.

    `show` is called a few times a second, from the event loop.
    """

    def __init__(self, parts: Parts, onlooker: Onlooker, played: Played, show: Callable[["Play"], None]) -> None:
        """Choose what is played; nothing happens yet."""
        self.parts = parts
        self.onlooker = onlooker
        self.played = played
        self.began_s = monotonic_s()
        self.clock_ms = played.from_ms
        """Log time up to which everything has been judged, UTC milliseconds."""
        self.fed: FeedProgress | None = None
        """What the broker has acknowledged."""
        self._show = show

    @property
    def events(self) -> int:
        """Events sent."""
        return 0 if self.fed is None else self.fed.events

    @property
    def elapsed_s(self) -> float:
        """Wall time since the start."""
        return monotonic_s() - self.began_s

    def sight(self, until_ms: int | None = None) -> Sight:
        """Return what there is to see now; the way to go ends at `until_ms`, by default where what is played ends."""
        stories = self.onlooker.stories
        return Sight(
            from_ms=self.played.from_ms,
            until_ms=self.played.until_ms if until_ms is None else until_ms,
            clock_ms=self.clock_ms,
            events=self.events,
            elapsed_s=self.elapsed_s,
            homes=stories.homes,
            blind=stories.blind,
            dead=stories.dead.total(),
            lines=stories.lines(),
        )

    async def run(
        self,
        messages: Iterator[Wire],
        *,
        live_from_ms: int | None = None,
        pace: Callable[[int], Awaitable[None]] | None = None,
        reached: Callable[[FeedProgress], None] | None = None,
    ) -> FeedProgress:
        """Feed the messages, and return when every partition's clock has reached the end of the log.

        `live_from_ms` and `pace` are those of `feed`; `reached` hears how far it has come.

        Raises:
            PartError: a part ended, or the worker's clock stands.
            BrokerAwayError: the broker does not answer although it runs.
            BrokenPipeError: nobody reads what is shown.

        """

        def note(done: FeedProgress) -> None:
            self.fed = done
            if reached is not None:
                reached(done)

        async def keep_pace(end_ms: int) -> None:
            while end_ms - self.clock_ms > AHEAD_MS:
                await asyncio.sleep(0.02)
            if pace is not None:
                await pace(end_ms)

        try:
            async with asyncio.TaskGroup() as group:
                aside = [group.create_task(self._look_on()), group.create_task(self._guard())]
                done = await feed(
                    self.parts.settings.bootstrap,
                    self.played,
                    partitions=self.parts.settings.partitions,
                    messages=messages,
                    progress=note,
                    pace=keep_pace,
                    mode=TickMode.SIMULATED,
                    live_from_ms=live_from_ms,
                )
                while self.clock_ms < done.log_ms:
                    await asyncio.sleep(0.05)
                for task in aside:
                    task.cancel()
                return done
        except* (PartError, BrokerAwayError, KafkaError, BrokenPipeError) as failed:
            raise self._reason(failed) from None
        raise AssertionError("unreachable")

    def _reason(self, failed: ExceptionGroup) -> Exception:
        """Return the one reason of several failures: a part that died takes others with it."""
        try:
            self.parts.why()
        except PartError as dead:
            return dead
        first: Exception = failed
        while isinstance(first, ExceptionGroup):
            first = next((one for one in first.exceptions if isinstance(one, PartError)), first.exceptions[0])
        if isinstance(first, KafkaError):
            return PartError(f"the broker takes nothing more ({type(first).__name__})")
        return first

    async def _look_on(self) -> None:
        while True:
            await asyncio.to_thread(self.onlooker.look, _LOOK_MS)
            self.clock_ms = max(self.clock_ms, self.onlooker.stories.clock_ms or 0)
            self._show(self)
            await asyncio.sleep(0.05)

    async def _guard(self) -> None:
        """See that every part runs and that the worker's clock follows the feed."""
        clock_ms, moved_s = self.clock_ms, monotonic_s()
        while True:
            self.parts.check()
            behind = self.fed is not None and self.fed.log_ms > self.clock_ms
            if self.clock_ms != clock_ms or not behind:
                clock_ms, moved_s = self.clock_ms, monotonic_s()
            elif monotonic_s() - moved_s > STANDS_S:
                raise self.parts.stands(f"its clock has stood at {to_rfc3339(clock_ms)} for {STANDS_S:g} s")
            await asyncio.sleep(0.25)
