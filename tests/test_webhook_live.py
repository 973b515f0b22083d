"""Deliveries to real HTTP servers on loopback: whatever the receiver does, nothing is lost and nobody else waits."""

import contextlib
import itertools
import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from receivers import Receiver
from test_subscriber import an_incident
from viewers_rules import program
from worker_logs import wait_until

from infra.broker import Broker
from infra.embedded import EmbeddedBroker
from infra.ports import free_ports
from infra.processes import Child, start_command
from infra.topics import create_topics
from schemas.encode import encode
from schemas.incidents import Incident, IncidentState, Severity
from schemas.times import to_rfc3339
from streams.incident_fold import INCIDENTS, OPEN
from streams.publish import Publisher
from streams.settings import Settings
from streams.wallclock import now_ms
from streams.webhook import lanes
from streams.webhook import run as running
from streams.webhook.run import WebhookHealth, aside_of, run
from streams.webhook.targets import Target

SECRET = bytes(range(32))
_names = itertools.count(1)


class Tally:
    def __init__(self) -> None:
        self.tries: list[str] = []
        self.waiting: dict[str, int] = {}
        self.away: dict[str, bool] = {}

    def delivered(self, result: str) -> None:
        self.tries.append(result)

    def waits(self, target: str, deliveries: int, behind_s: float, *, is_away: bool) -> None:
        self.waiting[target], self.away[target] = deliveries, is_away


