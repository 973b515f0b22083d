"""`anbu households worsened`: each officer's homes that went worse, the same that the board's weekly list shows."""

import json
from pathlib import Path
from typing import Any

from board_scene import a_user, a_view
from click.testing import CliRunner

from infra.broker import Broker
from infra.topics import create_topics
from schemas.encode import encode
from schemas.views import HouseholdView
from streams.access_log import verify
from streams.board.rights import Role
from streams.board.users import write_users
from streams.board.weekly_lists import lines_of, weekly_lists
from streams.board.words import Words
from streams.board.worsening import needs_a_look, worsened
from streams.cli import cli
from streams.publish import Publisher

KIM = a_user("kim", Role.RESPONDER, "gangbuk")
LEE = a_user("lee", Role.RESPONDER, "gangbuk", "dobong")
CHIEF = a_user("chief", Role.SUPERVISOR, "*")


def homes() -> list[HouseholdView]:
    return [
        a_view("h-1", district="gangbuk"),
        a_view("h-2", district="dobong"),
        a_view("h-3", district="nowon"),
        a_view("h-4", district=""),
        a_view("h-5", district="gangbuk", weeks=[], contact=None),
        a_view("exercise-1", district="gangbuk", status="Exercise"),
    ]


def test_each_officer_has_the_homes_of_their_districts_and_what_nobody_has_comes_last() -> None:
    lists = weekly_lists(homes(), [LEE, CHIEF, KIM, a_user("han", Role.RESPONDER, "jungnang")])
    assert [(one.officer, [home.household for home in one.homes]) for one in lists] == [
        ("han", []),
        ("kim", ["h-1"]),
        ("lee", ["h-1", "h-2"]),
        ("", ["h-3", "h-4"]),
    ]
    assert [one.officer for one in weekly_lists([], [KIM])] == ["kim"]


def test_the_list_says_what_the_board_says() -> None:
    (view, *_) = homes()
    assert needs_a_look(view)
    ((home,),) = (one.homes for one in weekly_lists([view], [KIM]))
    assert [(one.topic, one.before, one.after, one.monday) for one in home.changes] == [
        (one.topic, one.before, one.after, one.monday) for one in worsened(view)
    ]
    assert home.contact is not None
    assert (home.contact.before, home.contact.index) == (0.47, 0.31)
    assert list(lines_of(weekly_lists([view], [KIM])[0], Words("ko"))) == [
        "kim (gangbuk): 1",
        "  h-1  gangbuk  식사: 걱정 → 위험, 외출: 걱정, 기분: 좋음 → 걱정, 복약: 걱정, 사회적 연결이 줄고 있음 0.47 → 0.31",
    ]


def test_the_command_reads_the_last_view_of_each_home_and_tells_people_and_programs(
    own_broker: Broker, tmp_path: Path
) -> None:
    create_topics(own_broker.bootstrap, 2)
    write_users(tmp_path / "board" / "users.json", [KIM])
    with Publisher(own_broker.bootstrap, 2) as pen:
        for view in homes()[:2]:
            pen.send("households.view", view.household, encode(view))
        gone = a_view("h-9", district="gangbuk")
        pen.send("households.view", gone.household, encode(gone))
        pen.send("households.view", gone.household, None)
        better = a_view("h-8", district="gangbuk")
        pen.send("households.view", "h-8", encode(better))
        pen.send("households.view", "h-8", encode(a_view("h-8", district="gangbuk", weeks=[], contact=None)))
        pen.send("households.view", "h-7", b'{"household": 7}')

    def ask(*words: str) -> Any:
        env = {"ANBU_KAFKA": own_broker.url, "ANBU_PARTITIONS": "2", "ANBU_DATADIR": str(tmp_path)}
        return CliRunner().invoke(cli, ["households", "worsened", *words], env=env)

    said = ask()
    assert said.exit_code == 0, said.output
    first, second, *_rest = said.stdout.splitlines()
    assert first == "kim (gangbuk): 1"
    assert second.startswith("  h-1  gangbuk  meals: concern → alarm, ")
    assert second.endswith(", contact is falling 0.47 → 0.31")
    assert "h-2" in said.stdout, "of a district that nobody has"
    assert not {"h-9", "h-8"} & {*said.stdout.split()}
    told = [json.loads(line) for line in ask("--officer", "kim", "--json").stdout.splitlines()]
    assert [home["household"] for home in told[0]["homes"]] == ["h-1"]
    first = told[0]["homes"][0]["changes"][0]
    assert (first["topic"], first["before"], first["after"]) == ("meals", "concern", "alarm")
    assert ask("--officer", "park").exit_code == 2
    log = tmp_path / "board" / "access.log"
    assert not verify(log).wrong
    kept = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert [(one["household"], one["what"], one["role"]) for one in kept] == [
        ("h-1", "weekly", "terminal"),
        ("h-2", "weekly", "terminal"),
        ("h-1", "weekly", "terminal"),
    ]
    log.unlink()
    log.mkdir()
    refused = ask()
    assert refused.exit_code == 1
    assert "h-1" not in refused.stdout, "what cannot be logged is not shown"
