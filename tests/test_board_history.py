"""Past incidents as the board asks ClickHouse for them: the embedded engine, the tables as migrations make them."""

import contextlib
from datetime import UTC
from pathlib import Path

import msgspec
from board_scene import HOUR, NOW, an_incident

from infra.migrations import migrate
from schemas.encode import encode
from schemas.incidents import CloseCause, IncidentKind, IncidentState
from schemas.rows import Row, to_row
from streams.board.history import MOST, ClickHouseHistory
from streams.clickhouse import connect


def test_the_board_reads_the_last_word_of_each_incident_of_one_household_alone(tmp_path: Path) -> None:
    first = an_incident("i-1", opened_ms=NOW - 90 * HOUR)
    closed = {"state": IncidentState.CLOSED, "cause": CloseCause.HELPED, "owner": "kim"}
    told = [
        first,
        msgspec.structs.replace(first, revision=2, **closed),
        an_incident("i-2", kind=IncidentKind.GAS, opened_ms=NOW),
        an_incident("i-3", household="h-0099", case="c-9"),
    ]
    # More than are shown; the newest have the first ids, so a cut by id would drop or keep the wrong ones.
    told += [
        an_incident(f"m-{MOST + 9 - i:03d}", household="h-0050", case="c-5", opened_ms=NOW - (100 - i) * HOUR)
        for i in range(MOST + 10)
    ]
    told.append(an_incident("z-old", household="h-0050", case="c-5", opened_ms=NOW - 500 * HOUR))
    told.append(an_incident("z-new", household="h-0050", case="c-5", opened_ms=NOW))
    rows = [to_row("incidents", 0, offset, encode(one)) for offset, one in enumerate(told)]
    with contextlib.closing(connect(f"chdb://{tmp_path}/db")) as engine:
        engine.command("CREATE DATABASE board")
        engine.database = "board"
        migrate(engine)
        for row in rows:
            assert isinstance(row, Row)
            names, types = row.table.names, row.table.types
            engine.insert(row.table.name, [row.values], column_names=names, column_type_names=types)
        history = ClickHouseHistory("clickhouse://played/board", opening=lambda _url, within_s: engine)
        past = history.past("h-0017")
        assert [(one.kind, one.state, one.cause, one.owner) for one in past] == [
            ("gas", "opened", "", ""),
            ("silence", "closed", "helped", "kim"),
        ]
        assert past[1].opened_at.replace(tzinfo=UTC).timestamp() * 1000 == NOW - 90 * HOUR
        assert history.past("h-'; DROP TABLE incidents; --") == []
        assert history.past("h-0099")
        many = [
            round((NOW / 1000 - one.opened_at.replace(tzinfo=UTC).timestamp()) / 3600) for one in history.past("h-0050")
        ]
        assert many == [0, *range(41, 41 + MOST - 1)]
