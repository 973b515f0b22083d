"""Deliveries: signed so that a receiver can tell, in order for each home, none lost, none held up by another's."""

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from schemas.examples import RECORDS
from schemas.incidents import Incident, IncidentState, Severity
from schemas.times import from_rfc3339
from streams.commands.webhook import webhook
from streams.household_link import token_of
from streams.webhook.alertmanager import LASTS_MS, Board, alert_of, labels_of
from streams.webhook.lanes import ALL_FAIL, AWAY_S, MOST_S, Delivery, Lanes
from streams.webhook.payload import delivery_id, payload, type_of
from streams.webhook.post import REFUSED, Answer, meaning
from streams.webhook.sign import ID, SIGNATURE, TIMESTAMP, SignatureError, read_secret, signed, verify
from streams.webhook.targets import Target, TargetsError, blind_spots, read_targets

INCIDENT = RECORDS["incident"]
assert isinstance(INCIDENT, Incident)
SECRET = bytes(range(32))
OLD_SECRET = bytes(range(1, 33))
TEXT = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NOW_S = 1_795_000_000
PLACE = ("incidents", 0)


def a_target(**changes: Any) -> Target:
    words: dict[str, Any] = {
        "name": "desk",
        "url": "http://127.0.0.1:1/",
        "form": "incidents",
        "secrets": (SECRET,),
        "districts": frozenset(),
        "target_groups": frozenset(),
        "exercises": False,
        "within_s": 5.0,
    }
    return Target(**(words | changes))


# Signatures.


def test_a_signature_is_the_one_that_the_standard_gives_as_its_example() -> None:
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}', [secret])
    assert headers[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40), st.binary(max_size=200))
def test_a_receiver_knows_its_own_and_nothing_else(name: str, body: bytes) -> None:
    headers = signed(name, NOW_S, body, [SECRET])
    assert verify(headers, body, [SECRET], NOW_S + 10) == name
    assert verify({key.upper(): value for key, value in headers.items()}, body, [OLD_SECRET, SECRET], NOW_S) == name
    for changed, other in ((headers | {ID: name + "x"}, body), (headers | {TIMESTAMP: str(NOW_S + 1)}, body)):
        with pytest.raises(SignatureError):
            verify(changed, other, [SECRET], NOW_S)
    with pytest.raises(SignatureError):
        verify(headers, body + b" ", [SECRET], NOW_S)
    with pytest.raises(SignatureError):
        verify(headers, body, [OLD_SECRET], NOW_S)


def test_while_a_secret_is_changed_both_sign() -> None:
    headers = signed("i-1", NOW_S, b"{}", [SECRET, OLD_SECRET])
    assert verify(headers, b"{}", [SECRET], NOW_S) == verify(headers, b"{}", [OLD_SECRET], NOW_S) == "i-1"


@pytest.mark.parametrize("off_s", [-301, 301])
def test_a_delivery_that_was_caught_and_sent_again_later_is_refused(off_s: int) -> None:
    headers = signed("i-1", NOW_S, b"{}", [SECRET])
    with pytest.raises(SignatureError, match="off by more than 300 s"):
        verify(headers, b"{}", [SECRET], NOW_S + off_s)


@pytest.mark.parametrize("missing", [ID, TIMESTAMP, SIGNATURE])
def test_a_delivery_without_one_of_its_headers_is_refused(missing: str) -> None:
    headers = {name: value for name, value in signed("i-1", NOW_S, b"{}", [SECRET]).items() if name != missing}
    with pytest.raises(SignatureError, match=missing):
        verify(headers, b"{}", [SECRET], NOW_S)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_????", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 30])
def test_a_secret_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a secret must") as refused:
        read_secret(text)
    assert not text or text.removeprefix("whsec_") not in str(refused.value) or text == "whsec_"


# What is sent.


def test_a_delivery_says_what_the_topic_says_and_has_one_name_for_ever() -> None:
    body = orjson.loads(payload(INCIDENT, "https://care.example.org/home/0a"))
    assert body["type"] == "incident.updated"
    assert body["data"].pop("link") == "https://care.example.org/home/0a"
    assert msgspec.convert(body["data"], Incident) == INCIDENT
    assert delivery_id(INCIDENT) == f"{INCIDENT.id}-2"
    assert payload(INCIDENT) == payload(INCIDENT)


