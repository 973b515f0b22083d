"""Open incidents as alerts of a Prometheus Alertmanager (API v2). The first half is pure.

Alertmanager keeps alerts in memory and forgets those that are not sent again, so this is a state that is kept up, not a
queue: all that is open is sent every minute with an end five minutes ahead, what ended is sent with its end, and after
a restart of either side the next minute puts everything right.
"""

import logging
import threading
from collections.abc import Iterable
from typing import Any, Final

from schemas.encode import encode
from schemas.incidents import KIND_NAMES, Incident
from schemas.times import from_rfc3339, to_rfc3339
from streams.publish import BrokerAwayError
from streams.subscriber import IncidentSubscriber
from streams.wallclock import monotonic_s, now_ms
from streams.webhook.deliver import Tally
from streams.webhook.payload import CONTENT_TYPE
from streams.webhook.post import Answer, Post
from streams.webhook.targets import Target

log = logging.getLogger("anbu.webhook")

PATH: Final = "/api/v2/alerts"
ALERTNAME: Final = "AnbuIncident"
REFRESH_S: Final = 60.0
LASTS_MS: Final = 300_000
"""An alert that is not sent again ends after so long."""
BATCH: Final = 200
RETRY_S: Final = 2.0
ENDED_MS: Final = 900_000
"""What ended is sent for so long."""

Labels = dict[str, str]


def labels_of(incident: Incident) -> Labels:
    """Return what makes it this alert: values of closed sets, the district, and the incident's own id. Never a household."""
    return {
        "alertname": ALERTNAME,
        "incident": incident.id,
        "kind": incident.kind.value,
        "severity": incident.severity.value.lower(),
        "status": incident.status,
        "district": incident.district or "",
    }


def alert_of(incident: Incident, ends_ms: int, link: str | None = None) -> dict[str, Any]:
    """Return the alert of an incident, as `POST /api/v2/alerts` takes it."""
    korean, english = KIND_NAMES[incident.kind]
    annotations = {
        "summary": f"{korean} · {english}",
        "sentence_ko": incident.sentence_ko,
        "sentence_en": incident.sentence_en,
        "next_step": incident.next_step.value,
        "state": incident.state.value,
    }
    # An empty label is none to Alertmanager; it would refuse nothing, and answer with another set than was sent.
    alert: dict[str, Any] = {
        "labels": {name: value for name, value in labels_of(incident).items() if value},
        "annotations": annotations,
        "startsAt": incident.opened_at,
        "endsAt": to_rfc3339(ends_ms),
    }
    if link is not None:
        alert["generatorURL"] = link
    return alert


class Board:
    """What an Alertmanager has been told, and what it must be told next. Pure; times are UTC milliseconds."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._shown: dict[str, Incident] = {}
        """Incidents that it was told of, as they were told."""
        self._ended: dict[str, tuple[Incident, int]] = {}

    def take(self, incidents: Iterable[Incident], now: int) -> list[dict[str, Any]]:
        """Take new revisions; return what must be sent because of them."""
        out: list[dict[str, Any]] = []
        for incident in incidents:
            before = self._shown.pop(incident.id, None)
            is_wanted = self._target.wants(incident)
            if before is not None and (not is_wanted or labels_of(before) != labels_of(incident)):
                # Other labels are another alert: the former one ends.
                out.append(self._alert(before, now))
            if not is_wanted:
                continue
            if incident.ended:
                self._ended[incident.id] = (incident, now)
                out.append(self._alert(incident, _end_of(incident)))
            else:
                self._shown[incident.id] = incident
                out.append(self._alert(incident, now + LASTS_MS))
        return out

    def everything(self, now: int) -> list[dict[str, Any]]:
        """Return all that is open, and what ended a while ago: to be sent from time to time."""
        self._ended = {name: one for name, one in self._ended.items() if now - one[1] < ENDED_MS}
        open_ones = [self._alert(one, now + LASTS_MS) for one in self._shown.values()]
        return open_ones + [self._alert(one, _end_of(one)) for one, _ in self._ended.values()]

    def __len__(self) -> int:
        """Count what is open."""
        return len(self._shown)

    def _alert(self, incident: Incident, ends_ms: int) -> dict[str, Any]:
        return alert_of(incident, ends_ms, self._target.link_of(incident))


def _end_of(incident: Incident) -> int:
    """Alertmanager refuses an alert that ends before it starts."""
    return max(from_rfc3339(incident.at), from_rfc3339(incident.opened_at))


class AlertmanagerSender:
    """Keeps one Alertmanager up to date until it is asked to stop; `run` is for a thread of its own."""

    def __init__(self, target: Target, bootstrap: str, *, tally: Tally, stop: threading.Event) -> None:
        self._target = target
        self._subscriber = IncidentSubscriber(bootstrap)
        self._tally = tally
        self._stop = stop
        self._post = Post(target.url.rstrip("/") + PATH, target.within_s)
        self._board = Board(target)
        self._due_s = 0.0
        self._failing_since_s: float | None = None

    def run(self) -> None:
        """Keep it up to date."""
        try:
            while not self._stop.is_set():
                self.turn()
        finally:
            self._post.close()
            self._subscriber.close()

    def turn(self) -> None:
        """Read once, and send what that asks for; where it fails, everything is sent again soon."""
        try:
            new = self._board.take(self._subscriber.poll(0.2), now_ms())
        except BrokerAwayError:
            return
        if monotonic_s() >= self._due_s and self._subscriber.caught_up:
            new = self._board.everything(now_ms())
            self._due_s = monotonic_s() + REFRESH_S
        if new and self._subscriber.caught_up and not self._send(new):
            self._due_s = monotonic_s() + RETRY_S
        behind_s = 0.0 if self._failing_since_s is None else monotonic_s() - self._failing_since_s
        is_away = self._failing_since_s is not None
        self._tally.waits(self._target.name, len(self._board) if is_away else 0, behind_s, is_away=is_away)

    def _send(self, alerts: list[dict[str, Any]]) -> bool:
        for start in range(0, len(alerts), BATCH):
            body = encode(alerts[start : start + BATCH])
            tried = self._post.send(body, {"Content-Type": CONTENT_TYPE, "User-Agent": "Anbu"})
            self._tally.delivered(tried.answer.value)
            if tried.answer is not Answer.TAKEN:
                if self._failing_since_s is None:
                    self._failing_since_s = monotonic_s()
                    log.warning("target %s does not take alerts: %s", self._target.name, tried.said)
                return False
        if self._failing_since_s is not None:
            log.info("target %s takes alerts again", self._target.name)
            self._failing_since_s = None
        return True