@pytest.fixture(scope="module")
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running_:
        create_topics(running_.bootstrap, 2)
        yield running_


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundredths of the real waits, so that a test of many failures takes no minutes."""
    monkeypatch.setattr(lanes, "FIRST_S", 0.02)
    monkeypatch.setattr(lanes, "MOST_S", 0.2)
    monkeypatch.setattr(lanes, "AWAY_S", 0.2)


def a_target(receiver: Receiver, **changes: Any) -> Target:
    words: dict[str, Any] = {
        "name": f"t{next(_names)}",
        "url": receiver.url,
        "form": "incidents",
        "secrets": (SECRET,),
        "districts": frozenset(),
        "target_groups": frozenset(),
        "exercises": False,
        "within_s": 1.0,
    }
    return Target(**(words | changes))


@contextlib.contextmanager
def telling(broker: Broker, folder: Path, *targets: Target) -> Iterator[Tally]:
    """`anbu webhook` in a thread of this process, until the block ends."""
    settings = Settings(kafka=broker.url, partitions=2, datadir=folder)
    tally, stop, failed = Tally(), threading.Event(), []

    def work() -> None:
        try:
            run(settings, targets, WebhookHealth(tally, [one.name for one in targets]), stop=stop)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield tally
    finally:
        stop.set()
        thread.join(60)
    assert not failed, failed
    assert not thread.is_alive()


def write(broker: Broker, *told: Incident) -> None:
    with Publisher(broker.bootstrap, 2) as pen:
        for one in told:
            pen.send(INCIDENTS, one.household, encode(one))
            pen.send(OPEN, one.id, encode(one))


def some(prefix: str, homes: int, revisions: int) -> list[Incident]:
    """Revisions of an incident in each of some homes, by turns."""
    return [
        an_incident(f"{prefix}-{home}", revision, household=f"{prefix}-h{home}")
        for revision in range(1, revisions + 1)
        for home in range(homes)
    ]


def ids(told: list[Incident]) -> set[str]:
    return {f"{one.id}-{one.revision}" for one in told}


def test_a_receiver_that_fails_in_every_way_gets_each_revision_in_order_and_none_is_lost(
    any_broker: Broker, tmp_path: Path
) -> None:
    create_topics(any_broker.bootstrap, 2)
    rnd = Random(7)
    faults = [500, 503, 429, 301, 404, "drop", "cut", "hang"]
    failed: set[str] = set()

    def act(name: str, turn: int) -> Any:
        if turn <= 2 and rnd.random() < 0.4:
            # One hang: it holds the target for its whole wait.
            what = rnd.choice(faults)
            if what == "hang" and "hang" in failed:
                what = 500
            failed.add(str(what))
            return what
        return 200

    told = some("faults", 8, 6)
    with Receiver(SECRET, act) as receiver:
        target = a_target(receiver)
        with telling(any_broker, tmp_path, target) as tally:
            wait_until(lambda: target.name in tally.waiting, 60, "the first turn")
            write(any_broker, *told)
            wait_until(lambda: ids(told) <= receiver.ids(), 60, "every revision")
            wait_until(lambda: tally.waiting[target.name] == 0, 60, "nothing to wait")
        assert receiver.forged == 0
        assert {"cut", "drop", "500"} <= failed
        for home in range(8):
            assert receiver.order(f"faults-h{home}") == [(f"faults-{home}", n) for n in range(1, 7)]
        names = [name for name, _ in receiver.taken]
        assert len(names) > len(set(names)), "the lost answers made repeats, under one id each"


def test_a_restart_delivers_what_came_meanwhile_and_repeats_nothing_that_was_kept(
    any_broker: Broker, tmp_path: Path
) -> None:
    create_topics(any_broker.bootstrap, 2)
    first, later = some("before", 3, 2), some("meanwhile", 3, 2)
    with Receiver(SECRET) as receiver:
        target = a_target(receiver)
        with telling(any_broker, tmp_path, target) as tally:
            wait_until(lambda: target.name in tally.waiting, 60, "the first turn")
            write(any_broker, *first)
            wait_until(lambda: ids(first) <= receiver.ids() and not tally.waiting[target.name], 60, "the first")
        receiver.taken.clear()
        write(any_broker, *later)
        with telling(any_broker, tmp_path, target):
            wait_until(lambda: ids(later) <= receiver.ids(), 60, "what came meanwhile")
        assert not receiver.ids() & ids(first)


def test_whoever_comes_first_hears_of_what_is_open_however_old(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    old = an_incident("very-old", 3, household="h-old")
    with Publisher(own_broker.bootstrap, 2) as pen:
        pen.send(OPEN, old.id, encode(old))  # retention has taken it from `incidents`
    with Receiver(SECRET) as receiver, telling(own_broker, tmp_path, a_target(receiver)):
        wait_until(lambda: "very-old-3" in receiver.ids(), 60, "what is open")


def test_a_receiver_that_is_away_holds_up_no_other_target_and_hears_everything_when_it_is_back(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    told = some("away", 5, 3)
    (port,) = free_ports(1)
    with Receiver(SECRET) as well:
        sound = a_target(well)
        gone = a_target(well, url=f"http://127.0.0.1:{port}/anbu")
        with telling(own_broker, tmp_path, sound, gone) as tally:
            wait_until(lambda: {sound.name, gone.name} <= set(tally.waiting), 60, "both")
            write(own_broker, *told)
            wait_until(lambda: ids(told) <= well.ids(), 60, "the sound one")
            wait_until(lambda: tally.away[gone.name], 60, "that the other is away")
            assert tally.waiting[gone.name] > 0
            with Receiver(SECRET, port=port) as back:
                wait_until(lambda: ids(told) <= back.ids(), 60, "everything")
                assert back.order("away-h0") == [("away-0", 1), ("away-0", 2), ("away-0", 3)]
            assert not tally.away[sound.name]


def test_a_delivery_that_is_refused_for_good_is_put_aside_by_its_id_and_holds_up_nobody(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    told = some("poison", 3, 2)

    def act(name: str, _turn: int) -> Any:
        return 422 if name == "poison-1-1" else 200

    with Receiver(SECRET, act) as receiver:
        target = a_target(receiver)
        with telling(own_broker, tmp_path, target) as tally:
            wait_until(lambda: target.name in tally.waiting, 60, "the first turn")
            write(own_broker, *told)
            wait_until(lambda: ids(told) - {"poison-1-1"} <= receiver.ids(), 60, "all others, also of that home")
            wait_until(lambda: "put_aside" in tally.tries, 60, "that it is put aside")
        assert receiver.tries["poison-1-1"] == 5
    lines = aside_of(Settings(datadir=tmp_path), target.name).read_text().splitlines()
    assert [json.loads(one)["id"] for one in lines] == ["poison-1-1"]
    assert "poison-h1" not in lines[0]


def test_another_secret_is_refused_by_the_receiver_and_nothing_is_lost_meanwhile(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    told = some("secret", 2, 1)
    with Receiver(bytes(range(1, 33))) as receiver:
        target = a_target(receiver)
        with telling(own_broker, tmp_path, target) as tally:
            wait_until(lambda: target.name in tally.waiting, 60, "the first turn")
            write(own_broker, *told)
            wait_until(lambda: receiver.forged > 3, 60, "refusals")
            assert tally.waiting[target.name] >= 2
            receiver.secret = SECRET
            wait_until(lambda: ids(told) <= receiver.ids(), 60, "both, once the secrets agree")


@pytest.mark.slow
def test_anbu_webhook_killed_again_and_again_loses_nothing(any_broker: Broker, tmp_path: Path) -> None:
    create_topics(any_broker.bootstrap, 2)
    (tmp_path / "s").write_text("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    told = some("killed", 6, 10)
    rnd = Random(5)
    with Receiver(SECRET, lambda _name, turn: 503 if turn == 1 and rnd.random() < 0.2 else 200) as receiver:
        file = tmp_path / "webhooks.toml"
        file.write_text(f'[[target]]\nname = "killed"\nurl = "{receiver.url}"\nsecret_file = "s"\n')
        settings = Settings(kafka=any_broker.url, partitions=2, datadir=tmp_path, webhook_metrics_port=0)
        child = start_command("webhook", str(file), settings=settings, logs=tmp_path)
        try:
            wait_until(lambda: b"telling 1 target" in child.log.read_bytes(), 90, "the start")
            for start in range(0, len(told), 30):
                write(any_broker, *told[start : start + 30])
                wait_until(lambda at=start: receiver.ids() & ids(told[at : at + 30]), 90, "some of them")
                child.kill()
                child = start_command("webhook", str(file), settings=settings, logs=tmp_path)
            wait_until(lambda: ids(told) <= receiver.ids(), 60, "every revision")
            assert child.stop(20) == 0, child.tail()
        finally:
            child.kill() if child.alive else None
        for home in range(6):
            assert receiver.order(f"killed-h{home}") == [(f"killed-{home}", n) for n in range(1, 11)]
        assert b"killed-h" not in child.log.read_bytes(), "a household in a log line"


# Alertmanager itself.


@pytest.mark.slow
def test_a_real_alertmanager_shows_what_is_open_and_forgets_what_ended(
    own_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streams.webhook import alertmanager  # noqa: PLC0415 - its waits are shortened here

    monkeypatch.setattr(alertmanager, "REFRESH_S", 0.5)
    (port,) = free_ports(1)
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    command = [
        *(program("prometheus-alertmanager"), f"--config.file={tmp_path / 'am.yml'}", "--cluster.listen-address="),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={tmp_path / 'am'}"),
    ]
    now = now_ms()
    one = msgspec.structs.replace(
        an_incident("am-1", household="am-h1", opened_ms=now - 60_000), district="dong-27", at=to_rfc3339(now)
    )

    def shown() -> dict[str, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts?active=true", timeout=5) as answer:
                found = json.loads(answer.read())
        except OSError:
            return {}
        return {alert["labels"]["severity"]: alert for alert in found if alert["labels"].get("incident") == "am-1"}

    def start() -> Child:
        return Child("alertmanager", command, log=tmp_path / "am.log")

    child = start()
    try:
        with Receiver(SECRET) as unused:
            target = a_target(unused, form="alertmanager", url=f"http://127.0.0.1:{port}", secrets=())
            with telling(own_broker, tmp_path, target):
                write(own_broker, one)
                alert = wait_until(shown, 90, "the alert")["severe"]
                assert alert["labels"]["district"] == "dong-27"
                assert alert["annotations"]["sentence_ko"] == one.sentence_ko
                assert "am-h1" not in json.dumps(alert)
                # Graver: other labels, and the former alert ends.
                write(own_broker, msgspec.structs.replace(one, revision=2, severity=Severity.EXTREME))
                wait_until(lambda: set(shown()) == {"extreme"}, 90, "the graver one alone")
                # It forgets everything when it restarts, and is told again.
                child.kill()
                child = start()
                wait_until(lambda: set(shown()) == {"extreme"}, 90, "the alert after a restart")
                closed = msgspec.structs.replace(
                    one, revision=3, severity=Severity.EXTREME, state=IncidentState.CLOSED, at=to_rfc3339(now_ms())
                )
                write(own_broker, closed)
                wait_until(lambda: shown() == {}, 90, "its end")
    finally:
        child.stop()


def test_the_module_that_runs_them_ends_when_one_target_cannot_be_told(
    own_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> Any:
        def work() -> None:
            raise OSError("the disk is full")

        return work

    monkeypatch.setattr(running, "_work", broken)
    with Receiver(SECRET) as receiver, pytest.raises(running.WebhookError, match="the disk is full"):
        run(Settings(kafka=own_broker.url, datadir=tmp_path), [a_target(receiver, name="t")], Tally())