def test_what_is_played_says_so_in_its_type() -> None:
    assert type_of(msgspec.structs.replace(INCIDENT, status="Exercise")) == "exercise.updated"


@pytest.mark.parametrize(
    ("changes", "incident", "wants"),
    [
        ({}, {}, True),
        ({}, {"status": "Exercise"}, False),
        ({"exercises": True}, {"status": "Exercise"}, True),
        ({"districts": frozenset({"dong-27"})}, {}, True),
        ({"districts": frozenset({"dong-2"})}, {}, False),
        ({"districts": frozenset({"dong-27"})}, {"district": None}, False),
        ({"target_groups": frozenset({"young_single"})}, {}, False),
    ],
)
def test_a_target_hears_of_its_own_and_of_no_exercise_unless_it_asks(
    changes: dict[str, Any], incident: dict[str, Any], wants: bool
) -> None:
    assert a_target(**changes).wants(msgspec.structs.replace(INCIDENT, **incident)) is wants


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 410, 422, 429, 500, 503])
def test_only_what_speaks_of_this_delivery_is_refused_and_only_success_is_taken(status: int) -> None:
    wanted = Answer.TAKEN if status < 300 else Answer.REFUSED if status in {400, 422} else Answer.FAILED
    assert meaning(status) is wanted
    assert (status in REFUSED) is (wanted is Answer.REFUSED)


# Lanes.


def a_delivery(number: int, household: str, *, partition: int = 0, grave: bool = False) -> Delivery:
    return Delivery(("incidents", partition), number, f"i{number}-1", household, b"{}", 1000 + number, grave)


@given_settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 20), kills=st.integers(0, 4))
def test_whatever_the_receiver_does_and_however_often_we_are_killed_nothing_is_lost_and_each_home_keeps_its_order(
    seed: int, kills: int
) -> None:
    rnd = Random(seed)
    log = [a_delivery(n, f"h-{rnd.randrange(5)}") for n in range(40)]
    taken: list[Delivery] = []
    committed, now_s = 0, 0.0
    for life in range(kills + 1):
        lanes = Lanes(rnd.random, at_most=10)
        lanes.begin(PLACE, committed)
        read = committed
        steps = 0
        while len(lanes) or read < len(log):
            steps += 1
            if life < kills and steps > rnd.randrange(1, 60):
                break
            while read < len(log) and not lanes.is_full:
                lanes.add(log[read])
                read += 1
            delivery = lanes.next(now_s)
            if delivery is None:
                now_s = max(now_s, lanes.due_s() or now_s) + 0.001
                continue
            match rnd.randrange(6):
                case 0 | 1 | 2:
                    taken.append(delivery)
                    lanes.taken(delivery)
                case 3:
                    lanes.failed(delivery, now_s, at_all=rnd.random() < 0.3, after_s=rnd.choice([0.0, 0.0, 7.0]))
                case 4:
                    lanes.refused(delivery, now_s)
                case 5:
                    committed = lanes.committable()[PLACE]
        else:
            committed = lanes.committable()[PLACE]
        held = {one.offset for one in taken}
        assert set(range(committed)) <= held, "committed before it was taken"
    assert {one.id for one in taken} == {one.id for one in log}
    for household in {one.household for one in log}:
        first_seen = list(dict.fromkeys(one.offset for one in taken if one.household == household))
        assert first_seen == sorted(first_seen)


def test_a_home_whose_delivery_is_refused_holds_up_no_other() -> None:
    lanes = Lanes(lambda: 0.0)
    for number in range(10):
        lanes.add(a_delivery(number, "poison" if number in {0, 5} else f"h-{number}"))
    now_s, taken = 0.0, []
    while (delivery := lanes.next(now_s)) is not None:
        if delivery.household == "poison":
            lanes.failed(delivery, now_s)
        else:
            lanes.taken(delivery)
            taken.append(delivery.offset)
    assert taken == [1, 2, 3, 4, 6, 7, 8, 9]
    assert len(lanes) == 2
    assert lanes.committable() == {PLACE: 0}
    lanes.put_aside(lanes.next(now_s + MOST_S) or a_delivery(0, "poison"))
    assert lanes.committable() == {PLACE: 5}


