"""Safety guidance: there for every hazard, short enough to be read out, in the resident's language."""

import pytest

from schemas.alerts import Hazard
from schemas.guidance import guidance, texts


@pytest.mark.parametrize("hazard", Hazard)
def test_every_hazard_has_sentences_in_korean_and_english_short_enough_to_read_out(hazard: Hazard) -> None:
    found = texts()[hazard]
    assert any("가" <= letter <= "힣" for letter in found.ko)
    assert found.en.isascii()
    assert 30 <= len(found.ko) <= 160
    assert 60 <= len(found.en) <= 260


def test_a_resident_hears_their_language_and_english_when_it_is_neither() -> None:
    heat = texts()[Hazard.HEAT_WAVE]
    assert guidance(Hazard.HEAT_WAVE, "ko") == guidance(Hazard.HEAT_WAVE, "ko-KR") == heat.ko
    assert guidance(Hazard.HEAT_WAVE, "en") == guidance(Hazard.HEAT_WAVE, "vi") == heat.en
