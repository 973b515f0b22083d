"""The form of a CAP 1.2 message as one table, by which both reading and writing go. Pure.

Source: OASIS, Common Alerting Protocol Version 1.2, 1 July 2010: the order, number and content of elements (3.2), and
the rules that its XML schema cannot say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from defusedxml import ElementTree as SafeET
from defusedxml.common import DefusedXmlException

from schemas.alerts import CAP_NAME
from schemas.times import from_rfc3339

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
"""Signatures may stand at the end of a message. They are passed over, not checked."""
MOST_BYTES: Final = 1_000_000
MOST_ELEMENTS: Final = 20_000
MANY: Final = 1 << 30

Group = dict[str, list[Any]]
"""Name of an element -> its values in order: texts, or groups again."""


class CapError(ValueError):
    """What is wrong with a message, and where: `alert/info[2]/urgency: ...`."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"{where}: {why}")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: how often it stands, and either what its text must be or what it holds."""

    name: str
    least: int
    most: int
    one_of: tuple[str, ...] = ()
    pattern: str = ""
    must: str = ""
    """What the text must be, in words, where a pattern says it."""
    holds: tuple["Element", ...] = ()


_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[-+](0[0-9]|1[0-3]|14(?=:00)):[0-5][0-9]"
_TIME_SAID: Final = "must be a time such as 2026-11-24T09:00:00+09:00, with an offset and no Z"
_NUMBER: Final = r"[-+]?[0-9]+(\.[0-9]+)?"
_PLACE: Final = rf"{_NUMBER},{_NUMBER}"
_URI_PART: Final = r"([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_URI: Final = rf"[A-Za-z][A-Za-z0-9+.-]*:{_URI_PART}+(#{_URI_PART}*)?"


def _required(name: str, **form: Any) -> Element:
    return Element(name, 1, 1, **form)


def _optional(name: str, **form: Any) -> Element:
    return Element(name, 0, 1, **form)


def _any_number(name: str, least: int = 0, **form: Any) -> Element:
    return Element(name, least, MANY, **form)


def _pair(name: str) -> Element:
    return _any_number(name, holds=(_required("valueName"), _required("value")))


def _time(name: str, least: int = 0) -> Element:
    return Element(name, least, 1, pattern=_TIME, must=_TIME_SAID)


def _name(name: str) -> Element:
    return _required(name, pattern=CAP_NAME, must="must be 1 to 128 characters without spaces, commas, < and &")


ALERT: Final = Element(
    "alert",
    1,
    1,
    holds=(
        _name("identifier"),
        _name("sender"),
        _time("sent", 1),
        _required("status", one_of=("Actual", "Exercise", "System", "Test", "Draft")),
        _required("msgType", one_of=("Alert", "Update", "Cancel", "Ack", "Error")),
        _optional("source"),
        _required("scope", one_of=("Public", "Restricted", "Private")),
        _optional("restriction"),
        _optional("addresses"),
        _any_number("code"),
        _optional("note"),
        _optional("references"),
        _optional("incidents"),
        _any_number(
            "info",
            holds=(
                _optional(
                    "language",
                    pattern=r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*",
                    must="must be a language code such as ko-KR",
                ),
                _any_number(
                    "category",
                    1,
                    one_of=(
                        "Geo",
                        "Met",
                        "Safety",
                        "Security",
                        "Rescue",
                        "Fire",
                        "Health",
                        "Env",
                        "Transport",
                        "Infra",
                        "CBRNE",
                        "Other",
                    ),
                ),
                _required("event"),
                _any_number(
                    "responseType",
                    one_of=(
                        "Shelter",
                        "Evacuate",
                        "Prepare",
                        "Execute",
                        "Avoid",
                        "Monitor",
                        "Assess",
                        "AllClear",
                        "None",
                    ),
                ),
                _required("urgency", one_of=("Immediate", "Expected", "Future", "Past", "Unknown")),
                _required("severity", one_of=("Extreme", "Severe", "Moderate", "Minor", "Unknown")),
                _required("certainty", one_of=("Observed", "Likely", "Possible", "Unlikely", "Unknown")),
                _optional("audience"),
                _pair("eventCode"),
                _time("effective"),
                _time("onset"),
                _time("expires"),
                _optional("senderName"),
                _optional("headline"),
                _optional("description"),
                _optional("instruction"),
                _optional("web", pattern=_URI, must="must be a full URI"),
                _optional("contact"),
                _pair("parameter"),
                _any_number(
                    "resource",
                    holds=(
                        _required("resourceDesc"),
                        _required("mimeType"),
                        _optional("size", pattern=r"[-+]?[0-9]+", must="must be a whole number"),
                        _optional("uri", pattern=_URI, must="must be a full URI"),
                        _optional("derefUri"),
                        _optional("digest"),
                    ),
                ),
                _any_number(
                    "area",
                    holds=(
                        _required("areaDesc"),
                        _any_number(
                            "polygon",
                            pattern=rf"{_PLACE}(\s+{_PLACE}){{3,}}",
                            must="must be 4 or more pairs of latitude,longitude with spaces between",
                        ),
                        _any_number(
                            "circle",
                            pattern=rf"{_PLACE}\s+[0-9]+(\.[0-9]+)?",
                            must="must be latitude,longitude and a radius in km",
                        ),
                        _pair("geocode"),
                        _optional("altitude", pattern=_NUMBER, must="must be a number of feet"),
                        _optional("ceiling", pattern=_NUMBER, must="must be a number of feet"),
                    ),
                ),
            ),
        ),
    ),
)
"""Every element in the order in which it must stand."""

_NOT_XML: Final = re.compile(r"[^\t\n\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def read(xml: bytes) -> Group:
    """Read a message, and hold it against the table and the rules beside it.

    Three things that harm nobody are forgiven: `Z` or parts of a second in a time, an element without text that may be
    absent, and a signature.

    Raises:
        CapError: no XML, no CAP 1.2 message, or one that breaks a rule.

    """
    if len(xml) > MOST_BYTES:
        raise CapError("alert", f"over {MOST_BYTES:,} bytes")
    try:
        root = SafeET.fromstring(xml, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise CapError("alert", f"no XML that may be read ({type(error).__name__})") from error
    if root.tag != f"{{{NAMESPACE}}}alert":
        raise CapError("alert", f"the message must be an alert of {NAMESPACE}")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise CapError("alert", f"over {MOST_ELEMENTS:,} elements")
    found = _read_group(root, ALERT, "alert")
    check(found)
    return found


def write(message: Group) -> bytes:
    """Write a message as XML in UTF-8. Characters that XML cannot carry become U+FFFD.

    Raises:
        CapError: it breaks a rule; nothing that a receiver would have to refuse is written.

    """
    clean = _cleaned(message)
    _check_group(clean, ALERT, "alert")
    check(clean)
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    _write_group(root, clean, ALERT)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True, short_empty_elements=False)
    return data + b"\n"


def check(message: Group) -> None:
    """Check what the table cannot say: what one element demands of another.

    Raises:
        CapError: it breaks a rule.

    """
    scope = text_of(message, "scope")
    if scope == "Restricted" and not text_of(message, "restriction"):
        raise CapError("alert/restriction", "must say the rule of a Restricted message")
    if scope == "Private" and not text_of(message, "addresses"):
        raise CapError("alert/addresses", "must name whom a Private message is for")
    msg_type = text_of(message, "msgType")
    if msg_type != "Alert" and not text_of(message, "references"):
        raise CapError("alert/references", f"must name what this {msg_type} refers to")
    list(references(message))
    for number, info in enumerate(message.get("info", []), 1):
        _check_info(info, f"alert/info[{number}]")


def references(message: Group) -> Iterator[tuple[str, str, str]]:
    """Sender, identifier and time of each message referred to.

    Raises:
        CapError: not groups of `sender,identifier,sent` with spaces between.

    """
    for group in text_of(message, "references").split():
        parts = group.split(",")
        if len(parts) != 3 or not all(re.fullmatch(CAP_NAME, part) for part in parts[:2]):
            raise CapError("alert/references", "must be sender,identifier,sent with spaces between groups")
        yield parts[0], parts[1], _moment(parts[2], "alert/references")


def text_of(group: Group, name: str) -> str:
    """First text under a name, "" where there is none."""
    return str(group[name][0]) if group.get(name) else ""


def _check_info(info: Group, where: str) -> None:
    begins, ends = text_of(info, "effective"), text_of(info, "expires")
    if begins and ends and from_rfc3339(ends) < from_rfc3339(begins):
        raise CapError(f"{where}/expires", "lies before effective")
    for number, area in enumerate(info.get("area", []), 1):
        at = f"{where}/area[{number}]"
        for polygon in area.get("polygon", []):
            places = polygon.split()
            if places[0] != places[-1]:
                raise CapError(f"{at}/polygon", "must end where it begins")
        if area.get("ceiling") and not area.get("altitude"):
            raise CapError(f"{at}/ceiling", "must not stand without altitude")


def _read_group(node: Any, table: Element, where: str) -> Group:
    """Take the children in the order of the table; whatever stands elsewhere, twice or not at all is said by its name."""
    found: Group = {}
    places = {one.name: place for place, one in enumerate(table.holds)}
    last = 0
    for child in node:
        if not isinstance(child.tag, str) or child.tag.startswith(f"{{{SIGNATURE}}}"):
            continue
        name = child.tag.removeprefix(f"{{{NAMESPACE}}}")
        if name not in places or child.tag == name:
            raise CapError(where, f"holds {name}, which is no element of it")
        if places[name] < last:
            raise CapError(f"{where}/{name}", f"must stand before {table.holds[last].name}")
        last = places[name]
        element = table.holds[last]
        at = f"{where}/{name}" + (f"[{len(found.get(name, [])) + 1}]" if element.most > 1 else "")
        if element.holds:
            found.setdefault(name, []).append(_read_group(child, element, at))
        elif text := _read_text(child, element, at):
            found.setdefault(name, []).append(text)
    _check_group(found, table, where)
    return found


def _read_text(node: Any, element: Element, where: str) -> str:
    if len(node):
        raise CapError(where, "holds elements where only text may stand")
    text = (node.text or "").strip()
    return _moment(text, where) if element.pattern == _TIME and text else text


def _moment(text: str, where: str) -> str:
    """Return a time in the standard's form, of a time that may end in Z or have parts of a second."""
    short = re.sub(r"(?<=:[0-9]{2})\.[0-9]+", "", text)
    short = re.sub(r"[Zz]$", "-00:00", short)
    if not re.fullmatch(_TIME, short):
        raise CapError(where, _TIME_SAID)
    try:
        from_rfc3339(short)
    except ValueError as error:
        raise CapError(where, f"is no time that can be meant ({error})") from error
    return short


def _check_group(group: Group, table: Element, where: str) -> None:
    unknown = group.keys() - {one.name for one in table.holds}
    if unknown:
        raise CapError(where, f"holds {min(unknown)}, which is no element of it")
    for element in table.holds:
        values = group.get(element.name, [])
        if not element.least <= len(values) <= element.most:
            raise CapError(
                f"{where}/{element.name}", "must stand there" if not values else "must stand there once only"
            )
        for number, value in enumerate(values, 1):
            at = f"{where}/{element.name}" + (f"[{number}]" if element.most > 1 else "")
            if element.holds:
                _check_group(value, element, at)
            else:
                _check_text(value, element, at)


def _check_text(text: str, element: Element, where: str) -> None:
    if not text or text != text.strip():
        raise CapError(where, "must be text without spaces around it")
    if element.one_of and text not in element.one_of:
        raise CapError(where, f"must be one of {', '.join(element.one_of)}")
    if element.pattern and not re.fullmatch(element.pattern, text):
        raise CapError(where, element.must)
    if element.pattern == _TIME:
        _moment(text, where)


def _cleaned(group: Group) -> Group:
    return {
        name: [_cleaned(one) if isinstance(one, dict) else _clean(one) for one in values]
        for name, values in group.items()
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _write_group(node: ET.Element, group: Group, table: Element) -> None:
    for element in table.holds:
        for value in group.get(element.name, []):
            child = ET.SubElement(node, element.name)
            if element.holds:
                _write_group(child, value, element)
            else:
                child.text = value
