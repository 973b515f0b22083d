"""The clock moves: deadlines fall due, who was never registered expires, and each minute has its status. Pure."""

from collections.abc import Iterator
from typing import Final

from schemas.district import MARK_MS, MOST_COUNTED, DistrictCounts
from schemas.incidents import CloseCause, DisasterCounts, Status
from schemas.times import to_rfc3339
from streams.engine.alerting import Alerting
from streams.engine.consequences import Consequences
from streams.engine.gathering import COUNTS, STAGE
from streams.engine.outputs import Output, revised
from streams.engine.shared import Shared, dead
from streams.engine.views import Views
from streams.engine.watched import Watched
from streams.engine.watching import Watching

MINUTE_MS: Final = 60_000


class Waking:
    """Lets time pass in a partition."""

    def __init__(
        self, shared: Shared, consequences: Consequences, watching: Watching, alerting: Alerting, views: Views
    ) -> None:
        self._shared = shared
        self._consequences = consequences
        self._watching = watching
        self._alerting = alerting
        self._views = views
        self._minute = shared.clock_ms // MINUTE_MS
        self._begun = shared.clock_ms > 0

    def move(self, clock_ms: int) -> Iterator[list[Output]]:
        """Let the clock move: deadlines by (deadline, household), summaries, expiries, and the status of each minute.

        It gives what is said household by household, so that whoever takes it may pause between two of them.
        """
        shared = self._shared
        if not self._begun:
            self._begun = True
            yield from self._watching.begin(clock_ms)
        yield from self._alerting.pass_time(clock_ms)
        for watched in shared.roster.in_turn(shared.roster.due(clock_ms)):
            yield self._wake(watched, clock_ms)
        if letters := shared.refused.flush(clock_ms):
            yield [dead(letter) for letter in letters]
        if self._minute != clock_ms // MINUTE_MS:
            since, self._minute = self._minute, clock_ms // MINUTE_MS
            yield from self._pass_minute(clock_ms)
            if counted := self._count(since, clock_ms):
                yield counted
            if shared.views:
                yield from self._views.of_minutes(since + 1 if since else self._minute, self._minute)

    def _pass_minute(self, clock_ms: int) -> Iterator[list[Output]]:
        """Do what is done once a minute of the clock, whichever households were woken."""
        self._shared.roster.forget_ended(clock_ms)
        disaster: DisasterCounts | None = None
        if self._shared.whole.alerts:
            yield from self._alerting.ask()
            disaster = yield from self._alerting.counts()
        if self._shared.views:
            yield [Output("incidents", b"", self._status(clock_ms, disaster))]

    def _count(self, since: int, clock_ms: int) -> list[Output]:
        """Return what is counted at a full five minutes, if one has passed since a minute.

        It holds what homes have to teach; of a clock that jumps, so does a record of each five minutes before.
        """
        mark_ms = clock_ms // MARK_MS * MARK_MS
        if not since or since * MINUTE_MS >= mark_ms:
            return []
        number = self._shared.number
        lessons = self._shared.teaching.pass_time(since * MINUTE_MS, mark_ms)
        hearing = self._shared.roster.hearing
        if mark_ms <= hearing.told_ms:
            return []
        counted = hearing.counts(mark_ms)
        said = [
            DistrictCounts(partition=number, at=to_rfc3339(at_ms), lessons=lessons[at_ms])
            for at_ms in sorted(lessons)
            if at_ms < mark_ms
        ]
        # A district for every home is what a registry may say, and a record too large for the broker would end the worker.
        while len(counted) > MOST_COUNTED:
            first, counted = counted[:MOST_COUNTED], counted[MOST_COUNTED:]
            said.append(DistrictCounts(partition=number, at=to_rfc3339(mark_ms), districts=first, more=True))
        at, ends = to_rfc3339(mark_ms), lessons.get(mark_ms, [])
        said.append(DistrictCounts(partition=number, at=at, districts=counted, lessons=ends))
        return [Output(COUNTS, b"%d" % number, one, to=STAGE) for one in said]

    def _wake(self, watched: Watched, clock_ms: int) -> list[Output]:
        try:
            return self._judge(watched, clock_ms)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
            return self._shared.broke(watched, error)

    def _judge(self, watched: Watched, clock_ms: int) -> list[Output]:
        shared = self._shared
        out: list[Output] = []
        if watched.guard is not None and shared.controls.offset_guard and clock_ms <= watched.guard.clock_ms:
            return out
        if watched.model is not None:
            found = watched.model.advance(clock_ms)
            if found:
                watched.ledger.is_stirred = True
                out += self._consequences.of_findings(watched, found)
            if not shared.roster.holds(watched):
                return out
        out += self._consequences.of_time(watched)
        if watched.has_expired(clock_ms):
            out += self._expire(watched, clock_ms)
        if out:
            shared.judged(watched)
        else:
            shared.woken(watched)
        return out

    def _expire(self, watched: Watched, clock_ms: int) -> list[Output]:
        """Stop watching a household that was never registered; it goes once its last incident is forgotten."""
        shared = self._shared
        watched.model = None
        ends = watched.ledger.close_judged(shared.teller(watched), CloseCause.LEFT_SERVICE, clock_ms)
        out = revised(watched, ends) + shared.unseen(watched)
        if watched.is_idle:
            shared.roster.expire(watched, clock_ms)
        return out

    def _status(self, clock_ms: int, disaster: DisasterCounts | None) -> Status:
        shared, roster = self._shared, self._shared.roster
        return Status(
            partition=shared.number,
            clock=to_rfc3339(clock_ms),
            households=roster.homes,
            exercise=roster.exercises,
            blind=roster.blind,
            slow=roster.slow,
            budget=shared.whole.profile.silence_budget,
            unregistered=roster.unregistered,
            open=roster.open_incidents,
            lost=shared.whole.lost_records,
            disaster=disaster,
            engine=shared.engine,
        )
