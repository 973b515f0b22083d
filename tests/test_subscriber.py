"""Laws of reading incidents: repeats and order do not matter, an old revision never wins, calm is told from dead."""

import io
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from infra.topics import create_topics
from schemas.encode import encode
from schemas.incidents import (
    Certainty,
    DisasterCounts,
    Incident,
    IncidentKind,
    IncidentState,
    NextStep,
    Severity,
    Status,
    Urgency,
)
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from streams.incident_fold import INCIDENTS, OPEN, STALE_AFTER_MS, IncidentFold
from streams.publish import Publisher
from streams.screen import age_text, clock_text, incident_line, live_view, make_console, watching_text
from streams.subscriber import IncidentSubscriber

NOW = 1_795_000_000_000
MINUTE = 60_000


def an_incident(
    name: str = "i-1",
    revision: int = 1,
    *,
    household: str = "h-1",
    case: str | None = "c-1",
    state: IncidentState = IncidentState.OPENED,
    severity: Severity = Severity.SEVERE,
    kind: IncidentKind = IncidentKind.SILENCE,
    opened_ms: int = NOW,
) -> Incident:
    return Incident(
        id=name,
        revision=revision,
        msg_type="Alert" if revision == 1 else "Update",
        household=household,
        case=case,
        state=state,
        kind=kind,
        severity=severity,
        urgency=Urgency.IMMEDIATE,
        certainty=Certainty.LIKELY,
        opened_at=to_rfc3339(opened_ms),
        at=to_rfc3339(opened_ms + revision * MINUTE),
        event_from=to_rfc3339(opened_ms),
        event_until=to_rfc3339(opened_ms),
        next_step=NextStep.VISIT_NOW,
        engine="test",
        sentence_ko="14시간 동안 생활 반응이 없습니다.",
        sentence_en="No sign of life for 14 hours.",
    )


def a_status(partition: int, clock_ms: int, *, households: int = 50, blind: int = 1) -> bytes:
    return encode(
        Status(
            partition=partition,
            clock=to_rfc3339(clock_ms),
            households=households,
            blind=blind,
            open=0,
            engine="test",
        )
    )


def fold_of(*values: bytes, partitions: int = 4, arrived_ms: int = NOW) -> IncidentFold:
    fold = IncidentFold(partitions)
    for value in values:
        fold.apply(INCIDENTS, b"h-1", value, arrived_ms)
    return fold


revisions = st.builds(
    an_incident,
    name=st.sampled_from(["i-1", "i-2", "i-3"]),
    revision=st.integers(1, 4),
    state=st.sampled_from(list(IncidentState)),
    severity=st.sampled_from(list(Severity)),
    case=st.sampled_from([None, "c-1"]),
)


@st.composite
def logs_and_shuffles(draw: st.DrawFn) -> tuple[list[Incident], list[Incident]]:
    """A log in which each (id, revision) has one content, and the same log shuffled with repeats."""
    log = list({(i.id, i.revision): i for i in draw(st.lists(revisions, max_size=12))}.values())
    if not log:
        return [], []
    repeats = draw(st.lists(st.sampled_from(log), max_size=12))
    return log, draw(st.permutations([*log, *repeats]))


@given(logs_and_shuffles())
def test_any_order_and_repetition_of_revisions_ends_in_the_same_state(both: tuple[list[Incident], ...]) -> None:
    log, shuffled = both
    straight, other = fold_of(*map(encode, log)), fold_of(*map(encode, shuffled))
    assert other.incidents(ended=True) == straight.incidents(ended=True)
    assert other.cases(ended=True) == straight.cases(ended=True)
    highest: dict[str, Incident] = {}
    for incident in log:
        if incident.id not in highest or incident.revision > highest[incident.id].revision:
            highest[incident.id] = incident
    assert {i.id: i for i in other.incidents(ended=True)} == highest


def test_without_the_revision_rule_order_would_matter() -> None:
    """Negative control: the last record is not always the one that stands."""
    old, new = an_incident(revision=1), an_incident(revision=2, state=IncidentState.CLOSED)
    fold = fold_of(encode(new), encode(old))
    assert fold.incidents(ended=True) == [new] != [old]


@given(st.lists(revisions, max_size=15))
def test_updates_of_an_incident_only_ever_rise(log: list[Incident]) -> None:
    fold = IncidentFold(1)
    seen: dict[str, int] = {}
    for incident in log:
        new = fold.apply(INCIDENTS, b"h-1", encode(incident), NOW)
        if new is not None:
            assert new.revision > seen.get(new.id, 0)
            seen[new.id] = new.revision
    assert fold.dropped == len(log) - sum(1 for _ in _risers(log))


