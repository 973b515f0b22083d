"""What a responder's contact about one incident says about the silence."""

import pytest
from detector_homes import Home, at

from schemas.incidents import CloseCause, IncidentKind

SILENCE = IncidentKind.SILENCE


def fallen_silent() -> Home:
    """A home of two ordinary weeks whose person has stirred no more since noon, told as silent by the next morning."""
    home = Home()
    home.live(15, until_hour=12)
    home.pass_time(at(15, 9), reports=True)
    assert len(home.raised()) == 1
    return home


@pytest.mark.parametrize("cause", [CloseCause.SAFE_AT_HOME, CloseCause.HELPED])
def test_who_was_met_about_something_else_is_no_longer_silent(cause: CloseCause) -> None:
    home = fallen_silent()
    out = home.model.settle(IncidentKind.MISSED_MEDICATION, cause, at(15, 8), at(15, 10))
    (cleared,) = [one for one in out if getattr(one, "kind", None) is SILENCE]
    assert cleared.change == "clear"
    assert cleared.facts["silent_h"] > 10
    assert home.due() > at(15, 10)


@pytest.mark.parametrize("cause", [CloseCause.DEVICE_FAULT, CloseCause.WRONG_CONTACT, CloseCause.NO_CONTACT])
def test_a_broken_device_and_a_wrong_number_say_nothing_of_the_person(cause: CloseCause) -> None:
    home = fallen_silent()
    due = home.due()
    out = home.model.settle(IncidentKind.MISSED_MEDICATION, cause, at(15, 8), at(15, 10))
    assert [one for one in out if getattr(one, "change", "") in ("clear", "withdraw")] == []
    assert home.due() == due
