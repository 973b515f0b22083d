"""Public alerts: who lies inside, which hazard is meant, and what is refused."""

from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from schemas.alerts import HAZARD_NAMES, AlertMessage, Hazard, PublicAlert, covers, hazard_of
from schemas.checks import check_alert
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import Fault, Reason
from schemas.examples import RECORDS
from streams.commands.alerts import alerts

EXAMPLE = RECORDS["public_alert"]
assert isinstance(EXAMPLE, PublicAlert)


def alert(**changes: Any) -> PublicAlert:
    return msgspec.structs.replace(EXAMPLE, **changes)


@pytest.mark.parametrize(
    ("code", "home", "inside"),
    [
        ("1168000000", "1168010100", True),
        ("1168000000", "1168000000", True),
        ("1100000000", "1168010100", True),
        ("0000000000", "5011031022", True),
        ("1168010100", "1168000000", False),
        ("1168000000", "1165010100", False),
        ("1168010100", "1168010200", False),
        ("116", "1168010100", False),
        ("zone-7", "zone-7", True),
        ("1168000000", "", False),
    ],
)
def test_a_legal_code_covers_what_lies_beneath_it_and_nothing_beside_it(code: str, home: str, inside: bool) -> None:
    assert covers(alert(area_codes=[code]), district="", area_code=home) is inside


def test_a_district_by_name_covers_its_homes_and_a_home_without_one_is_in_none() -> None:
    named = alert(area_codes=[], districts=["dong-27"])
    assert covers(named, district="dong-27", area_code="")
    assert not covers(named, district="dong-2", area_code="")
    assert not covers(named, district="", area_code="")


@pytest.mark.parametrize(
    ("said", "hazard"),
    [
        ("폭염경보", Hazard.HEAT_WAVE),
        ("지진해일주의보", Hazard.TSUNAMI),
        ("지진", Hazard.EARTHQUAKE),
        ("Forest fire warning", Hazard.WILDFIRE),
        ("Flash Flood Warning", Hazard.FLOOD),
        ("실종자 안내", Hazard.OTHER),
    ],
)
def test_an_event_in_the_authoritys_words_finds_its_hazard(said: str, hazard: Hazard) -> None:
    assert hazard_of(said) is hazard


def test_every_hazard_has_its_names_and_is_found_by_them() -> None:
    assert set(HAZARD_NAMES) == set(Hazard)
    for hazard, names in HAZARD_NAMES.items():
        assert [hazard_of(name) for name in names] == [hazard, hazard]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"id": "has space"}, Fault(Reason.WRONG_TYPE, 0, "id")),
        ({"sender": "a,b"}, Fault(Reason.WRONG_TYPE, 0, "sender")),
        ({"area_codes": []}, Fault(Reason.MISSING_FIELD, 0, "area_codes")),
        ({"references": []}, Fault(Reason.MISSING_FIELD, 0, "references")),
        ({"expires": EXAMPLE.effective}, Fault(Reason.IMPOSSIBLE_TIME, 0, "expires")),
        ({"sent": "today"}, Fault(Reason.BAD_TIME, 0, "sent")),
    ],
)
def test_an_alert_that_cannot_be_meant_is_refused(changes: dict[str, Any], fault: Fault) -> None:
    assert check_alert(alert(**changes)) == fault
    assert decode("public.alerts", b"a", encode(alert(**changes))) == [fault]


def test_a_cancel_needs_no_area_but_says_what_it_ends() -> None:
    ended = alert(msg_type=AlertMessage.CANCEL, area_codes=[], expires=EXAMPLE.effective)
    assert check_alert(ended) is None
    assert check_alert(msgspec.structs.replace(ended, references=[])) == Fault(Reason.MISSING_FIELD, 0, "references")


def test_a_hazard_that_is_not_known_is_a_dead_letter_not_a_guess() -> None:
    data = msgspec.to_builtins(EXAMPLE) | {"kind": "asteroid"}
    assert decode("public.alerts", b"a", encode(data)) == [Fault(Reason.WRONG_TYPE, 0, "kind")]


def sent(*options: str) -> Result:
    return CliRunner().invoke(alerts, ["send", "--check", "--kind", "heat_wave", *options])


def test_an_emergency_text_can_be_tried_without_a_broker() -> None:
    said = sent("--area", "1168000000", "--expires", "6h", "--text-ko", "폭염 경보")
    assert said.exit_code == 0
    assert "폭염 · heat wave" in said.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--expires", "6h"), "area_codes"),
        (("--area", "1168000000", "--expires", "soon"), "--expires"),
        (("--area", "1168000000", "--expires", "2020-01-01T00:00:00Z"), "expires"),
        (("--area", "1168000000", "--expires", "6h", "--sender", "two words"), "sender"),
    ],
)
def test_an_emergency_text_that_cannot_be_meant_names_what_is_wrong(options: tuple[str, ...], named: str) -> None:
    said = sent(*options)
    assert said.exit_code == 2
    assert named in said.output
