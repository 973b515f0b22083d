"""Alerts that others wrote in CAP 1.2: who is asked, in which words, and what is said of those who are not."""

from pathlib import Path

import pytest
from cap_messages import EXAMPLE, is_valid
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import AlertMessage, AlertReference, AlertStatus, Hazard, covers
from schemas.checks import check_alert
from schemas.decode import decode
from schemas.encode import encode
from schemas.incidents import Certainty, Severity, Urgency
from streams.cap.alerts import take
from streams.cap.form import CapError
from streams.commands.alerts import alerts

GEOCODE = "<geocode><valueName>법정동코드</valueName><value>1168000000</value></geocode>"
POLYGON = "<polygon>37.5,127.0 37.6,127.0 37.6,127.1 37.5,127.0</polygon>"
KOREAN = EXAMPLE.index("<info>"), EXAMPLE.index("</info>") + len("</info>")
AFTER = "<msgType>Alert</msgType>\n  <scope>Public</scope>"


def changed(old: str, new: str, many: int = -1) -> bytes:
    assert old in EXAMPLE
    xml = EXAMPLE.replace(old, new, many).encode()
    assert is_valid(xml)
    return xml


def korean() -> str:
    """The first info block alone."""
    return EXAMPLE[KOREAN[0] : KOREAN[1]]


def test_two_languages_of_one_warning_are_one_alert() -> None:
    (alert,) = take(EXAMPLE.encode()).alerts
    assert (alert.text_ko, alert.text_en, alert.instruction_ko) == ("폭염 경보", "Heat wave", "물을 자주 드십시오.")
    assert (alert.kind, alert.event) == (Hazard.HEAT_WAVE, "폭염경보")
    assert (alert.severity, alert.urgency, alert.certainty) == (Severity.SEVERE, Urgency.EXPECTED, Certainty.LIKELY)
    assert (alert.effective, alert.expires) == ("2026-07-25T00:00:00.000Z", "2026-07-25T12:00:00.000Z")
    assert covers(alert, district="", area_code="1168010100")
    assert not covers(alert, district="", area_code="1165010100")
    assert decode("public.alerts", alert.id.encode(), encode(alert)) == [alert]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<event>Heat wave warning", "<event>Flood warning"),
        ("<value>1168000000</value></geocode>\n    </area>\n  </info>\n</alert>",
         "<value>1165000000</value></geocode>\n    </area>\n  </info>\n</alert>"),
        ("<language>en-US", "<language>ko-KR"),
    ],
    ids=["another hazard", "another area", "the same language again"],
)  # fmt: skip
def test_blocks_that_differ_in_more_than_their_words_are_parts(old: str, new: str) -> None:
    found = take(changed(old, new, 1 if "event" in old else -1)).alerts
    assert [one.part for one in found] == [0, 1]
    assert len({one.key for one in found}) == 2


def test_an_alert_without_an_end_holds_for_a_day_and_without_a_begin_from_when_it_was_sent() -> None:
    (alert,) = take(changed("    <expires>2026-07-25T21:00:00+09:00</expires>\n", "")).alerts
    assert (alert.effective, alert.expires) == ("2026-07-25T00:00:00.000Z", "2026-07-26T00:00:00.000Z")


def test_what_cap_does_not_know_is_not_made_up() -> None:
    xml = EXAMPLE.replace("Severe", "Unknown").replace("Likely", "Unknown").replace("Expected", "Unknown").encode()
    (alert,) = take(xml).alerts
    assert (alert.severity, alert.urgency, alert.certainty) == (None, None, None)


def test_an_update_and_a_cancel_carry_what_they_refer_to() -> None:
    reference = "<references>weather@example.go.kr,synthetic-0,2026-07-24T09:00:00+09:00</references>"
    wanted = [AlertReference("weather@example.go.kr", "synthetic-0", "2026-07-24T00:00:00.000Z")]
    for word in ("Update", "Cancel"):
        xml = changed(AFTER, AFTER.replace("Alert<", f"{word}<") + reference)
        found = take(xml).alerts
        assert [one.msg_type for one in found] == [AlertMessage(word)]
        assert found[0].references == wanted
        assert check_alert(found[0]) is None


def test_a_cancel_ends_all_parts_whatever_it_says_beside() -> None:
    reference = "<references>weather@example.go.kr,synthetic-0,2026-07-24T09:00:00+09:00</references>"
    bare = EXAMPLE[: EXAMPLE.index("<info>")] + "</alert>"
    xml = bare.replace(AFTER, AFTER.replace("Alert<", "Cancel<") + reference).encode()
    assert is_valid(xml)
    (alert,) = take(xml).alerts
    assert (alert.area_codes, alert.part) == ([], 0)


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_an_exercise_stays_one(status: str) -> None:
    (alert,) = take(changed("<status>Actual", f"<status>{status}")).alerts
    assert alert.status is AlertStatus(status)


@pytest.mark.parametrize(("old", "new"), [("<status>Actual", "<status>System"), ("<status>Actual", "<status>Draft")])
def test_what_is_not_for_people_is_refused(old: str, new: str) -> None:
    with pytest.raises(CapError, match="not for people"):
        take(changed(old, new))