def test_a_receiver_that_refuses_everybody_is_not_believed_and_one_that_takes_another_is() -> None:
    lanes = Lanes(lambda: 0.0)
    for number in range(5):
        lanes.add(a_delivery(number, f"h-{number}"))
    now_s, most = 0.0, 0
    for _ in range(60):
        delivery = lanes.next(now_s)
        most = max(most, 0 if delivery is None else lanes.refused(delivery, now_s))
        now_s = lanes.due_s() or now_s
    assert (most, len(lanes), lanes.is_away) == (0, 5, True)  # a wrong secret: nothing is ever put aside
    lanes.taken(lanes.next(now_s + MOST_S) or a_delivery(0, "none"))
    assert lanes.refused(lanes.next(now_s + MOST_S) or a_delivery(0, "none"), now_s) > 5


def test_a_receiver_that_fails_over_everybody_is_tried_by_one_at_a_time() -> None:
    lanes = Lanes(lambda: 0.0)
    for number in range(200):
        lanes.add(a_delivery(number, f"h-{number}"))
    now_s, tries = 0.0, 0
    while now_s < 600:
        delivery = lanes.next(now_s)
        if delivery is None:
            now_s = lanes.due_s() or now_s
            continue
        tries += 1
        lanes.failed(delivery, now_s)
    assert lanes.is_away
    assert tries <= 600 / AWAY_S + ALL_FAIL + 10
    now_s += AWAY_S
    lanes.taken(lanes.next(now_s) or a_delivery(0, "none"))
    assert not lanes.is_away
    assert lanes.next(now_s) is not None, "once it is back, nothing waits any more"


def test_what_is_grave_goes_first_and_still_keeps_the_order_of_its_home() -> None:
    lanes = Lanes(lambda: 0.0)
    lanes.add(a_delivery(0, "h-1"))
    lanes.add(a_delivery(1, "h-2"))
    lanes.add(a_delivery(2, "h-3"))
    lanes.add(a_delivery(3, "h-3", grave=True))
    order = []
    while (delivery := lanes.next(0.0)) is not None:
        order.append(delivery.offset)
        lanes.taken(delivery)
    assert order == [2, 3, 0, 1]


def test_when_enough_waits_no_more_is_read() -> None:
    lanes = Lanes(lambda: 0.0, at_most=3)
    for number in range(3):
        assert not lanes.is_full
        lanes.add(a_delivery(number, "h-1"))
    assert lanes.is_full
    assert lanes.oldest_ms == 1000


def test_a_receiver_that_asks_for_rest_gets_it() -> None:
    lanes = Lanes(lambda: 0.0)
    lanes.add(a_delivery(0, "h-1"))
    lanes.add(a_delivery(1, "h-2"))
    lanes.failed(a_delivery(0, "h-1"), 10.0, after_s=30.0)
    assert lanes.next(39.0) is None
    assert lanes.due_s() == 40.0


# Alertmanager.


def test_the_labels_of_an_alert_name_nobody_and_come_from_closed_sets() -> None:
    labels = labels_of(INCIDENT)
    assert set(labels) == {"alertname", "incident", "kind", "severity", "status", "district"}
    assert INCIDENT.household not in orjson.dumps(alert_of(INCIDENT, 0, "https://x.example/0a")).decode()


