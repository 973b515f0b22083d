"""The board lets nobody see or do what is not theirs: deny by default, districts, forms, tries, the access log first."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from board_scene import (
    EVERYBODY,
    MINUTE,
    NOW,
    PASSWORD,
    Hands,
    KeptSender,
    StillSource,
    a_board,
    a_directory,
    a_user,
    a_view,
    an_incident,
    form_token,
    in_loop,
    logged,
    opened,
    sign_in,
)

from schemas.incidents import IncidentState
from schemas.views import HouseholdView
from streams.access_log import AccessLogError
from streams.board.app import PAGES, make_app
from streams.board.guard import Page, guarded
from streams.board.parts import Board, Reached
from streams.board.rights import RIGHTS, Right, Role, covers
from streams.board.sessions import IDLE_MS, LONGEST_MS
from streams.board.users import write_users
from streams.directory import Directory, DirectoryError

Browser = TestClient[Any, Any]
ALLOWED = {
    ("GET", "/"): {"kim", "park", "eng", "view"},
    ("GET", "/sign-in"): {"", "kim", "park", "eng", "view"},
    ("POST", "/sign-in"): {"", "kim", "park", "eng", "view"},
    ("POST", "/sign-out"): {"kim", "park", "eng", "view"},
    ("POST", "/language"): {"", "kim", "park", "eng", "view"},
    ("GET", "/cases"): {"kim", "park"},
    ("GET", "/cases/live"): {"kim", "park"},
    ("GET", "/incidents/{incident}"): {"kim", "park"},
    ("GET", "/cases/{token}"): {"kim", "park"},
    ("GET", "/cases/{token}/live"): {"kim", "park"},
    ("POST", "/cases/{token}"): {"kim", "park"},
    ("POST", "/cases/{token}/contact"): {"kim"},
    ("GET", "/homes"): {"kim", "park"},
    ("GET", "/homes/{token}"): {"kim", "park"},
    ("GET", "/homes/{token}/live"): {"kim", "park"},
    ("POST", "/homes/{token}"): {"kim", "park"},
    ("GET", "/weekly"): {"kim", "park"},
    ("GET", "/watching/live"): {"kim", "park", "eng", "view"},
    ("GET", "/totals"): {"kim", "park", "eng", "view"},
    ("GET", "/totals/live"): {"kim", "park", "eng", "view"},
    ("GET", "/parts"): {"park", "eng"},
    ("GET", "/parts/live"): {"park", "eng"},
    ("GET", "/static/{name}"): {"", "kim", "park", "eng", "view"},
    ("GET", "/up"): {"", "kim", "park", "eng", "view"},
}
"""Who may open what: one of each role, and "" for somebody who is not signed in."""


async def token_of(client: Browser, board: Board, household: str) -> str:
    """Take the token that this browser's session has for a household."""
    for session in board.sessions._sessions.values():
        return session.token(household)
    raise AssertionError(client)


def known(board: Board) -> dict[str, HouseholdView]:
    assert isinstance(board.source, StillSource)
    return board.source.known


def test_every_page_of_the_board_is_in_the_table_of_who_may_open_it() -> None:
    assert {(page.method, page.path) for page in PAGES} == set(ALLOWED)
    app = make_app(Board(**dict.fromkeys(("users", "access", "source", "sender", "history", "clock", "reached"))))  # type: ignore[arg-type]
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert {route for route in routes if route[0] != "HEAD"} == set(ALLOWED), "a page that has no guard"


@pytest.mark.parametrize("name", ["", "kim", "park", "eng", "view"])
@in_loop
async def test_board_pages_open_for_the_roles_of_the_table_and_for_nobody_else(tmp_path: Path, name: str) -> None:
    board = a_board(tmp_path, an_incident("1f", owner="kim", acknowledged_by="kim"), directory=a_directory(tmp_path))
    known(board)["h-0017"] = a_view()
    async with opened(board) as client:
        if name:
            assert await sign_in(client, name) == 303
        for (method, path), allowed in ALLOWED.items():
            if path in {"/sign-out", "/sign-in"} and method == "POST":
                continue  # each has tests of its own; either would end this visit
            token = await token_of(client, board, "h-0017") if name else "0" * 32
            url = path.replace("{token}", token).replace("{name}", "board.css").replace("{incident}", "1f")
            if method == "GET":
                answer = await client.get(url, allow_redirects=False)
            else:
                fields = {"form_token": await form_token(client, "/totals" if name else "/sign-in"), "language": "ko"}
                answer = await client.post(url, data=fields, allow_redirects=False)
            refused = answer.status in {403, 404} or answer.headers.get("Location") == "/sign-in"
            assert refused == (name not in allowed), f"{name or 'nobody'}: {method} {path} is {answer.status}"
            answer.close()


