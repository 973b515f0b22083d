"""Risk grade and sensitivity are a home's share of its district's budget, and a district keeps its budget."""

import pytest
from detector_homes import Home, record
from msgspec.structs import replace

from detectors.share import mean_shares, share
from schemas.checks import check_profile
from schemas.households import HouseholdRecord, RiskGrade
from schemas.profiles import DEFAULT_PROFILE, GradeShares
from streams.profile_file import differences, read_profile, write_profile

GRADES = tuple(RiskGrade)


def test_a_graver_grade_is_missed_earlier_and_less_strictly_judged() -> None:
    homes = {grade: _lived(risk_grade=grade) for grade in GRADES}
    due = {grade: home.due() for grade, home in homes.items()}
    assert due[RiskGrade.HIGH] < due[RiskGrade.MEDIUM] < due[RiskGrade.LOW]
    other = {grade: home.model._state.other_budget for grade, home in homes.items()}
    assert other[RiskGrade.HIGH] > other[RiskGrade.MEDIUM] > other[RiskGrade.LOW]
    alike = replace(DEFAULT_PROFILE, grade_shares=GradeShares(high=1.0, medium=1.0, low=1.0))
    assert len({_lived(profile=alike, risk_grade=grade).due() for grade in GRADES}) == 1


def test_a_new_grade_moves_the_deadline_of_a_home_that_is_watched_already() -> None:
    home, graver = _lived(), _lived(risk_grade=RiskGrade.HIGH)
    home.model.apply_record(record(*home.sources, risk_grade=RiskGrade.HIGH), home.model.clock_ms)
    assert home.due() == graver.due() < _lived().due()


def test_however_a_district_is_graded_its_homes_together_keep_its_budget() -> None:
    grades = [RiskGrade.HIGH] * 7 + [RiskGrade.LOW] * 2 + [RiskGrade.MEDIUM]
    homes = [_graded("gangbuk", grade, 0.5 + i % 3) for i, grade in enumerate(grades)]
    homes += [_graded("dobong", RiskGrade.LOW, 1.0) for _ in range(3)]
    means = {name: mean for name, (_, mean) in mean_shares(homes, DEFAULT_PROFILE).items()}
    profile = replace(DEFAULT_PROFILE, district_shares=means)
    for district in ("gangbuk", "dobong"):
        own = [one for one in homes if one.district == district]
        assert sum(share(one, profile) for one in own) == pytest.approx(len(own))
        assert sum(share(one, DEFAULT_PROFILE) for one in own) != pytest.approx(len(own), rel=0.05)
    assert share(homes[0], profile) > share(_graded("gangbuk", RiskGrade.LOW, 0.5), profile)


def test_a_profile_carries_the_means_of_districts_under_any_code_and_refuses_what_would_divide_by_nothing() -> None:
    means = {"gangbuk": 1.2184, "강북 1.2": 0.5, 'a"b': 1.0}
    text = write_profile(replace(DEFAULT_PROFILE, district_shares=means))
    profile = read_profile(text, who="a", why="b", applied_at="")
    assert profile.district_shares == means
    assert "district_shares.gangbuk: none -> 1.2184" in differences(DEFAULT_PROFILE, profile)
    assert "district_shares.gangbuk: 1.2184 -> none" in differences(profile, DEFAULT_PROFILE)
    assert read_profile(write_profile(profile), who="a", why="b", applied_at="").id == profile.id
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        assert check_profile(replace(DEFAULT_PROFILE, district_shares={"gangbuk": wrong})) is not None
        assert check_profile(replace(DEFAULT_PROFILE, grade_shares=GradeShares(high=wrong))) is not None


def _lived(**fields: object) -> Home:
    home = Home(**fields)
    home.live(14)
    return home


def _graded(district: str, grade: RiskGrade, sensitivity: float) -> HouseholdRecord:
    return record(district=district, risk_grade=grade, sensitivity=sensitivity)