def test_what_is_open_stands_and_what_ended_ends_and_other_labels_are_another_alert() -> None:
    now = from_rfc3339(INCIDENT.at)
    board = Board(a_target(form="alertmanager"))
    first = msgspec.structs.replace(INCIDENT, district=None, revision=1)
    (told,) = board.take([first], now)
    assert from_rfc3339(told["endsAt"]) == now + LASTS_MS
    assert "district" not in told["labels"]
    former, told = board.take([INCIDENT], now + 1)
    assert former["labels"] == {name: value for name, value in labels_of(first).items() if value}
    assert from_rfc3339(former["endsAt"]) == now + 1
    assert told["labels"]["district"] == "dong-27"
    assert len(board.everything(now)) == 1
    graver = msgspec.structs.replace(INCIDENT, severity=Severity.EXTREME, revision=3)
    former, told = board.take([graver], now + 2)
    assert (former["labels"]["severity"], told["labels"]["severity"]) == ("severe", "extreme")
    ended = msgspec.structs.replace(graver, state=IncidentState.CLOSED, revision=4)
    (told,) = board.take([ended], now + 3)
    assert from_rfc3339(told["endsAt"]) == from_rfc3339(ended.at)
    assert len(board) == 0
    assert len(board.everything(now + 4)) == 1
    assert board.everything(now + 3_600_000) == []


def test_an_exercise_is_no_alert_unless_the_target_asks() -> None:
    played = msgspec.structs.replace(INCIDENT, status="Exercise")
    assert Board(a_target()).take([played], 0) == []
    (told,) = Board(a_target(exercises=True)).take([played], 0)
    assert told["labels"]["status"] == "Exercise"


# The file.


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "desk.secret").write_text(f"{TEXT}\n{TEXT}\n")
    (tmp_path / "short.secret").write_text("whsec_AAECAwQ=")
    (tmp_path / "link.key").write_bytes(b"k" * 32)
    file = tmp_path / "webhooks.toml"
    file.write_text(text)
    return file


WHOLE = """
[[target]]
name = "control-room"
url = "https://desk.example.org/anbu"
secret_file = "desk.secret"
link = "https://care.example.org/home/{token}"
link_key_file = "link.key"

[[target]]
name = "alertmanager"
form = "alertmanager"
url = "http://127.0.0.1:9093"
districts = ["dong-27"]
"""


def test_a_file_of_targets_is_read_with_its_secrets(tmp_path: Path) -> None:
    desk, alerts = read_targets(written(tmp_path, WHOLE))
    assert desk.secrets == (SECRET, SECRET)
    assert desk.link_of(INCIDENT) == f"https://care.example.org/home/{token_of(INCIDENT.household, b'k' * 32)}"
    assert alerts.link_of(INCIDENT) is None
    assert blind_spots([desk, alerts]) == []
    assert "0 " not in CliRunner().invoke(webhook, [str(written(tmp_path, WHOLE)), "--check"]).output


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("https://desk", "http://desk", "url: must begin with https://"),
        ("https://desk", "https://me:pw@desk", "url: must hold no password"),
        ("https://desk", "file://desk", "url: must begin with https://"),
        ('secret_file = "desk.secret"', "", "secret_file: must name a file"),
        ("desk.secret", "nobody.secret", "secret_file: No such file"),
        ("desk.secret", "short.secret", "secret_file: a secret must"),
        ("/home/{token}", "/home", "link: the link template"),
        ('"control-room"', '"Control Room"', "name: must be"),
        ('"control-room"', '"alertmanager"', "two targets have one name"),
        ("districts", "district", "unknown field"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_target_and_the_field(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    file = written(tmp_path, WHOLE.replace(old, new))
    with pytest.raises(TargetsError, match=named):
        read_targets(file)
    said = CliRunner().invoke(webhook, [str(file), "--check"])
    assert said.exit_code == 2
    assert "AAECAwQ" not in said.output


def test_plain_http_beyond_this_machine_is_taken_only_where_somebody_says_so(tmp_path: Path) -> None:
    plain = WHOLE.replace("https://desk", "http://desk").replace('url = "http', 'plain_http = true\nurl = "http', 1)
    assert read_targets(written(tmp_path, plain))[0].url.startswith("http://desk")


def test_a_file_that_leaves_a_home_without_anybody_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, WHOLE.replace('link = "', 'districts = ["dong-1"]\nlink = "'))
    assert "nobody is told at once" in CliRunner().invoke(webhook, [str(file), "--check"]).output
