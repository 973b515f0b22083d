"""Numbers as a welfare officer says them, in Korean and English: hours, so many of ten, so often a day."""

from typing import Final

from detectors.findings import Fact

Said = tuple[str, str]
"""(Korean, English)."""
HARDLY: Final = 0.05
"""A share or a daily count below this is hardly ever."""


def number(facts: dict[str, Fact], name: str) -> float | None:
    """Return a number among the facts; None where there is none."""
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else None


def hours(value: float | None) -> Said:
    """`5시간 20분`, `40분`, `1분 미만`; of None as of 0."""
    minutes = round((value or 0.0) * 60)
    whole, rest = divmod(minutes, 60)
    if not minutes:
        return "1분 미만", "less than a minute"
    korean = " ".join(part for part in (f"{whole}시간" if whole else "", f"{rest}분" if rest else "") if part)
    return korean, " ".join(part for part in (f"{whole} h" if whole else "", f"{rest} min" if rest else "") if part)


def of_ten(share: float) -> int:
    """Return how many of ten a share is."""
    return round(min(max(share, 0.0), 1.0) * 10)


def in_a_row(count: int) -> Said:
    """`3번 연속`, `한 번`."""
    return (f"{count}번 연속", f"{count} in a row") if count > 1 else ("한 번", "one")


def often(a_day: float, *, night: bool = False) -> Said | None:
    """`하루 3번쯤`, `4일에 한 번쯤`; None where it hardly ever happens."""
    if a_day < HARDLY:
        return None
    days = round(1 / a_day)
    if days > 1:
        return f"{days}일에 한 번쯤", f"about once in {days} {'nights' if night else 'days'}"
    shown = f"{a_day:.0f}" if a_day >= 9.95 else f"{a_day:.1f}".removesuffix(".0")
    return f"{'하룻밤' if night else '하루'} {shown}번쯤", f"about {shown} a {'night' if night else 'day'}"
