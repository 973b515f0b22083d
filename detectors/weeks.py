"""What was said and done by day, week and month; what is still of concern; and what became of referrals.

Kept to be shown to the officer of the household.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple

from detectors.contact import contact
from detectors.contract import Law
from detectors.hours import DAY_BEGINS_H, DAY_MS, EPOCH, FARTHEST_MS, HOUR_MS, LocalHours
from detectors.tally import MOST, Tally
from detectors.words import (
    COUNTS,
    LEVELS,
    OUTINGS,
    TALKS,
    TOPICS,
    WORD_BYTES,
    Word,
    read,
    read_at,
    spoken,
    word_of,
)
from schemas.events import Event
from schemas.views import MOST_DAYS, MOST_MONTHS, MOST_REFERRALS, MOST_WEEKS
from schemas.vocabulary import CareTopic

MOST_WORDS: Final = 256
"""Words remembered one by one; older ones are counted in their week."""
LEARNED_DAYS: Final = MOST_DAYS - 2
"""Days remembered by hour; the two or three that are not learned yet are known from the signs of life themselves."""
UNSEEN: Final = 65_535
"""In place of the count of an hour in which nothing could be seen."""
FOUR_WEEKS: Final = 28
MOST_MOODS: Final = 6
_MOOD: Final = TOPICS.index(CareTopic.MOOD)
_MONDAY: Final = 4
"""1970-01-05 was a Monday: the fourth day after the first."""


class Concern(NamedTuple):
    """A topic of which somebody was worried: since when, how much when last told, and whether it is over."""

    topic: int
    level: int
    since_ms: int
    told_ms: int
    resolved_ms: int
    """0 while it is open."""
    by_call: int = 0
    by_robot: int = 0
    """How often a call and a robot told of it since then."""


class Mood(NamedTuple):
    """The mood as a talk told it: 0 well, 1 a concern, 2 an alarm."""

    at_ms: int
    level: int
    by_robot: int = 0
    """1 where a robot heard it, 0 where a call did."""


class Referred(NamedTuple):
    """A referral, with the contact index of the four weeks before it and of up to four weeks after it."""

    at_ms: int
    service: str
    before: float | None
    after: float | None


class Weeks:
    """Words of the learning horizon one by one, older ones counted by week and month, in bounded memory.

    Repeats and the order of arrival do not matter within the horizon. There is nothing to score.
    """

    opts_out: ClassVar[frozenset[Law]] = frozenset({Law.SCORE})

    __slots__ = ("_concerns", "_days", "_months", "_moods", "_weeks", "_words", "referrals")

    def __init__(self) -> None:
        self._words = b""
        """Numbers of `words.word_of` as `words.unpack` reads them, oldest first."""
        self._weeks = self._months = self._days = b""
        """`Tally.kept` of each."""
        self._concerns: tuple[Concern, ...] = ()
        self._moods: tuple[Mood, ...] = ()
        self.referrals: tuple[Referred, ...] = ()

    def learn_one(self, event: Event) -> int:
        """Remember one event, and return its word where it is new; 0 otherwise."""
        word = word_of(event)
        if word is None:
            return 0
        words = self._words
        number = word.to_bytes(WORD_BYTES, "big")
        at = len(words)  # nearly always the newest
        while at and words[at - WORD_BYTES : at] > number:
            at -= WORD_BYTES
        if words[at - WORD_BYTES : at] == number:
            return 0
        self._words = words[:at] + number + words[at:]
        return word

    def bound(self, hours: LocalHours) -> bool:
        """Count the oldest words where there are too many to remember one by one; tell whether `slow_state` changed so."""
        too_many = self.size - MOST_WORDS
        if too_many > 0:
            self._fold([read_at(self._words, place * WORD_BYTES) for place in range(too_many)], hours)
        return too_many > 0

    def learn_before(self, at_ms: int, hours: LocalHours) -> list[Word]:
        """Count words older than `at_ms` in their weeks, forget them, and return them."""
        old: list[Word] = []
        for at in range(0, len(self._words), WORD_BYTES):
            word = read_at(self._words, at)
            if word.at_ms >= at_ms:
                break
            old.append(word)
        if old:
            self._fold(old, hours)
        return old

    def learn_day(self, start_ms: int, hours: LocalHours, counts: dict[int, int], begun: list[int]) -> None:
        """Count a day: what was seen of it, by place, and the stretches of activity begun in each hour from 04:00 on."""
        number = day_of(start_ms, hours)
        days, weeks, months = self._by_day(), self._by_week(), self._by_month()
        days.add(number, dict(enumerate(begun)))
        weeks.add(monday_of(number), counts)
        months.add(month_of(number), counts)
        self._days, self._weeks, self._months = days.kept, weeks.kept, months.kept

    def _by_day(self) -> Tally:
        return Tally(24, LEARNED_DAYS, self._days)

    def _by_week(self) -> Tally:
        return Tally(COUNTS + len(TOPICS) * len(LEVELS), MOST_WEEKS, self._weeks)

    def _by_month(self) -> Tally:
        return Tally(COUNTS, MOST_MONTHS, self._months)

    def refer(self, service: str, at_ms: int, hours: LocalHours, *, robot: bool) -> None:
        """Remember that the person was referred to a service, and how much contact there was before."""
        before = self.index(monday_of(day_of(at_ms, hours)) - FOUR_WEEKS, hours, robot=robot)
        self.referrals = (*self.referrals, Referred(at_ms, service, before, None))[-MOST_REFERRALS:]

    def follow(self, clock_ms: int, hours: LocalHours, *, robot: bool) -> None:
        """Note how much contact there was after each referral, until four weeks are over."""
        known = list(self.referrals)
        for i, one in enumerate(known):
            monday = monday_of(day_of(one.at_ms, hours))
            if monday < monday_of(day_of(clock_ms, hours)) <= monday + FOUR_WEEKS + 7:
                after = self.index(monday + 7, hours, robot=robot)
                known[i] = one._replace(after=after)
        self.referrals = tuple(known)

    def index(self, monday: int, hours: LocalHours, *, robot: bool) -> float | None:
        """Return the contact index of the four weeks from a Monday on, as far as they are known."""
        rows = [row for number, row in self.weeks(hours) if monday <= number < monday + FOUR_WEEKS]
        return contact(rows, goes_out=self.goes_out, robot=robot).overall

    @property
    def goes_out(self) -> bool:
        """Tell whether a way out was ever seen in the months that are known."""
        for _, row in self._by_month().all():  # noqa: SIM110 - a loop makes no generator
            if row[OUTINGS]:
                return True
        return False

    def counts(self, hours: LocalHours) -> tuple[list[tuple[int, list[int]]], list[tuple[int, list[int]]]]:
        """Return (Monday, counts) of each week and (months since 1970-01, counts) of each month, oldest first.

        The words of the horizon are counted as well.
        """
        of_weeks, of_months = self._by_week(), self._by_month()
        weeks, months = of_weeks.all(), of_months.all()
        words = self._words
        by_week: list[int] = []
        by_month: list[int] | None = None
        month = until_ms = -1
        for at in range(0, len(words), WORD_BYTES):  # ordered by time
            at_ms, place = int.from_bytes(words[at : at + 7], "big"), words[at + 7] & 0xF
            if at_ms >= until_ms:
                day, until_ms = _day_until(at_ms, hours)
                by_week, by_month, month = of_weeks.row_among(weeks, monday_of(day)), None, month_of(day)
            if place < COUNTS:
                if by_month is None:
                    by_month = of_months.row_among(months, month)
                if by_month[place] < MOST:
                    by_month[place] += 1
            if place >= COUNTS or words[at + 15] or words[at + 16] or words[at + 17]:
                for each, count in _counts(read_at(words, at)).items():
                    by_week[each] = min(MOST, by_week[each] + count)
            elif by_week[place] < MOST:
                by_week[place] += 1
        return weeks, months

    def weeks(self, hours: LocalHours) -> list[tuple[int, list[int]]]:
        """Return (Monday, counts) of each week, oldest first: `counts`."""
        return self.counts(hours)[0]

    def days(self) -> list[tuple[int, list[int]]]:
        """Return (days since 1970, stretches begun by hour from 04:00 on) of the last learned days."""
        return self._by_day().all()

    def days_shown(self) -> list[tuple[int, list[int], bool]]:
        """Return the same, and of each day whether no hour of it is `UNSEEN`."""
        return self._by_day().all_whole()

    @property
    def size(self) -> int:
        """Words remembered one by one: grows with each that comes."""
        return len(self._words) // WORD_BYTES

    def concerns(self) -> list[Concern]:
        """Return what is or was of concern, by topic, as the last words left it."""
        known = list(self._concerns)
        for number in spoken(self._words):
            known = concerned(known, read(number))
        return known

    def moods(self) -> list[Mood]:
        """Return the last talks that spoke of the mood, oldest first."""
        known = list(self._moods)
        for number in spoken(self._words):
            known = _mooded(known, read(number))
        return known

    def _fold(self, words: list[Word], hours: LocalHours) -> None:
        """Count the oldest words, and forget them."""
        self._words = self._words[len(words) * WORD_BYTES :]
        weeks: dict[int, dict[int, int]] = {}
        months: dict[int, dict[int, int]] = {}
        concerns, moods = list(self._concerns), list(self._moods)
        for word in words:
            day = day_of(word.at_ms, hours)
            by_week = weeks.setdefault(monday_of(day), {})
            place = word.place
            if place < COUNTS:
                by_month = months.setdefault(month_of(day), {})
                by_month[place] = by_month.get(place, 0) + 1
            if not word.levels and not word.resolved:  # nothing was spoken of, as nearly always
                if place < COUNTS:
                    by_week[place] = by_week.get(place, 0) + 1
                continue
            for each in _counts(word):
                by_week[each] = by_week.get(each, 0) + 1
            concerns, moods = concerned(concerns, word), _mooded(moods, word)
        all_weeks, all_months = self._by_week(), self._by_month()
        for monday, counts in weeks.items():
            all_weeks.add(monday, counts)
        for month, counts in months.items():
            all_months.add(month, counts)
        self._weeks, self._months = all_weeks.kept, all_months.kept
        self._concerns, self._moods = tuple(concerns), tuple(moods)

    def state(self) -> bytes:
        """Return the words, changed by events."""
        return self._words

    def restore(self, state: bytes) -> None:
        """Take the bytes of a `state()`.

        Raises:
            ValueError: they are not words in the order of their time.

        """
        words = [state[at : at + WORD_BYTES] for at in range(0, len(state), WORD_BYTES)]
        if len(state) % WORD_BYTES or words != sorted(words) or (words and read_at(words[-1], 0).at_ms > FARTHEST_MS):
            raise ValueError("no words in their order")
        self._words = state

    def slow_state(self) -> list[Any]:
        """Return days, weeks, months, concerns and referrals, changed once a day, or where there are too many words."""
        return [
            self._by_day().rows,
            self._by_week().rows,
            self._by_month().rows,
            [list(concern) for concern in self._concerns],
            [list(one) for one in self.referrals],
            [list(one) for one in self._moods],
        ]

    def restore_slow(self, state: list[Any]) -> None:
        """Take the numbers of a `slow_state()`."""
        days, weeks, months = self._by_day(), self._by_week(), self._by_month()
        days.restore(state[0])
        weeks.restore(state[1])
        months.restore(state[2])
        self._days, self._weeks, self._months = days.kept, weeks.kept, months.kept
        self._concerns = tuple([Concern(*concern) for concern in state[3]])
        self.referrals = tuple([Referred(*one) for one in state[4]])
        self._moods = tuple([Mood(*one) for one in state[5]]) if len(state) > 5 else ()


def day_of(at_ms: int, hours: LocalHours) -> int:
    """Return the day of life of a moment, days since 1970-01-01 on the local wall clock."""
    return max(0, (at_ms + hours.offset_ms(at_ms) - DAY_BEGINS_H * HOUR_MS) // DAY_MS)


def monday_of(day: int) -> int:
    """Return the Monday of the week of a day."""
    return max(0, day - (day - _MONDAY) % 7)


@lru_cache(maxsize=1024)
def month_of(day: int) -> int:
    """Return the calendar month of a day, months since 1970-01."""
    date = EPOCH + timedelta(days=day)
    return (date.year - EPOCH.year) * 12 + date.month - 1


def _day_until(at_ms: int, hours: LocalHours) -> tuple[int, int]:
    """Return the day of life of a moment, and until when moments after it certainly belong to the same."""
    day = day_of(at_ms, hours)
    end_ms = (day + 1) * DAY_MS + DAY_BEGINS_H * HOUR_MS - hours.offset_ms(at_ms)
    return day, end_ms if end_ms <= hours.steady_until(at_ms) else at_ms


def _counts(word: Word) -> dict[int, int]:
    places = {word.place: 1} if word.place < COUNTS else {}
    if not word.levels:
        return places
    for topic in range(len(TOPICS)):
        level = word.level(topic)
        if level >= 0:
            places[COUNTS + topic * len(LEVELS) + level] = 1
    return places


def _mooded(known: list[Mood], word: Word) -> list[Mood]:
    level = word.level(_MOOD)
    return known if level < 0 else [*known, Mood(word.at_ms, level, int(word.place == TALKS))][-MOST_MOODS:]


def concerned(known: list[Concern], word: Word) -> list[Concern]:
    """Return the concerns after a word. A topic that is well again, or told as resolved, is over until it is told anew."""
    if not word.levels and not word.resolved:
        return known
    by_topic = {concern.topic: concern for concern in known}
    for topic in range(len(TOPICS)):
        level = word.level(topic)
        before = by_topic.get(topic)
        if level > 0:
            if before is None or before.resolved_ms:
                before = Concern(topic, level, word.at_ms, word.at_ms, 0)
            heard = {"by_robot": before.by_robot + 1} if word.place == TALKS else {"by_call": before.by_call + 1}
            by_topic[topic] = before._replace(level=level, told_ms=word.at_ms, **heard)
        elif before is not None and not before.resolved_ms and (level == 0 or word.resolved >> topic & 1):
            by_topic[topic] = before._replace(resolved_ms=word.at_ms)
    return [by_topic[topic] for topic in sorted(by_topic)]
