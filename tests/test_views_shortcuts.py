"""Parts of a household's view that are made in a shorter way say what the longer one says."""

from collections.abc import Iterable
from zlib import crc32

from detector_homes import CALLS, GATEWAY, PHONE, ROBOT, Home, at
from detector_streams import START_MS, event
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.decimals import rounded
from detectors.hours import DAY_MS, HOUR_MS, LocalHours
from detectors.household import Household
from detectors.overview import LIVE_DAYS, days_by_clock, mark, steady_days
from detectors.overview_weeks import (
    DOSES_ALARM,
    DOSES_TAKEN,
    FEW,
    LEAST_DAYS,
    LEAST_DOSES,
    LEAST_USUAL_DAYS,
    MANY,
    weeks,
)
from detectors.state import State
from detectors.tally import MOST, Tally
from detectors.weeks import Weeks
from detectors.words import COUNTS, DAYS, LEVELS, MISSED, OUTINGS, STIRS, STRETCHES, TAKEN, TOPICS
from schemas.households import HouseholdRecord
from schemas.profiles import DEFAULT_PROFILE
from schemas.views import TopicWeek
from schemas.vocabulary import CareTopic, Level
from streams.engine.roster import Roster

ties = st.builds(lambda whole, digits: (whole + 0.5) / 10**digits, st.integers(0, 10_000), st.integers(0, 3))
numbers = st.one_of(st.floats(-10, 1e12), st.floats(0, 2), ties)


@given(numbers, st.integers(0, 3))
def test_a_number_is_rounded_as_round_does(x: float, digits: int) -> None:
    assert rounded(x, digits) == round(x, digits)


def test_a_product_alone_would_round_some_ties_the_other_way() -> None:
    found = [(whole + 0.5) / 1000 for whole in range(2000)]
    assert [rounded(x, 3) for x in found] == [round(x, 3) for x in found]
    assert [int(x * 1000 + 0.5) / 1000 for x in found] != [round(x, 3) for x in found]


def spans_of(state: State, clock_ms: int) -> list[tuple[int, int]]:
    starts = [state.hours.day_start(clock_ms)]
    while len(starts) < LIVE_DAYS and starts[-1] > state.learned_ms:
        starts.append(state.hours.day_start(starts[-1] - HOUR_MS))
    spans = [(start_ms, state.day_end(start_ms)) for start_ms in reversed(starts)]
    return [span for span in spans if span[1] > max(state.start_ms, state.learned_ms)]


def lived(zone: str, began_ms: int, minutes: Iterable[int]) -> Household:
    """A home with a phone, in which something stirs at some minutes of three days: alone, or with somebody."""
    model = Household("h", DEFAULT_PROFILE, HouseholdRecord(household="h", time_zone=zone), start_ms=began_ms)
    for i, minute in enumerate(sorted(minutes)):
        at_ms = began_ms + minute * 60_000
        model.learn_one(event("motion", at_ms, number=2 * i, state="on", device="a"))
        if i % 3 == 0:
            model.learn_one(event("unlock", at_ms + 7_000, "/phone/app", number=2 * i + 1))
    return model


@settings(deadline=None)
@given(
    st.sampled_from(["Asia/Seoul", "Asia/Kathmandu", "Europe/London", "Australia/Lord_Howe"]),
    st.integers(0, 100 * 24 * 60),
    st.sets(st.integers(0, 3 * 24 * 60), max_size=40),
    st.integers(0, 3 * 24 * 60),
)
def test_days_counted_in_one_pass_are_those_counted_by_the_wall_clock(
    zone: str, began: int, minutes: set[int], looked: int
) -> None:
    began_ms = START_MS + began * 60_000
    state = lived(zone, began_ms, minutes)._state
    clock_ms = began_ms + looked * 60_000
    spans = spans_of(state, clock_ms)
    at_once = steady_days(state, spans, clock_ms)
    by_clock = days_by_clock(state, spans, clock_ms, set())
    assert at_once in (None, by_clock)
    assert at_once is not None or zone.startswith(("Europe", "Australia"))


