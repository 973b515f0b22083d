"""Messages no one should send, and sound ones that ask for the unusual: on any topic, under any key, mutated."""

from random import Random
from typing import Any, get_args

import msgspec
from street import DAY_MS, HOUR_MS, START_MS

from schemas.actions import AbsenceCause, ActionKind, Referral, ResponderAction
from schemas.build import encode_events
from schemas.checkins import Purpose
from schemas.duty import Desk, Duty, Minutes
from schemas.encode import encode
from schemas.events import TICK_KEY, Data, Event
from schemas.households import Absence, HouseholdRecord, Source
from schemas.incidents import CloseCause
from schemas.profiles import DEFAULT_PROFILE
from schemas.times import EARLIEST_MS, LATEST_MS, to_rfc3339
from schemas.topics import ORDERED_NAMES
from schemas.vocabulary import KINDS, Form

ZONES = (
    "Asia/Seoul",
    "America/St_Johns",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Australia/Lord_Howe",
)
WRONG_KEYS = (None, b"", b"\xff\x00", b"h-9", b"!ticks", b"h" * 70)


def _times(rnd: Random, now_ms: int) -> int:
    near = now_ms + rnd.choice([0, -1000, -HOUR_MS, -3 * DAY_MS, 299_000, 400_000, 2 * DAY_MS])
    return rnd.choice([near, near, near, EARLIEST_MS, LATEST_MS - 1, rnd.randrange(EARLIEST_MS, LATEST_MS)])


def _any_event(rnd: Random, now_ms: int) -> tuple[str, bytes, bytes]:
    kind = rnd.choice(KINDS)
    data: dict[str, Any] = {
        "device": rnd.choice(["", "front door", "b" * 128]),
        "state": rnd.choice(["on", "off"]),
        "value": rnd.choice([0, 1, -1e12, 1e12, 5e-324]),
        "count": rnd.choice([0, 3, 10**9]),
        "codes": rnd.sample(["cry_for_help", "wish_to_die", "pain", "fallen"], rnd.randrange(5)),
        "topics": {"health": rnd.choice(["ok", "alarm"])},
        "request": f"q{rnd.randrange(3)}",
    }
    kept = {name: value for name, value in data.items() if name in ("state", "value") or rnd.random() < 0.4}
    household = f"h-{rnd.randrange(5)}"
    source = f"/{rnd.choice(['sensors', 'robot', 'phone', 'worn', 'calls'])}/{rnd.choice('xyz')}"
    until_ms = _times(rnd, now_ms) if kind.form is Form.UNTIL else 0
    event = Event(
        household,
        kind.name,
        source,
        f"e{rnd.randrange(10**6)}",
        _times(rnd, now_ms),
        msgspec.convert(kept, Data),
        until_ms,
    )
    return kind.topic, household.encode(), encode_events([event])


def _any_record(rnd: Random, now_ms: int) -> tuple[str, bytes, bytes | None]:
    household = f"h-{rnd.randrange(5)}"
    if rnd.random() < 0.2:
        return "households", household.encode(), None
    spans = [(now_ms + a, now_ms + a + rnd.choice([1, HOUR_MS])) for a in rnd.sample([-DAY_MS, 0, DAY_MS], 2)]
    record = HouseholdRecord(
        household=household,
        sensitivity=rnd.choice([0.25, 1, 4]),
        latest_silence_h=rnd.choice([None, 1e-9, 3, 8784]),
        time_zone=rnd.choice(ZONES),
        sources=[
            Source(
                f"/{rnd.choice(['sensors', 'phone', 'calls'])}/{name}",
                rnd.choice([0, 1, 31_622_400]),
                rnd.random() < 0.8,
            )
            for name in rnd.choices("xyz", k=rnd.randrange(5))
        ],
        absences=[Absence(to_rfc3339(a), to_rfc3339(b)) for a, b in spans if EARLIEST_MS <= a < b < LATEST_MS],
    )
    return "households", household.encode(), encode(record)


