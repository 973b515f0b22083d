"""Links to an incident, from dashboards and messages: they name no home, and lead only those who may see it to its case."""

import re
from pathlib import Path

import pytest
from board_scene import Hands, StillSource, a_board, an_incident, in_loop, opened, sign_in
from prometheus_client import CollectorRegistry

from streams.board.feed import Reading
from streams.board.meter import BoardHealth
from streams.metrics import BoardPrometheus

ID = "5be0c1f2a49d7715ce0d3a66"
LINK = f"/incidents/{ID}"


@in_loop
async def test_a_link_to_an_incident_leads_to_its_case(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path, an_incident(ID))) as client:
        await sign_in(client, "kim")
        answer = await client.get(LINK, allow_redirects=False)
        assert answer.status == 303
        assert re.fullmatch(r"/cases/[0-9a-f]{32}", answer.headers["Location"])
        assert (await client.get(LINK)).status == 200


@in_loop
async def test_who_must_sign_in_first_is_brought_to_the_incident_afterwards_and_only_once(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path, an_incident(ID))) as client:
        assert (await client.get(LINK, allow_redirects=False)).headers["Location"] == "/sign-in"
        await sign_in(client, "kim")
        assert (await client.get("/", allow_redirects=False)).headers["Location"] == LINK
        assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/cases"


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "/incidents/../users", "/incidents/h-0017", "https://x.example"]
)
@in_loop
async def test_nobody_is_sent_anywhere_but_to_an_incident_after_sign_in(tmp_path: Path, path: str) -> None:
    async with opened(a_board(tmp_path, an_incident(ID))) as client:
        await sign_in(client, "kim")
        client.session.cookie_jar.update_cookies({"anbu_after": path})
        assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/cases"


@in_loop
async def test_an_incident_of_another_district_is_as_unknown_as_one_that_never_was(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path, an_incident(ID, district="elsewhere"))) as client:
        await sign_in(client, "kim")
        assert (await client.get(LINK)).status == 404
        assert (await client.get("/incidents/0123")).status == 404


def test_the_board_counts_its_answers_and_says_how_long_it_has_read_nothing(tmp_path: Path) -> None:
    board, registry = a_board(tmp_path, an_incident(ID)), CollectorRegistry()
    metrics = BoardPrometheus(registry)
    health = BoardHealth(board, metrics)
    for status, took_s in ((200, 0.02), (303, 0.01), (404, 0.01), (429, 0.01), (500, 0.3), (200, None)):
        metrics.answered(status, took_s)
    health.beat()

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    for result, number in {"shown": 2, "sent_on": 1, "refused": 1, "too_many": 1, "failed": 1}.items():
        assert told("anbu_board_requests_total", result=result) == number
    assert told("anbu_board_page_seconds_count") == 5, "a page that is kept as it is now never ends"
    assert told("anbu_board_behind_seconds") == 0
    assert isinstance(board.source, StillSource)
    assert isinstance(board.clock, Hands)
    board.source.tables = Reading(board.clock(), is_whole=True, trouble="")
    board.clock.now_ms += 60_000
    health.beat()
    assert told("anbu_board_behind_seconds") == 60
    assert told("anbu_board_believed") == 0
