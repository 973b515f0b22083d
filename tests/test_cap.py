"""CAP 1.2: the table is the published schema, whatever is written is valid by it, and what breaks a rule is refused."""

from typing import Any

import msgspec
import pytest
from cap_messages import ALERT, EXAMPLE, XSD, is_valid, messages, texts, times, why_not
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.topics import create_topics
from schemas.encode import encode
from schemas.examples import RECORDS
from schemas.incidents import CloseCause, Incident, IncidentKind, IncidentState, NextStep, Severity, Urgency
from streams.cap.form import CapError, Element, Group, read, text_of, write
from streams.cap.incidents import CapTeller, own_references
from streams.commands.incidents import incidents
from streams.publish import Publisher

SENDER = "anbu.gangbuk.example"
INCIDENT = RECORDS["incident"]
assert isinstance(INCIDENT, Incident)
XS = "{http://www.w3.org/2001/XMLSchema}"


# The table is the published schema.


def published(node: Any) -> list[tuple[Any, ...]]:
    """Elements of the schema in order: name, least, most, enumeration, and what they hold."""
    out = []
    for one in node.find(f".//{XS}sequence"):
        if one.tag == f"{XS}any":
            continue
        name = one.get("name") or one.get("ref").removeprefix("cap:")
        most = one.get("maxOccurs", "1")
        holds = published(one) if one.find(f"{XS}complexType") is not None else []
        values = tuple(found.get("value") for found in one.findall(f"{XS}simpleType//{XS}enumeration"))
        out.append((name, int(one.get("minOccurs", "1")), most == "unbounded", values, holds))
    return out


def ours(table: Element) -> list[tuple[Any, ...]]:
    return [(one.name, one.least, one.most > 1, one.one_of, ours(one)) for one in table.holds]


def test_the_table_is_the_schema_that_oasis_published() -> None:
    root = XSD.getroot().find(f"{XS}element")
    assert ours(ALERT) == published(root)


@settings(max_examples=60, deadline=None)
@given(messages)
def test_whatever_the_table_allows_is_written_valid_and_read_back_the_same(message: Group) -> None:
    xml = write(message)
    assert is_valid(xml), why_not(xml)
    assert read(xml) == message


def elements(table: Element, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Element]]:
    found = []
    for one in table.holds:
        found += [((*path, one.name), one), *elements(one, (*path, one.name))]
    return found


ELEMENTS = elements(ALERT)
WHOLE = {
    "web": "https://example.go.kr/",
    "uri": "https://example.go.kr/",
    "size": "3",
    "altitude": "1.5",
    "ceiling": "2.5",
    "polygon": "1,1 2,2 3,3 1,1",
    "circle": "1,1 5",
    "references": "a,b,2026-01-01T00:00:00-00:00",
}


def whole(table: Element) -> Group:
    """A message in which every element stands once."""

    def value(one: Element) -> Any:
        if one.holds:
            return whole(one)
        if "[0-9]{4}-" in one.pattern:
            return "2026-01-01T00:00:00-00:00"
        return one.one_of[0] if one.one_of else WHOLE.get(one.name, "ko")

    return {one.name: [value(one)] for one in table.holds}


def changed(path: tuple[str, ...], change: Any) -> Group:
    message = whole(ALERT)
    group = message
    for name in path[:-1]:
        group = group[name][0]
    change(group, path[-1])
    return message


