"""What gets worse over weeks, in words: the usual beside the last week."""

from collections.abc import Callable
from typing import Final, NamedTuple

from detectors.chronic import WAYS
from detectors.findings import Fact
from detectors.learning import TENTHS
from detectors.words import minutes_of
from schemas.incidents import IncidentKind
from streams.cases.wording_numbers import Said, number, of_ten, often


class _Habit(NamedTuple):
    """What to say of a habit that got worse: with no numbers, and what stands before the numbers."""

    plain: Said
    name: Said
    amount: Callable[[float], Said | None]
    """A value in words, None where it is hardly ever."""


def _a_night(value: float) -> Said | None:
    return often(value, night=True)


def _of_ten(value: float) -> Said | None:
    ten = of_ten(value)
    return (f"10번 가운데 {ten}번쯤", f"about {ten} of 10") if ten else None


def _minutes(value: float) -> Said | None:
    minutes = minutes_of(value)
    if minutes < 1:
        tens = max(1, round(minutes * 6))
        return f"한 번에 {tens}0초쯤", f"about {tens}0 s"
    return f"한 번에 {minutes:.0f}분쯤", f"about {minutes:.0f} min"


def _percent(value: float) -> Said | None:
    percent = round(100 * value / TENTHS)
    return (f"{percent}%쯤", f"about {percent} %") if percent else None


def _an_hour(value: float) -> Said | None:
    minutes = round(value)
    return (f"한 시간에 {minutes}분쯤", f"about {minutes} min an hour") if minutes else None


_HABITS: Final[dict[str, _Habit]] = {
    "activity": _Habit(
        (
            "최근 몇 주 사이 휴대전화를 쓰시는 일이 평소보다 뚜렷이 줄었습니다.",
            "Over the last weeks the phone has been used clearly less than usual.",
        ),
        ("휴대전화를 쓰시는 일이", "Times of using the phone"),
        often,
    ),
    "pace": _Habit(
        (
            "최근 몇 주 사이 집 안에서의 활동이 평소보다 뚜렷이 줄었습니다.",
            "Over the last weeks there has been clearly less activity at home than usual.",
        ),
        ("집에 계실 때 움직이시는 시간이", "Up and about at home"),
        _an_hour,
    ),
    "sleep": _Habit(
        (
            "최근 몇 주 사이 밤에 깨어 움직이시는 일이 평소보다 잦아졌습니다.",
            "Over the last weeks the person has been up at night more often than usual.",
        ),
        ("밤에 깨어 움직이시는 일이", "Being up at night"),
        _a_night,
    ),
    "doses": _Habit(
        (
            "최근 몇 주 사이 약 드신 것이 확인되지 않는 일이 평소보다 잦아졌습니다.",
            "Over the last weeks doses have been missed more often than usual.",
        ),
        ("약을 챙겨 드시는 일이", "Doses taken"),
        _of_ten,
    ),
    "outings": _Habit(
        (
            "최근 몇 주 사이 외출이 평소보다 뚜렷이 줄었습니다.",
            "Over the last weeks the person has gone out clearly less than usual.",
        ),
        ("외출이", "Going out"),
        often,
    ),
    "contacts": _Habit(
        (
            "최근 몇 주 사이 전화나 문자로 연락을 주고받으시는 일이 평소보다 뚜렷이 줄었습니다.",
            "Over the last weeks there have been clearly fewer calls and messages than usual.",
        ),
        ("전화나 문자로 연락을 주고받으시는 일이", "Calls and messages"),
        often,
    ),
    "nights_out": _Habit(
        (
            "최근 한밤중에 집을 나서시는 일이 평소보다 잦아졌습니다.",
            "Lately the person has left home in the middle of the night more often than usual.",
        ),
        ("한밤중에 집을 나서시는 일이", "Leaving home in the middle of the night"),
        _a_night,
    ),
    "night_share": _Habit(
        (
            "최근 며칠 사이 밤에 활동하고 낮에 쉬시는 등 낮과 밤이 바뀌었습니다.",
            "Over the last days the person has been active at night instead of by day.",
        ),
        ("낮과 밤이 바뀌어, 하루 활동 가운데 밤에 하시는 몫이", "Day and night are reversed; active at night"),
        _percent,
    ),
    "answers": _Habit(
        (
            "안부 전화를 받으시는 일이 예전보다 뚜렷이 줄었습니다.",
            "Check-in calls are answered clearly less often than before.",
        ),
        ("안부 전화를 받으시는 일이", "Check-in calls answered"),
        _of_ten,
    ),
    "talks": _Habit(
        (
            "안부 전화에서 나누시는 대화가 예전보다 뚜렷이 짧아졌습니다.",
            "The talks in check-in calls have become clearly shorter than before.",
        ),
        ("안부 전화에서 나누시는 대화가", "Talks in check-in calls"),
        _minutes,
    ),
    "dialogs": _Habit(
        (
            "돌봄 로봇과 나누시는 대화가 예전보다 뚜렷이 짧아졌습니다.",
            "The talks with the care robot have become clearly shorter than before.",
        ),
        ("돌봄 로봇과 나누시는 대화가", "Talks with the care robot"),
        _minutes,
    ),
}
_OF_KIND: Final = {
    IncidentKind.SLOW_DECLINE: "pace",
    IncidentKind.WITHDRAWAL: "outings",
    IncidentKind.NIGHT_WANDERING: "nights_out",
    IncidentKind.DAY_NIGHT_REVERSAL: "night_share",
    IncidentKind.FALLING_ANSWERS: "answers",
    IncidentKind.SHORTER_TALKS: "talks",
}
"""The habit that is spoken of where the facts name none."""
_TOPICS: Final[dict[str, Said]] = {
    "health": ("건강", "health"),
    "meals": ("식사", "meals"),
    "sleep": ("수면", "sleep"),
    "exercise": ("운동", "exercise"),
    "outings": ("외출", "outings"),
    "mood": ("기분", "mood"),
    "medication": ("복약", "medication"),
}