@in_loop
async def test_a_board_page_that_forgets_its_right_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Page("GET", "/open", token_of)  # type: ignore[call-arg, arg-type]
    # Negative control: the guard, not the page, is what refuses.
    app = make_app(board := a_board(tmp_path))

    async def naked(_request: web.Request) -> web.Response:
        return web.Response(text="seen")

    app.router.add_get("/naked", naked)
    app.router.add_get("/clothed", guarded(Page("GET", "/clothed", naked, Right.PERSONS)))
    from aiohttp.test_utils import TestServer  # noqa: PLC0415 - only here

    async with TestServer(app, host="127.0.0.1") as server, TestClient(server) as client:
        board.reached = Reached(frozenset({f"127.0.0.1:{server.port}"}))
        assert (await client.get("/naked")).status == 200
        assert (await client.get("/clothed", allow_redirects=False)).status == 303


def test_a_board_role_without_a_line_in_the_table_of_rights_is_a_mistake() -> None:
    assert set(RIGHTS) == set(Role)
    assert all(Right.PERSONS in RIGHTS[role] for role in RIGHTS if Right.ACT in RIGHTS[role])


def test_districts_cover_their_own_homes_and_never_one_of_no_district() -> None:
    assert covers(frozenset({"gangbuk"}), "gangbuk")
    assert not covers(frozenset({"gangbuk"}), "dobong")
    assert not covers(frozenset({"gangbuk"}), "")
    assert covers(frozenset({"*"}), "")
    assert not covers(frozenset(), "gangbuk")


@in_loop
async def test_the_board_shows_no_case_of_another_district_and_takes_no_action_on_it(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident(), an_incident("i-2", household="h-0099", case="c-2", district="dobong"))
    async with opened(board) as client:
        assert await sign_in(client, "kim") == 303
        text = await (await client.get("/cases")).text()
        assert "h-0017" in text
        assert "h-0099" not in text
        foreign = await token_of(client, board, "h-0099")
        for answer in (await client.get(f"/cases/{foreign}"), await client.get(f"/cases/{foreign}/live")):
            assert answer.status == 404
            assert "h-0099" not in await answer.text()
        fields = an_action(board, "i-2", await form_token(client, "/totals"))
        assert (await client.post(f"/cases/{foreign}", data=fields)).status == 404
        # An incident of another home, sent along with a home of one's own.
        mine = await token_of(client, board, "h-0017")
        assert (await client.post(f"/cases/{mine}", data=fields)).status == 400
        assert sent_of(board) == []
        assert "h-0099" not in {line["household"] for line in logged(tmp_path)}