def raw(message: Group) -> bytes:
    """The message as XML, whatever is wrong with it."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - a writer without rules, for this test alone

    def fill(node: ET.Element, group: Group) -> None:
        for name, values in group.items():
            for one in values:
                child = ET.SubElement(node, name)
                if isinstance(one, dict):
                    fill(child, one)
                else:
                    child.text = one

    root = ET.Element("alert", {"xmlns": "urn:oasis:names:tc:emergency:cap:1.2"})
    fill(root, message)
    data: bytes = ET.tostring(root, encoding="utf-8")
    return data


def refused_by_both(message: Group) -> None:
    xml = raw(message)
    assert not is_valid(xml)
    with pytest.raises(CapError):
        read(xml)
    with pytest.raises(CapError):
        write(message)


def test_a_message_with_every_element_is_sound() -> None:
    assert is_valid(raw(whole(ALERT)))
    assert read(raw(whole(ALERT))) == whole(ALERT)


@pytest.mark.parametrize("path", [path for path, one in ELEMENTS if one.least], ids="/".join)
def test_a_required_element_that_is_missing_is_refused(path: tuple[str, ...]) -> None:
    refused_by_both(changed(path, lambda group, name: group.pop(name)))


@pytest.mark.parametrize("path", [path for path, one in ELEMENTS if one.most == 1], ids="/".join)
def test_an_element_that_may_stand_once_is_refused_twice(path: tuple[str, ...]) -> None:
    refused_by_both(changed(path, lambda group, name: group[name].append(group[name][0])))


@pytest.mark.parametrize("path", [path for path, one in ELEMENTS if one.one_of], ids="/".join)
def test_a_word_outside_its_closed_set_is_refused(path: tuple[str, ...]) -> None:
    refused_by_both(changed(path, lambda group, name: group.update({name: ["Imminent"]})))


@pytest.mark.parametrize("path", [path for path, one in ELEMENTS if "[0-9]{4}-" in one.pattern], ids="/".join)
@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-02-30T00:00:00-00:00"])
def test_a_time_in_another_form_is_never_written(path: tuple[str, ...], text: str) -> None:
    message = changed(path, lambda group, name: group.update({name: [text]}))
    assert not is_valid(raw(message))
    with pytest.raises(CapError):
        write(message)


def test_a_time_that_ends_in_z_is_read_all_the_same_for_the_warning_is_what_counts() -> None:
    xml = EXAMPLE.replace("09:00:00+09:00</sent>", "00:00:00.123Z</sent>").encode()
    assert not is_valid(xml)
    assert text_of(read(xml), "sent") == "2026-07-25T00:00:00-00:00"


@pytest.mark.parametrize("number", range(len(ALERT.holds) - 1))
def test_elements_in_another_order_are_refused(number: int) -> None:
    message = whole(ALERT)
    names = list(message)
    names[number], names[number + 1] = names[number + 1], names[number]
    xml = raw({name: message[name] for name in names})
    assert not is_valid(xml)
    with pytest.raises(CapError, match="must stand before"):
        read(xml)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"identifier": ["two words"]}, "alert/identifier"),
        ({"sender": ["a,b"]}, "alert/sender"),
        ({"sender": ["a&b"]}, "alert/sender"),
        ({"scope": ["Restricted"], "restriction": []}, "alert/restriction"),
        ({"scope": ["Private"], "addresses": []}, "alert/addresses"),
        ({"msgType": ["Update"], "references": []}, "alert/references"),
        ({"references": ["a,b"]}, "alert/references"),
        ({"references": ["a,b,yesterday"]}, "alert/references"),
    ],
)
def test_a_rule_that_the_schema_cannot_say_is_held_as_well(changes: dict[str, list[str]], where: str) -> None:
    message = {name: values for name, values in (whole(ALERT) | changes).items() if values}
    assert is_valid(raw(message))
    for act in (lambda: read(raw(message)), lambda: write(message)):
        with pytest.raises(CapError) as refused:
            act()
        assert refused.value.where == where


@pytest.mark.parametrize(
    ("name", "text"),
    [("polygon", "1,1 2,2 3,3 4,4"), ("polygon", "1,1 2,2 1,1"), ("circle", "1,1"), ("circle", "1 1 5")],
)
def test_a_shape_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(CapError):
        write(changed(("info", "area", name), lambda group, _name: group.update({name: [text]})))


# What somebody else may send.


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<alert",
        b"<alert/>",
        b"\xff\xfe<",
        b'<!DOCTYPE a [<!ENTITY x "boom">]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">&x;</alert>',
        b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>',
        EXAMPLE.replace("cap:1.2", "cap:1.1").encode(),
        EXAMPLE.encode() + b" " * 1_000_000,
        b'<?xml version="1.0" encoding="no-such"?>' + EXAMPLE.split("?>")[1].encode(),
        EXAMPLE.replace("<info>", "<info><x/>", 1).encode(),
        EXAMPLE.replace("<event>폭염경보", "<event><b>폭염경보</b>").encode(),
    ],
)
def test_what_is_no_message_is_refused_in_one_line_and_opens_nothing(xml: bytes) -> None:
    with pytest.raises(CapError) as refused:
        read(xml)
    assert "\n" not in str(refused.value)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(EXAMPLE.encode()) - 1))
def test_any_bytes_are_read_or_refused(bytes_: bytes, at: int) -> None:
    whole_ = EXAMPLE.encode()
    for xml in (bytes_, whole_[:at] + bytes_ + whole_[at + 3 :]):
        try:
            read(xml)
        except CapError:
            continue


def test_a_signature_is_passed_over() -> None:
    signed = EXAMPLE.replace(
        "</alert>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><a/></Signature></alert>'
    )
    assert is_valid(signed.encode())
    assert read(signed.encode()) == read(EXAMPLE.encode())


# Incidents.

revisions = st.builds(
    lambda kind, state, cause, step, status, times_, said, **changes: msgspec.structs.replace(
        INCIDENT,
        kind=kind,
        state=state,
        cause=cause,
        next_step=step,
        status=status,
        at=times_[0],
        event_from=times_[1],
        sentence_ko=said[0] + "가",
        sentence_en=said[1] + "a",
        **changes,
    ),
    st.sampled_from(list(IncidentKind)),
    st.sampled_from(list(IncidentState)),
    st.sampled_from([None, *CloseCause]),
    st.sampled_from(list(NextStep)),
    st.sampled_from(["Actual", "Exercise"]),
    st.tuples(times, times),
    st.tuples(st.text(max_size=30), st.text(max_size=30)),
    severity=st.sampled_from(list(Severity)),
    urgency=st.sampled_from(list(Urgency)),
    msg_type=st.sampled_from(["Alert", "Update", "Cancel"]),
    district=st.one_of(st.none(), texts.map(str.strip).filter(bool)),
    case=st.sampled_from([None, "case-1"]),
)


@settings(max_examples=80, deadline=None)
@given(revisions, st.booleans(), st.sampled_from([None, "https://city.example/p/0a1b"]))
def test_every_revision_is_a_valid_message_in_two_languages(
    incident: Incident, is_known: bool, link: str | None
) -> None:
    teller = CapTeller(SENDER)
    if is_known:
        teller.tell(msgspec.structs.replace(incident, revision=incident.revision - 1, msg_type="Alert"))
    xml = teller.tell(incident, link)
    assert is_valid(xml), why_not(xml)
    message = read(xml)
    assert text_of(message, "status") == incident.status
    assert [text_of(info, "language") for info in message["info"]] == ["ko-KR", "en-US"]
    assert {text_of(info, "severity") for info in message["info"]} == {incident.severity.value}
    said = {text_of(one, "valueName"): text_of(one, "value") for one in message["info"][0]["parameter"]}
    assert (said["anbu:incident"], said["anbu:revision"]) == (incident.id, str(incident.revision))
    assert said["anbu:household"] == incident.household
    assert (incident.status == "Exercise") is bool(text_of(message, "note"))
    if incident.msg_type != "Alert" and is_known:
        assert text_of(message, "msgType") == incident.msg_type
        assert text_of(message, "references").startswith(f"{SENDER},anbu-{incident.id}-{incident.revision - 1},")
    else:
        assert (text_of(message, "msgType"), text_of(message, "references")) == ("Alert", "")


def test_a_merged_incident_cancels_itself_and_never_the_one_it_went_into() -> None:
    first = msgspec.structs.replace(INCIDENT, revision=1, msg_type="Alert", references=[])
    ended = msgspec.structs.replace(
        INCIDENT,
        revision=2,
        msg_type="Cancel",
        state=IncidentState.CLOSED,
        cause=CloseCause.MERGED,
        references=[f"{INCIDENT.id}/1", "other/4"],
    )
    teller = CapTeller(SENDER)
    teller.tell(msgspec.structs.replace(first, id="other", revision=4))
    teller.tell(first)
    message = read(teller.tell(ended))
    assert own_references(ended) == [f"{INCIDENT.id}/1"]
    assert "other" not in text_of(message, "references")
    assert text_of(message, "incidents").split() == [ended.case, "other"]


@pytest.mark.parametrize("sender", ["", "two words", "a,b", "a<b"])
def test_a_sender_that_cannot_be_one_is_refused(sender: str) -> None:
    with pytest.raises(CapError, match="alert/sender"):
        CapTeller(sender).tell(INCIDENT)


def test_anbu_incidents_export_writes_each_revision_once(
    own_broker: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(own_broker.bootstrap, 1)
    with Publisher(own_broker.bootstrap, 1) as pen:
        for revision in (1, 2, 2):
            told = msgspec.structs.replace(
                INCIDENT,
                revision=revision,
                msg_type="Alert" if revision == 1 else "Update",
                references=[f"{INCIDENT.id}/{revision - 1}"] if revision > 1 else [],
            )
            pen.send("incidents", told.household, encode(told))
        pen.send("incidents", "h-1", encode(msgspec.structs.replace(INCIDENT, id="../../over there")))
    monkeypatch.setenv("ANBU_KAFKA", own_broker.url)
    monkeypatch.setenv("ANBU_PARTITIONS", "1")
    said = CliRunner().invoke(incidents, ["export", str(tmp_path / "out"), "--cap", "--sender", SENDER])
    assert said.exit_code == 1  # of the one whose id can be no identifier
    assert "wrote 2 messages of 1 incident" in said.output
    files = sorted((tmp_path / "out").iterdir())
    assert [one.name for one in files] == [f"{INCIDENT.id}-1.xml", f"{INCIDENT.id}-2.xml"]
    assert all(is_valid(one.read_bytes()) for one in files)
    assert text_of(read(files[1].read_bytes()), "msgType") == "Update"