def _risers(log: list[Incident]) -> list[Incident]:
    highest: dict[str, int] = {}
    out = []
    for incident in log:
        if incident.revision > highest.get(incident.id, 0):
            highest[incident.id] = incident.revision
            out.append(incident)
    return out


def test_a_topic_that_was_never_compacted_folds_to_its_end() -> None:
    fold = IncidentFold(1)
    for revision in (1, 2):
        fold.apply(OPEN, b"i-1", encode(an_incident(revision=revision)), NOW)
        fold.apply(OPEN, b"i-2", encode(an_incident("i-2", revision)), NOW)
    fold.apply(OPEN, b"i-1", None, NOW)
    assert [(i.id, i.revision) for i in fold.incidents()] == [("i-2", 2)]


def test_an_old_revision_does_not_bring_back_what_a_tombstone_put_away() -> None:
    fold = IncidentFold(1)
    fold.apply(OPEN, b"i-1", encode(an_incident(revision=2)), NOW)
    fold.apply(OPEN, b"i-1", None, NOW)
    assert fold.apply(INCIDENTS, b"h-1", encode(an_incident(revision=2)), NOW) is None
    assert fold.incidents() == []
    assert fold.apply(INCIDENTS, b"h-1", encode(an_incident(revision=3)), NOW) is not None


@given(st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_no_bytes_stop_the_reading(value: bytes, key: bytes | None) -> None:
    fold = IncidentFold(1)
    for topic in (INCIDENTS, OPEN):
        fold.apply(topic, key, value, NOW)
        fold.apply(topic, key, None, NOW)
    assert fold.apply(INCIDENTS, b"h-1", encode(an_incident()), NOW) is not None


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("9999-12-31T23:59:59.999+14:00"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(Incident.__struct_fields__)), json_like)
def test_an_incident_with_any_field_spoilt_is_read_or_counted(name: str, spoilt: object) -> None:
    fold = IncidentFold(1)
    fields = msgspec.to_builtins(an_incident()) | {name: spoilt}
    taken = fold.apply(INCIDENTS, b"h-1", msgspec.json.encode(fields), NOW)
    assert (taken is None) == (fold.unread + fold.dropped == 1)
    fold.cases()


@given(st.sampled_from(sorted(Status.__struct_fields__)), json_like)
def test_a_status_with_any_field_spoilt_is_read_or_counted(name: str, spoilt: object) -> None:
    fold = IncidentFold(1)
    fields = msgspec.json.decode(a_status(0, NOW)) | {name: spoilt}
    fold.apply(INCIDENTS, b"h-1", msgspec.json.encode(fields), NOW)
    fold.watching(NOW)


def test_five_presses_before_their_turn_in_the_order_are_one_line_a_case() -> None:
    presses = [an_incident(f"e-{n}", case=None, kind=IncidentKind.EMERGENCY_BUTTON) for n in range(5)]
    fold = fold_of(*map(encode, presses))
    assert len(fold.cases()) == 1
    assert len(fold.cases()[0].incidents) == 5


def test_an_emergency_without_a_case_joins_the_open_case_of_its_household() -> None:
    silence = an_incident("i-1", case="c-9", severity=Severity.SEVERE)
    button = an_incident("e-1", case=None, severity=Severity.EXTREME, kind=IncidentKind.EMERGENCY_BUTTON)
    elsewhere = an_incident("e-2", case=None, household="h-2")
    cases = fold_of(encode(silence), encode(button), encode(elsewhere)).cases()
    assert [(case.id, [i.id for i in case.incidents]) for case in cases] == [
        ("c-9", ["e-1", "i-1"]),
        ("h-2:new", ["e-2"]),
    ]


def test_a_merged_press_leaves_the_case_and_an_ended_case_leaves_the_list() -> None:
    press = an_incident("e-1", 1, case=None)
    merged = an_incident("e-1", 2, case="c-1", state=IncidentState.WITHDRAWN)
    fold = fold_of(encode(an_incident("i-1")), encode(press), encode(merged))
    assert [i.id for i in fold.cases()[0].incidents] == ["i-1"]
    fold.apply(INCIDENTS, b"h-1", encode(an_incident("i-1", 2, state=IncidentState.CLOSED)), NOW)
    assert fold.cases() == []
    assert [case.ended for case in fold.cases(ended=True)] == [True]


def test_the_gravest_case_is_the_first_line() -> None:
    cases = [
        an_incident(f"i-{n}", case=f"c-{n}", household=f"h-{n}", severity=severity)
        for n, severity in enumerate(Severity)
    ]
    assert [case.severity for case in fold_of(*map(encode, cases)).cases()] == list(reversed(Severity))


def test_all_partitions_fresh_is_calm() -> None:
    watching = fold_of(*(a_status(p, NOW - MINUTE) for p in range(4))).watching(NOW)
    assert watching.calm
    assert (watching.homes, watching.blind, watching.data_until_ms) == (200, 4, NOW - MINUTE)


