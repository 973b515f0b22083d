"""How the sources of all homes do, by kind: counted as each home's sources are, whatever is restored or leaves."""

from typing import Any

import pytest
from street import DAY_MS, HOUR_MS, SOURCES, Street

from detectors.health import CHANNELS, HEALTH, PLACES
from schemas.events import TickMode
from schemas.exercise import EXERCISE_PREFIX
from schemas.households import Source

GATEWAY = SOURCES["home.sensors"]
HOURLY = Source(source=GATEWAY, expect_every_s=3600)


def counted(street: Street) -> dict[tuple[str, str], int]:
    """What stands above 0."""
    places = [(channel, health) for channel in CHANNELS for health in HEALTH]
    assert len(places) == PLACES
    return {place: count for place, count in zip(places, street.partition.sources, strict=True) if count}


def test_a_source_goes_from_never_to_healthy_to_dark_and_back() -> None:
    street = Street()
    street.register(sources=[HOURLY])
    street.tick()
    assert counted(street) == {("sensors", "never"): 1}
    street.happen("motion", state="on")
    street.pass_ms(2 * HOUR_MS)
    street.happen("motion", state="on")
    street.pass_ms(HOUR_MS)
    assert counted(street) == {("sensors", "healthy"): 1}
    street.pass_ms(8 * HOUR_MS)
    assert counted(street) == {("sensors", "dark"): 1}
    street.happen("motion", state="on")
    street.tick()
    assert counted(street) == {("sensors", "healthy"): 1}


def test_an_overdue_source_is_told_within_an_hour_where_views_are_made() -> None:
    street = Street(views=True)
    street.register(sources=[HOURLY])
    street.tick(mode=TickMode.LIVE)
    street.happen("motion", state="on")
    for _ in range(36):
        street.tick(5 * 60_000, mode=TickMode.LIVE)
    assert counted(street) == {("sensors", "overdue"): 1}


@pytest.mark.parametrize(
    ("kinds", "health"),
    [
        (["checkin_answered"], "healthy"),
        (["checkin_no_answer"], "overdue"),
        (["checkin_no_answer"] * 3, "dark"),
        (["checkin_dead_number"], "off"),
        ([], "never"),
        (["checkin_no_answer", "checkin_answered"], "healthy"),
    ],
)
def test_calls_are_counted_a_home_by_what_became_of_the_last_ones(kinds: list[str], health: str) -> None:
    street = Street()
    street.register(sources=[Source(source=SOURCES["care.calls"])])
    street.tick()
    for kind in kinds:
        street.happen(kind)
        street.tick(HOUR_MS)
    street.pass_ms(HOUR_MS)
    assert counted(street) == {("calls", health): 1}


def test_whoever_was_reached_by_the_last_call_stays_so_when_the_call_is_learned() -> None:
    street = Street()
    street.register(sources=[Source(source=SOURCES["care.calls"])])
    street.tick()
    street.happen("checkin_answered")
    street.pass_ms(4 * DAY_MS, HOUR_MS)
    assert counted(street) == {("calls", "healthy"): 1}


def test_a_phone_switched_off_is_off_and_a_home_that_leaves_takes_its_sources_along() -> None:
    street = Street(views=True)
    for name in ("h-1", "h-2"):
        street.register(name, sources=[Source(source=SOURCES["phone.usage"]), HOURLY])
    street.tick()
    for name in ("h-1", "h-2"):
        street.happen("unlock", name)
        street.happen("motion", name, state="on")
    street.tick()
    street.happen("power_off", "h-2")
    for _ in range(7):
        street.tick(10 * 60_000, mode=TickMode.LIVE)
    assert counted(street) == {("sensors", "healthy"): 2, ("phone", "healthy"): 1, ("phone", "off"): 1}
    street.remove("h-2")
    street.tick(mode=TickMode.LIVE)
    assert counted(street) == {("sensors", "healthy"): 1, ("phone", "healthy"): 1}


@pytest.mark.parametrize("after", ["restart", "crash"])
def test_counts_are_the_same_after_a_restart(after: Any) -> None:
    street = Street()
    for name in ("h-1", "h-2"):
        street.register(name, sources=[HOURLY])
        street.happen("motion", name, state="on")
    street.pass_ms(3 * HOUR_MS)
    street.happen("motion", "h-1", state="on")
    street.pass_ms(7 * HOUR_MS)
    before = counted(street)
    assert sum(before.values()) == 2
    street.keep()
    getattr(street, after)()
    assert counted(street) == before


def test_negative_control_sources_of_an_exercise_are_in_no_count() -> None:
    street = Street()
    name = f"{EXERCISE_PREFIX}1"
    street.register(name, sources=[HOURLY])
    street.happen("motion", name, state="on")
    street.pass_ms(HOUR_MS)
    assert counted(street) == {}
