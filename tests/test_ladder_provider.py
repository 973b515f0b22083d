"""The synthetic provider: who is down answers nothing, a guardian says reached or not, the same request the same answer."""

from typing import Any, get_args

import msgspec
import pytest

from load_tests.provider import WAIT_MS, Answering, answer, homes_of
from load_tests.simulator.neighbourhood import simulate
from schemas.build import encode_events
from schemas.checkins import CheckinRequest, Concern
from schemas.decode import decode
from schemas.examples import RECORDS
from schemas.times import from_rfc3339
from schemas.vocabulary import Ask, CareTopic, DisasterAnswer, Level

EXAMPLE = RECORDS["checkin_request"]
assert isinstance(EXAMPLE, CheckinRequest)
ASKED_MS = from_rfc3339(EXAMPLE.requested_at)
ASKS = [ask for ask in get_args(Ask) if ask != "officer"]


def request(number: int = 0, **changes: Any) -> CheckinRequest:
    return msgspec.structs.replace(EXAMPLE, id=f"{number:024x}", **changes)


@pytest.mark.parametrize("ask", ASKS)
def test_an_answer_is_one_that_the_engine_reads_and_names_its_request(ask: Ask) -> None:
    found = [answer(request(n, ask=ask), Answering(), 7, ASKED_MS) for n in range(40)]
    events = [one for one in found if one is not None]
    assert events
    for one in events:
        assert decode("care.calls", one.household.encode(), encode_events([one])) == [one]
        assert (one.data.channel, one.data.purpose) == (ask, "disaster")
        assert WAIT_MS[ask][0] <= one.at_ms - ASKED_MS <= WAIT_MS[ask][1]
    assert found == [answer(request(n, ask=ask), Answering(), 7, ASKED_MS) for n in range(40)]
    assert len({one.kind for one in events} | {None for one in found if one is None}) == 2, "some answer, some do not"


def test_nobody_who_lies_helpless_answers_by_any_way() -> None:
    down = Answering(answers=1.0, is_down=lambda _at_ms: True)
    for ask in ASKS:
        for n in range(20):
            one = answer(request(n, ask=ask), down, 7, ASKED_MS)
            assert one is None or one.kind in ("checkin_no_answer", "contact_not_reached")
    well = Answering(answers=1.0)
    assert answer(request(ask="checkin_call"), well, 7, ASKED_MS) is not None


def test_what_is_said_fits_the_purpose() -> None:
    sure = Answering(answers=1.0)
    safe = answer(request(ask="checkin_call"), sure, 7, ASKED_MS)
    assert safe is not None
    assert (safe.data.disaster, safe.data.guidance_given) == (DisasterAnswer.SAFE, True)
    dose = answer(request(ask="checkin_call", purpose="medication"), sure, 7, ASKED_MS)
    assert dose is not None
    assert dose.data.topics == {CareTopic.MEDICATION: Level.OK}
    worry = Concern(topic=CareTopic.MOOD, level=Level.CONCERN, since="2026-11-01T00:00:00Z")
    again = answer(request(ask="checkin_call", purpose="follow_up", concerns=[worry]), sure, 7, ASKED_MS)
    assert again is not None
    assert again.data.resolved == [CareTopic.MOOD]


def test_every_home_of_a_neighbourhood_has_its_own_way_of_answering() -> None:
    town = simulate(20, 2, 11, start_ms=ASKED_MS // 86_400_000 * 86_400_000)
    homes = homes_of(town)
    assert set(homes) == {house.name for house in town.households}
    assert len({one.answers for one in homes.values()}) > 1
