"""What would have been: figures that are true, a report that stands alone, and a killed run that loses nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from rich.console import Console
from test_partition import EVENTFUL, START_MS

from detectors.life import sign_of
from load_tests.recordings.recording import read, write
from load_tests.simulator.neighbourhood import simulate
from load_tests.whatif import draw, runs
from load_tests.whatif.command import Asked, what_if
from load_tests.whatif.cuts import copies_of, draw_cuts, with_copies
from load_tests.whatif.figures import tradeoff
from load_tests.whatif.fold import Opened
from load_tests.whatif.labels import Label, judge, of_outcomes, read_labels
from load_tests.whatif.page import page
from load_tests.whatif.runs import Variant
from load_tests.whatif.sweep import sweep
from schemas.decode import decode
from schemas.events import Event
from schemas.incidents import Incident
from schemas.profiles import DEFAULT_PROFILE

BOLD = msgspec.structs.replace(DEFAULT_PROFILE, id="p-bold", silence_budget=20.0)
TODAY = Variant("today", DEFAULT_PROFILE)
TWO = [TODAY, Variant("bold", BOLD)]
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whatif") / "street"
    neighbourhood = simulate(4, 9, 12, start_ms=START_MS, rates=EVENTFUL)
    write(folder, neighbourhood, neighbourhood.truth)
    return folder


def asked(street: Path, out: Path | None, **options: Any) -> Asked:
    given: dict[str, Any] = {"variants": TWO, "partitions": 2, "timelines": 0, "workers": 0, "topics": None}
    return Asked(source=street, out=out, **given | options)


def run(ask: Asked) -> dict[str, Any]:
    return what_if(ask, Console(quiet=True))


@pytest.fixture(scope="module")
def found(street: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("report")
    return run(asked(street, out, cuts=4, timelines=2)), out


def revisions(file: Path) -> set[tuple[str, int]]:
    return {
        (one.id, one.revision)
        for line in file.read_bytes().splitlines()
        if not (one := msgspec.json.decode(line, type=Incident)).household.startswith("cut-")
    }


def test_copies_of_homes_change_nothing_for_the_homes(street: Path, found: tuple[Any, Path], tmp_path: Path) -> None:
    plain = run(asked(street, tmp_path, variants=[TODAY]))
    with_cuts, out = found
    assert revisions(tmp_path / "incidents-today.jsonl") == revisions(out / "incidents-today.jsonl")
    for key in ("incidents", "calls", "visits", "by", "days"):
        assert plain["runs"][0][key] == with_cuts["runs"][0][key]
    assert plain["runs"][0]["cuts"] is None
    assert with_cuts["runs"][0]["cuts"]["made"] >= 1


def test_a_copy_is_its_home_until_the_moment_of_the_cut_and_nobody_after_it(street: Path) -> None:
    recording = read(street)
    cuts = draw_cuts(recording, 4, 3)
    assert cuts
    assert cuts == draw_cuts(recording, 4, 3) != draw_cuts(recording, 4, 4)
    assert [one.household for one in copies_of(recording, cuts)] == [one.household for one in cuts]
    told: dict[str, list[Event]] = {}
    last_ms = 0
    for message in with_copies(recording, cuts):
        assert message.sent_ms >= last_ms
        last_ms = message.sent_ms
        key, value = message.key.encode(), message.value  # type: ignore[union-attr] - a recording holds wires
        for event in decode(message.topic, key, value):
            assert isinstance(event, Event)
            told.setdefault(event.household, []).append(event)
    for one in cuts:
        home = [event for event in told[one.of] if sign_of(event) and event.at_ms < one.at_ms]
        copy = [event for event in told[one.household] if sign_of(event)]
        # What was sent after the copy's end is missing in it; nothing else is.
        assert [(event.id, event.at_ms) for event in copy] == [(event.id, event.at_ms) for event in home][: len(copy)]
        assert len(copy) > 0.9 * len(home) > 0


def test_a_bolder_profile_finds_collapses_no_later_and_the_sentence_on_top_says_so(found: tuple[Any, Path]) -> None:
    today, bold = found[0]["runs"]
    assert bold["cuts"]["found"] >= 1
    assert bold["cuts"]["median_h"] <= today["cuts"]["median_h"]
    assert f"{bold['cuts']['median_h']:g} h" in found[0]["headline"]
    assert bold["changes"] == ["silence_budget: 0.05 -> 20.0"]


def test_what_is_set_side_by_side_adds_up(found: tuple[Any, Path]) -> None:
    today, bold = found[0]["runs"]
    one = found[0]["compared"][0]
    assert one["both"] + one["moved"] + one["only_a"] == today["incidents"]["count"]
    assert one["both"] + one["moved"] + one["only_b"] == bold["incidents"]["count"]
    assert one["moved"] or one["only_a"] or one["only_b"]
    for what in ("district", "target_group", "source_mix", "hour"):
        assert sum(part["incidents"] for part in today["by"][what]) == today["incidents"]["count"]
        for group in ("both", "moved", "only_a", "only_b"):
            assert sum(part[group] for part in one["by"][what]) == one[group], (what, group)
    for what in ("district", "target_group", "source_mix"):
        assert sum(part["visits"] for part in today["by"][what]) == today["visits"]["count"]
    page = (found[1] / "report.html").read_text(encoding="utf-8")
    assert "For whom they differ, and when" in page
    hours = {part["name"] for part in one["by"]["hour"] if part["only_b"]}
    assert hours <= {part["name"] for part in bold["by"]["hour"] if part["incidents"]}


def test_a_killed_run_goes_on_where_it_was_with_the_same_result(
    street: Path, found: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asked(street, tmp_path, cuts=4, timelines=2)
    played: list[tuple[str, int]] = []
    play = runs.play_unit

    def dying(work: Any, variant: Variant, partition: int, unit: int, *tell: Any) -> None:
        played.append((variant.name, partition))
        if len(played) == 3:
            work.revisions(variant, partition).write_bytes(b'{"type":"incid')
            raise KeyboardInterrupt
        play(work, variant, partition, unit, *tell)

    monkeypatch.setattr(runs, "play_unit", dying)
    with pytest.raises(KeyboardInterrupt):
        run(ask)
    again = run(ask)
    assert len(played) == 5
    assert len(set(played)) == 4
    assert _timeless(again) == _timeless(found[0])
    for name in ("incidents-today.jsonl", "incidents-bold.jsonl"):
        assert (tmp_path / name).read_bytes() == (found[1] / name).read_bytes()
    assert not list((tmp_path / "runs").glob("spool-*")), "every event of every home would lie about"


def test_another_past_is_never_answered_with_the_results_of_this_one(street: Path, tmp_path: Path) -> None:
    one = run(asked(street, tmp_path, variants=[TODAY]))
    other = run(asked(street, tmp_path, variants=[TODAY], cuts=2))
    assert one["runs"][0]["cuts"] is None
    assert other["runs"][0]["cuts"]["made"]


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = orjson.loads(orjson.dumps(found))
    for one in out["runs"]:
        del one["cpu_s"], one["readings_per_core_s"]
    return out


class _Reader(HTMLParser):
    """Tags that are opened must be closed; what would be fetched from elsewhere is kept."""

    VOID = frozenset({"meta", "br", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.data: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [name for name, _ in attrs if name in ("src", "href", "xlink:href", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.data[self.open[-1]] = self.data.get(self.open[-1], "") + data


def read_page(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    assert not reader.open
    return reader


def test_the_report_stands_alone_and_shows_the_figures_of_its_json(found: tuple[Any, Path]) -> None:
    _, out = found
    text = (out / "report.html").read_text(encoding="utf-8")
    reader = read_page(text)
    assert not reader.fetched
    assert not re.search(r"https?://|@import|url\(", text)
    assert orjson.loads(reader.data["script"]) == orjson.loads((out / "report.json").read_bytes())
    assert reader.data["h1"] == found[0]["headline"]
    assert "prefers-color-scheme:dark" in text
    assert "Noto Sans KR" in text
    shown = f"{found[0]['runs'][0]['cuts']['found']} of {found[0]['runs'][0]['cuts']['made']}"
    assert shown in reader.data["small"]
    assert len(text) < 600_000


def test_the_plot_of_a_sweep_is_there_from_three_profiles_on_and_names_each(found: tuple[Any, Path]) -> None:
    sweep_of: dict[str, Any] = orjson.loads(orjson.dumps(found[0]))
    points = [(0.1, 9.0, True), (0.5, 6.0, True), (0.6, 7.0, False)]
    sweep_of["tradeoff"] = [
        {"name": f"budget {x:g}", "false_per_household_month": x, "delay_h": y, "best": best} for x, y, best in points
    ]
    text = page(sweep_of)
    read_page(text)
    assert "What each profile buys" in text
    assert all(f">budget {x:g}</text>" in text for x, _, _ in points)
    sweep_of["tradeoff"] = sweep_of["tradeoff"][:2]
    assert "What each profile buys" not in page(sweep_of)


def test_bars_are_of_the_parts_with_the_most_incidents_of_all_profiles_together() -> None:
    names = [f"d{i:02d}" for i in range(draw.MOST_BARS + 1)]

    def run(of: int) -> dict[str, Any]:
        parts = [{"name": one, "incidents": 0, "household_months": 1.0, "per_household_month": 0.0} for one in names]
        parts[of] |= {"incidents": 3, "per_household_month": 3.0}
        return {"by": {"district": parts}}

    drawn = draw.bars([run(0), run(draw.MOST_BARS)], "district")
    assert names[0] in drawn
    assert names[-1] in drawn
    assert names[-2] not in drawn


def test_a_name_in_the_report_is_text_and_never_markup(found: tuple[Any, Path]) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    bad: dict[str, Any] = orjson.loads(orjson.dumps(found[0]))
    bad["timelines"][0] |= {"household": evil, "cut_of": None}
    bad["runs"][0]["name"] = bad["source"]["name"] = evil
    bad["compared"][0]["list_moved"] = [
        {
            "id": "i",
            "household": evil,
            "kind": "silence",
            "severity": "Severe",
            "opened_at": "2026-03-01T00:00:00Z",
            "sentence": evil,
            "withdrawn": False,
            "moved_h": 1.0,
        }
    ]
    text = page(bad)
    assert "img" not in read_page(text).tags
    assert "&lt;img" in text


def incident(household: str, at_h: float, **fields: Any) -> Opened:
    at_ms = int(at_h * HOUR_MS)
    given: dict[str, Any] = {"id": f"{household}-{at_h}", "kind": "silence", "severity": "Severe"} | fields
    return Opened(
        household=household,
        opened_ms=at_ms,
        event_from_ms=at_ms - HOUR_MS,
        district="",
        target_group="",
        sentence_ko="",
        sentence_en="",
        **given,
    )


def test_what_nobody_labelled_is_neither_right_nor_false() -> None:
    labels = [
        Label("a", 10 * HOUR_MS, 90 * HOUR_MS, "collapse", is_needed=True),
        Label("b", 0, 50 * HOUR_MS, "absence", is_needed=False, must_find=False),
        Label("d", 0, 9 * HOUR_MS, "collapse", is_needed=True),
    ]
    opened = [incident("a", 16), incident("a", 5), incident("b", 20), incident("c", 3)]
    judged = judge(opened, labels, is_complete=False)
    assert judged.words == {"a-16": "right", "a-5": "unlabelled", "b-20": "false", "c-3": "unlabelled"}
    assert (judged.must_find, judged.delays_h) == (2, [6.0])
    complete = judge(opened, labels, is_complete=True)
    assert complete.words == {"a-16": "right", "a-5": "false", "b-20": "false", "c-3": "false"}


def test_what_was_withdrawn_has_found_nothing() -> None:
    labels = [Label("a", 0, 90 * HOUR_MS, "collapse", is_needed=True)]
    assert not judge([incident("a", 16, withdrawn=True)], labels, is_complete=False).delays_h


def test_responders_outcomes_are_labels_and_what_anbu_closed_itself_is_none() -> None:
    closed = [
        incident("a", 5, cause="helped", closed_ms=9 * HOUR_MS),
        incident("b", 5, cause="safe_away", closed_ms=9 * HOUR_MS),
        incident("c", 5, cause="test", closed_ms=9 * HOUR_MS),
        incident("d", 5),
        incident("e", 5, cause="source_outage", closed_ms=9 * HOUR_MS),
    ]
    assert [(one.household, one.is_needed) for one in of_outcomes(closed)] == [("a", True), ("b", False)]
    sooner = judge([incident("a", 4.5), incident("b", 7)], of_outcomes(closed), is_complete=False)
    assert list(sooner.words.values()) == ["right", "false"]


def test_a_broken_line_of_labels_costs_itself_and_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(
        "household,from,until,what\n"
        "a,2026-03-01T09:00,2026-03-01T10:00,collapse\n"
        "a,yesterday,2026-03-01T10:00,collapse\n"
        "a,2026-03-02T09:00,2026-03-01T10:00,absence\n"
        "a,2026-03-01T09:00,2026-03-01T10:00,holiday\n"
        "a,2026-03-01T09:00+09:00,2026-03-01T10:00+09:00,ordinary\n"
    )
    labels, faults = read_labels(file, "Asia/Seoul")
    assert [one.what for one in labels] == ["collapse", "ordinary"]
    assert labels[0].from_ms == labels[1].from_ms
    assert [one.line for one in faults] == [3, 4, 5]
    file.write_text("home,from,until,what\n")
    with pytest.raises(ValueError, match="first line"):
        read_labels(file, "Asia/Seoul")


def test_a_sweep_is_every_value_with_every_other_and_refuses_what_is_no_parameter() -> None:
    grid = sweep(TODAY, ["silence_budget=0.02,0.05", "silence.fixed_h=12,24"])
    assert [one.name for one in grid] == [
        "silence_budget 0.02, fixed_h 12",
        "silence_budget 0.02, fixed_h 24",
        "silence_budget 0.05, fixed_h 12",
        "silence_budget 0.05, fixed_h 24",
    ]
    decided = {(one.profile.silence_budget, one.profile.silence.fixed_h) for one in grid if one.profile}
    assert decided == {(0.02, 12.0), (0.02, 24.0), (0.05, 12.0), (0.05, 24.0)}
    assert len({one.profile.id for one in grid if one.profile}) == 4
    for wrong in ("budget=1", "silence_budget", "silence_budget=x", "silence_budget=-1", "who=1", "silence=1"):
        with pytest.raises(ValueError, match=r"parameter|write it as|range"):
            sweep(TODAY, [wrong])


def test_the_best_profiles_are_those_that_no_other_betters_on_both_counts() -> None:
    points = [(0.1, 9.0), (0.2, 6.0), (0.3, 6.5), (0.5, 4.0), (0.6, 4.0)]
    made = [
        {"name": str(n), "false_silences": {"per_household_month": x}, "cuts": {"median_h": y}, "labels": None}
        for n, (x, y) in enumerate(points)
    ]
    assert [one["name"] for one in tradeoff(made) if one["best"]] == ["0", "1", "3"]
