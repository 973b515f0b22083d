"""A profile goes live with the replay it rests on, and not on one of something else."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from click.testing import CliRunner

import streams.commands.profile as command
from schemas.encode import encode
from schemas.profiles import DEFAULT_PROFILE, Profile
from streams.cli import cli
from streams.profile_file import read_profile
from streams.profile_report import ReplayReport

BOLD = "silence_budget = 0.2\n"
BOLD_ID = read_profile(BOLD, who="a", why="b", applied_at="").id


class Pen:
    """A publisher that keeps what it is given."""

    def __init__(self, *_args: Any) -> None:
        self.sent: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def broadcast(self, topic: str, _key: str, value: bytes) -> None:
        assert topic == "profile"
        self.sent.append(value)


@pytest.fixture
def pen(monkeypatch: pytest.MonkeyPatch) -> Pen:
    pen = Pen()
    monkeypatch.setattr(command, "Publisher", lambda *_args: pen)
    monkeypatch.setattr(command, "profile_in_force", lambda _settings: DEFAULT_PROFILE)
    return pen


def applied(folder: Path, report: bytes | None, *more: str) -> Any:
    file = folder / "bold.toml"
    file.write_text(BOLD)
    words = ["profile", "apply", str(file), "--who", "kim", "--why", "half the delay", *more]
    if report is not None:
        (folder / "figures.json").write_bytes(report)
        words += ["--report", str(folder / "figures.json")]
    return CliRunner().invoke(cli, words, standalone_mode=False)


def a_report(engine: str, profile: str) -> bytes:
    return encode({"engine": engine, "profiles": {"today": "p-1", "bold": profile}, "bold": {"incidents": 7}})


def test_the_record_names_the_report_it_rests_on(pen: Pen, tmp_path: Path) -> None:
    report = a_report(version("anbu"), BOLD_ID)
    done = applied(tmp_path, report)
    assert "on report r-" in done.output
    profile = msgspec.json.decode(pen.sent[0], type=Profile)
    assert profile.report == ReplayReport.read(report).id
    assert (profile.id, profile.who, profile.why) == (BOLD_ID, "kim", "half the delay")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (a_report("0.0.9", BOLD_ID), "made by engine 0.0.9"),
        (a_report(version("anbu"), "p-other"), "it played p-1, p-other, not"),
        (b'{"incidents": 7}', "no replay report"),
        (b"\xff", "no replay report"),
    ],
)
def test_a_report_of_another_engine_or_profile_is_refused_and_nothing_is_written(
    pen: Pen, tmp_path: Path, report: bytes, said: str
) -> None:
    done = applied(tmp_path, report)
    assert said in done.output
    assert not pen.sent


def test_by_force_a_report_of_another_engine_is_taken_and_still_named(pen: Pen, tmp_path: Path) -> None:
    applied(tmp_path, a_report("0.0.9", BOLD_ID), "--force")
    assert msgspec.json.decode(pen.sent[0], type=Profile).report.startswith("r-")


def test_the_report_changes_neither_the_numbers_nor_their_name(pen: Pen, tmp_path: Path) -> None:
    applied(tmp_path, None)
    profile = msgspec.json.decode(pen.sent[0], type=Profile)
    assert (profile.id, profile.report) == (BOLD_ID, "")
    with pytest.raises(ValueError, match="report: filled in when it is applied"):
        read_profile('report = "r-1"\n', who="a", why="b", applied_at="")
