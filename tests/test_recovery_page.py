"""docs/recovery.md names tests; each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "docs" / "recovery.md", ROOT / "docs" / "scale.md")

_TEST = re.compile(r"\btest_\w+")


def named(text: str) -> set[str]:
    """Tests and test files that a page names."""
    return set(_TEST.findall(text))


def there() -> set[str]:
    """Every test, and every test file without its ending."""
    files = list((ROOT / "tests").glob("test_*.py"))
    tests = {name for file in files for name in re.findall(r"^\s*def (test_\w+)", file.read_text(), re.MULTILINE)}
    return tests | {file.stem for file in files}


def test_every_test_that_the_pages_of_recovery_and_scale_name_is_there() -> None:
    for page in PAGES:
        found = named(page.read_text(encoding="utf-8"))
        assert len(found) > 2
        assert not found - there()


def test_negative_control_a_test_that_is_not_there_is_found() -> None:
    assert named("held by `test_that_nothing_is_ever_lost`, see tests/test_docs.py") - there() == {
        "test_that_nothing_is_ever_lost"
    }