def _any_action(rnd: Random, ids: list[str]) -> tuple[str, bytes, bytes]:
    household = f"h-{rnd.randrange(5)}"
    action = ResponderAction(
        id=f"a{rnd.randrange(50)}",
        household=household,
        incident=rnd.choice(ids),
        action=rnd.choice(get_args(ActionKind)),
        revision=rnd.randrange(6),
        who="officer",
        at=to_rfc3339(START_MS),
        cause=rnd.choice([None, *CloseCause]),
        start=rnd.choice([None, to_rfc3339(START_MS - rnd.randrange(DAY_MS))]),
        until=rnd.choice([None, to_rfc3339(START_MS + rnd.randrange(-DAY_MS, 200 * DAY_MS))]),
        absence=rnd.choice([None, *get_args(AbsenceCause)]),
        referral=rnd.choice([None, *get_args(Referral)]),
        purpose=rnd.choice([None, *get_args(Purpose)]),
    )
    return "responder.actions", household.encode(), encode(action)


def _any_duty(rnd: Random) -> Duty:
    desks = [
        Desk(
            district=rnd.choice(["", "d01"]),
            day="day",
            night=rnd.choice(["", "night"]),
            time_zone=rnd.choice(ZONES),
            then=rnd.choice([[], ["supervisor"]]),
            cap_per_shift=rnd.choice([0, 1]),
        )
        for _ in range(rnd.randrange(3))
    ]
    limit = rnd.choice([1e-9, 1.0, 1e6])
    return Duty(desks=desks, act_min=Minutes(minor=limit, moderate=limit, severe=limit, extreme=limit))


def _any_profile(rnd: Random) -> tuple[str, bytes, bytes]:
    def some() -> float:
        return rnd.choice([0.0, 1e-9, 0.05, 1, 10, 1e6])

    how = {name: some() for name in ("warm_up_h", "floor_per_h", "ghost_nats", "longest_k", "ask_at")}
    how |= {name: rnd.choice([0.0, 1e-9, 1, 60, 1e6]) for name in ("fixed_h", "half_life_days", "k0_h", "k1_h")}
    silence = msgspec.structs.replace(DEFAULT_PROFILE.silence, **how)
    profile = msgspec.structs.replace(
        DEFAULT_PROFILE,
        id=f"p-{rnd.randrange(9)}",
        silence=silence,
        silence_budget=some(),
        checkins_per_month=some(),
        unanswered_in_a_row=rnd.choice([1, 10**6]),
        blind_after_h=some(),
        duty=_any_duty(rnd),
    )
    return "profile", b"p", encode(profile)


def _mutated(rnd: Random, value: bytes) -> bytes:
    out = bytearray(value)
    for _ in range(rnd.randrange(1, 4)):
        at = rnd.randrange(len(out) + 1)
        match rnd.randrange(4):
            case 0:
                out[at : at + 1] = rnd.randbytes(1)
            case 1:
                del out[at : at + rnd.randrange(1, 9)]
            case 2:
                out[at:at] = rnd.choice([b'"', b"\\", b"{", b"[", b"]", b"\x00", b"\xff", b"\xc3", b",", b"-"])
            case _:
                out[at:at] = rnd.choice([b"\\ud800", b"1e400", b"9" * 40, b"null", b"NaN", b"\\u0000", b"[" * 12])
    return bytes(out)


def any_message(rnd: Random, now_ms: int, ids: list[str]) -> tuple[str, bytes | None, bytes | None]:
    topic: str
    key: bytes | None
    value: bytes | None
    match rnd.randrange(10):
        case 0 | 1 | 2 | 3 | 4 | 5:
            topic, key, value = _any_event(rnd, now_ms)
        case 6:
            topic, key, value = _any_record(rnd, now_ms)
        case 7:
            topic, key, value = _any_action(rnd, ids)
        case 8 if rnd.random() < 0.2:
            topic, key, value = _any_profile(rnd)
        case _:
            topic, key = rnd.choice(ORDERED_NAMES), rnd.choice([*WRONG_KEYS, TICK_KEY])
            value = rnd.choice(
                [None, b"", rnd.randbytes(30), b"{" * 900, b'{"tick":%d}' % rnd.choice([-5, 10**15, 10**30])]
            )
    if value is not None and rnd.random() < 0.15:
        value = _mutated(rnd, value)
    return topic, rnd.choice(WRONG_KEYS) if rnd.random() < 0.04 else key, value