def slowly(kind: IncidentKind, facts: dict[str, Fact]) -> Said | None:
    """Korean and English sentence for what gets worse over weeks; None for everything else."""
    if kind in _OF_KIND:
        name = str(facts.get("habit"))
        name = name if name in _HABITS else _OF_KIND[kind]
        habit = _HABITS[name]
        usual, lately = number(facts, "usual"), number(facts, "lately")
        # In the last week it may have been better again: then only that it got worse is said.
        if usual is None or lately is None or WAYS[name].sign * (lately - usual) <= 0:
            return habit.plain
        return _against(habit, usual, lately)
    if kind is IncidentKind.LOW_MOOD:
        low, talks = facts.get("low", 0), facts.get("talks", 0)
        before = _before(facts)
        return (
            f"최근 대화 {talks}번 가운데 {low}번에서 기분이 가라앉거나 외롭다고 하셨습니다.{before[0]}",
            f"Low or lonely in {low} of the last {talks} talks{before[1]}.",
        )
    if kind is IncidentKind.LASTING_CONCERN:
        korean, english = _TOPICS.get(str(facts.get("topic")), ("생활", "daily life"))
        days, before = facts.get("days", 0), _before(facts)
        return (
            f"{korean}에 대한 걱정이 {days}일째 이어지고 있습니다.{before[0]}",
            f"A concern about {english} has lasted {days} days{before[1]}.",
        )
    return None


def _against(habit: _Habit, usual: float, lately: float) -> Said:
    """Return the usual against the last week, in numbers where they differ as they are said."""
    before, now = habit.amount(usual), habit.amount(lately)
    if before == now:
        return habit.plain
    name_ko, name_en = habit.name
    was = f"{before[0]}이었으나" if before else "거의 없었으나"
    # What is counted twice in one unit is said with it once: "한 번에 8분쯤이었으나 최근에는 3분쯤".
    unit = "" if before is None or now is None else _common(before[0], now[0])
    is_ = f"{now[0].removeprefix(unit)}입니다" if now else "거의 없습니다"
    return (
        f"{name_ko} 평소에는 {was} 최근에는 {is_}.",
        f"{name_en}: usually {before[1] if before else 'hardly ever'}, lately {now[1] if now else 'hardly ever'}.",
    )


def _common(one: str, other: str) -> str:
    first, _, _ = one.rpartition(" ")
    return f"{first} " if first and other.startswith(f"{first} ") else ""


def _before(facts: dict[str, Fact]) -> Said:
    """Return how it was in the talks before, to be put behind a sentence; nothing where there were none."""
    talks, low = int(number(facts, "usual_talks") or 0), int(number(facts, "usual_low") or 0)
    if not talks:
        return "", ""
    if not low:
        return f" 그전 대화 {talks}번에서는 그런 말씀이 없었습니다.", f"; in none of the {talks} before"
    return f" 그전에는 대화 {talks}번 가운데 {low}번이었습니다.", f"; before that in {low} of {talks}"
