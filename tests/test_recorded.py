import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from load_tests.recordings.recorded import CsvError, Imported, aligned, gathered, pseudonym_of, read_csv
from load_tests.recordings.recording import wire_of
from schemas.decode import decode
from schemas.events import Data, Event
from schemas.times import from_rfc3339, to_rfc3339

HEADER = "household,timestamp_iso,source,device,kind,value\n"
DATA = Path(os.environ.get("ANBU_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def imported(tmp_path: Path, *rows: str, tz: str = "Asia/Seoul") -> tuple[list[Event], Imported]:
    path = tmp_path / "home.csv"
    path.write_text(HEADER + "".join(row + "\n" for row in rows))
    result = read_csv(path, tz)
    return list(result.events), result


def one(tmp_path: Path, row: str, tz: str = "Asia/Seoul") -> Event:
    events, result = imported(tmp_path, row, tz=tz)
    assert not result.report.refused
    return events[0]


@pytest.mark.parametrize(
    ("row", "kind", "data"),
    [
        ("sensor,Kitchen,motion,ON", "motion", Data(device="Kitchen", state="on")),
        ("sensor,Kitchen,motion,OFF", "motion", Data(device="Kitchen", state="off")),
        ("sensor,Kitchen,motion,4", "motion", Data(device="Kitchen", state="on", count=4, over_s=300.0)),
        ("sensor,OutsideDoor,door,2", "door", Data(device="OutsideDoor", state="on", count=2, over_s=300.0, exit=True)),
        ("sensor,OutsideDoor,door,OPEN", "door", Data(device="OutsideDoor", state="on", exit=True)),
        ("sensor,OutsideDoor,door,CLOSE", "door", Data(device="OutsideDoor", state="off", exit=True)),
        ("sensor,OutsideDoor,door,ON", "motion", Data(device="OutsideDoor", state="on")),
        ("sensor,MainEntryway,door,ON", "door", Data(device="MainEntryway", state="on", exit=True)),
        ("sensor,Hall-Bedroom door,door,ON", "door", Data(device="Hall-Bedroom door", state="on")),
        (
            "sensor,mat bed right pressure mat,item,OFF",
            "occupancy",
            Data(device="mat bed right pressure mat", state="off"),
        ),
        ("sensor,press bed links,item,ON", "occupancy", Data(device="press bed links", state="on")),
        ("sensor,Plates cupboard,item,ON", "door", Data(device="Plates cupboard", state="on")),
        ("sensor,wrist_steps,motion,16", "steps", Data(device="wrist_steps", value=16.0)),
        ("phone,screen,screen,on_unlocked", "unlock", Data(device="screen")),
        ("phone,charger,power,plugged", "charge", Data(device="charger", state="on")),
        ("phone,charger,power,unplugged", "charge", Data(device="charger", state="off")),
        ("sensor,clima,temperature,21.5", "temperature", Data(device="clima", value=21.5)),
        ("sensor,button,emergency_button,ON", "emergency_button", Data(device="button", state="on")),
        ("calls,provider,call_result,no_answer", "checkin_no_answer", Data()),
    ],
)
def test_a_row_becomes_the_event_of_the_mapping_table(tmp_path: Path, row: str, kind: str, data: Data) -> None:
    event = one(tmp_path, f"home,2024-05-01T10:00:00,{row}")
    assert (event.kind, event.data) == (kind, data)


def test_a_worn_step_counter_is_a_worn_source_and_not_a_sensor_of_the_home(tmp_path: Path) -> None:
    assert one(tmp_path, "home,2024-05-01T10:00:00,sensor,wrist_steps,motion,16").source == "/worn/recorded"
    assert one(tmp_path, "home,2024-05-01T10:00:00,sensor,Kitchen,motion,16").source == "/sensors/recorded"


def test_a_locked_screen_is_known_to_say_nothing_and_an_unknown_state_is_refused(tmp_path: Path) -> None:
    rows = [f"home,2024-05-01T10:00:00,phone,screen,screen,{v}" for v in ("on_locked", "off", "locked", "glowing")]
    events, result = imported(tmp_path, *rows)
    assert events == []
    assert result.report.without_meaning.total() == 3
    assert result.report.refused == Counter({"unknown value": 1})


def test_naive_times_are_read_in_the_time_zone_and_offsets_are_kept(tmp_path: Path) -> None:
    naive = one(tmp_path, "home,2024-05-01T10:00:00.250,sensor,a,motion,ON")
    assert to_rfc3339(naive.at_ms) == "2024-05-01T01:00:00.250Z"
    assert one(tmp_path, "home,2024-05-01T10:00:00+02:00,sensor,a,motion,ON").at_ms == from_rfc3339(
        "2024-05-01T08:00:00Z"
    )
    assert one(tmp_path, "home,2024-05-01T10:00:00,sensor,a,motion,ON", tz="Europe/Amsterdam").at_ms == from_rfc3339(
        "2024-05-01T08:00:00Z"
    )


def test_a_repeated_hour_is_read_as_the_first_and_a_skipped_one_with_the_old_offset_and_both_are_counted(
    tmp_path: Path,
) -> None:
    rows = [
        f"home,{t},sensor,a,motion,ON"
        for t in ("2024-10-27T02:30:00", "2024-10-27T03:30:00", "2024-03-31T02:30:00", "2024-03-31T03:30:00")
    ]
    events, result = imported(tmp_path, *rows, tz="Europe/Amsterdam")
    assert [to_rfc3339(e.at_ms)[11:16] for e in events] == ["00:30", "02:30", "01:30", "01:30"]
    assert (result.report.repeated_hour, result.report.skipped_hour) == (1, 1)
    _, korean = imported(tmp_path, *rows)
    assert (korean.report.repeated_hour, korean.report.skipped_hour) == (0, 0)


def test_bad_rows_are_counted_with_line_and_reason_and_the_good_ones_around_them_are_read(tmp_path: Path) -> None:
    good = "home,2024-05-01T10:00:00,sensor,a,motion,ON"
    bad = {
        "home,2024-05-01T10:00:00,sensor,a,motion": "not six columns",
        ",2024-05-01T10:00:00,sensor,a,motion,ON": "no household",
        "home,yesterday,sensor,a,motion,ON": "no time",
        "home,1970-01-01T00:00:00,sensor,a,motion,ON": "a time outside 2000..2100",
        "home,2024-05-01T10:00:00,telepathy,a,motion,ON": "unknown source",
        "home,2024-05-01T10:00:00,sensor,a,aura,ON": "unknown kind",
        "home,2024-05-01T10:00:00,sensor,a,unlock,": "kind does not belong to this source",
        "home,2024-05-01T10:00:00,sensor,a,motion,maybe": "unknown value",
        "home,2024-05-01T10:00:00,sensor,a,motion,1.5": "count is no whole number",
        "home,2024-05-01T10:00:00,sensor,a,motion,nan": "number is not finite",
        "home,2024-05-01T10:00:00,sensor,wrist_steps,motion,-3": "number is negative",
    }
    rows = [row for one_bad in bad for row in (one_bad, good)]
    events, result = imported(tmp_path, *rows)
    assert len(events) == len(bad)
    assert [r.reason for r in result.report.refusals] == list(bad.values())
    assert [r.line for r in result.report.refusals] == list(range(2, 2 + 2 * len(bad), 2))
    assert result.report.rows == result.report.events.total() + result.report.refused.total()


def test_refusals_tell_the_column_and_never_the_content(tmp_path: Path) -> None:
    _, result = imported(tmp_path, "Kim Cheolsu,2024-05-01T10:00:00,sensor,a,motion,fell in bath")
    assert "Kim" not in repr(result.report)
    assert "bath" not in repr(result.report)


def test_a_name_that_can_be_no_key_becomes_a_pseudonym_and_a_pseudonym_stays(tmp_path: Path) -> None:
    row = "2024-05-01T10:00:00,sensor,a,motion,ON"
    events, result = imported(tmp_path, f"김철수,{row}", f"home-1,{row}", f"김철수,{row}")
    assert [e.household for e in events] == [pseudonym_of("김철수"), "home-1", pseudonym_of("김철수")]
    assert result.report.renamed == [pseudonym_of("김철수")]
    assert "김철수" not in repr(result.report)


def test_a_damaged_archive_gives_what_could_be_read_and_says_so(tmp_path: Path) -> None:
    rows = "".join(f"home,2024-05-01T10:{i // 60:02d}:{i % 60:02d},sensor,a{i * 7919},motion,ON\n" for i in range(3000))
    path = tmp_path / "home.csv.gz"
    path.write_bytes(gzip.compress((HEADER + rows).encode())[:-2000])
    result = read_csv(path)
    events = list(result.events)
    assert 0 < len(events) < 3000
    assert result.report.refused == Counter({"the file is damaged from here on": 1})


def test_a_file_in_another_form_or_an_unknown_zone_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CsvError, match="the first line must be household,timestamp_iso"):
        read_csv(path)
    path.write_text(HEADER)
    with pytest.raises(CsvError, match="no such time zone: Asia/Soul"):
        read_csv(path, "Asia/Soul")
    with pytest.raises(CsvError, match="cannot be read"):
        read_csv(tmp_path / "missing.csv")


def test_reading_a_file_again_repeats_every_event_to_the_letter(tmp_path: Path) -> None:
    first, _ = imported(tmp_path, "home,2024-05-01T10:00:00,sensor,a,motion,ON")
    again, _ = imported(tmp_path, "home,2024-05-01T10:00:00,sensor,a,motion,ON")
    assert first == again


def test_alignment_keeps_weekday_and_hour_and_brings_all_homes_into_one_week() -> None:
    start_ms = from_rfc3339("2025-11-03T00:00:00Z")
    old = Event("a", "motion", "/sensors/recorded", "line-2", from_rfc3339("2008-02-25T10:00:00Z"))
    new = Event("b", "motion", "/sensors/recorded", "line-2", from_rfc3339("2026-02-27T10:00:00Z"))
    moved = aligned([old, new], start_ms)
    assert [(m.at_ms - e.at_ms) % (7 * 86_400_000) for m, e in zip(moved, [old, new], strict=True)] == [0, 0]
    assert all(start_ms <= m.at_ms < start_ms + 7 * 86_400_000 for m in moved)


def test_messages_of_imported_homes_are_sent_in_order_and_never_before_their_events(tmp_path: Path) -> None:
    rows = ["home,2024-05-01T10:05:00,sensor,a,motion,3", "home,2024-05-01T10:00:00,phone,screen,screen,on_unlocked"]
    rows += ["home,2024-05-01T10:00:30,sensor,a,door,ON"]
    events, _ = imported(tmp_path, *rows)
    played = gathered(events)
    assert [m.sent_ms for m in played.sent] == sorted(m.sent_ms for m in played.sent)
    assert all(e.at_ms + int((e.data.over_s or 0) * 1000) < m.sent_ms for m in played.sent for e in m.events)
    assert {m.topic for m in played.sent} == {"home.sensors", "phone.usage"}
    assert [s.source for s in played.households[0].sources] == ["/phone/recorded", "/sensors/recorded"]
    with pytest.raises(ValueError, match="no event"):
        gathered([])


def test_messages_of_imported_homes_decode_into_the_events_they_were_made_of(tmp_path: Path) -> None:
    when = "home,2024-05-01T10:00:00"
    rows = ["sensor,Küche,motion,3", "sensor,front,door,ON", "sensor,a,temperature,20.5", "sensor,a,gas,ON"]
    rows += ["sensor,wrist_steps,motion,0", "phone,screen,screen,on_unlocked", "calls,p,call_result,answered"]
    rows += ["phone,app,complete_until,2024-05-01T01:00:00Z"]
    events, result = imported(tmp_path, *(f"{when},{row}" for row in rows))
    assert not result.report.refused
    for message in [*gathered(events).sent, *gathered(aligned(events, 1_000_000_000_000)).sent]:
        wire = wire_of(message)
        assert decode(wire.topic, wire.key.encode(), wire.value) == message.events


def test_recorded_homes_are_read_without_a_single_refusal() -> None:
    files = sorted(DATA.glob("*.csv.gz"))
    files = [f for f in files if f.stat().st_size < 400_000]
    if not files:
        pytest.skip(f"no recorded homes beside the repository ({DATA.name})")
    for path in files:
        result = read_csv(path)
        assert sum(1 for _ in result.events) == result.report.events.total() > 0
        assert not result.report.refused, path.name
