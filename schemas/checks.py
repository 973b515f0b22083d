"""What types cannot say of the records beside events: ranges, times, keys. A bad record is refused, never a crash later."""

import math
import re
from datetime import date
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.actions import ABOUT_AN_INCIDENT, ResponderAction
from schemas.alerts import CAP_NAME, AlertMessage, PublicAlert
from schemas.district import CHANNELS, SHARED, DistrictCounts, DistrictState, Heard, is_sound_lesson
from schemas.duty import Desk, Duty, Minutes
from schemas.events import PSEUDONYM, SOURCE, Fault, Reason, Tick
from schemas.households import HouseholdRecord, Rung
from schemas.profiles import Profile
from schemas.times import EARLIEST_MS, LATEST_MS, ImpossibleTimeError, from_rfc3339

LEAST_SENSITIVITY: Final = 0.25
MOST_SENSITIVITY: Final = 4.0
MOST_SHARE: Final = 100.0
"""Largest share a profile may give: beyond it a slip of the finger would alarm for everybody."""
MOST_DISTRICTS: Final = 4000
"""Districts a profile may name: more than the nation has."""
MOST_H: Final = 8784.0
"""A year of hours: longer silences are never asked for, and larger numbers would overflow a deadline."""
MOST: Final = 1e6
"""Largest number a profile may hold; in milliseconds it is still an exact whole number."""
MOST_HOMES: Final = 100_000_000
LONGEST_CODE: Final = 128

_PSEUDONYM: Final = re.compile(PSEUDONYM)
_SOURCE: Final = re.compile(SOURCE)
_CAP_NAME: Final = re.compile(CAP_NAME)
_HOUR_AND_MINUTE: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


def check_household(record: HouseholdRecord) -> Fault | None:
    """Fault of a registry record, or None. Days, zones and ranges are checked here, so the engine may trust them."""
    if not _PSEUDONYM.fullmatch(record.household):
        return Fault(Reason.NO_HOUSEHOLD, 0, "household")
    if not LEAST_SENSITIVITY <= record.sensitivity <= MOST_SENSITIVITY:
        return _wrong("sensitivity")
    if record.latest_silence_h is not None and not 0 < record.latest_silence_h <= MOST_H:
        return _wrong("latest_silence_h")
    if not is_time_zone(record.time_zone):
        return _wrong("time_zone")
    if not _LANGUAGE.fullmatch(record.language):
        return _wrong("language")
    for name in ("district", "area_code"):
        if not _is_code(getattr(record, name), may_be_empty=True):
            return _wrong(name)
    for i, source in enumerate(record.sources):
        if not _SOURCE.fullmatch(source.source):
            return _wrong(f"sources[{i}].source")
        if not 0 <= source.expect_every_s <= MOST_H * 3600:
            return _wrong(f"sources[{i}].expect_every_s")
    for i, rung in enumerate(record.ladder):
        if name := _bad_part(rung):
            return _wrong(f"ladder[{i}].{name}")
    for i, absence in enumerate(record.absences):
        where = f"absences[{i}]"
        if fault := check_time(absence.start, f"{where}.start") or check_time(absence.end, f"{where}.end"):
            return fault
        if from_rfc3339(absence.start) >= from_rfc3339(absence.end):
            return Fault(Reason.IMPOSSIBLE_TIME, 0, f"{where}.end")
    return None


def check_action(action: ResponderAction) -> Fault | None:
    """Fault of a responder action, or None. What its kind asks for and it lacks is answered, not refused here."""
    if not _PSEUDONYM.fullmatch(action.household):
        return Fault(Reason.NO_HOUSEHOLD, 0, "household")
    for name in ("id", "who"):
        if not _is_code(getattr(action, name)):
            return _wrong(name)
    if not _is_code(action.incident, may_be_empty=True):
        return _wrong("incident")
    if not action.incident and action.action in ABOUT_AN_INCIDENT:
        return Fault(Reason.MISSING_FIELD, 0, "incident")
    if not 0 <= action.revision <= MOST:
        return _wrong("revision")
    for name in ("at", "start", "until"):
        text = getattr(action, name)
        if text is not None and (fault := check_time(text, name)):
            return fault
    return None


def check_alert(alert: PublicAlert) -> Fault | None:
    """Fault of a public alert, or None. Only a Cancel may lack an area; Update and Cancel name what they refer to."""
    for name in ("id", "sender"):
        if not _CAP_NAME.fullmatch(getattr(alert, name)):
            return _wrong(name)
    for name in ("area_codes", "districts"):
        if not all(_is_code(code) for code in getattr(alert, name)):
            return _wrong(name)
    is_cancel = alert.msg_type is AlertMessage.CANCEL
    if not (alert.area_codes or alert.districts or is_cancel):
        return Fault(Reason.MISSING_FIELD, 0, "area_codes")
    if alert.msg_type is not AlertMessage.ALERT and not alert.references:
        return Fault(Reason.MISSING_FIELD, 0, "references")
    for i, reference in enumerate(alert.references):
        for name in ("id", "sender"):
            if not _CAP_NAME.fullmatch(getattr(reference, name)):
                return _wrong(f"references[{i}].{name}")
        if fault := check_time(reference.sent, f"references[{i}].sent"):
            return fault
    for name in ("sent", "effective", "expires"):
        if fault := check_time(getattr(alert, name), name):
            return fault
    if not is_cancel and from_rfc3339(alert.expires) <= from_rfc3339(alert.effective):
        return Fault(Reason.IMPOSSIBLE_TIME, 0, "expires")
    return None