def test_a_partition_that_never_spoke_is_called_out() -> None:
    watching = fold_of(*(a_status(p, NOW) for p in (0, 1, 3))).watching(NOW)
    assert watching.stale == (2,)
    assert watching.homes == 150


def test_a_live_partition_is_called_out_three_minutes_after_its_clock_even_if_its_record_just_came() -> None:
    fold = fold_of(a_status(0, NOW - STALE_AFTER_MS), partitions=1)
    assert fold.watching(NOW).calm
    later = fold_of(a_status(0, NOW - STALE_AFTER_MS - 1), partitions=1)
    assert later.watching(NOW).stale == (0,)
    assert later.watching(NOW).homes == 0
    assert later.watching(NOW).unwatched == 50


def test_a_recorded_log_is_judged_by_arrival() -> None:
    fold = fold_of(a_status(0, NOW - 300 * 86_400_000), partitions=1, arrived_ms=NOW)
    assert fold.watching(NOW + STALE_AFTER_MS).calm
    assert fold.watching(NOW).recorded
    assert fold.watching(NOW + STALE_AFTER_MS + 1).stale == (0,)


def test_a_repeated_old_status_does_not_make_a_partition_look_older_or_a_dead_one_alive() -> None:
    fold = fold_of(a_status(0, NOW), a_status(0, NOW - 10 * MINUTE), partitions=1)
    assert fold.watching(NOW).calm
    fold.apply(INCIDENTS, None, a_status(0, NOW), NOW + 9 * MINUTE)
    assert fold.watching(NOW + 9 * MINUTE).stale == (0,)


def text_of(renderable: object) -> str:
    console = make_console(io.StringIO())
    console.width = 160
    console.print(renderable)
    out = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in out, "no colours where there is no terminal"
    return str(out)


def test_the_table_says_severity_and_kind_in_both_languages() -> None:
    fold = fold_of(encode(an_incident(severity=Severity.EXTREME)), *(a_status(p, NOW) for p in range(4)))
    shown = text_of(live_view(fold.cases(), fold.watching(NOW), NOW + 3 * MINUTE))
    for part in ("심각 Extreme", "생활 반응 없음 · no signs of life", "h-1", "3 min", "No sign of life for 14 hours."):
        assert part in shown
    assert "watching 200 homes, data up to" in shown
    assert "NOT WATCHED" not in shown


def test_the_watching_line_names_the_partitions_nobody_watches() -> None:
    fold = fold_of(a_status(0, NOW), a_status(1, NOW - 10 * MINUTE))
    text = watching_text(fold.watching(NOW), NOW)
    assert "NOT WATCHED: partitions 1, 2, 3 (50 homes)" in text.plain
    assert "no open cases known" in text_of(live_view([], fold.watching(NOW), NOW))


def test_a_revision_is_one_line_in_a_pipe() -> None:
    line = incident_line(an_incident())
    assert "\n" not in line
    assert "would change" not in line  # negative control: nothing is known that would
    told = replace(an_incident(), would_change="heartbeat", kind=IncidentKind.CANNOT_SEE)
    assert incident_line(told).endswith("기기에서 신호가 다시 들어오면 · a report of any device")
    fold = fold_of(encode(told), *(a_status(p, NOW) for p in range(4)))
    assert "would change: 기기에서 신호가 다시" in text_of(live_view(fold.cases(), fold.watching(NOW), NOW))
    assert "h-1" in line
    assert "경계 Severe" in line


def test_just_now_is_said_of_no_emergency_that_is_read_later() -> None:
    press = replace(
        an_incident(),
        kind=IncidentKind.EMERGENCY_BUTTON,
        event_from=to_rfc3339(NOW),
        sentence_ko="응급 버튼: 방금 감지되었습니다.",
        sentence_en="Emergency button, just now.",
    )
    at = clock_text(NOW, NOW + 3 * 1440 * MINUTE)
    fold = fold_of(encode(press), *(a_status(p, NOW) for p in range(4)))
    shown = text_of(live_view(fold.cases(), fold.watching(NOW), NOW + 3 * 1440 * MINUTE))
    assert f"응급 버튼: {at}에 감지되었습니다." in shown
    assert f"Emergency button, {at}." in shown
    assert clock_text(NOW, NOW) in incident_line(press)
    # Negative control: what is no emergency is left as it was said, whatever its sentence holds.
    silence = replace(press, kind=IncidentKind.SILENCE)
    assert "just now" in incident_line(silence)


def test_times_and_ages_are_said_as_people_say_them() -> None:
    assert [age_text(ms) for ms in (-5, 45_000, 12 * MINUTE, 320 * MINUTE, 76 * 60 * MINUTE)] == [
        "0 s",
        "45 s",
        "12 min",
        "5 h 20 min",
        "3 d 4 h",
    ]
    assert clock_text(NOW, NOW) == clock_text(NOW, NOW + 1)
    assert len(clock_text(NOW - 86_400_000, NOW)) == len("11-24 14:05")


