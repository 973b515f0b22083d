import gzip
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from detectors.chronic import SEVERITIES
from detectors.conditions import RULES
from load_tests.columns.wire import Wire
from load_tests.messages import Message
from load_tests.recordings import recording
from load_tests.recordings.recorded import read_csv
from load_tests.recordings.recording import RecordingError
from load_tests.simulator.neighbourhood import JUDGING_SEEDS, TUNING_SEEDS, Neighbourhood, simulate
from load_tests.simulator.plan import LOCAL_MS, Rates
from load_tests.truth import HOUR_MS, Truth
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import FUTURE_TOLERANCE_MS, MAX_MESSAGE_BYTES, Event
from schemas.households import TargetGroup
from schemas.incidents import EMERGENCIES, IncidentKind
from schemas.vocabulary import BY_NAME, DisasterAnswer, Level, Meaning

DATA = Path(os.environ.get("ANBU_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
START_MS = 1_761_922_800_000
"""2025-11-01 00:00 in Korea."""
DAY_MS = 86_400_000
EVENT_OF = {
    IncidentKind.EMERGENCY_BUTTON: "emergency_button",
    IncidentKind.DISTRESS: "robot_distress",
    IncidentKind.CALL_ALARM: "checkin_answered",
    IncidentKind.DISASTER_HELP: "checkin_answered",
}
OF_MONTHS = set(SEVERITIES)
"""What only a recording of months holds: `Rates.fades` is 0 where nothing else is said."""
OF_THE_HOME = {
    *RULES,
    IncidentKind.OUT_AT_NIGHT,
    IncidentKind.MISSED_MEALS,
    IncidentKind.DEVICE_OFFLINE,
    IncidentKind.PHONE_OFF,
}
"""What `load_tests.bench_home_conditions` injects into a finished recording."""
OF_AN_ALERT = {IncidentKind.DISASTER_DAMAGE, IncidentKind.DISASTER_NO_ANSWER, IncidentKind.DISTRICT_OUTAGE}
"""What follows from a public alert, or from an outage of a district, alone; the recorded neighbourhood has none."""


@pytest.fixture(scope="module")
def injected() -> tuple[Neighbourhood, list[Message]]:
    # Twelve days are short: rates are raised so that every kind of injection is there.
    made = simulate(80, 12, TUNING_SEEDS[0], start_ms=START_MS, rates=Rates(collapses=0.6, emergencies=1.7, slow=0.2))
    return made, list(made.messages())


@pytest.fixture(scope="module")
def calm() -> tuple[Neighbourhood, list[Message]]:
    made = simulate(80, 12, TUNING_SEEDS[0], start_ms=START_MS, injections=False)
    return made, list(made.messages())


def events_of(messages: Iterable[Message]) -> Iterator[Event]:
    return (event for message in messages for event in message.events)


def digest(messages: Iterable[Message]) -> str:
    out = hashlib.sha256()
    for message in messages:
        out.update(recording.line_of(recording.wire_of(message)))
    return out.hexdigest()


def is_emergency(event: Event) -> bool:
    data = event.data
    return (
        BY_NAME[event.kind].meaning == Meaning.HAZARD
        or bool(data.codes)
        or Level.ALARM in (data.topics or {}).values()
        or data.disaster in {DisasterAnswer.NEEDS_HELP, DisasterAnswer.DAMAGE}
    )


def is_proof_of_life(event: Event) -> bool:
    if BY_NAME[event.kind].meaning != Meaning.LIFE:
        return False
    if event.kind == "steps":
        return bool(event.data.value)
    return event.data.state != "off" or BY_NAME[event.kind].off == "life"


def test_the_same_seed_gives_the_same_bytes_in_any_process() -> None:
    code = (
        "from load_tests.simulator.neighbourhood import simulate\n"
        "from tests_digest import digest\n"
        f"print(digest(simulate(6, 3, 5, start_ms={START_MS}).messages()))"
    )
    code = code.replace(
        "from tests_digest import digest\n",
        "import sys; sys.path.insert(0, 'tests')\nfrom test_simulator import digest\n",
    )
    root = Path(__file__).resolve().parents[1]
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    made = simulate(6, 3, 5, start_ms=START_MS)
    assert outs == {digest(made.messages())}
    assert digest(made.messages()) == digest(made.messages())
    assert digest(simulate(6, 3, 6, start_ms=START_MS).messages()) not in outs


def test_a_household_is_the_same_however_many_others_there_are() -> None:
    few, many = (simulate(n, 3, 5, start_ms=START_MS) for n in (4, 9))
    names = {record.household for record in few.records()}
    assert few.records() == many.records()[:4]
    assert list(few.messages()) == [m for m in many.messages() if m.household in names]
    assert [t for t in many.truth if t.household in names] == list(few.truth)


def test_the_seeds_that_judge_are_not_those_tuned_on() -> None:
    assert not set(TUNING_SEEDS) & set(JUDGING_SEEDS)


def test_messages_come_in_order_of_sending_and_nothing_is_sent_before_it_happened(
    injected: tuple[Neighbourhood, list[Message]],
) -> None:
    made, messages = injected
    sent = [message.sent_ms for message in messages]
    assert sent == sorted(sent)
    assert made.from_ms <= sent[0]
    assert sent[-1] < made.until_ms
    assert all(event.at_ms <= m.sent_ms for m in messages for event in m.events)
    assert all(event.household == m.household for m in messages for event in m.events)
    assert all(BY_NAME[event.kind].topic == m.topic for m in messages for event in m.events)


def test_without_injection_there_is_no_emergency_at_all(
    calm: tuple[Neighbourhood, list[Message]], injected: tuple[Neighbourhood, list[Message]]
) -> None:
    made, messages = calm
    assert not any(is_emergency(event) for event in events_of(messages))
    assert all(t.kind == IncidentKind.CANNOT_SEE and not t.must_find for t in made.truth)
    assert not any(plan.down or plan.no_answer or plan.no_doses for plan in made.plans)
    # The control: the same question asked of a neighbourhood with injections.
    assert any(is_emergency(event) for event in events_of(injected[1]))


def test_without_injection_no_dose_is_missed_twice_in_a_row(calm: tuple[Neighbourhood, list[Message]]) -> None:
    doses: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)
    for event in events_of(calm[1]):
        if event.kind in {"medication_missed", "medication_taken"}:
            doses[event.household][event.id + str(event.at_ms)] = (event.at_ms, event.kind)
    assert doses
    for told in doses.values():
        kinds = [kind for _, kind in sorted(told.values())]
        assert "medication_missed" not in [b for a, b in pairwise(kinds) if a == b]


def test_every_immediate_emergency_of_the_truth_is_in_the_stream_and_no_other_is(
    injected: tuple[Neighbourhood, list[Message]],
) -> None:
    made, messages = injected
    told = {
        (event.household, event.kind, event.at_ms)
        for event in events_of(messages)
        if is_emergency(event) and event.data.state != "off"
    }
    immediate = [t for t in made.truth if t.is_immediate]
    assert {t.kind for t in immediate} >= EMERGENCIES - {IncidentKind.DISTRESS, IncidentKind.FALL} - OF_AN_ALERT
    for truth in immediate:
        kinds = {EVENT_OF.get(truth.kind, truth.kind.value)}
        if truth.kind == IncidentKind.WISH_TO_DIE:
            kinds = {"checkin_answered", "robot_distress"}
        assert told & {(truth.household, kind, truth.at_ms) for kind in kinds}, truth
    known = {t.household: t.at_ms for t in immediate}
    assert all(0 <= at_ms - known[household] < 150_000 for household, _, at_ms in told)


def test_five_presses_in_a_row_are_five_events_and_one_truth() -> None:
    made = simulate(200, 30, TUNING_SEEDS[0], start_ms=START_MS)
    truth = next(t for t in made.truth if t.code == "button_five_times")
    number = next(h.number for h in made.households if h.name == truth.household)
    alone = replace(made, households=(made.households[number],), plans=(made.plans[number],))
    presses = {event for event in ids(alone.messages(), truth.household) if event[1] == "emergency_button"}
    assert len(presses) == 5
    assert sum(t.household == truth.household and t.kind == truth.kind for t in made.truth) == 1


def ids(messages: Iterable[Message], household: str) -> set[tuple[str, str, str, int]]:
    return {(e.source, e.kind, e.id, e.at_ms) for e in events_of(messages) if e.household == household}


def test_after_a_collapse_nothing_proves_life_until_the_person_is_found(
    injected: tuple[Neighbourhood, list[Message]], calm: tuple[Neighbourhood, list[Message]]
) -> None:
    made, messages = injected
    collapses = [t for t in made.truth if t.is_collapse]
    assert len(collapses) >= 8
    assert any(8 <= local_hour(t) < 20 for t in collapses)
    assert any(not 8 <= local_hour(t) < 20 for t in collapses)
    spans = {t.household: (t.at_ms, t.until_ms or made.until_ms) for t in collapses}
    motion: dict[str, set[int]] = defaultdict(set)
    for event in events_of(messages):
        from_ms, until_ms = spans.get(event.household, (0, 0))
        # A count is told at the start of its five minutes; the window in which somebody came holds those who came.
        if from_ms <= event.at_ms < until_ms - int((event.data.over_s or 0) * 1000):
            assert not is_proof_of_life(event), (event, from_ms)
            if event.kind == "motion" and event.data.state != "off":
                motion[event.household].add(event.at_ms)
    # Ghost triggers stand alone.
    assert all(b - a > 15 * 60_000 for at in motion.values() for a, b in pairwise(sorted(at)))
    # The control: the same people without injection live on.
    alive = {
        e.household
        for e in events_of(calm[1])
        if is_proof_of_life(e) and spans.get(e.household, (1 << 60,))[0] < e.at_ms
    }
    assert len(alive) >= len(spans) * 0.9


def local_hour(truth: Truth) -> int:
    return (truth.at_ms + LOCAL_MS) // HOUR_MS % 24


def test_after_a_collapse_the_house_goes_on_reporting(injected: tuple[Neighbourhood, list[Message]]) -> None:
    made, messages = injected
    sensed = {h.name for h in made.households if h.home.gateway}
    spans = {t.household: t.at_ms for t in made.truth if t.is_collapse and t.household in sensed}
    beats = Counter(
        e.household for e in events_of(messages) if e.kind == "heartbeat" and spans.get(e.household, 1 << 60) < e.at_ms
    )
    assert spans
    assert set(beats) == set(spans)
    assert min(beats.values()) >= 12


def test_truth_explains_an_incident_of_its_kind_within_its_time_and_no_other() -> None:
    truth = Truth(household="h", kind=IncidentKind.SILENCE, at_ms=0, code="collapse")
    slow = Truth(household="h", kind=IncidentKind.UNANSWERED_CALLS, at_ms=0, code="calls_unanswered", slow=True)
    assert truth.explains("h", IncidentKind.SILENCE, 71 * HOUR_MS)
    assert not truth.explains("h", IncidentKind.SILENCE, 73 * HOUR_MS)
    assert not truth.explains("h", IncidentKind.SILENCE, -HOUR_MS)
    assert not truth.explains("i", IncidentKind.SILENCE, HOUR_MS)
    assert not truth.explains("h", IncidentKind.UNANSWERED_CALLS, HOUR_MS)
    assert slow.explains("h", IncidentKind.UNANSWERED_CALLS, 27 * DAY_MS)


def test_the_dirt_is_there_repeats_disorder_and_late_batches(injected: tuple[Neighbourhood, list[Message]]) -> None:
    _, messages = injected
    seen: set[tuple[str, str, str, int, str]] = set()
    repeats = disorder = 0
    newest: dict[tuple[str, str], int] = {}
    waits: dict[str, list[float]] = defaultdict(list)
    for message in messages:
        first = message.events[0]
        key = (first.household, first.source, first.id, first.at_ms, first.kind)
        repeats += key in seen
        seen.add(key)
        source = (first.household, first.source)
        disorder += first.at_ms < newest.get(source, 0)
        newest[source] = max(newest.get(source, 0), first.at_ms)
        waits[first.source].append((message.sent_ms - first.at_ms) / HOUR_MS)
    assert repeats > 50
    assert disorder > repeats
    assert max(waits["/phone/telecom"]) > 24
    assert np.median(waits["/phone/app"]) < 0.1


def test_batches_say_up_to_which_moment_they_report_and_that_is_never_ahead_of_them(
    injected: tuple[Neighbourhood, list[Message]],
) -> None:
    told = [(m, e) for m in injected[1] for e in m.events if e.kind == "complete_until"]
    assert {e.source for _, e in told} == {"/phone/app", "/phone/telecom", "/worn/band"}
    assert all(e.until_ms <= m.sent_ms + FUTURE_TOLERANCE_MS and e.until_ms == e.at_ms + 1 for m, e in told)


def test_target_groups_and_mixes_of_sources_hold_their_shares() -> None:
    made = simulate(400, 1, TUNING_SEEDS[1], start_ms=START_MS)
    groups = Counter(r.target_group for r in made.records())
    assert set(groups) == set(TargetGroup) - {TargetGroup.OTHER}
    assert 0.42 < groups[TargetGroup.ELDER] / 400 < 0.5
    middle = [h for h in made.households if h.group == TargetGroup.MIDDLE_AGED]
    assert sum(h.home.gateway is None for h in middle) > 0.75 * len(middle)
    assert any(h.home.gateway is None and h.home.phone is None for h in middle)
    assert all(r.sources for r in made.records())
    assert any(r.absences for r in simulate(60, 30, TUNING_SEEDS[1], start_ms=START_MS).records())


def test_thirty_days_of_two_hundred_households_hold_every_kind_of_injection() -> None:
    for seed in TUNING_SEEDS:
        truth = simulate(200, 30, seed, start_ms=START_MS).truth
        assert {t.kind for t in truth} == set(IncidentKind) - OF_AN_ALERT - OF_MONTHS - OF_THE_HOME
        assert 30 <= sum(t.is_collapse for t in truth) <= 50
        assert sum(t.is_immediate for t in truth) >= 40


def test_a_bad_request_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate(0, 1, 1, start_ms=START_MS)
    with pytest.raises(ValueError, match="0 or more"):
        simulate(1, 1, -1, start_ms=START_MS)
    with pytest.raises(ValueError, match="more than one"):
        simulate(1, 1, 1, start_ms=START_MS, rates=Rates(9, 9, 14))


def test_a_recording_gives_back_what_was_written(tmp_path: Path) -> None:
    made = simulate(5, 4, 5, start_ms=START_MS, rates=Rates(0.5, 0.5, 0.0))
    written = recording.write(tmp_path / "rec", made, made.truth)
    read = recording.read(tmp_path / "rec")
    wires = list(read.messages())
    assert wires == [recording.wire_of(m) for m in made.messages()]
    assert written == len(wires)
    assert (read.records(), read.truth) == (made.records(), made.truth)
    assert (read.from_ms, read.until_ms) == (made.from_ms, made.until_ms)
    recording.write(tmp_path / "again", made, made.truth)
    for name in (recording.MESSAGES, recording.HOUSEHOLDS, recording.TRUTH):
        assert (tmp_path / "rec" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_recording_cut_short_is_complete_up_to_the_cut(tmp_path: Path) -> None:
    made = simulate(3, 2, 5, start_ms=START_MS)
    passing = recording.recorded_while_sent(tmp_path, made.messages())
    passed = [next(passing) for _ in range(10)]
    passing.close()
    recording.write_registry(tmp_path, made)
    assert list(recording.read(tmp_path).messages()) == passed


def test_a_broken_recording_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no recording"):
        recording.read(tmp_path)
    made = simulate(2, 1, 5, start_ms=START_MS)
    recording.write(tmp_path, made)
    packed = tmp_path / recording.MESSAGES
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(RecordingError, match=r"messages\.jsonl\.gz, line"):
        list(recording.read(tmp_path).messages())


@pytest.mark.parametrize("said", [b"", b"{", b'{"topic":"home.sensors"}'])
def test_a_line_of_a_recording_that_is_no_message_is_named_and_those_before_it_are_given(
    tmp_path: Path, said: bytes
) -> None:
    made = simulate(2, 1, 5, start_ms=START_MS)
    recording.write(tmp_path, made)
    packed = tmp_path / recording.MESSAGES
    lines = gzip.decompress(packed.read_bytes()).split(b"\n")
    sound = list(recording.read(tmp_path).messages())
    packed.write_bytes(gzip.compress(b"\n".join([*lines[:7], said, *lines[7:]])))
    given: list[Wire] = []
    with pytest.raises(RecordingError, match=r"messages\.jsonl\.gz, line 8: "):
        given.extend(recording.read(tmp_path).messages())
    assert given == sound[:7]


def test_every_message_decodes_into_the_events_it_was_made_of(injected: tuple[Neighbourhood, list[Message]]) -> None:
    sample = injected[1][::7] + [m for m in injected[1] if m.topic == "care.calls" or any(map(is_emergency, m.events))]
    for message in sample:
        wire = recording.wire_of(message)
        assert len(wire.value) <= MAX_MESSAGE_BYTES
        assert decode(wire.topic, wire.key.encode(), wire.value) == message.events


def test_every_registry_record_decodes_into_itself(injected: tuple[Neighbourhood, list[Message]]) -> None:
    for record in injected[0].records():
        assert decode("households", record.household.encode(), encode(record)) == [record]


# What a day looks like, of a recorded home and of a simulated one: the numbers must come from the same code.

Floats = npt.NDArray[np.float64]


def shape_of_days(life_s: Floats, all_s: Floats) -> dict[str, float]:
    """Medians over days: events, longest silence ending in the day (h); share of time in silences of 1 to 20 h by block of 4 h."""
    life = np.unique(life_s)
    gaps = np.diff(life)
    days = np.arange(int(life[0] // 86_400) + 1, int(life[-1] // 86_400))
    counts = np.bincount((all_s // 86_400).astype(np.int64) - days[0] + 1, minlength=len(days) + 2)[1 : len(days) + 1]
    ended = (life[1:] // 86_400).astype(np.int64) - days[0] + 1
    most = np.zeros(ended.max() + 1)
    np.maximum.at(most, ended, gaps / 3600)
    longest = most[1 : len(days) + 1]
    longest = longest[longest > 0]
    minute = np.arange(days[0] * 1440, (days[-1] + 1) * 1440) * 60.0 + 30
    within = gaps[np.searchsorted(life, minute) - 1]
    ordinary = within < 20 * 3600
    out = {
        "events": float(np.median(counts)),
        "longest": float(np.median(longest)),
        "longest_p90": float(np.quantile(longest, 0.9)),
    }
    for block in range(6):
        here = ordinary & ((minute % 86_400) // 14_400 == block)
        out[f"silent_{4 * block:02d}h"] = float((within[here] > 3600).mean()) if here.any() else 0.0
    return out


def channel_of(event: Event) -> str | None:
    if event.kind in {"motion", "door", "occupancy"}:
        return "home"
    if event.kind == "steps" and event.channel == "worn":
        return "worn"
    return "phone" if event.kind in {"unlock", "charge"} else None


def shapes(events: Iterable[Event]) -> dict[str, list[dict[str, float]]]:
    rows: dict[tuple[str, str], dict[tuple[object, ...], tuple[float, bool]]] = defaultdict(dict)
    for event in events:
        channel = channel_of(event)
        if channel is not None:
            # Repeats of a batch count once, as they do in the pipeline.
            same = (event.at_ms, event.kind, event.data.device, event.data.state)
            is_life = event.kind != "motion" or event.data.state != "off"
            rows[event.household, channel][same] = ((event.at_ms + LOCAL_MS) / 1000, is_life)
    out: dict[str, list[dict[str, float]]] = defaultdict(list)
    for (_, channel), seen in rows.items():
        at = np.array([t for t, _ in seen.values()])
        life = np.array([t for t, is_life in seen.values() if is_life])
        if len(life) > 100 and life.max() - life.min() > 5 * 86_400:
            out[channel].append(shape_of_days(life, at))
    return out


@pytest.fixture(scope="module")
def recorded_shapes() -> dict[str, list[dict[str, float]]]:
    files = sorted(DATA.glob("*.csv.gz"))
    if len(files) < 7:
        pytest.skip(f"the recorded homes are not beside the repository ({DATA.name})")
    # The start of each file is enough: ten days of 33 worn devices, the whole of most homes.
    return shapes(event for path in files for event in islice(read_csv(path).events, 75_000))


@pytest.fixture(scope="module")
def simulated_shapes() -> dict[str, list[dict[str, float]]]:
    made = simulate(300, 14, TUNING_SEEDS[2], start_ms=START_MS, injections=False)
    worn = [h.number for h in made.households if h.home.worn][:12]
    home = [h.number for h in made.households if h.home.gateway][:30]
    phone = [h.number for h in made.households if h.home.phone == "live"][:25]
    few = sorted({*worn, *home, *phone})
    some = replace(made, households=tuple(made.households[n] for n in few), plans=tuple(made.plans[n] for n in few))
    return shapes(events_of(some.messages()))


@pytest.mark.parametrize("channel", ["home", "worn", "phone"])
def test_simulated_days_lie_within_the_range_of_the_recorded_ones(
    channel: str,
    recorded_shapes: dict[str, list[dict[str, float]]],
    simulated_shapes: dict[str, list[dict[str, float]]],
) -> None:
    simulated, recorded = simulated_shapes[channel], recorded_shapes[channel]
    assert len(simulated) >= 10
    for measure in recorded[0]:
        ours = np.array([s[measure] for s in simulated])
        theirs = np.array([s[measure] for s in recorded])
        low, high = theirs.min(), theirs.max()
        if len(theirs) == 1:
            # One phone is no range: people differ by at least so much.
            low, high = (low * 0.4, high * 2.5) if not measure.startswith("silent") else (low - 0.45, high + 0.45)
        slack = 0.1 if measure.startswith("silent") else 0.15 * low
        inside = (ours >= low - slack) & (ours <= high + slack)
        assert low <= np.median(ours) <= high, (measure, np.median(ours), low, high)
        assert inside.mean() >= 0.8, (measure, np.quantile(ours, [0, 0.1, 0.5, 0.9, 1]), low, high)
