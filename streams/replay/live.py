"""What the live run has told, read back to compare a replay with: from its topic, or from ClickHouse."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.encode import encode
from schemas.incidents import Incident, LadderStep
from schemas.rows import INCIDENTS as TABLE
from schemas.rows import Row, to_row
from schemas.times import to_rfc3339
from streams.clickhouse import failure_of
from streams.incident_fold import INCIDENTS
from streams.tail import reading

PAGE_ROWS: Final = 5_000
_INCIDENT: Final = msgspec.json.Decoder(Incident)
_STEP: Final = tuple(LadderStep.__struct_fields__)
_NAMES: Final = {"case_id": "case", "incident": "id"}
_NO_FIELD: Final = frozenset({"log_partition", "log_offset"})


def each_told_live(bootstrap: str) -> Iterator[Incident]:
    """Give every revision on the topic `incidents`, repeats included, in log order per household.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    with reading(bootstrap) as reader:
        for record in reader.read_whole(INCIDENTS):
            if record.value is None or b'"type":"status"' in record.value:
                continue
            try:
                yield _INCIDENT.decode(record.value)
            except msgspec.MsgspecError:
                continue


def told_live(bootstrap: str) -> list[Incident]:
    """Return what `each_told_live` gives."""
    return list(each_told_live(bootstrap))


def each_stored(client: Any) -> Iterator[Incident]:
    """Give every revision in the table `incidents`, as `as_stored` gives it.

    Raises:
        ClickHouseAwayError, ClickHouseRefusedError: as `streams.clickhouse` says.

    """
    names = ", ".join(_column(name, kind) for name, kind in TABLE.columns.items())
    after: tuple[str, str, int] = ("", "", -1)
    while True:
        try:
            rows = client.query(
                f"SELECT {names} FROM incidents FINAL"  # noqa: S608 - names of our own columns
                " WHERE (household, incident, toInt64(revision)) > (%(h)s, %(i)s, %(r)s)"
                f" ORDER BY household, incident, revision LIMIT {PAGE_ROWS}",
                parameters={"h": after[0], "i": after[1], "r": after[2]},
            ).result_rows
        except ClickHouseError as error:
            raise failure_of(error) from error
        if not rows:
            return
        for row in rows:
            yield _of_values(row)
        after = (str(rows[-1][0]), str(rows[-1][1]), int(rows[-1][2]))


def as_stored(incident: Incident) -> Incident | None:
    """Return an incident as the table gives it back: it holds shares as 4-byte floats; None for one it does not take."""
    row = to_row(INCIDENTS, 0, 0, encode(incident))
    return _of_values(row.values) if isinstance(row, Row) else None


def _column(name: str, kind: str) -> str:
    if kind.startswith("Array(Tuple("):
        moment = "toUnixTimestamp64Milli"
        return f"arrayMap(s -> (s.1, s.2, {moment}(s.3), {moment}(s.4), s.5, {moment}(s.6), s.7), `{name}`) AS steps"
    return f"toUnixTimestamp64Milli(`{name}`) AS {name}_ms" if "DateTime64" in kind else f"`{name}`"


def _of_values(values: Any) -> Incident:
    plain: dict[str, Any] = {}
    for (name, kind), value in zip(TABLE.columns.items(), values, strict=True):
        if name in _NO_FIELD or value is None or (value == "" and name not in {"sentence_ko", "sentence_en"}):
            continue
        plain[_NAMES.get(name, name)] = _plain(name, kind, value)
    return msgspec.convert(plain, Incident)


def _plain(name: str, kind: str, value: Any) -> Any:
    if kind.endswith("Float32)"):
        return {key: round(float(share), 4) for key, share in value.items()}
    if name == "ladder":
        return [_step(step) for step in value]
    return to_rfc3339(int(value)) if "DateTime64" in kind else value


def _step(values: Any) -> dict[str, Any]:
    told = dict(zip(_STEP, values, strict=True))
    for name in ("asked_at", "deadline", "outcome_at"):
        told[name] = None if told[name] is None else to_rfc3339(int(told[name]))
    return told
