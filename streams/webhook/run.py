"""All targets of a file at once, each in a thread of its own, so that no receiver holds up another."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from streams.health import Answer, Heart
from streams.settings import Settings
from streams.stopping import stopping
from streams.wallclock import monotonic_s
from streams.webhook.alertmanager import AlertmanagerSender
from streams.webhook.deliver import Sender, Tally
from streams.webhook.source import RevisionSource, group_of
from streams.webhook.targets import Target

log = logging.getLogger("anbu.webhook")

LIVE_WITHIN_S: Final = 180.0
"""A turn waits for a receiver that hangs, and for a broker that is away; one that takes longer hangs itself."""
END_WITHIN_S: Final = 70.0
"""Longest wait for a last request at the end."""


class WebhookError(Exception):
    """A target could not be told any more; one line that says why."""


class WebhookHealth:
    """Passes on what is counted, and keeps what health is judged by. Ready while no target is away."""

    def __init__(self, tally: Tally, targets: Sequence[str], clock: Callable[[], float] = monotonic_s) -> None:
        self._tally = tally
        self._clock = clock
        self._hearts = {name: Heart(clock(), live_within_s=LIVE_WITHIN_S) for name in targets}
        self._waits: dict[str, tuple[int, float, bool]] = {}

    def delivered(self, result: str) -> None:
        """Pass on."""
        self._tally.delivered(result)

    def waits(self, target: str, deliveries: int, behind_s: float, *, is_away: bool) -> None:
        """Pass on, and take down that a turn was done."""
        self._hearts[target].beat(self._clock())
        self._waits[target] = (deliveries, behind_s, is_away)
        self._tally.waits(target, deliveries, behind_s, is_away=is_away)

    def live(self, at_s: float) -> Answer:
        """Tell whether every target has its turns."""
        why = [f"target {name}: {one}" for name, heart in self._hearts.items() for one in heart.why_not(at_s)]
        return Answer(not why, {"live": not why, "why": why, "targets": self._told()})

    def ready(self, at_s: float) -> Answer:
        """Tell whether every target takes what it is sent."""
        why = list(self.live(at_s).body["why"])
        why += [f"target {name} takes nothing" for name, one in self._waits.items() if one[2]]
        return Answer(not why, {"ready": not why, "why": why, "targets": self._told()})

    def _told(self) -> list[dict[str, Any]]:
        return [
            {"target": name, "waiting": waiting, "behind_s": round(behind_s, 1)}
            for name, (waiting, behind_s, _) in self._waits.items()
        ]


class _Thread(threading.Thread):
    """Runs a sender, and keeps what ended it."""

    def __init__(self, name: str, work: Callable[[], None], ended: threading.Event) -> None:
        super().__init__(name=f"anbu-webhook-{name}", daemon=True)
        self.target = name
        self.error: BaseException | None = None
        self._work = work
        self._ended = ended

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - told by the main thread, which ends the process
            self.error = error
        finally:
            self._ended.set()


def run(settings: Settings, targets: Sequence[Target], tally: Tally, *, stop: threading.Event | None = None) -> None:
    """Tell every target until asked to stop, then keep the places.

    Raises:
        BrokerAwayError, TopicsDifferError: it could not begin.
        WebhookError: a target could not be told any more.

    """
    ended, halt = threading.Event(), threading.Event()
    threads: list[_Thread] = []
    with stopping(stop) as asked:
        try:
            threads += [_Thread(one.name, _work(settings, one, tally, halt), ended) for one in targets]
            for thread in threads:
                thread.start()
            while not asked.wait(0.2) and not ended.is_set():
                continue
        finally:
            halt.set()
            for thread in threads:
                with suppress(RuntimeError):  # one that was never started
                    thread.join(END_WITHIN_S)
    for thread in threads:
        if thread.error is not None:
            raise WebhookError(f"target {thread.target} cannot be told: {thread.error}") from thread.error


def _work(settings: Settings, target: Target, tally: Tally, halt: threading.Event) -> Callable[[], None]:
    if target.form == "alertmanager":
        return AlertmanagerSender(target, settings.bootstrap, tally=tally, stop=halt).run
    source = RevisionSource(settings.bootstrap, group_of(settings.group, target.name))
    if source.lost:
        log.warning("target %s: retention has taken %d records before they were read", target.name, source.lost)
    return Sender(
        target,
        source,
        tally=tally,
        draw=random.random,
        aside=aside_of(settings, target.name),
        stop=halt,
    ).run


def aside_of(settings: Settings, target: str) -> Path:
    """Return the file with the ids of what a target would not take."""
    return settings.datadir / "webhook" / f"{target}.aside.jsonl"
