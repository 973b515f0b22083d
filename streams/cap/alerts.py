"""From a CAP 1.2 message to what Anbu reads on `public.alerts`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.alerts import (
    MAX_TEXT,
    AlertMessage,
    AlertReference,
    AlertStatus,
    Hazard,
    PublicAlert,
    hazard_of,
)
from schemas.checks import check_alert
from schemas.incidents import Certainty, Severity, Urgency
from schemas.times import from_rfc3339, to_rfc3339
from streams.cap.form import CapError, Group, read, references, text_of

LASTS_MS: Final = 86_400_000
"""How long an alert without `expires` holds: the standard leaves that to each recipient."""
DISTRICT: Final = "anbu:district"
"""`valueName` of a geocode that is a district as the registry names it. Any other geocode is an area code."""


@dataclass(frozen=True, slots=True)
class Area:
    """Where it holds: area codes, and districts as the registry names them."""

    codes: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether it names any place."""
        return bool(self.codes or self.districts)

    def joined(self, other: "Area") -> "Area":
        """Both together."""
        return Area(
            tuple(dict.fromkeys((*self.codes, *other.codes))), tuple(dict.fromkeys((*self.districts, *other.districts)))
        )


@dataclass(slots=True)
class _Part:
    """Info blocks that say the same of the same area in different languages."""

    info: Group
    area: Area
    hazard: Hazard
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of `ko` and `en`: what it says, and what it asks people to do."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message became: its alerts, and in words, one line each, what of it could not be used."""

    alerts: tuple[PublicAlert, ...]
    unused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Areas that it covers and in which nobody will be asked."""


def take(xml: bytes, *, areas: Sequence[str] = (), districts: Sequence[str] = ()) -> Taken:
    """Read a message. `areas` and `districts` stand in for an area of which it gives no code.

    Info blocks in several languages that agree in everything else are one alert; blocks that differ are parts of it, in
    their order. A Cancel is one record, whatever it says beside its references. Anbu knows homes by code: an area that
    has only polygons or circles is told as unused, and without a substitute its part is left out.

    Raises:
        CapError: no message that may be read, or one that is not for people (System, Draft, Ack, Error).

    """
    message = read(xml)
    status, msg_type = text_of(message, "status"), text_of(message, "msgType")
    if status not in set(AlertStatus):
        raise CapError("alert/status", f"a message of status {status} is for systems, not for people")
    if msg_type not in set(AlertMessage):
        raise CapError("alert/msgType", f"{msg_type} answers a message and alerts nobody")
    if msg_type == AlertMessage.CANCEL:
        return Taken((_cancel(message),))
    infos = message.get("info", [])
    if not infos:
        raise CapError("alert/info", f"must stand there: an {msg_type} without it says nothing")
    taking = _Taking(Area(tuple(areas), tuple(districts)))
    for number, info in enumerate(infos, 1):
        taking.add(info, f"alert/info[{number}]")
    alerts = [_alert(message, part, place) for place, part in enumerate(taking.parts) if part.area]
    return Taken(tuple(alerts), tuple(taking.unused), tuple(taking.left_out))


class _Taking:
    """Info blocks on their way to parts."""

    def __init__(self, instead: Area) -> None:
        self.parts: list[_Part] = []
        self.unused: list[str] = []
        self.left_out: list[str] = []
        self._instead = instead

    def add(self, info: Group, where: str) -> None:
        language = (text_of(info, "language") or "en-US").split("-")[0].lower()
        area = self._area(info, where)
        said = hazard_of(text_of(info, "event"), text_of(info, "headline"))
        part = next((one for one in self.parts if language not in one.texts and _agree(one, info, area, said)), None)
        if part is None:
            part = _Part(info, area, said)
            self.parts.append(part)
        elif part.hazard is Hazard.OTHER:
            part.hazard = said
        if language not in {"ko", "en"}:
            self.unused.append(f"{where}: its texts are in {language}, and Anbu speaks ko and en")
        part.texts[language] = (_text(info, "headline", "description"), _text(info, "instruction"))

    def _area(self, info: Group, where: str) -> Area:
        found, missing = Area(), [] if info.get("area") else [where]
        for number, area in enumerate(info.get("area", []), 1):
            at = f"{where}/area[{number}]"
            codes = [(text_of(one, "valueName"), text_of(one, "value")) for one in area.get("geocode", [])]
            named = Area(
                tuple(value for name, value in codes if name != DISTRICT),
                tuple(value for name, value in codes if name == DISTRICT),
            )
            found = found.joined(named)
            if not named:
                missing.append(at)
            elif area.get("polygon") or area.get("circle"):
                self.unused.append(f"{at}: its shape is not used, its codes are")
        if missing and self._instead:
            return found.joined(self._instead)
        self.left_out += [
            f"{at} has no area code: nobody there is asked; give one with --area or --district" for at in missing
        ]
        return found


def _agree(part: _Part, info: Group, area: Area, hazard: Hazard) -> bool:
    """Tell whether two blocks differ in nothing but their words."""
    facts = (
        "category",
        "responseType",
        "urgency",
        "severity",
        "certainty",
        "effective",
        "onset",
        "expires",
        "eventCode",
    )
    return (
        all(part.info.get(name) == info.get(name) for name in facts)
        and (set(part.area.codes), set(part.area.districts)) == (set(area.codes), set(area.districts))
        and (Hazard.OTHER in {part.hazard, hazard} or part.hazard is hazard)
    )


def _alert(message: Group, part: _Part, place: int) -> PublicAlert:
    sent = text_of(message, "sent")
    effective = text_of(part.info, "effective") or sent
    expires = text_of(part.info, "expires") or to_rfc3339(from_rfc3339(effective) + LASTS_MS)
    severity, urgency, certainty = (text_of(part.info, name) for name in ("severity", "urgency", "certainty"))
    text_ko, instruction_ko = part.texts.get("ko", ("", ""))
    text_en, instruction_en = part.texts.get("en", ("", ""))
    return _checked(
        PublicAlert(
            id=text_of(message, "identifier"),
            sender=text_of(message, "sender"),
            sent=_time(sent),
            status=AlertStatus(text_of(message, "status")),
            msg_type=AlertMessage(text_of(message, "msgType")),
            references=_references(message),
            part=place,
            kind=part.hazard,
            event=text_of(part.info, "event")[:256],
            severity=None if severity == "Unknown" else Severity(severity),
            urgency=None if urgency == "Unknown" else Urgency(urgency),
            certainty=None if certainty == "Unknown" else Certainty(certainty),
            area_codes=list(part.area.codes),
            districts=list(part.area.districts),
            effective=_time(effective),
            expires=_time(expires),
            text_ko=text_ko,
            text_en=text_en,
            instruction_ko=instruction_ko,
            instruction_en=instruction_en,
        )
    )


def _cancel(message: Group) -> PublicAlert:
    sent = _time(text_of(message, "sent"))
    event = next((text_of(info, "event") for info in message.get("info", [])), "")
    return _checked(
        PublicAlert(
            id=text_of(message, "identifier"),
            sender=text_of(message, "sender"),
            sent=sent,
            status=AlertStatus(text_of(message, "status")),
            msg_type=AlertMessage.CANCEL,
            references=_references(message),
            kind=hazard_of(event),
            event=event[:256],
            effective=sent,
            expires=sent,
        )
    )


def _checked(alert: PublicAlert) -> PublicAlert:
    """Refuse what the engine would refuse: a dead letter would be found too late.

    Raises:
        CapError: names the field.

    """
    if fault := check_alert(alert):
        raise CapError("alert", f"{fault.detail}: {fault.reason.value.replace('_', ' ')}")
    return alert


def _references(message: Group) -> list[AlertReference]:
    return [AlertReference(sender, name, _time(sent)) for sender, name, sent in references(message)]


def _time(text: str) -> str:
    return to_rfc3339(from_rfc3339(text))


def _text(info: Group, *names: str) -> str:
    said = "\n".join(dict.fromkeys(text_of(info, name) for name in names if info.get(name)))
    return said if len(said) <= MAX_TEXT else said[: MAX_TEXT - 1] + "…"
