"""What the demo tells is what happened: stories, counts, the summary, the views. Without a broker."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from load_tests.columns.wire import Wire
from load_tests.demo.answer import Answer, compare
from load_tests.demo.folder import MARK, FolderError, held
from load_tests.demo.judge import judge
from load_tests.demo.onlooker import DEAD_LETTERS, Stories
from load_tests.demo.rubbish import SENDER, bad_messages, with_rubbish
from load_tests.demo.summary import Outcome, summary, verdict
from load_tests.demo.view import PlainView, Sight, known_of, live_picture, span_text
from load_tests.truth import COLLAPSE, Truth
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import DeadLetter, Event, Fault, Reason
from schemas.incidents import (
    Certainty,
    CloseCause,
    Incident,
    IncidentKind,
    IncidentState,
    NextStep,
    Severity,
    Status,
    Urgency,
)
from schemas.times import to_rfc3339
from streams.incident_fold import INCIDENTS, IncidentFold
from streams.screen import incident_table
from streams.tail import Record

START_MS = 1_767_193_200_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SILENCE, BUTTON = IncidentKind.SILENCE, IncidentKind.EMERGENCY_BUTTON


def an_incident(name: str, household: str, kind: IncidentKind, at_ms: int, **changed: Any) -> Incident:
    known: dict[str, Any] = {
        "id": name,
        "revision": 1,
        "msg_type": "Alert",
        "household": household,
        "state": IncidentState.OPENED,
        "kind": kind,
        "severity": Severity.SEVERE,
        "urgency": Urgency.IMMEDIATE,
        "certainty": Certainty.LIKELY,
        "opened_at": to_rfc3339(at_ms),
        "at": to_rfc3339(at_ms),
        "event_from": to_rfc3339(at_ms),
        "event_until": to_rfc3339(at_ms),
        "next_step": NextStep.CALL_RESIDENT,
        "engine": "test",
        "sentence_ko": "6시간 20분째 생활 반응이 없습니다.",
        "sentence_en": "No signs of life for 6 h 20 min.",
    }
    return Incident(**{**known, **changed})


def a_status(partition: int, clock_ms: int) -> Status:
    return Status(partition=partition, clock=to_rfc3339(clock_ms), households=10, blind=1, open=0, engine="test")


def a_dead_letter(offset: int, count: int = 1) -> DeadLetter:
    return DeadLetter(
        topic="home.sensors",
        partition=0,
        offset=offset,
        index=0,
        reason=Reason.NOT_JSON,
        length=3,
        sha256="0" * 64,
        head="aaa",
        count=count,
        at=to_rfc3339(START_MS),
    )


def stories_of(*said: Incident | Status | DeadLetter, partitions: int = 2) -> Stories:
    stories = Stories(partitions)
    for offset, one in enumerate(said):
        topic = DEAD_LETTERS if isinstance(one, DeadLetter) else INCIDENTS
        stories.apply(Record(topic, 0, offset, b"k", encode(one), START_MS))
    return stories


class TestStories:
    def test_an_emergency_counts_from_when_it_was_told_not_from_when_it_happened(self) -> None:
        late = an_incident("i", "h", BUTTON, START_MS, at=to_rfc3339(START_MS + 5 * HOUR_MS))
        assert [one.opened_ms for one in stories_of(late).told()] == [START_MS + 5 * HOUR_MS]

    def test_a_later_revision_moves_neither_its_time_nor_lowers_the_gravest_it_was(self) -> None:
        first = an_incident("i", "h", SILENCE, START_MS, severity=Severity.EXTREME)
        later = an_incident("i", "h", SILENCE, START_MS + HOUR_MS, revision=2, severity=Severity.MINOR)
        story = stories_of(first, later).lines()[0]
        assert (story.told_ms, story.severity, story.revisions) == (START_MS, Severity.EXTREME, 2)

    def test_what_is_delivered_twice_is_one(self) -> None:
        first = an_incident("i", "h", SILENCE, START_MS)
        stories = stories_of(first, first, a_dead_letter(7), a_dead_letter(7), a_dead_letter(8, count=5))
        assert [story.revisions for story in stories.by_id.values()] == [1]
        assert stories.dead.total() == 6

    def test_a_button_pressed_twice_is_one_line_and_two_silences_are_two(self) -> None:
        def ended(name: str, kind: IncidentKind) -> Incident:
            merged = {"state": IncidentState.CLOSED, "cause": CloseCause.MERGED}
            return an_incident(name, "h", kind, START_MS + 1, revision=2, **merged)

        said = [an_incident(name, "h", kind, START_MS) for name, kind in (("a", BUTTON), ("b", BUTTON))]
        said += [an_incident(name, "h", SILENCE, START_MS) for name in ("c", "d")]
        stories = stories_of(*said, ended("b", BUTTON), ended("d", SILENCE))
        assert [story.last.id for story in stories.lines()] == ["a", "c", "d"]

    def test_everything_is_judged_up_to_the_slowest_partition_and_nothing_before_each_has_spoken(self) -> None:
        assert stories_of(a_status(0, START_MS)).clock_ms is None
        stories = stories_of(a_status(0, START_MS + HOUR_MS), a_status(1, START_MS))
        assert stories.clock_ms == START_MS
        assert (stories.homes, stories.blind) == (20, 2)


class TestRubbish:
    @pytest.mark.parametrize("place", range(len(bad_messages(START_MS))))
    def test_each_bad_message_is_a_dead_letter_of_its_own_reason(self, place: int) -> None:
        reason, topic, value = bad_messages(START_MS)[place]
        faults = decode(topic, SENDER.encode(), value)
        assert [fault.reason for fault in faults if isinstance(fault, Fault)] == [reason]
        assert len(faults) == 1

    def test_negative_control_the_event_they_are_made_of_is_good_and_in_nobodys_name(self) -> None:
        mended = next(value for reason, _, value in bad_messages(START_MS) if reason is Reason.BAD_TIME)
        mended = mended.replace(b"yesterday evening", to_rfc3339(START_MS).encode())
        assert isinstance(decode("home.sensors", SENDER.encode(), mended)[0], Event)

    def test_they_lie_in_order_among_the_messages_and_none_of_those_is_lost(self) -> None:
        good = [Wire("home.sensors", "h", START_MS + i * HOUR_MS, b"{}") for i in range(240)]
        mixed = list(with_rubbish(good, START_MS, START_MS + 10 * DAY_MS))
        assert [wire for wire in mixed if wire.key != SENDER] == good
        assert len(mixed) == len(good) + len(bad_messages(START_MS))
        assert [wire.sent_ms for wire in mixed] == sorted(wire.sent_ms for wire in mixed)


TRUTH = (
    Truth(household="sim-00001", kind=BUTTON, at_ms=START_MS + DAY_MS, code="button"),
    Truth(household="sim-00002", kind=SILENCE, at_ms=START_MS + DAY_MS, code=COLLAPSE),
)
FOUND = (
    an_incident("a", "sim-00001", BUTTON, START_MS + DAY_MS, severity=Severity.EXTREME),
    an_incident("b", "sim-00002", SILENCE, START_MS + DAY_MS + 9 * HOUR_MS + 300_000),
)


def an_outcome(*said: Incident | Status | DeadLetter, judged: bool = True) -> Outcome:
    stories = stories_of(*said)
    dead = stories.dead.total()
    return Outcome(
        events=1000 + dead,
        rubbish=dead,
        records=3000,
        ticks=2000,
        readings={"applied": 1000, "dead_letter": dead},
        stories=stories,
        judged=judge(TRUTH, stories.told(), households=10, from_ms=START_MS, until_ms=START_MS + 30 * DAY_MS)
        if judged
        else None,
        answer=Answer("SELECT 1", ["kind", "incidents"], [("silence", 1)], []),
        household_months=10,
    )


class TestVerdict:
    def test_it_passes_when_everything_was_found_and_accounted_for(self) -> None:
        outcome = an_outcome(*FOUND, a_dead_letter(1))
        assert outcome.failures() == []
        assert verdict(outcome).plain.startswith("PASSED")

    def test_an_emergency_that_was_not_told_fails_it(self) -> None:
        outcome = an_outcome(FOUND[1])
        assert len(outcome.failures()) == 1
        assert verdict(outcome).plain.startswith("FAILED")

    @pytest.mark.parametrize(
        "changed",
        [
            {"events": 1001},
            {"readings": {"applied": 999}},
            {"readings": {"applied": 999, "dead_letter": 1}},
            {"answer": Answer("", [], [], ["a row was lost."])},
        ],
        ids=["unaccounted for", "lost", "refused without a dead letter", "ClickHouse differs"],
    )
    def test_whatever_was_lost_or_doubled_on_the_way_fails_it(self, changed: dict[str, Any]) -> None:
        assert an_outcome(*FOUND).failures() == []
        assert len(replace(an_outcome(*FOUND), **changed).failures()) == 1

    def test_of_recorded_households_nothing_is_judged(self) -> None:
        outcome = an_outcome(an_incident("x", "h", SILENCE, START_MS), judged=False)
        assert outcome.failures() == []
        assert "nothing is judged" in verdict(outcome).plain


STORED = {"emergency_button": (1, 1), "silence": (1, 1)}


class TestAnswer:
    def test_the_same_counts_are_no_difference(self) -> None:
        assert compare(STORED, 1, stories_of(*FOUND, a_dead_letter(1))) == []

    @pytest.mark.parametrize(
        ("stored", "dead"),
        [
            ({"silence": (1, 1)}, 1),
            ({**STORED, "silence": (1, 2)}, 1),
            ({**STORED, "silence": (2, 2)}, 1),
            ({**STORED, "fall": (1, 1)}, 1),
            (STORED, 0),
        ],
        ids=[
            "a kind is missing",
            "a revision too many",
            "an incident too many",
            "an unknown kind",
            "a dead letter lost",
        ],
    )
    def test_a_row_lost_or_doubled_is_one(self, stored: dict[str, tuple[int, int]], dead: int) -> None:
        assert len(compare(stored, dead, stories_of(*FOUND, a_dead_letter(1)))) == 1


def printed(width: int, *parts: object) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def cells(line: str) -> int:
    return Text(line).cell_len


def a_sight(lines: Sequence[Incident], clock_ms: int = START_MS + 3 * DAY_MS) -> Sight:
    return Sight(
        from_ms=START_MS,
        until_ms=START_MS + 30 * DAY_MS,
        clock_ms=clock_ms,
        events=12_345,
        elapsed_s=7.5,
        homes=20,
        blind=1,
        dead=3,
        lines=stories_of(*lines).lines(),
    )


class TestWhatIsShown:
    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_the_summary_fits_and_names_each_injected_event_with_its_delay(self, width: int) -> None:
        outcome = an_outcome(*FOUND, *EVERY_KIND, a_dead_letter(1))
        shown = printed(width, summary(outcome, width))
        assert max(map(cells, shown)) <= width
        text = "\n".join(shown)
        for part in ("sim-00001", "< 1 min", "sim-00002", "9 h 05 min", "not_json 1", "Extreme", "no signs of life"):
            assert part in text

    def test_what_was_missed_is_named(self) -> None:
        text = "\n".join(printed(100, summary(an_outcome(FOUND[0]), 100)))
        assert "Missed:" in text
        assert "sim-00002  01-02 00:00  collapse" in text
        assert "Missed" not in "\n".join(printed(100, summary(an_outcome(*FOUND), 100)))

    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_the_live_picture_fits_and_says_what_was_injected(self, width: int) -> None:
        shown = printed(width, live_picture(a_sight([*FOUND, *EVERY_KIND]), known_of(TRUTH), width, 40))
        assert max(map(cells, shown)) <= width
        text = "\n".join(shown)
        assert "day 4 of 30" in text
        assert "경계 Severe" in text
        assert "✓ after 9 h 05 min" in text
        assert text.count("not injected") == len(EVERY_KIND)

    def test_the_live_picture_shows_the_newest_where_not_all_fit(self) -> None:
        many = [an_incident(f"i{n}", f"sim-{n:05d}", SILENCE, START_MS + n * HOUR_MS) for n in range(50)]
        text = "\n".join(printed(100, live_picture(a_sight(many), known_of(()), 100, 5)))
        assert [f"sim-{n:05d}" in text for n in (49, 45, 44, 0)] == [True, True, False, False]

    def test_a_pipe_gets_a_few_plain_lines(self) -> None:
        console = Console(file=io.StringIO(), width=100, highlight=False)
        view = PlainView(console)
        for minute in range(30 * 24 * 60 + 1):
            if minute % 60 == 0:
                view.show(a_sight(FOUND, START_MS + minute * 60_000))
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert "\x1b" not in shown
        lines = [line for line in shown.splitlines() if "events sent" in line]
        assert 10 <= len(lines) <= 12
        assert shown.count("sim-00001") == 1

    @pytest.mark.parametrize(
        ("span_ms", "text"),
        [
            (0, "< 1 min"),
            (59_999, "< 1 min"),
            (HOUR_MS - 1, "59 min"),
            (47 * HOUR_MS, "47 h 00 min"),
            (2 * DAY_MS, "2 d 0 h"),
        ],
    )
    def test_a_delay_reads_as_a_person_says_it(self, span_ms: int, text: str) -> None:
        assert span_text(span_ms) == text


EVERY_KIND = [
    an_incident(f"k-{kind}", f"sim-{number:05d}", kind, START_MS + 2 * DAY_MS)
    for number, kind in enumerate(IncidentKind, start=100)
]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_of_responders_fits_and_keeps_household_age_and_sentence(width: int) -> None:
    fold = IncidentFold(1)
    for incident in [*FOUND, *EVERY_KIND]:
        fold.apply(INCIDENTS, b"h", encode(incident), START_MS)
    shown = printed(width, incident_table(fold.cases(), START_MS + 3 * DAY_MS, rows=len(EVERY_KIND) + len(FOUND)))
    assert max(map(cells, shown)) <= width
    text = "\n".join(shown)
    for part in ("경계 Severe", "sim-00002", "1 d 14 h", "생활 반응 없음 · no signs of life", "6시간 20분째"):
        assert part in text


class TestFolder:
    def test_what_an_earlier_demo_left_is_gone_and_the_users_own_files_are_not(self, tmp_path: Path) -> None:
        with held(tmp_path / "out", "-") as folder:
            (folder / "clickhouse").mkdir()
            (folder / "clickhouse" / "rows").touch()
            (folder / "notes.txt").write_text("mine")
        with held(tmp_path / "out", "-") as folder:
            assert sorted(one.name for one in folder.iterdir()) == sorted([MARK, "notes.txt"])

    def test_a_database_that_no_demo_made_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "clickhouse").mkdir()
        (tmp_path / "clickhouse" / "rows").touch()
        with pytest.raises(FolderError, match="was not made by a demo; take another"), held(tmp_path, "take another"):
            pass
        assert (tmp_path / "clickhouse" / "rows").exists()

    def test_two_demos_do_not_share_a_folder(self, tmp_path: Path) -> None:
        with held(tmp_path, "-") as folder:
            (folder / "clickhouse").mkdir()
            with pytest.raises(FolderError, match="another demo runs"), held(tmp_path, "-"):
                pass
            assert (folder / "clickhouse").exists()

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(FolderError, match="cannot be used"), held(tmp_path / "file" / "out", "-"):
            pass
