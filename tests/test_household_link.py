"""The link into the municipality's system names nobody, and only a holder of the key can tell whose it is."""

import pytest

from streams.household_link import LinkTemplate, token_of

KEY = b"k" * 32
TEMPLATE = "https://care.example.org/home/{token}?from=anbu"


def test_a_link_does_not_hold_the_pseudonym_and_is_the_same_each_time() -> None:
    link = LinkTemplate(TEMPLATE, KEY).link("h-000123")
    assert "h-000123" not in link
    assert link == LinkTemplate(TEMPLATE, KEY).link("h-000123")
    assert link == f"https://care.example.org/home/{token_of('h-000123', KEY)}?from=anbu"


def test_another_home_or_another_key_is_another_token() -> None:
    assert len({token_of("h-1", KEY), token_of("h-2", KEY), token_of("h-1", b"l" * 32)}) == 3


@pytest.mark.parametrize(
    "template",
    [
        "http://care.example.org/{token}",
        "https://care.example.org/home",
        "https://{token}.example.go.kr/",
        "https://care.example.org/{token}/{token}",
        "https://user:secret@care.example.org/{token}",
        "{token}",
    ],
)
def test_a_template_that_could_leak_or_lead_nowhere_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="link template"):
        LinkTemplate(template, KEY)


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LinkTemplate(TEMPLATE, b"short")
