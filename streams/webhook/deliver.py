"""One target being told: read, try, keep the place.

In this order, so that nothing is lost:

1. Read what is new, while there is room.
2. Try what is due; only what the receiver took, or what was put aside, is let go.
3. Commit the place before which everything has been let go, and nothing before what was open at the first start.

Killed anywhere, the next one begins at the committed place: what lies behind it is delivered again, under the same ids.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from schemas.encode import encode
from schemas.incidents import ENDED, Incident, Severity
from schemas.times import to_rfc3339
from streams.publish import BrokerAwayError
from streams.tail import Place
from streams.wallclock import monotonic_s, now_ms
from streams.webhook.lanes import Delivery, Lanes
from streams.webhook.payload import CONTENT_TYPE, delivery_id, payload
from streams.webhook.post import Answer, Post, Tried
from streams.webhook.sign import signed
from streams.webhook.source import BEFORE, RevisionSource
from streams.webhook.targets import Target

log = logging.getLogger("anbu.webhook")

REFUSALS: Final = 5
"""A delivery that the receiver refused so often is put aside."""
COMMIT_EVERY_S: Final = 1.0
IDLE_MS: Final = 200
TRYING_S: Final = 0.25
"""So long deliveries are tried before the log is read again."""
TELL_AGAIN_S: Final = 600.0


class Tally(Protocol):
    """What is counted of deliveries; the real metrics stand with all the others."""

    def delivered(self, result: str) -> None:
        """One try ended as `taken`, `refused`, `failed`, `away` or `put_aside`."""

    def waits(self, target: str, deliveries: int, behind_s: float, *, is_away: bool) -> None:
        """So many wait for a target, the oldest since `behind_s` ago."""


class Sender:
    """Tells one target until it is asked to stop; `run` is for a thread of its own.

    `aside` is a file for the ids of what was put aside, made when it is needed.
    """

    def __init__(
        self,
        target: Target,
        source: RevisionSource,
        *,
        tally: Tally,
        draw: Callable[[], float],
        aside: Path,
        stop: threading.Event,
    ) -> None:
        self._target = target
        self._source = source
        self._tally = tally
        self._aside = aside
        self._stop = stop
        self._lanes = Lanes(draw)
        self._post = Post(target.url, target.within_s)
        self._committed_s = monotonic_s()
        self._told: tuple[str, float] = ("", 0.0)
        for place, offset in source.starts.items():
            self._lanes.begin(place, offset)
        for number, (incident, appended_ms) in enumerate(source.first):
            self._take(BEFORE, number, incident, appended_ms)

    def run(self) -> None:
        """Tell the target until asked to stop; then keep the place."""
        try:
            while not self._stop.is_set():
                self.turn()
            self._commit(0.0)
        finally:
            self._post.close()
            self._source.close()

    def turn(self) -> None:
        """Read once, then try what is due, for a while: what is grave and comes meanwhile must not wait for a backlog."""
        now_s = monotonic_s()
        if not self._lanes.is_full:
            due_s = self._lanes.due_s()
            self._read(IDLE_MS if due_s is None else max(0, min(IDLE_MS, int((due_s - now_s) * 1000))))
        elif (due_s := self._lanes.due_s()) is not None:
            self._stop.wait(max(0.0, min(IDLE_MS / 1000, due_s - now_s)))
        until_s = monotonic_s() + TRYING_S
        while (delivery := self._lanes.next(monotonic_s())) is not None:
            self._try(delivery)
            if monotonic_s() >= until_s or self._stop.is_set():
                break
        self._commit(COMMIT_EVERY_S)
        oldest_ms = self._lanes.oldest_ms
        behind_s = 0.0 if oldest_ms is None else max(0.0, (now_ms() - oldest_ms) / 1000)
        self._tally.waits(self._target.name, len(self._lanes), behind_s, is_away=self._lanes.is_away)

    def _read(self, within_ms: int) -> None:
        try:
            found = self._source.poll(within_ms)
        except BrokerAwayError as error:
            self._tell("broker", str(error))
            self._stop.wait(0.5)
            return
        for record, incident in found:
            self._take((record.topic, record.partition), record.offset, incident, record.arrived_ms)

    def _take(self, place: Place, offset: int, incident: Incident | None, appended_ms: int) -> None:
        if incident is None or not self._target.wants(incident):
            self._lanes.pass_over(place, offset)
            return
        body = payload(incident, self._target.link_of(incident))
        is_grave = incident.severity is Severity.EXTREME and incident.state not in ENDED
        name = delivery_id(incident)
        self._lanes.add(Delivery(place, offset, name, incident.household, body, appended_ms, is_grave))

    def _try(self, delivery: Delivery) -> None:
        headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "Anbu"}
        headers |= signed(delivery.id, now_ms() // 1000, delivery.body, self._target.secrets)
        tried = self._post.send(delivery.body, headers)
        now_s = monotonic_s()
        self._tally.delivered(tried.answer.value)
        if tried.answer is Answer.TAKEN:
            self._lanes.taken(delivery)
            if self._told[0]:
                log.info("target %s takes deliveries again", self._target.name)
                self._told = ("", 0.0)
        elif tried.answer is Answer.REFUSED:
            if self._lanes.refused(delivery, now_s) >= REFUSALS:
                self._put_aside(delivery, tried)
            else:
                self._tell(tried.said, f"target {self._target.name} refuses a delivery: {tried.said}")
        else:
            self._lanes.failed(delivery, now_s, at_all=tried.answer is Answer.AWAY, after_s=tried.after_s)
            self._tell(tried.said, f"target {self._target.name} does not take deliveries: {tried.said}")

    def _put_aside(self, delivery: Delivery, tried: Tried) -> None:
        """Give up a delivery, and keep its id where somebody finds it: the incident itself stays in the log."""
        self._aside.parent.mkdir(parents=True, exist_ok=True)
        with self._aside.open("ab") as file:
            file.write(encode({"id": delivery.id, "said": tried.said, "at": to_rfc3339(now_ms())}) + b"\n")
        self._lanes.put_aside(delivery)
        self._tally.delivered("put_aside")
        log.warning("target %s refused %s %d times: put aside", self._target.name, delivery.id, REFUSALS)

    def _commit(self, every_s: float) -> None:
        if monotonic_s() - self._committed_s < every_s or self._lanes.holds(BEFORE):
            return
        self._committed_s = monotonic_s()
        try:
            self._source.commit(self._lanes.committable())
        except BrokerAwayError as error:
            self._tell("broker", str(error))

    def _tell(self, why: str, line: str) -> None:
        """Say it when it begins, when its reason changes, and then from time to time."""
        said, at_s = self._told
        if said != why or monotonic_s() - at_s > TELL_AGAIN_S:
            log.warning("%s", line)
            self._told = (why, monotonic_s())
