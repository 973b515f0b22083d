"""The table of every detector besides silence: what it counts, and that a run cut short goes on."""

from pathlib import Path

import pytest

from load_tests import bench_each
from load_tests.bench_certainty import concluded
from load_tests.bench_each import Part, measured, rows_of, table_of, wilson
from schemas.incidents import EMERGENCIES, IncidentKind


def test_shares_have_the_interval_of_the_books() -> None:
    assert wilson(0, 5) == [0.0, 0.351]
    assert wilson(5, 10) == [0.269, 0.731]


def test_what_was_not_found_counts_and_what_was_never_injected_has_no_share() -> None:
    injecting = Part({IncidentKind.COLD_ROOM: [6.0, None], IncidentKind.SMOKE: [0.001]})
    calm = Part(false={IncidentKind.COLD_ROOM: 2, IncidentKind.SILENCE: 9}, months=40.0)
    rows = {row.kind: row for row in rows_of([injecting, calm])}
    cold = rows[IncidentKind.COLD_ROOM]
    assert (cold.injected, cold.found, cold.median_h, cold.false_alarms, cold.rate) == (2, 1, 6.0, 2, 0.05)
    assert rows[IncidentKind.WITHDRAWAL].sensitivity is None
    assert IncidentKind.SILENCE not in rows
    assert "never budgeted" in table_of([rows[IncidentKind.SMOKE]])


def test_false_alarms_lower_the_share_that_was_true_and_not_what_is_stated() -> None:
    hours: dict[str, list[float | None]] = {IncidentKind.SLOW_DECLINE: [800.0, 900.0]}
    calm, noisy = (
        rows_of([Part(hours), Part(false={IncidentKind.SLOW_DECLINE: false}, months=400.0)]) for false in (0, 40)
    )
    of_calm, of_noisy = (
        [cell.strip() for cell in concluded(rows).splitlines()[2].split("|")] for rows in (calm, noisy)
    )
    assert of_calm[1] == of_noisy[1] == "slow decline"
    assert of_calm[2] == of_noisy[2]
    assert float(of_calm[3].split()[0]) > 0.9
    assert float(of_noisy[3].split()[0]) < 0.2
    assert len(concluded(calm).splitlines()) == 3  # what was never injected has no row


def test_a_small_run_finds_the_emergencies_it_injects_and_is_not_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_each, "KEPT", tmp_path)
    part = measured("befallen", 0.03, 12)
    proved = [hours for kind, hours in part.hours.items() if kind in EMERGENCIES]
    assert proved
    assert all(one is not None for hours in proved for one in hours)
    monkeypatch.setattr(bench_each, "PARTS_OF_IT", {})
    assert measured("befallen", 0.03, 12) == part
