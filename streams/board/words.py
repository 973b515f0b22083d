"""What the board says, in Korean and in English: texts and the names of closed sets, from `words.toml`."""

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from schemas.incidents import KIND_NAMES, Incident, IncidentKind
from schemas.times import EPOCH, from_rfc3339
from schemas.views import GradeReason
from schemas.vocabulary import CareTopic
from streams.cases.particles import subject, towards
from streams.cases.wording import dated, lasting
from streams.cases.would_change import would_change

Language = Literal["ko", "en"]
LANGUAGES: Final = ("ko", "en")
SEOUL: Final = ZoneInfo("Asia/Seoul")
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


@cache
def tables() -> dict[str, dict[str, tuple[str, str]]]:
    """Return each table of words: code -> (Korean, English)."""
    read = tomllib.loads(Path(__file__).with_name("words.toml").read_text())
    return {table: {code: (pair[0], pair[1]) for code, pair in rows.items()} for table, rows in read.items()}


class Words:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.language: Language = "en" if language == "en" else "ko"
        self._place = LANGUAGES.index(self.language)

    def say(self, code: str, **parts: object) -> str:
        """Return a text; a missing one is a mistake of ours and raises KeyError."""
        return tables()["say"][code][self._place].format(**parts)

    def taken_by(self, who: str) -> str:
        """Return who has taken an incident."""
        return self.say("taken_by", who=subject(who) if self.language == "ko" else who)

    def grade_proposal(self, grade: str) -> str:
        """Return which risk grade is proposed, and that an officer decides."""
        name = self.name("grade", grade)
        return self.say("grade_proposal_about", grade=towards(name) if self.language == "ko" else name)

    def name(self, table: str, code: str) -> str:
        """Return the name of a code in a closed set; of one that is newer than this board, the code itself."""
        pair = tables()[table].get(str(code))
        return str(code).replace("_", " ") if pair is None else pair[self._place]

    def reason(self, one: GradeReason) -> str:
        """Return why another risk grade is proposed, as a sentence."""
        return self.name("grade_reason", one.reason).format(number="" if one.number is None else f"{one.number:g}")

    def has(self, table: str, code: str) -> bool:
        """Tell whether a code has a name."""
        return str(code) in tables()[table]

    def kind(self, incident: Incident) -> str:
        """Return what an incident is about."""
        return KIND_NAMES[incident.kind][self._place]

    def kind_name(self, code: str) -> str:
        """Return the name of a kind of incident; of one that this board does not know, its code."""
        try:
            return KIND_NAMES[IncidentKind(code)][self._place]
        except ValueError:
            return str(code).replace("_", " ")

    def sentence(self, incident: Incident, now_ms: int) -> str:
        """Return its sentence as of a moment. "Just now" and "for 6 h" were true when it was told: what is true now stands there."""
        said = dated(incident, self.clock(incident.event_from, now_ms))
        return lasting(incident, said, now_ms)[self._place]

    def percent(self, chance: float) -> str:
        """`62%`, `1% 미만`, `99% 이상`: a chance between 0 and 1, of which nobody knows tenths."""
        if chance < 0.01:
            return self.say("under_percent", percent=1)
        return self.say("over_percent", percent=99) if chance > 0.99 else f"{chance * 100:.0f}%"

    def would_change(self, incident: Incident) -> str:
        """Return what would change the decision; empty where nothing would."""
        said = would_change(incident)
        return "" if said is None else said[self._place]

    def clock(self, at: str | int | None, now_ms: int) -> str:
        """`14:05` of today, `11월 24일 14:05` of another day, with the year of another year; Korea's time."""
        if at is None:
            return self.say("unknown")
        try:
            at_ms = at if isinstance(at, int) else from_rfc3339(at)
        except ValueError:
            return self.say("unknown")
        moment = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(SEOUL)
        now = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(SEOUL)
        clock = f"{moment:%H:%M}"
        if moment.date() == now.date():
            return clock
        if self.language == "ko":
            day = f"{moment.month}월 {moment.day}일"
            return f"{day} {clock}" if moment.year == now.year else f"{moment.year}년 {day} {clock}"
        day = f"{moment.day} {moment:%b}"
        return f"{day} {clock}" if moment.year == now.year else f"{day} {moment.year} {clock}"

    def date(self, at: str | None, now_ms: int) -> str:
        """`11월 4일` of a moment: the day is enough."""
        if at is None:
            return self.say("unknown")
        clock = self.clock(at, now_ms)
        return clock if " " not in clock else clock.rsplit(" ", 1)[0]

    def clock_of(self, at: datetime, now_ms: int) -> str:
        """Do the same for a time that ClickHouse gave, which is UTC whether it says so or not."""
        return self.clock(round((at.replace(tzinfo=UTC) - EPOCH).total_seconds() * 1000), now_ms)

    def today(self, now_ms: int) -> str:
        """Return the date of the day of life, from 04:00 on, of a moment in Korea."""
        return ((EPOCH + timedelta(milliseconds=now_ms)).astimezone(SEOUL) - timedelta(hours=4)).date().isoformat()

    def day(self, date: str) -> str:
        """`11/17 화` of `2026-11-17`."""
        try:
            at = datetime.fromisoformat(date)
        except ValueError:
            return date
        names = "월화수목금토일" if self.language == "ko" else ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
        return f"{at.month}/{at.day} {names[at.weekday()]}"

    def number(self, value: float) -> str:
        """`3`, `0.4`, `12.5`: at most two digits behind the point, none that say nothing."""
        text = f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def tenths(self, value: float) -> str:
        """`3`, `0.4`: for a narrow cell."""
        return f"{value:.1f}".removesuffix(".0")

    def hours(self, hours: float | None) -> str:
        """`5.2시간`; `알 수 없음` of none."""
        return self.say("unknown") if hours is None else self.say("hours", hours=self.number(hours))

    def measured(self, topic: str, value: float, usual: float | None) -> str:
        """`하루 외출 0.6번 (평소 1.1)`: what sensors and doses say of a topic in a week, beside the home's ordinary weeks."""
        share = topic == CareTopic.MEDICATION

        def shown(number: float) -> str:
            return f"{number * 100:.0f}%" if share else self.tenths(number)

        said = self.name("measured", topic).format(value=shown(value))
        return said if usual is None else f"{said} {self.say('usually', usual=shown(usual))}"

    def age(self, age_ms: int) -> str:
        """`방금`, `12분`, `5시간 20분`, `3일 4시간`."""
        minutes = max(0, age_ms) // _MINUTE_MS
        days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
        korean = self.language == "ko"
        if days:
            return f"{days}일 {hours}시간" if korean else f"{days} d {hours} h"
        if hours:
            return f"{hours}시간 {rest}분" if korean else f"{hours} h {rest} min"
        if minutes:
            return f"{minutes}분" if korean else f"{minutes} min"
        return "1분 미만" if korean else "under 1 min"
