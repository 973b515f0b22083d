"""One question to ClickHouse about what the demo wrote, and whether its answer is what the topics hold."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from load_tests.demo.onlooker import Stories
from streams.clickhouse import ClickHouseAwayError, ClickHouseRefusedError, connect, failure_of

QUESTION: Final = """\
SELECT kind, uniqExact(incident) AS incidents, count() AS revisions,
       uniqExact(household) AS homes,
       countIf(revision = 1 AND toHour(at, 'Asia/Seoul') < 7) AS before_7_am
FROM incidents FINAL
GROUP BY kind ORDER BY incidents DESC, kind"""

_DEAD: Final = "SELECT sum(records) FROM dead_letters FINAL"


class AnswerError(Exception):
    """ClickHouse did not answer; one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The question, its answer, and in which ways it differs from the topics: in none, or a row was lost or doubled."""

    sql: str
    columns: list[str]
    rows: list[tuple[Any, ...]]
    differences: list[str]


def ask(url: str, stories: Stories) -> Answer:
    """Ask, and compare with what a subscriber read.

    Raises:
        AnswerError: no answer.

    """
    try:
        with contextlib.closing(connect(url)) as client:
            found = client.query(QUESTION)
            dead = int(client.query(_DEAD).result_rows[0][0])
    except ClickHouseError as error:
        raise AnswerError(f"no answer from ClickHouse: {failure_of(error)}") from error
    except (ClickHouseAwayError, ClickHouseRefusedError) as error:
        raise AnswerError(f"no answer from ClickHouse: {error}") from error
    rows = [tuple(row) for row in found.result_rows]
    stored = {str(row[0]): (int(row[1]), int(row[2])) for row in rows}
    return Answer(QUESTION, list(found.column_names), rows, compare(stored, dead, stories))


def compare(stored: dict[str, tuple[int, int]], dead: int, stories: Stories) -> list[str]:
    """Return one sentence for each difference; `stored` is incidents and revisions by kind, `dead` refused readings."""
    incidents: Counter[str] = Counter()
    revisions: Counter[str] = Counter()
    for story in stories.by_id.values():
        incidents[story.last.kind.value] += 1
        revisions[story.last.kind.value] += story.revisions
    out = []
    for kind in sorted({*stored, *incidents}):
        told, kept = (incidents[kind], revisions[kind]), stored.get(kind, (0, 0))
        if told != kept:
            out.append(
                f"{kind}: the topic has {told[0]:,} incidents in {told[1]:,} revisions, ClickHouse {kept[0]:,} in {kept[1]:,}."
            )
    refused = stories.dead.total()
    if refused != dead:
        out.append(f"dead letters: the topic stands for {refused:,}, ClickHouse for {dead:,}.")
    return out