def test_days_counted_in_one_pass_see_one_more_stretch_and_one_more_hour() -> None:
    state, more = (lived("Asia/Seoul", START_MS, minutes)._state for minutes in ([600], [600, 700, 800, 900]))
    clock_ms = START_MS + 20 * HOUR_MS
    spans = spans_of(state, clock_ms)
    shown = steady_days(state, spans, clock_ms)
    assert shown == days_by_clock(state, spans, clock_ms, set())
    assert shown != steady_days(more, spans, clock_ms)
    assert shown != steady_days(state, spans, clock_ms + HOUR_MS), "an hour has passed in which nothing began"


def test_around_a_change_of_the_clocks_days_are_counted_by_the_wall_clock() -> None:
    state = lived("Europe/London", START_MS + 86 * DAY_MS, [600])._state
    clock_ms = START_MS + 87 * DAY_MS
    assert steady_days(state, spans_of(state, clock_ms), clock_ms) is None


def long_mark(state: State, clock_ms: int) -> int:
    parts: list[object] = [state.hours.day_start(clock_ms), state.rhythm_version, state.hospital_ms, [*state.paused]]
    for kind, ring in state.rings.items():
        parts.append((kind, len(ring), ring.last.start, ring.last.end // HOUR_MS) if len(ring) else (kind,))
    for name, source in sorted(state.seeing.sources.items()):
        parts.append((name, source.is_off, source.dark_at(state.profile) > clock_ms))
    parts += [state.unseen, state.weeks.size, state.calls.settled_ms, state.medication.settled_ms]
    return crc32(repr(parts).encode())


def test_the_mark_is_the_checksum_of_all_that_a_reader_would_want_to_know() -> None:
    home = Home(ROBOT, PHONE, GATEWAY, CALLS)
    marks = set[int]()

    def look() -> None:
        clock_ms = home.model.clock_ms
        assert mark(home.model._state, clock_ms) == long_mark(home.model._state, clock_ms)
        marks.add(mark(home.model._state, clock_ms))

    home.model._state.rings.meet("worn")
    look()
    home.live(2)
    look()
    home.tell("heartbeat", at(2, 8), '/sensors/it\'s \\ "quoted"')
    look()
    home.model._state.paused = [(at(2, 9), at(2, 12))]
    look()
    home.model._state.unseen = (at(2, 1), 0)
    look()
    home.tell("power_off", at(2, 10), "/phone/app")
    look()
    home.tell("checkin_answered", at(2, 11), "/calls/p")
    look()
    home.model._state.hospital_ms = at(2, 11)
    look()
    home.model._state.calls.settled_ms = at(2, 11)
    look()
    assert len(marks) == 9, "each of it is another mark"


rows = st.lists(
    st.lists(st.integers(0, 9), min_size=COUNTS + 3 * len(TOPICS), max_size=COUNTS + 3 * len(TOPICS)),
    min_size=1,
    max_size=9,
)
WAYS = {
    CareTopic.SLEEP: (STIRS, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.EXERCISE: (STRETCHES, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.OUTINGS: (OUTINGS, (DAYS,), LEAST_DAYS, LEAST_USUAL_DAYS),
    CareTopic.MEDICATION: (TAKEN, (TAKEN, MISSED), LEAST_DOSES, 2 * LEAST_USUAL_DAYS),
}


def level_of(topic: CareTopic, measured: float | None, usual: float | None) -> int:
    if measured is None or (usual is None and topic is not CareTopic.MEDICATION):
        return 0
    if topic is CareTopic.MEDICATION:
        return 2 if measured < DOSES_ALARM else 1 if measured < DOSES_TAKEN else 0
    assert usual is not None
    return int(measured > MANY * usual and measured > usual + 1 if topic is CareTopic.SLEEP else measured < FEW * usual)


@given(rows, st.booleans(), st.sets(st.integers(0, 8)))
def test_topics_of_a_week_are_measured_against_all_other_weeks(
    counts: list[list[int]], goes_out: bool, silent: set[int]
) -> None:
    for number in silent & set(range(len(counts))):
        counts[number][COUNTS:] = [0] * (3 * len(TOPICS))
    shown = weeks([(20_000 + 7 * i, row) for i, row in enumerate(counts)], goes_out=goes_out)
    for i, row in enumerate(counts):
        others = [other for j, other in enumerate(counts) if j != i]
        wanted = {}
        for place, topic in enumerate(TOPICS):
            measured = usual = None
            if topic in WAYS and (goes_out or topic is not CareTopic.OUTINGS):
                above, below, least, habit = WAYS[topic]
                of, besides = (sum(one[at] for one in those for at in below) for those in ([row], others))
                measured = row[above] / of if of >= least else None
                usual = sum(one[above] for one in others) / besides if besides >= habit else None
            usual = None if measured is None else usual
            told = row[COUNTS + 3 * place : COUNTS + 3 * place + 3]
            if measured is not None or any(told):
                worst = max(2 if told[2] else 1 if told[1] else 0, level_of(topic, measured, usual))
                parts = [None if one is None else round(one, 2) for one in (measured, usual)]
                wanted[topic] = TopicWeek(
                    ok=told[0],
                    concern=told[1],
                    alarm=told[2],
                    measured=parts[0],
                    usual=parts[1],
                    level=(Level.OK, Level.CONCERN, Level.ALARM)[worst],
                )
        assert shown[i].topics == wanted
    assert LEVELS == (Level.OK, Level.CONCERN, Level.ALARM)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.sampled_from([1, 200, 254, 255, 300, MOST]))))
def test_a_row_of_counts_is_whole_where_none_of_them_is_the_most(added: list[tuple[int, int, int]]) -> None:
    tally = Tally(3, 4)
    for number, place, count in added:
        tally.add(number, {place: count})
    assert [row[:2] for row in tally.all_whole()] == tally.all()
    assert [whole for _, _, whole in tally.all_whole()] == [MOST not in counts for _, counts in tally.all()]


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60)


