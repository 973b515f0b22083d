"""Public alerts in a partition: whom they cover, how they bear on silence, and who is asked when. Pure.

Homes are asked once a minute of log time, so many each minute, the most endangered first. Who is due follows from the
state alone, so a restart goes on with the very next one.
"""

from collections.abc import Generator, Iterator

from detectors.findings import Fact, Finding
from schemas.alerts import PublicAlert
from schemas.decode import decode
from schemas.district import DistrictState, name_of
from schemas.events import Fault
from schemas.exercise import is_exercise
from schemas.incidents import Certainty, DisasterCounts, Incident, IncidentKind, Severity, Urgency
from schemas.times import from_rfc3339
from streams.cases.alerts_in_force import Bearing, Known
from streams.cases.disaster import in_danger
from streams.engine.applied import Applied
from streams.engine.consequences import Consequences
from streams.engine.outputs import Output
from streams.engine.shared import Shared
from streams.engine.watched import Watched


class Alerting:
    """Takes public alerts and lets them act on the households of a partition."""

    def __init__(self, shared: Shared, consequences: Consequences) -> None:
        self._shared = shared
        self._consequences = consequences

    def take(self, one: Applied) -> Iterator[list[Output]]:
        """Take a record of `public.alerts`: what is said, household by household."""
        shared = self._shared
        for alert in decode("public.alerts", one.key, one.value):
            if isinstance(alert, Fault):
                yield shared.faults(one, [alert])
            elif isinstance(alert, PublicAlert) and shared.whole.alerts.take(alert, shared.clock_ms):
                yield from self._bear_on_all(one)

    def pass_time(self, clock_ms: int) -> Iterator[list[Output]]:
        """Let alerts begin and expire, household by household."""
        if self._shared.whole.alerts.pass_time(clock_ms):
            yield from self._bear_on_all()

    def bear_on(self, watched: Watched) -> list[Output]:
        """Let the alerts in force bear on a household whose place or model has changed."""
        shared = self._shared
        if not watched.has_model:
            return []
        bearing = self._bearing(watched)
        if bearing == watched.alerted:
            return []
        try:
            return self._judge(watched, bearing)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
            return shared.broke(watched, error)

    def _judge(self, watched: Watched, bearing: Bearing) -> list[Output]:
        model = watched.model
        if model is None:
            return []  # its rows turned out to be unreadable just now
        out = self._consequences.of_findings(watched, model.apply_alert(bearing, self._shared.clock_ms))
        self._shared.judged(watched)
        return out

    def take_district(self, one: Applied) -> Iterator[list[Output]]:
        """Take a record of `district.state`: an outage bears on the homes that it explains, household by household."""
        shared = self._shared
        for state in decode("district.state", one.key, one.value):
            if isinstance(state, Fault):
                yield shared.faults(one, [state])
            elif isinstance(state, DistrictState) and shared.whole.districts.take(state):
                for watched in shared.roster.of_district(state.district):
                    yield [] if shared.knows(watched, one) else self.bear_on(watched)
                yield self._tell_outage(state, one)

    def _tell_outage(self, state: DistrictState, one: Applied) -> list[Output]:
        """Tell of an outage once, as an incident of the district: in the one partition to which its pseudonym belongs."""
        shared, name = self._shared, name_of(state.district)
        if not shared.roster.is_mine(name):
            return []
        watched = shared.roster.get(name)
        if watched is None:
            if not state.outages or shared.roster.ended_before(name, one.topic, one.offset):
                return []
            watched = shared.roster.meet(name, shared.clock_ms)
        if shared.knows(watched, one):
            return []
        opened = [
            one.incident for one in watched.ledger.open.values() if one.incident.kind is IncidentKind.DISTRICT_OUTAGE
        ]
        if bool(opened) == bool(state.outages):
            return []
        out = self._consequences.of_findings(watched, [_outage(state, opened, shared.clock_ms)])
        shared.touch(watched)
        return out

    def hear(self, watched: Watched) -> list[Output]:
        """Let an outage no longer bear on a home that is heard of again."""
        return self.bear_on(watched) if watched.alerted[1] and self._shared.whole.districts else []

    def _bearing(self, watched: Watched) -> Bearing:
        """Return how alerts and outages bear on a home: an outage that explains its silence does so like a blackout."""
        shared = self._shared
        whole, record = shared.whole, watched.record
        bearing = whole.alerts.bearing(record, whole.profile)
        if record is None or not whole.districts:
            return bearing
        dark_ms = whole.districts.dark_until(record.district, shared.roster.hearing.last(watched.index))
        if not dark_ms:
            return bearing
        factor = 1.0 if bearing.factor > 1 else 1 / whole.profile.blackout_looser
        return Bearing(factor, max(dark_ms, bearing.dark_until_ms))

    def _bear_on_all(self, one: Applied | None = None) -> Iterator[list[Output]]:
        shared = self._shared
        threads = shared.whole.alerts.threads()
        for watched in shared.roster:
            if shared.knows(watched, one) if one is not None else self._is_ahead(watched):
                yield []
                continue
            if watched.checks and watched.checks.forget(threads):
                shared.touch(watched)
            yield self.bear_on(watched)

    def ask(self) -> Iterator[list[Output]]:
        """Ask the homes whose turn it is in this minute; those in their quiet hours wait, and take nobody's place.

        It gives what is said household by household.
        """
        shared = self._shared
        if not shared.whole.alerts:
            return
        left = int(shared.whole.profile.disaster_calls_per_minute) - (yield from self._taken())
        due: list[tuple[Watched, Known]] = []
        for watched in shared.roster:
            due += [(watched, known) for known in self._due(watched)[:1]]
            yield []
        for watched, known in sorted(due, key=_danger):
            slots = watched.checks.slots
            said = self._ask(watched, known, may_ask=left > 0)
            left -= watched.checks.slots is not slots
            shared.roster.sleep.settle()
            yield said

    def _taken(self) -> Generator[list[Output], None, int]:
        """Count the turns of this minute that went to homes whose rows know more than the position does.

        Whoever was here before has asked them at this clock. Were their turns free, others would be asked a minute earlier
        than they were told.
        """
        roster, clock_ms = self._shared.roster, self._shared.clock_ms
        ahead = 0
        for watched in roster:
            if self._is_ahead(watched):
                ahead += watched.checks.slots.count(clock_ms)
            yield []
        ended = [slots for name, slots in roster.ended_slots.items() if roster.get(name) is None]
        return ahead + sum(slots.count(clock_ms) for slots in ended)

    def _due(self, watched: Watched) -> list[Known]:
        """Return the alerts about which it is a home's turn, as far as that is known without waking it."""
        record, clock_ms = watched.record, self._shared.clock_ms
        if record is None or not watched.has_model:
            return []
        covering = [known for known in self._shared.whole.alerts.covering(record) if known.asks]
        due = [known for known in covering if watched.checks.is_due(known, clock_ms)]
        return [] if not due or self._is_ahead(watched) else due

    def _ask(self, watched: Watched, known: Known, *, may_ask: bool) -> list[Output]:
        """Ask a home about an alert. Nobody is at home in an absence: that takes nobody's turn."""
        try:
            return self._put(watched, known, may_ask=may_ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this household alone
            return self._shared.broke(watched, error)

    def _put(self, watched: Watched, known: Known, *, may_ask: bool) -> list[Output]:
        record, model, clock_ms = watched.record, watched.model, self._shared.clock_ms
        if record is None or model is None or model.is_absent(clock_ms):
            return []
        before = watched.checks.of(known.thread)
        request, finding = watched.own_checks.ask(known, record, model, clock_ms, may_ask=may_ask)
        out = [Output("checkin.requests", watched.name.encode(), request)] if request is not None else []
        out += self._consequences.of_unreached(watched, [finding] if finding is not None else [])
        if watched.checks.of(known.thread) is not before:
            self._shared.judged(watched)
        return out

    def _is_ahead(self, watched: Watched) -> bool:
        """Tell whether a household knows already what this clock brings."""
        shared = self._shared
        return watched.guard is not None and shared.controls.offset_guard and shared.clock_ms <= watched.guard.clock_ms

    def counts(self) -> Generator[list[Output], None, DisasterCounts | None]:
        """Count the homes that alerts in force cover, and what came of asking them, exercises left out; None without any.

        It says nothing, household by household: whoever counts may pause between two of them.
        """
        alerts = self._shared.whole.alerts
        if not alerts:
            return None
        homes = asked = reached = guided = unreached = 0
        for watched in self._shared.roster:
            yield []
            record = watched.record  # of one that sleeps it is decoded each time
            if record is None or not watched.counts:
                continue
            threads = {known.thread for known in alerts.covering(record) if known.asks}
            if not threads:
                continue
            outcomes = watched.checks.counts_of(threads)
            homes += 1
            asked += bool(outcomes)
            reached += any(one in ("reached", "guided") for one in outcomes)
            guided += "guided" in outcomes
            unreached += "unreached" in outcomes
        return DisasterCounts(homes=homes, asked=asked, reached=reached, guided=guided, unreached=unreached)


def _outage(state: DistrictState, opened: list[Incident], clock_ms: int) -> Finding:
    """Return what an outage is told as; without outages, that it is over."""
    worst = max(state.outages, key=lambda one: one.expected - one.heard, default=None)
    facts: dict[str, Fact] = {
        "channel": worst.channel if worst else "home",
        "expected": worst.expected if worst else 0,
        "heard": worst.heard if worst else 0,
        "raised_ms": from_rfc3339(opened[0].opened_at) if opened else clock_ms,
    }
    return Finding(
        kind=IncidentKind.DISTRICT_OUTAGE,
        change="raise" if worst else "clear",
        severity=Severity.MODERATE,
        urgency=Urgency.EXPECTED if worst else Urgency.PAST,
        certainty=Certainty.LIKELY,
        event_from_ms=from_rfc3339(worst.since) if worst else int(facts["raised_ms"]),
        event_until_ms=clock_ms,
        shares={worst.channel: 1.0} if worst else {},
        would_change="heartbeat" if worst else "",
        facts=facts,
    )


def _danger(due: tuple[Watched, Known]) -> tuple[bool, int, int, int, str]:
    """Key by which homes are asked: one that plays takes no real one's turn, however grave its alert."""
    watched, known = due
    record = watched.record
    assert record is not None  # noqa: S101 - nobody without a record is due
    return is_exercise(watched.name), -known.severity.rank, *in_danger(record)
