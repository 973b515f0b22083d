"""Public alerts: what the authorities say about an area, with the meaning of CAP 1.2."""

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.incidents import Certainty, Severity, Urgency
from schemas.times import Rfc3339

MAX_AREAS: Final = 2048
"""Area codes and districts of one alert, each: more than the country has districts."""
MAX_TEXT: Final = 4000

CAP_NAME: Final = r"^[^\s,<&]{1,128}$"
"""Identifiers and senders: CAP forbids spaces, commas, `<` and `&` in them, for references are made of them."""

_LEGAL_CODE: Final = re.compile(r"[0-9]{10}")
_PLACES: Final = (0, 2, 5, 8, 10)
"""Where the parts of a legal district code end: country, province, city or gu, dong, ri."""


class AlertStatus(StrEnum):
    """CAP 1.2 status. System and draft messages never come this far."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    """Asks exercise households only."""
    TEST = "Test"
    """Only the path is tried: nobody is asked."""


class AlertMessage(StrEnum):
    """CAP 1.2 msgType, of those that say something about an area."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class Hazard(StrEnum):
    """What a public alert warns of: a closed set; whatever it lacks is `other`."""

    HEAT_WAVE = "heat_wave"
    COLD_WAVE = "cold_wave"
    HEAVY_RAIN = "heavy_rain"
    FLOOD = "flood"
    TYPHOON = "typhoon"
    STRONG_WIND = "strong_wind"
    HEAVY_SNOW = "heavy_snow"
    EARTHQUAKE = "earthquake"
    TSUNAMI = "tsunami"
    LANDSLIDE = "landslide"
    FINE_DUST = "fine_dust"
    WILDFIRE = "wildfire"
    FIRE = "fire"
    BLACKOUT = "blackout"
    WATER_OUTAGE = "water_outage"
    GAS_LEAK = "gas_leak"
    CHEMICAL_SPILL = "chemical_spill"
    COLLAPSE = "collapse"
    EPIDEMIC = "epidemic"
    CIVIL_DEFENCE = "civil_defence"
    OTHER = "other"


HAZARD_NAMES: Final[dict[Hazard, tuple[str, str]]] = {
    Hazard.HEAT_WAVE: ("폭염", "heat wave"),
    Hazard.COLD_WAVE: ("한파", "cold wave"),
    Hazard.HEAVY_RAIN: ("호우", "heavy rain"),
    Hazard.FLOOD: ("홍수·침수", "flood"),
    Hazard.TYPHOON: ("태풍", "typhoon"),
    Hazard.STRONG_WIND: ("강풍", "strong wind"),
    Hazard.HEAVY_SNOW: ("대설", "heavy snow"),
    Hazard.EARTHQUAKE: ("지진", "earthquake"),
    Hazard.TSUNAMI: ("지진해일", "tsunami"),
    Hazard.LANDSLIDE: ("산사태", "landslide"),
    Hazard.FINE_DUST: ("미세먼지", "fine dust"),
    Hazard.WILDFIRE: ("산불", "wildfire"),
    Hazard.FIRE: ("인근 화재", "fire nearby"),
    Hazard.BLACKOUT: ("정전", "blackout"),
    Hazard.WATER_OUTAGE: ("단수", "water outage"),
    Hazard.GAS_LEAK: ("인근 가스 누출", "gas leak nearby"),
    Hazard.CHEMICAL_SPILL: ("화학물질 유출", "chemical spill"),
    Hazard.COLLAPSE: ("건물 붕괴", "building collapse"),
    Hazard.EPIDEMIC: ("감염병", "epidemic"),
    Hazard.CIVIL_DEFENCE: ("민방위 경보", "civil defence alert"),
    Hazard.OTHER: ("기타 재난", "other emergency"),
}
"""(Korean, English) name of each hazard."""