def test_the_tombstone_that_a_grown_set_left_in_the_old_partition_hides_no_open_incident() -> None:
    here = partition_of("h-1", 4)
    for partition, is_shown in ((here, False), ((here + 1) % 4, True), (None, False)):
        fold = IncidentFold(4)
        fold.apply(OPEN, b"i-1", encode(an_incident("i-1", 1)), NOW, here)
        fold.apply(OPEN, b"i-1", None, NOW, partition)
        assert bool(fold.incidents()) == is_shown


def open_first_then_follow(any_broker: Any) -> tuple[Publisher, IncidentSubscriber]:
    create_topics(any_broker.bootstrap, 2)
    publisher = Publisher(any_broker.bootstrap, 2)
    old, gone = partition_of("h-9", 2), partition_of("h-1", 2)
    for revision in (1, 2):
        publisher.send(
            OPEN, "i-old", encode(an_incident("i-old", revision, household="h-9", case="c-9")), partition=old
        )
        publisher.send(OPEN, "i-gone", encode(an_incident("i-gone", revision, case="c-8")), partition=gone)
    publisher.send(OPEN, "i-gone", None, partition=gone)
    publisher.send(INCIDENTS, "h-1", b"\xff not a record")
    publisher.flush()
    return publisher, IncidentSubscriber(any_broker.bootstrap, clock=lambda: NOW)


def test_a_subscriber_finds_what_is_open_then_follows_and_sees_repeats_once(any_broker: Any) -> None:
    publisher, subscriber = open_first_then_follow(any_broker)
    with publisher, subscriber:
        # The log of `incidents` has lost i-old to retention: only incidents.open holds it.
        assert [(i.id, i.revision) for i in subscriber.catch_up()] == [("i-old", 2)]
        assert subscriber.fold.unread == 1
        assert subscriber.watching().stale == (0, 1)
        for revision in (1, 2, 2, 1, 3):
            publisher.send(INCIDENTS, "h-1", encode(an_incident("i-new", revision)))
        publisher.send(INCIDENTS, "h-9", encode(an_incident("i-old", 2, household="h-9", case="c-9")))
        for partition in (0, 1):
            publisher.send(INCIDENTS, b"", a_status(partition, NOW), partition=partition)
        publisher.flush()
        new = []
        while not (new and new[-1].revision == 3 and subscriber.watching().calm):
            new += subscriber.poll(0.1)
        assert [(i.id, i.revision) for i in new] == [("i-new", 1), ("i-new", 2), ("i-new", 3)]
        assert [case.id for case in subscriber.cases()] == ["c-1", "c-9"]
        assert subscriber.watching().homes == 100


def test_a_group_hears_of_what_opened_and_ended_while_it_was_away(any_broker: Any) -> None:
    create_topics(any_broker.bootstrap, 2)
    with Publisher(any_broker.bootstrap, 2) as publisher:
        publisher.send(INCIDENTS, "h-5", encode(an_incident("i-5", household="h-5")))
        publisher.flush()
        with IncidentSubscriber(any_broker.bootstrap, group="board") as subscriber:
            assert "i-5" in {incident.id for incident in subscriber.catch_up()}
        ended = an_incident("i-6", 2, household="h-5", state=IncidentState.CLOSED)
        publisher.send(INCIDENTS, "h-5", encode(ended))
        # More than the overlap of a subscriber without a group.
        for n in range(1200):
            publisher.send(INCIDENTS, "h-5", a_status(0, NOW + n))
        publisher.flush()
        with IncidentSubscriber(any_broker.bootstrap, group="board") as subscriber:
            assert "i-6" in {incident.id for incident in subscriber.catch_up()}
        with IncidentSubscriber(any_broker.bootstrap) as other:
            assert "i-6" not in {incident.id for incident in other.catch_up()}


def test_while_a_public_alert_is_in_force_the_first_line_says_how_many_were_reached() -> None:
    told = []
    for partition, reached in ((0, 40), (1, 55)):
        counts = DisasterCounts(homes=60, asked=60, reached=reached, guided=reached, unreached=60 - reached)
        status = msgspec.json.decode(a_status(partition, NOW), type=Status)
        told.append(encode(msgspec.structs.replace(status, disaster=counts)))
    said = watching_text(fold_of(*told).watching(NOW), NOW).plain
    assert "120 of 120 homes asked, 95 reached, 95 told what to do, 25 not reached" in said
    calm = fold_of(a_status(0, NOW))
    assert "public alert" not in watching_text(calm.watching(NOW), NOW).plain
