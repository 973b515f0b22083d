"""Results of replays in ClickHouse, under the name of the replay: several machines write, and each can read the whole.

What counts of a partition is the attempt that its row in `replay_parts` names, and that row is written last: rows of a
machine that was killed half-way count for nothing, and no revision counts twice.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from load_tests.whatif.fold import Played
from load_tests.whatif.log import Past
from load_tests.whatif.runs import Variant
from schemas.incidents import Incident
from schemas.times import from_rfc3339, to_rfc3339
from schemas.topics import DAY_MS
from streams.clickhouse import failure_of

SLICE_ROWS: Final = 2_000
_TEXT: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(3, 'UTC')"
_INCIDENTS: Final = {
    "run": "String",
    "variant": _TEXT,
    "log_partition": "Int32",
    "attempt": "String",
    "household": "String",
    "incident": "String",
    "revision": "UInt32",
    "kind": _TEXT,
    "state": _TEXT,
    "severity": _TEXT,
    "at": _TIME,
    "opened_at": _TIME,
    "profile": _TEXT,
    "engine": _TEXT,
    "body": "String",
}
_PARTS: Final = {
    "run": "String",
    "variant": _TEXT,
    "log_partition": "Int32",
    "plan": "String",
    "attempt": "String",
    "engine": _TEXT,
    "profile": _TEXT,
    "readings": "UInt64",
    "dead_letters": "UInt64",
    "revisions": "UInt64",
    "cpu_s": "Float64",
    "played": "String",
}
_RUNS: Final = {"run": "String", "fingerprint": "String", "engine": _TEXT, "plan": "String", "begun_at": _TIME}
_FIGURES: Final = {"run": "String", "variant": _TEXT, "figure": _TEXT, "value": "Float64"}
_POINTS: Final = {
    "run": "String",
    "variant": _TEXT,
    "part": _TEXT,
    "name": "String",
    "place": "UInt32",
    "figure": _TEXT,
    "value": "Float64",
}
_REPORTS: Final = {"run": "String", "engine": _TEXT, "report": "String"}
_incident: Final = msgspec.json.Decoder(Incident).decode
_played: Final = msgspec.json.Decoder(Played).decode
_past: Final = msgspec.json.Decoder(Past).decode


class OtherReplayError(Exception):
    """The name belongs to a replay by another engine, of other profiles or another past; one line."""


class Results:
    """The tables of one replay, by its name.

    Every method raises ClickHouseAwayError or ClickHouseRefusedError as `streams.clickhouse` says.
    """

    def __init__(self, client: Any, run: str, engine: str) -> None:
        """Take an open client."""
        self._client = client
        self.run = run
        self._engine = engine

    def agree(self, fingerprint: str, past: Past, at_ms: int) -> Past:
        """Say what this machine would replay, and return what all machines do: the plan that was written first.

        Raises:
            OtherReplayError: the name is taken by something else.

        """
        known = self._plans()
        if not known:
            plan = msgspec.json.encode(replace(past, bootstrap="", archive="", shelf="")).decode()
            # One token a name: of machines that begin at the same moment the first alone writes a plan, and all follow it.
            row = (self.run, fingerprint, self._engine, plan, at_ms)
            self._insert("replay_runs", _RUNS, [row], {"insert_deduplication_token": f"replay-{self.run}"})
            known = self._plans()
        if not known:
            raise OtherReplayError(f"replay {self.run} was removed a moment ago; choose another name")
        if {mark for mark, _ in known} != {fingerprint}:
            raise OtherReplayError(
                f"replay {self.run} was begun by another engine, or with other profiles or another past; choose another name"
            )
        agreed = _past(known[0][1])
        if agreed.is_of_another(past):
            raise OtherReplayError(
                f"replay {self.run} was begun on {agreed.cluster}, and this is {past.cluster}; choose another name"
            )
        # Where this machine finds things is its own affair: its address of the broker, its user of ClickHouse.
        return replace(agreed, bootstrap=past.bootstrap, archive=past.archive, shelf=past.shelf)

    def _plans(self) -> list[tuple[str, str]]:
        rows = self._query(
            "SELECT fingerprint, plan FROM replay_runs FINAL WHERE run = %(run)s ORDER BY stored_at, plan"
        )
        return [(str(mark), str(plan)) for mark, plan in rows]

    def done(self, plan: str) -> set[tuple[str, int]]:
        """Return which (variant, partition) have come to their end by this plan, on whatever machine."""
        rows = self._query(
            "SELECT variant, log_partition FROM replay_parts FINAL WHERE run = %(run)s AND plan = %(plan)s",
            plan=plan,
        )
        return {(str(variant), int(partition)) for variant, partition in rows}

    def store(
        self, variant: Variant, partition: int, plan: str, attempt: str, played: Played, revisions: Path
    ) -> Iterator[int]:
        """Write what came of a partition a slice at a time, its row last; give how many revisions are written so far."""
        count = 0
        for lines in _slices(revisions):
            place = (self.run, variant.name, partition, attempt)
            self._insert("replay_incidents", _INCIDENTS, [(*place, *_values(_incident(line), line)) for line in lines])
            count += len(lines)
            yield count
        part = (
            self.run,
            variant.name,
            partition,
            plan,
            attempt,
            self._engine,
            variant.profile.id if variant.profile else "",
            played.readings,
            played.dead_letters,
            count,
            played.cpu_s,
            msgspec.json.encode(played).decode(),
        )
        self._insert("replay_parts", _PARTS, [part])
        yield count

    def played(self, variant: Variant, partition: int, plan: str) -> Played:
        """Return what came of a partition that is done by a plan."""
        ((played,),) = self._query(
            "SELECT played FROM replay_parts FINAL WHERE run = %(run)s AND variant = %(variant)s"
            " AND log_partition = %(partition)s AND plan = %(plan)s",
            variant=variant.name,
            partition=partition,
            plan=plan,
        )
        return _played(played)

    def write_revisions(self, variant: Variant, partition: int, file: Path) -> None:
        """Write every revision that counts of a partition into a file, one a line."""
        file.parent.mkdir(parents=True, exist_ok=True)
        after: tuple[str, int] = ("", 0)
        with file.open("wb") as out:
            while True:
                rows = self._query(
                    "SELECT body, incident, revision FROM replayed WHERE run = %(run)s AND variant = %(variant)s"
                    " AND log_partition = %(partition)s"
                    " AND (incident, revision) > (%(incident)s, %(revision)s)"
                    " ORDER BY incident, revision LIMIT %(most)s",
                    variant=variant.name,
                    partition=partition,
                    incident=after[0],
                    revision=after[1],
                    most=SLICE_ROWS,
                )
                out.writelines(str(body).encode() + b"\n" for body, _, _ in rows)
                if not rows:
                    return
                after = (str(rows[-1][1]), int(rows[-1][2]))

    def report(self, found: dict[str, Any]) -> None:
        """Keep the figures of a report: each number under its name, curves and groups by the point, and the whole as JSON."""
        rows = [
            (self.run, str(run["name"]), name, float(value))
            for run in found["runs"]
            for name, value in _numbers(run, "")
        ]
        rows += [
            (self.run, str(pair["b"]), f"against_first.{name}", value)
            for pair in found["compared"]
            for name, value in _numbers(pair, "")
        ]
        self._insert("replay_figures", _FIGURES, rows)
        from_ms = from_rfc3339(found["source"]["from"]) if found["source"]["from"] else 0
        points = [(self.run, str(run["name"]), *point) for run in found["runs"] for point in points_of(run, from_ms)]
        if points:
            self._insert("replay_points", _POINTS, points)
        self._insert("replay_reports", _REPORTS, [(self.run, self._engine, msgspec.json.encode(found).decode())])

    def _insert(
        self,
        table: str,
        columns: dict[str, str],
        rows: Sequence[tuple[Any, ...]],
        settings: dict[str, Any] | None = None,
    ) -> None:
        names, types = tuple(columns), tuple(columns.values())
        try:
            self._client.insert(table, rows, column_names=names, column_type_names=types, settings=settings)
        except ClickHouseError as error:
            raise failure_of(error) from error

    def _query(self, sql: str, **values: Any) -> Sequence[tuple[Any, ...]]:
        try:
            found = self._client.query(sql, parameters={"run": self.run, **values})
            return [tuple(row) for row in found.result_rows]
        except ClickHouseError as error:
            raise failure_of(error) from error


def digest_of(past: Past) -> str:
    """Return a short digest of which offsets a plan replays, and of what cluster."""
    held = [list(one) if one else None for one in past.snapshots]
    parts = [past.cluster, past.partitions, past.firsts, past.ends, held, *([past.cuts] if past.cuts else [])]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:12]


def _values(one: Incident, line: bytes) -> tuple[Any, ...]:
    return (
        one.household,
        one.id,
        one.revision,
        one.kind.value,
        one.state.value,
        one.severity.value,
        from_rfc3339(one.at),
        from_rfc3339(one.opened_at),
        one.profile or "",
        one.engine,
        line.decode(),
    )


def _slices(file: Path) -> Iterator[list[bytes]]:
    with file.open("rb") as lines:
        held: list[bytes] = []
        for line in lines:
            held.append(line.rstrip(b"\n"))
            if len(held) >= SLICE_ROWS:
                yield held
                held = []
        if held:
            yield held


def points_of(run: dict[str, Any], from_ms: int) -> Iterator[tuple[str, str, int, str, float]]:
    """Give every point of a run's curves and groups: (part, name, place, figure, value).

    `day`: incidents opened by the end of that day of the log, dated in UTC. `delay`: hours to each artificial collapse that was
    found, the shortest first, and the share of all that were found by then.
    """
    for part, lines in run["by"].items():
        for place, line in enumerate(lines):
            for figure, value in line.items():
                if isinstance(value, int | float):
                    yield part, str(line["name"]), place, figure, float(value)
    for place, (kind, count) in enumerate(run["by_kind"].items()):
        yield "kind", kind, place, "incidents", float(count)
    for place, count in enumerate(run["days"]):
        yield "day", to_rfc3339(from_ms + place * DAY_MS)[:10], place, "incidents", float(count)
    cuts = run["cuts"] or {"delays_h": []}
    for place, delay_h in enumerate(cuts["delays_h"]):
        yield "delay", "", place, "hours", float(delay_h)
        yield "delay", "", place, "share", (place + 1) / cuts["made"]


def _numbers(value: Any, name: str) -> Iterable[tuple[str, float]]:
    """Give every number of plain data with its path; of lists only the two ends of an interval: the others are `points_of`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and name.endswith("interval"):
        yield f"{name}.low", float(value[0])
        yield f"{name}.high", float(value[1])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)