@given(steps, st.sampled_from([60, 1440]), st.integers(0, 3000), st.integers(1, 70))
def test_those_whose_turn_it_is_are_those_of_that_minute_who_are_still_watched(
    done: list[tuple[bool, int]], every: int, first: int, count: int
) -> None:
    roster, there = Roster(0, 1), set[str]()
    for comes, number in done:
        name = f"home-{number}"
        if comes and name not in there:
            roster.meet(name, START_MS)
            there.add(name)
        elif not comes and name in there:
            roster.drop(roster.get(name))  # type: ignore[arg-type]  # it is there
            there.remove(name)
    minutes = range(first, first + count)
    wanted = {minute % every for minute in minutes}
    found = [one.name for one in roster.whose_turn(minutes, every)]
    assert found == sorted(name for name in there if crc32(name.encode()) % 1440 % every in wanted)


def test_in_an_hour_every_household_has_its_turn_once_and_in_a_minute_few_have() -> None:
    roster = Roster(0, 1)
    for number in range(200):
        roster.meet(f"home-{number}", START_MS)
    each = [len(roster.whose_turn([minute], 60)) for minute in range(60)]
    assert sum(each) == 200
    assert max(each) < 20


told = st.lists(
    st.tuples(
        st.integers(0, 40 * 24), st.sampled_from(["call_out", "checkin_answered", "checkin_no_answer"]), st.booleans()
    ),
    max_size=12,
)


@settings(deadline=None)
@given(told, told, st.sampled_from(["Asia/Seoul", "Europe/London"]))
def test_counts_of_words_are_those_of_having_folded_them(
    kept: list[tuple[int, str, bool]], words: list[tuple[int, str, bool]], zone: str
) -> None:
    hours, shown, folded = LocalHours(zone), Weeks(), Weeks()
    for told_before, those in ((True, kept), (False, words)):
        for i, (hour, kind, spoke) in enumerate(those, 1 if told_before else 101):
            source = "/phone/app" if kind == "call_out" else "/calls/p"
            topics = {CareTopic.MEALS: Level.ALARM, CareTopic.MOOD: Level.OK} if spoke and kind != "call_out" else {}
            at_ms = START_MS + 80 * DAY_MS + hour * HOUR_MS
            for one in (shown, folded):
                one.learn_one(event(kind, at_ms, source, number=i, topics=topics))
        for one in (shown, folded) if told_before else (folded,):
            one.learn_before(1 << 46, hours)
    counts = shown.counts(hours)
    assert (counts == (shown._by_week().all(), shown._by_month().all())) == (not words), "words are counted"
    assert counts == (folded._by_week().all(), folded._by_month().all())
