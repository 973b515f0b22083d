"""One sentence in Korean and one in English that a welfare officer would say aloud."""

from detectors.findings import Finding
from schemas.incidents import KIND_NAMES, IncidentKind


def _hours(value: object) -> tuple[str, str]:
    hours = float(value) if isinstance(value, int | float) else 0.0
    whole, minutes = int(hours), round(hours % 1 * 60)
    if minutes == 60:
        whole, minutes = whole + 1, 0
    korean = f"{whole}시간" + (f" {minutes}분" if minutes else "")
    return korean, f"{whole} h" + (f" {minutes} min" if minutes else "")


def _age(age_ms: int) -> tuple[str, str]:
    minutes = max(0, age_ms) // 60_000
    if not minutes:
        return "방금", "just now"
    if minutes < 60:
        return f"{minutes}분 전", f"{minutes} min ago"
    return f"{minutes // 60}시간 {minutes % 60}분 전", f"{minutes // 60} h {minutes % 60} min ago"


def sentences(finding: Finding, now_ms: int) -> tuple[str, str]:
    """Korean and English sentence for a finding as it stands at `now_ms`, UTC milliseconds."""
    korean, english = KIND_NAMES[finding.kind]
    facts = finding.facts
    if finding.kind is IncidentKind.SILENCE:
        silent = _hours(facts.get("silent_h"))
        usual = facts.get("usual_per_h")
        if isinstance(usual, int | float) and usual:
            return (
                f"평소 이 시간에는 시간당 생활 반응이 {usual:.1f}번 있으나, {silent[0]}째 없습니다.",
                f"Usually {usual:.1f} signs of life an hour at this time; none for {silent[1]}.",
            )
        return f"{silent[0]}째 생활 반응이 없습니다.", f"No signs of life for {silent[1]}."
    if finding.kind is IncidentKind.UNANSWERED_CALLS:
        count = facts.get("in_a_row", 0)
        return f"안부 전화를 {count}번 연속 받지 않았습니다.", f"{count} check-in calls in a row were not answered."
    if finding.kind is IncidentKind.MISSED_MEDICATION:
        count = facts.get("missed", facts.get("in_a_row", 0))
        return f"복약을 {count}번 연속 걸렀습니다.", f"{count} doses in a row were missed."
    if finding.kind is IncidentKind.CANNOT_SEE:
        blind = _hours(facts.get("blind_h"))
        return (
            f"{blind[0]}째 어떤 기기에서도 신호가 없어 안부를 확인할 수 없습니다.",
            f"Nothing has reported for {blind[1]}: Anbu cannot see this home.",
        )
    age = _age(now_ms - finding.event_from_ms)
    return f"{korean}: {age[0]} 감지되었습니다.", f"{english[:1].upper()}{english[1:]}, {age[1]}."