def check_district(state: DistrictState) -> Fault | None:
    """Fault of a district's state, or None."""
    if not _is_code(state.district, may_be_empty=True):
        return _wrong("district")
    if fault := check_time(state.at, "at"):
        return fault
    if state.district == SHARED and state.outages:
        return _wrong("outages")
    for i, outage in enumerate(state.outages):
        if fault := check_time(outage.since, f"outages[{i}].since"):
            return fault
        for name in ("expected", "heard"):
            if not 0 <= getattr(outage, name) <= MOST_HOMES:
                return _wrong(f"outages[{i}].{name}")
    if not all(math.isfinite(weight) and abs(weight) <= MOST for weight in state.weights):
        return _wrong("weights")
    return None if state.lessons >= 0 else _wrong("lessons")


def check_counts(counts: DistrictCounts) -> Fault | None:
    """Fault of what a partition counted, or None."""
    if counts.partition < 0:
        return _wrong("partition")
    for i, one in enumerate(counts.districts):
        if not _is_code(one.district):
            return _wrong(f"districts[{i}].district")
        for name in CHANNELS:
            of: Heard = getattr(one, name)
            if not 0 <= of.heard <= of.homes <= MOST_HOMES:
                return _wrong(f"districts[{i}].{name}")
    for i, lesson in enumerate(counts.lessons):
        if not is_sound_lesson(lesson):
            return _wrong(f"lessons[{i}]")
    return check_time(counts.at, "at")


def check_profile(profile: Profile) -> Fault | None:
    """Fault of a profile, or None. Every number is finite and not below 0; what is divided by is above 0."""
    if not _is_code(profile.id):
        return _wrong("id")
    if name := _bad_number(profile, "") or _bad_number(profile.silence, "silence."):
        return _wrong(name)
    for name in ("unanswered_in_a_row", "medication_in_a_row"):
        if getattr(profile, name) < 1:
            return _wrong(name)
    for name in ("disaster_tighter", "blackout_looser"):
        if getattr(profile, name) <= 0:
            return _wrong(name)
    for name in ("half_life_days", "fixed_h", "k0_h", "k1_h"):
        if getattr(profile.silence, name) <= 0:
            return _wrong(f"silence.{name}")
    if name := _bad_shares(profile):
        return _wrong(name)
    if name := _bad_duty(profile.duty):
        return _wrong(f"duty.{name}")
    return check_time(profile.applied_at, "applied_at") if profile.applied_at else None


def _bad_shares(profile: Profile) -> str:
    for grade in profile.grade_shares.__struct_fields__:
        if not 0 < getattr(profile.grade_shares, grade) <= MOST_SHARE:
            return f"grade_shares.{grade}"
    for district, mean in profile.district_shares.items():
        if not _is_code(district):
            return "district_shares"
        if not 0 < mean <= MOST_SHARE:
            return f"district_shares.{district}"
    return "district_shares" if len(profile.district_shares) > MOST_DISTRICTS else ""


def _bad_duty(duty: Duty) -> str:
    for name in ("acknowledge_min", "act_min"):
        limits: Minutes = getattr(duty, name)
        if bad := _bad_number(limits, f"{name}."):
            return bad
        for severity in limits.__struct_fields__:
            if getattr(limits, severity) <= 0:
                return f"{name}.{severity}"
    for i, day in enumerate(duty.holidays):
        if not _is_date(day):
            return f"holidays[{i}]"
    for i, desk in enumerate(duty.desks):
        if name := _bad_desk(desk):
            return f"desks[{i}].{name}"
    return ""


def _bad_desk(desk: Desk) -> str:
    if not _is_code(desk.day):
        return "day"
    for name in ("district", "night", "holiday", "emergency"):
        if not _is_code(getattr(desk, name), may_be_empty=True):
            return name
    for name in ("day_from", "day_until"):
        if not _HOUR_AND_MINUTE.fullmatch(getattr(desk, name)):
            return name
    if desk.day_from >= desk.day_until:
        return "day_until"
    if not is_time_zone(desk.time_zone):
        return "time_zone"
    if not all(_is_code(owner) for owner in desk.then):
        return "then"
    return "" if 0 <= desk.cap_per_shift <= MOST else "cap_per_shift"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def check_tick(tick: Tick) -> Fault | None:
    """Fault of a tick, or None: a clock outside 2000..2100 would wake every deadline or none."""
    return None if EARLIEST_MS <= tick.tick < LATEST_MS else Fault(Reason.IMPOSSIBLE_TIME, 0, "tick")


def check_time(text: str, name: str, index: int = 0) -> Fault | None:
    """Fault of a time on the wire, or None."""
    try:
        from_rfc3339(text)
    except ImpossibleTimeError:
        return Fault(Reason.IMPOSSIBLE_TIME, index, name)
    except ValueError:
        return Fault(Reason.BAD_TIME, index, name)
    return None


@lru_cache(maxsize=1024)
def is_time_zone(name: str) -> bool:
    """Tell whether the tz database knows this zone."""
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # A directory of the database, such as "Asia", ends in an OSError.
        return False
    return True


def _wrong(name: str) -> Fault:
    return Fault(Reason.WRONG_TYPE, 0, name)


def _is_code(text: str, *, may_be_empty: bool = False) -> bool:
    return len(text) <= LONGEST_CODE and text.isprintable() and (may_be_empty or bool(text))


def _bad_part(rung: Rung) -> str:
    if not _is_code(rung.contact, may_be_empty=True):
        return "contact"
    for name in ("quiet_from", "quiet_until"):
        text = getattr(rung, name)
        if text and not _HOUR_AND_MINUTE.fullmatch(text):
            return name
    return ""


def _bad_number(thing: msgspec.Struct, prefix: str) -> str:
    for name in thing.__struct_fields__:
        value: Any = getattr(thing, name)
        if isinstance(value, int | float) and not (math.isfinite(value) and 0 <= value <= MOST):
            return prefix + name
    return ""