# The first row that fits decides, so the longer word stands above the one it holds: 지진해일 above 지진.
_WORDS: Final[tuple[tuple[Hazard, tuple[str, ...]], ...]] = (
    (Hazard.TSUNAMI, ("지진해일", "쓰나미", "tsunami")),
    (Hazard.EARTHQUAKE, ("지진", "earthquake")),
    (Hazard.LANDSLIDE, ("산사태", "landslide", "debris flow")),
    (Hazard.WILDFIRE, ("산불", "wildfire", "forest fire")),
    (Hazard.HEAT_WAVE, ("폭염", "heat wave", "heatwave", "extreme heat", "excessive heat")),
    (Hazard.COLD_WAVE, ("한파", "cold wave", "coldwave", "extreme cold", "freeze warning")),
    (Hazard.TYPHOON, ("태풍", "typhoon", "hurricane", "tropical storm", "tropical cyclone")),
    (Hazard.FINE_DUST, ("미세먼지", "황사", "fine dust", "yellow dust", "particulate", "air quality")),
    (Hazard.FLOOD, ("홍수", "침수", "flood")),
    (Hazard.HEAVY_RAIN, ("호우", "heavy rain", "rainstorm")),
    (Hazard.HEAVY_SNOW, ("대설", "폭설", "heavy snow", "snowstorm", "blizzard", "winter storm")),
    (Hazard.STRONG_WIND, ("강풍", "strong wind", "high wind", "gale")),
    (Hazard.BLACKOUT, ("정전", "blackout", "power outage", "power cut", "power failure")),
    (Hazard.WATER_OUTAGE, ("단수", "water outage", "water supply")),
    (Hazard.CHEMICAL_SPILL, ("화학", "유해물질", "chemical", "hazardous material")),
    (Hazard.GAS_LEAK, ("가스", "gas leak")),
    (Hazard.COLLAPSE, ("붕괴", "collapse")),
    (Hazard.EPIDEMIC, ("감염병", "전염병", "epidemic", "pandemic", "infectious")),
    (Hazard.CIVIL_DEFENCE, ("민방위", "공습", "경계경보", "air raid", "civil defence", "civil defense")),
    (Hazard.FIRE, ("화재", "fire")),
)


class AlertReference(msgspec.Struct, frozen=True):
    """An earlier alert that this one replaces or ends, all its parts: `sender,identifier,sent` in CAP."""

    sender: str
    id: str
    sent: Rfc3339


AreaCode = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class PublicAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What an authority says about an area, the value of a record on `public.alerts`, in every partition.

    One alert a hazard, area and time: a CAP message whose info blocks speak of several becomes several alerts of one
    (`sender`, `id`), numbered by `part`. An Update replaces, a Cancel ends, every part of what its references name.
    None as severity, urgency or certainty is CAP's "Unknown". Times are RFC 3339.
    """

    id: Annotated[str, Meta(extra_json_schema={"pattern": CAP_NAME})]
    sender: Annotated[str, Meta(extra_json_schema={"pattern": CAP_NAME})]
    sent: Rfc3339
    status: AlertStatus = AlertStatus.ACTUAL
    msg_type: AlertMessage = AlertMessage.ALERT
    references: Annotated[list[AlertReference], Meta(max_length=64)] = []
    part: Annotated[int, Meta(ge=0, le=9999)] = 0
    kind: Hazard
    event: Annotated[str, Meta(max_length=256)] = ""
    """The authority's own word for it, such as `폭염경보`."""
    severity: Severity | None = None
    urgency: Urgency | None = None
    certainty: Certainty | None = None
    area_codes: Annotated[list[AreaCode], Meta(max_length=MAX_AREAS)] = []
    """Codes as the registry's `area_code`; a legal district code of 10 digits covers all beneath it."""
    districts: Annotated[list[AreaCode], Meta(max_length=MAX_AREAS)] = []
    """Names as the registry's `district`."""
    effective: Rfc3339
    expires: Rfc3339
    text_ko: Text = ""
    text_en: Text = ""
    instruction_ko: Text = ""
    """What the authority asks people to do; Anbu's own sentences for the hazard are in `schemas.guidance`."""
    instruction_en: Text = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it this alert and no other: a second one of the same key is a repeat."""
        return self.sender, self.id, self.part


def hazard_of(*texts: str) -> Hazard:
    """Find the hazard that Korean or English words speak of, the first text first; `other` when none is known.

    Meant for an event's name or headline, `폭염경보` or `Heat wave warning`, not for whole paragraphs.
    """
    for text in texts:
        said = text.casefold()
        for hazard, words in _WORDS:
            if said == hazard or any(word in said for word in words):
                return hazard
    return Hazard.OTHER


def covers(alert: PublicAlert, *, district: str, area_code: str) -> bool:
    """Tell whether a household in this district, with this area code, lies inside the alert's area; "" is unknown."""
    return (bool(district) and district in alert.districts) or _is_inside(area_code, alert.area_codes)


def _is_inside(area_code: str, codes: Iterable[str]) -> bool:
    return bool(area_code) and any(code == area_code or _holds(code, area_code) for code in codes)


def _holds(wide: str, code: str) -> bool:
    """Tell whether a legal district code lies beneath another: 1168010100 beneath 1168000000 beneath 0000000000.

    The ten digits are province (2), city or gu (3), dong (3) and ri (2); a part of zeros stands for all of them.
    Source: 행정표준코드 법정동코드, Ministry of the Interior and Safety.
    """
    if not (_LEGAL_CODE.fullmatch(wide) and _LEGAL_CODE.fullmatch(code)):
        return False
    named = max((end for start, end in pairwise(_PLACES) if wide[start:end].strip("0")), default=0)
    return wide[:named] == code[:named]