@in_loop
async def test_the_board_shows_no_home_of_another_district_and_takes_no_action_for_it(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    known(board)["h-0017"], known(board)["h-0099"] = a_view(), a_view("h-0099", district="dobong")
    async with opened(board) as client:
        await sign_in(client, "kim")
        for path in ("/homes", "/weekly"):
            text = await (await client.get(path)).text()
            assert "h-0017" in text
            assert "h-0099" not in text
        foreign = await token_of(client, board, "h-0099")
        for path in (f"/homes/{foreign}", f"/homes/{foreign}/live", f"/cases/{foreign}"):
            assert (await client.get(path)).status == 404
        fields = {"action": "refer", "referral": "meals", "id": "d" * 32}
        fields["form_token"] = await form_token(client, "/totals")
        assert (await client.post(f"/homes/{foreign}", data=fields)).status == 404
        assert sent_of(board) == []
        mine = await token_of(client, board, "h-0017")
        assert (await client.post(f"/homes/{mine}", data=fields, allow_redirects=False)).status == 303
        assert [(one.household, one.action, one.incident) for one in sent_of(board)] == [("h-0017", "refer", "")]
        assert "h-0099" not in {line["household"] for line in logged(tmp_path)}


@in_loop
async def test_a_home_without_a_case_has_no_page_among_the_cases(tmp_path: Path) -> None:
    board = a_board(tmp_path, directory=a_directory(tmp_path))
    known(board)["h-0017"] = a_view()
    async with opened(board) as client:
        await sign_in(client, "kim")
        home = await token_of(client, board, "h-0017")
        fields = {"form_token": await form_token(client, "/totals")}
        assert (await client.get(f"/homes/{home}")).status == 200
        for path in (f"/cases/{home}", f"/cases/{home}/live"):
            assert (await client.get(path)).status == 404
        assert (await client.post(f"/cases/{home}/contact", data=fields)).status == 404


@in_loop
async def test_name_and_address_are_shown_to_who_has_acknowledged_an_open_incident_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    for name, said, status in (
        ("kim", {"owner": "kim", "acknowledged_by": "kim"}, 200),
        ("park", {"owner": "kim", "acknowledged_by": "kim"}, 403),
        ("kim", {"owner": "gangbuk-day"}, 403),
        ("kim", {"owner": "kim", "acknowledged_by": "kim", "state": IncidentState.CLOSED}, 403),
    ):
        folder = tmp_path / f"{name}-{len(said)}-{status}"
        folder.mkdir()
        board = a_board(folder, an_incident(**said), directory=a_directory(folder))
        async with opened(board) as client:
            await sign_in(client, name)
            url = f"/cases/{await token_of(client, board, 'h-0017')}"
            assert ("이름과 주소 보기" in await (await client.get(url)).text()) == (status == 200)
            assert (await client.get(f"{url}/contact")).status == 405, "no link can ask"
            answer = await client.post(f"{url}/contact", data={"form_token": await form_token(client, "/totals")})
            assert answer.status == status
            text = await answer.text()
            assert ("강북구 가상로 1" in text) == (status == 200)
            assert "강북구 가상로 1" not in await (await client.get(url)).text(), "shown once, never kept on the page"
        asked = [line for line in logged(folder) if line["what"].startswith("directory")]
        assert [(line["what"], line["who"], line["incident"]) for line in asked] == [
            ("directory" if status == 200 else "directory_denied", name, "i-1")
        ]
        assert "가상로" not in (folder / "access.log").read_text()


@in_loop
async def test_name_and_address_stay_hidden_when_the_log_or_the_directory_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def altered() -> Directory:
        raise DirectoryError("altered")

    def full(*_args: object, **_named: object) -> None:
        raise AccessLogError("the disk is full")

    board = a_board(tmp_path, an_incident(owner="kim", acknowledged_by="kim"), directory=altered)
    async with opened(board) as client:
        await sign_in(client, "kim")
        url = f"/cases/{await token_of(client, board, 'h-0017')}/contact"
        fields = {"form_token": await form_token(client, "/totals")}
        assert (await client.post(url, data=fields)).status == 502
        board.directory = a_directory(tmp_path)
        monkeypatch.setattr(board.access._log, "write", full)
        answer = await client.post(url, data=fields)
        assert answer.status == 503
        assert "가상로" not in await answer.text()


@in_loop
async def test_an_emergency_before_its_turn_is_shown_to_the_district_that_its_homes_view_names(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident(district=None, case=None))
    async with opened(board) as client:
        await sign_in(client, "kim")
        assert "h-0017" not in await (await client.get("/cases")).text()
        known(board)["h-0017"] = a_view()
        assert "h-0017" in await (await client.get("/cases")).text()


@in_loop
async def test_a_home_without_a_district_is_shown_to_a_supervisor_of_all_alone(tmp_path: Path) -> None:
    for name, is_shown in (("kim", False), ("choi", False), ("park", True)):
        folder = tmp_path / name
        board = a_board(folder, an_incident(district=None))
        async with opened(board) as client:
            await sign_in(client, name)
            assert ("h-0017" in await (await client.get("/cases")).text()) == is_shown


@in_loop
async def test_board_urls_hold_no_pseudonym_and_a_token_of_another_session_opens_nothing(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as one:
        await sign_in(one, "kim")
        text = await (await one.get("/cases")).text()
        urls = re.findall(r'(?:href|action|data-live|src)="([^"]*)"', text)
        assert not [url for url in urls if "h-0017" in url or "i-1" in url or "c-1" in url]
        path = next(url for url in urls if re.fullmatch(r"/cases/[0-9a-f]{32}", url))
        assert (await one.get(path)).status == 200
        one.session.cookie_jar.clear()
        await sign_in(one, "kim")
        assert (await one.get(path)).status == 404


def an_action(board: Board, incident: str, token: str, **said: str) -> dict[str, str]:
    session = next(iter(board.sessions._sessions.values()))
    fields = {"action": "acknowledge", "id": "a" * 32, "incident": session.token(incident), "revision": "1"}
    return fields | {"form_token": token} | said


def sent_of(board: Board) -> list[Any]:
    assert isinstance(board.sender, KeptSender)
    return board.sender.sent


@in_loop
async def test_a_board_form_of_another_site_or_another_sign_in_is_refused_and_does_nothing(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        token = await form_token(client, "/totals")
        url = f"/cases/{await token_of(client, board, 'h-0017')}"
        good = an_action(board, "i-1", token)
        cases: list[tuple[dict[str, str], dict[str, str], int]] = [
            (good | {"form_token": ""}, {}, 409),
            (good | {"form_token": "x" * 43}, {}, 409),
            ({k: v for k, v in good.items() if k != "form_token"}, {}, 409),
            (good, {"Origin": "https://elsewhere.example"}, 403),
            (good, {"Origin": "null"}, 403),
            (good, {"Sec-Fetch-Site": "cross-site"}, 403),
            (good, {"Sec-Fetch-Site": "same-site"}, 403),
        ]
        for fields, headers, status in cases:
            answer = await client.post(url, data=fields, headers=headers, allow_redirects=False)
            assert answer.status == status, headers
        assert sent_of(board) == []
        # Negative control: the same form from our own page is taken.
        assert (await client.post(url, data=good, allow_redirects=False)).status == 303
        assert len(sent_of(board)) == 1
        # Somebody else's token does not fit this session.
        await sign_in(client, "park")
        other = an_action(board, "i-1", token)
        assert (await client.post(url, data=other, allow_redirects=False)).status == 409
        assert len(sent_of(board)) == 1


@pytest.mark.parametrize(
    ("host", "port", "url", "asked"),
    [
        ("127.0.0.1", 8080, "", "127.0.0.1:8080"),
        ("127.0.0.1", 80, "", "127.0.0.1"),
        ("::1", 8080, "", "[::1]:8080"),
        ("::", 8080, "", "[::1]:8080"),
        ("2001:DB8:0::7", 80, "", "[2001:db8::7]"),
        ("127.0.0.1", 8080, "https://Anbu.example", "anbu.example"),
        ("127.0.0.1", 8080, "https://anbu.example:443", "anbu.example"),
        ("127.0.0.1", 8080, "https://anbu.example:8443/", "anbu.example:8443"),
        ("127.0.0.1", 8080, "https://[2001:db8:0::7]", "[2001:db8::7]"),
        ("127.0.0.1", 8080, "https://anbu.example", "localhost:8080"),
    ],
)
def test_the_board_knows_its_names_as_browsers_write_them(host: str, port: int, url: str, asked: str) -> None:
    assert asked in Reached.at(host, port, url).hosts
    # Negative control: the same name at another port is another site.
    assert not {"anbu.example:8080", "127.0.0.1:443", "[::1]:443", "0.0.0.0:8080"} & Reached.at(host, port, url).hosts


@in_loop
async def test_the_board_answers_only_under_its_own_name(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path)) as client:
        assert (await client.get("/sign-in", headers={"Host": "rebound.example"})).status == 421
        assert (await client.get("/sign-in")).status == 200


@in_loop
async def test_board_answers_forbid_foreign_scripts_frames_and_copies(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        for path in ("/sign-in", "/cases", "/nowhere", "/static/board.js", "/cases/live"):
            answer = await client.get(path, allow_redirects=False)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")
            assert "Server" not in answer.headers or "aiohttp" not in answer.headers["Server"].lower()
            answer.close()
        text = await (await client.get("/cases")).text()
        assert not re.search(r"<style|style=|<script(?! src)| on[a-z]+=|https?://", text)


@in_loop
async def test_the_board_session_cookie_is_strict_and_out_of_scripts_reach(tmp_path: Path) -> None:
    for https in (False, True):
        board = a_board(tmp_path / str(https))
        async with opened(board) as client:
            board.reached = Reached(board.reached.hosts, https=https)
            page = await client.get("/sign-in")
            token = re.findall(r'name="form_token" value="([^"]+)"', await page.text())[0]
            cookie = page.headers["Set-Cookie"].split(";")[0]
            answer = await client.post(
                "/sign-in",
                data={"name": "kim", "password": PASSWORD, "form_token": token},
                headers={"Cookie": cookie},
                allow_redirects=False,
            )
            assert answer.status == 303
            said = answer.headers["Set-Cookie"]
            assert "HttpOnly" in said
            assert "SameSite=Strict" in said
            assert said.startswith("__Host-anbu=" if https else "anbu_session=")
            assert ("Secure" in said) == https
            assert ("Strict-Transport-Security" in answer.headers) == https


@in_loop
async def test_too_many_wrong_passwords_must_wait_and_a_right_one_then_too(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    assert isinstance(board.clock, Hands)
    async with opened(board) as client:
        assert [await sign_in(client, "kim", "wrong") for _ in range(6)] == [401] * 5 + [429]
        assert await sign_in(client, "kim") == 429, "or guessing could go on"
        assert await sign_in(client, "lee") == 303, "another name is not shut out"
        client.session.cookie_jar.clear()
        board.clock.now_ms += 11 * MINUTE
        assert await sign_in(client, "kim") == 303


@in_loop
async def test_one_address_cannot_try_one_name_after_the_other(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path)) as client:
        statuses = [await sign_in(client, f"name{i}", "wrong") for i in range(21)]
    assert statuses == [401] * 20 + [429]


@in_loop
async def test_an_office_behind_one_address_signs_in_as_often_as_it_likes_and_still_guesses_no_more(
    tmp_path: Path,
) -> None:
    async with opened(a_board(tmp_path)) as client:
        for i in range(19):
            assert await sign_in(client, f"name{i}", "wrong") == 401
        for _ in range(3):
            assert await sign_in(client, "kim") == 303
            client.session.cookie_jar.clear()
        # Negative control: what was guessed wrong before is not forgotten for it.
        assert [await sign_in(client, f"other{i}", "wrong") for i in range(2)] == [401, 429]


@in_loop
async def test_a_wrong_name_and_a_wrong_password_look_the_same_and_neither_is_logged_as_typed(tmp_path: Path) -> None:
    async with opened(a_board(tmp_path)) as client:
        pages = []
        for name in ("kim", "nobody-of-that-name"):
            fields = {"name": name, "password": "wrong", "form_token": await form_token(client)}
            pages.append(await (await client.post("/sign-in", data=fields)).text())
        assert pages[0] == pages[1]
    assert [line["who"] for line in logged(tmp_path)] == ["kim", ""]
    assert b"nobody-of-that-name" not in (tmp_path / "access.log").read_bytes()


@in_loop
async def test_a_board_session_ends_when_idle_when_old_and_when_its_user_is_removed(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    assert isinstance(board.clock, Hands)
    async with opened(board) as client:

        async def is_in() -> bool:
            return (await client.get("/cases", allow_redirects=False)).status == 200

        await sign_in(client, "kim")
        board.clock.now_ms += IDLE_MS
        assert await is_in()
        board.clock.now_ms += IDLE_MS + 1
        assert not await is_in()
        await sign_in(client, "kim")
        for _ in range(LONGEST_MS // IDLE_MS):
            board.clock.now_ms += IDLE_MS
            assert await is_in()
        board.clock.now_ms += IDLE_MS
        assert not await is_in()
        await sign_in(client, "kim")
        assert await is_in()
        write_users(tmp_path / "users.json", [user for user in EVERYBODY if user.name != "kim"])
        assert not await is_in()


@in_loop
async def test_a_user_who_loses_a_district_stops_seeing_it_at_once(tmp_path: Path) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        assert "h-0017" in await (await client.get("/cases")).text()
        write_users(tmp_path / "users.json", [a_user("kim", Role.RESPONDER, "dobong")])
        assert "h-0017" not in await (await client.get("/cases")).text()


@in_loop
async def test_signing_out_ends_the_session_at_the_board_and_not_only_in_the_browser(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        fields = {"form_token": await form_token(client, "/totals")}
        assert (await client.post("/sign-out", data=fields, allow_redirects=False)).status == 303
        assert not board.sessions._sessions
    assert logged(tmp_path)[-1]["what"] == "sign_out"


@in_loop
async def test_one_can_sign_out_while_the_access_log_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise AccessLogError("the disk is full")

    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        fields = {"form_token": await form_token(client, "/totals")}
        monkeypatch.setattr(board.access._log, "write_all", full)
        answer = await client.post("/sign-out", data=fields, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
        assert not board.sessions._sessions


@in_loop
async def test_every_view_and_action_of_a_person_is_in_the_access_log_with_who_whose_what_and_from_where(
    tmp_path: Path,
) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        await client.get("/cases")
        url = f"/cases/{await token_of(client, board, 'h-0017')}"
        await client.get(url)
        await client.post(url, data=an_action(board, "i-1", await form_token(client, "/totals")), allow_redirects=False)
    lines = [line for line in logged(tmp_path) if line["household"]]
    assert [(line["what"], line["incident"]) for line in lines] == [
        ("list", "i-1"),
        ("case", "i-1"),
        ("act_acknowledge", "i-1"),
    ]
    assert {(line["who"], line["role"], line["household"], line["address"]) for line in lines} == {
        ("kim", "responder", "h-0017", "127.0.0.1")
    }


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([], "127.0.0.1"),
        (["192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        (["2001:DB8::7"], "2001:db8::7"),
        (["192.0.2.7, kim"], "127.0.0.1"),
        (["fe80::1%" + "x" * 500], "fe80::1"),
    ],
)
@in_loop
async def test_the_access_log_has_the_address_that_the_proxy_names_last_and_only_an_address(
    tmp_path: Path, lines: list[str], address: str
) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        headers = [("X-Forwarded-For", line) for line in lines]
        await client.get("/totals", headers=headers)
        session = next(iter(board.sessions._sessions.values()))
        assert session.address == "127.0.0.1", "nobody in front: whatever a browser says of itself is nothing"
        board.reached = Reached(board.reached.hosts, https=True)
        cookie = {"Cookie": f"__Host-anbu={session.id}"}
        assert (await client.get("/cases", headers=[*headers, *cookie.items()])).status == 200
    assert logged(tmp_path)[-1]["address"] == address


@in_loop
async def test_nothing_of_a_person_is_shown_or_sent_when_the_access_log_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")
        known(board)["h-0017"] = a_view()
        url = f"/cases/{await token_of(client, board, 'h-0017')}"
        fields = an_action(board, "i-1", await form_token(client, "/totals"))

        def full(*_args: object, **_named: object) -> None:
            raise AccessLogError("the disk is full")

        monkeypatch.setattr(board.access._log, "write_all", full)
        for answer in (
            await client.get("/cases"),
            await client.get(url),
            await client.get("/homes"),
            await client.get("/weekly"),
            await client.get(url.replace("cases", "homes")),
            await client.post(url, data=fields, allow_redirects=False),
        ):
            assert answer.status == 503
            text = await answer.text()
            assert "h-0017" not in text
            assert "생활 반응" not in text
        live = await (await client.get("/cases/live")).text()
        assert "h-0017" not in live
        assert "event: reload" in live
        assert sent_of(board) == []


@in_loop
async def test_a_session_that_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    board = a_board(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        session = next(iter(board.sessions._sessions.values()))
        for _ in range(300):
            board.limits.requests.note(session.id, NOW)
        answer = await client.get("/cases")
        assert answer.status == 429
        assert answer.headers["Retry-After"]


@in_loop
async def test_a_failing_board_page_tells_neither_browser_nor_log_what_it_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = a_board(tmp_path, an_incident())
    async with opened(board) as client:
        await sign_in(client, "kim")

        def broken() -> None:
            raise ValueError("h-0017 lives here")

        monkeypatch.setattr(board.source, "picture", broken)
        answer = await client.get("/up")
        assert answer.status == 500
        assert "lives here" not in await answer.text()
    assert "ValueError" in caplog.text
    assert "lives here" not in caplog.text