@pytest.mark.parametrize("word", ["Ack", "Error"])
def test_what_answers_a_message_alerts_nobody(word: str) -> None:
    reference = "<references>a,b,2026-07-24T09:00:00+09:00</references>"
    with pytest.raises(CapError, match="alerts nobody"):
        take(changed(AFTER, AFTER.replace("Alert<", f"{word}<") + reference))


# Areas.


def test_a_shape_without_a_code_leaves_people_out_and_says_so() -> None:
    taken = take(changed(GEOCODE, POLYGON, 1))
    assert [one.part for one in taken.alerts] == [1]
    assert taken.left_out
    assert "alert/info[1]/area[1] has no area code" in taken.left_out[0]


def test_a_code_given_for_it_stands_in() -> None:
    both = EXAMPLE.replace(GEOCODE, POLYGON).replace(GEOCODE.replace("법정동코드", "legal district"), POLYGON)
    assert is_valid(both.encode())
    assert take(both.encode()).alerts == ()
    taken = take(both.encode(), areas=["1168010100"], districts=["dong-27"])
    assert taken.left_out == ()
    (alert,) = taken.alerts
    assert (alert.area_codes, alert.districts) == (["1168010100"], ["dong-27"])


def test_a_shape_beside_a_code_is_told_as_unused_and_leaves_nobody_out() -> None:
    taken = take(EXAMPLE.replace("<geocode>", POLYGON + "<geocode>").encode())
    assert (len(taken.alerts), taken.left_out) == (1, ())
    assert "its shape is not used" in taken.unused[0]


def test_one_area_with_a_code_does_not_hide_another_without() -> None:
    more = f"</area><area><areaDesc>서초구</areaDesc>{POLYGON}</area>"
    xml = EXAMPLE.replace("</area>", more).encode()
    assert is_valid(xml)
    assert len(take(xml).left_out) == 2
    (alert,) = take(xml, areas=["1165000000"]).alerts
    assert alert.area_codes == ["1168000000", "1165000000"]


def test_a_district_of_the_registry_may_be_named() -> None:
    (alert,) = take(
        EXAMPLE.replace("법정동코드", "anbu:district").replace("legal district", "anbu:district").encode()
    ).alerts
    assert (alert.area_codes, alert.districts) == ([], ["1168000000"])


def test_a_language_that_anbu_does_not_speak_still_alerts() -> None:
    taken = take(changed("<language>en-US", "<language>ja-JP"))
    (alert,) = taken.alerts
    assert alert.text_en == ""
    assert "its texts are in ja" in taken.unused[0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["ko-KR", "en-US", "vi", ""]), min_size=1, max_size=6), st.randoms())
def test_whatever_blocks_a_message_has_every_alert_of_it_is_taken_by_the_engine(
    languages: list[str], rnd: object
) -> None:
    blocks = "".join(
        korean().replace("<language>ko-KR</language>", f"<language>{one}</language>" if one else "")
        for one in languages
    )
    xml = (EXAMPLE[: KOREAN[0]] + blocks + "</alert>").encode()
    assert is_valid(xml)
    found = take(xml).alerts
    assert [one.part for one in found] == list(range(len(found)))
    assert len(found) == max(map([one[:2] or "en" for one in languages].count, [one[:2] or "en" for one in languages]))
    assert all(decode("public.alerts", b"a", encode(one)) == [one] for one in found)


# The command.


def sent(tmp_path: Path, xml: bytes, *options: str) -> Result:
    file = tmp_path / "alert.xml"
    file.write_bytes(xml)
    return CliRunner().invoke(alerts, ["send", str(file), "--check", *options])


def test_a_message_can_be_tried_without_a_broker(tmp_path: Path) -> None:
    said = sent(tmp_path, EXAMPLE.encode())
    assert said.exit_code == 0
    assert "would send synthetic-1 of weather@example.go.kr (폭염 · heat wave)" in said.output


def test_a_message_that_leaves_people_out_ends_with_1_and_says_whom(tmp_path: Path) -> None:
    said = sent(tmp_path, changed(GEOCODE, POLYGON, 1))
    assert said.exit_code == 1
    assert "nobody there is asked" in said.output
    assert "would send" in said.output
    assert sent(tmp_path, changed(GEOCODE, POLYGON, 1), "--area", "1168000000").exit_code == 0


@pytest.mark.parametrize(
    ("xml", "options", "named"),
    [
        (b"<alert/>", (), "must be an alert"),
        (EXAMPLE.encode(), ("--kind", "flood"), "--kind is said by the message itself"),
        (EXAMPLE.replace("<sender>weather", "<sender>two words").encode(), (), "alert/sender"),
    ],
)
def test_a_message_that_cannot_be_used_names_what_is_wrong(
    tmp_path: Path, xml: bytes, options: tuple[str, ...], named: str
) -> None:
    said = sent(tmp_path, xml, *options)
    assert said.exit_code == 2
    assert named in said.output
