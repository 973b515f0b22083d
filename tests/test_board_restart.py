"""Sessions outlive the board's process, and nothing on its disk lets anybody in."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_scene import CHEAP, NOW, a_board, a_user, an_incident, form_token, in_loop, opened, sign_in

from streams.board.parts import Board
from streams.board.rights import Role
from streams.board.session_store import SessionStore, hash_of
from streams.board.sessions import IDLE_MS, KEPT_EVERY_MS, LONGEST_MS, MOST_OF_ONE, Sessions
from streams.board.users import Hash, User, Users, write_users

KIM = a_user("kim", Role.RESPONDER, "gangbuk")


def started(folder: Path) -> Board:
    """The board as it starts: its users, and what it kept on the disk."""
    board = a_board(folder, an_incident())
    board.sessions = Sessions(SessionStore.open(folder / "sessions.sqlite"), board.users.get)
    return board


def ended(board: Board) -> None:
    board.access._log.close()
    assert board.sessions._store is not None
    board.sessions._store.close()


_stores: list[SessionStore] = []


@pytest.fixture(autouse=True)
def stores_are_closed() -> Iterator[None]:
    yield
    while _stores:
        _stores.pop().close()


def store_at(path: Path) -> SessionStore:
    _stores.append(SessionStore.open(path))
    return _stores[-1]


def sessions_of(folder: Path, user: User | None = KIM) -> Sessions:
    return Sessions(store_at(folder / "s.sqlite"), lambda _name: user)


@in_loop
async def test_a_page_and_its_form_that_were_open_before_a_restart_work_after_it(tmp_path: Path) -> None:
    board = started(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        session = next(iter(board.sessions._sessions.values()))
        path, token = f"/cases/{session.token('h-0017')}", await form_token(client, "/totals")
        incident = session.token("i-1")
        assert (await client.get(path)).status == 200
        cookies = {one.key: one.value for one in client.session.cookie_jar}
    ended(board)
    board = started(tmp_path)
    async with opened(board) as client:
        assert (await client.get(path, allow_redirects=False)).status == 303, "negative control: another browser"
        client.session.cookie_jar.update_cookies(cookies)
        assert (await client.get(path)).status == 200
        fields = {"action": "acknowledge", "id": "a" * 32, "incident": incident, "revision": "1", "form_token": token}
        assert (await client.post(path, data=fields, allow_redirects=False)).status == 303
        assert (await client.get(f"/cases/{'0' * 32}")).status == 404
    ended(board)


@in_loop
async def test_who_signed_out_is_out_after_a_restart_too_even_with_the_old_cookie(tmp_path: Path) -> None:
    board = started(tmp_path)
    async with opened(board) as client:
        await sign_in(client, "kim")
        cookies = {one.key: one.value for one in client.session.cookie_jar}
        fields = {"form_token": await form_token(client, "/totals")}
        await client.post("/sign-out", data=fields, allow_redirects=False)
    ended(board)
    board = started(tmp_path)
    async with opened(board) as client:
        client.session.cookie_jar.update_cookies(cookies)
        assert (await client.get("/cases", allow_redirects=False)).headers["Location"] == "/sign-in"
    ended(board)


def test_neither_the_cookie_nor_what_forms_carry_nor_a_password_lies_on_the_disk(tmp_path: Path) -> None:
    session = sessions_of(tmp_path).begin(KIM, "127.0.0.1", NOW)
    token = session.token("h-0017")
    lying = (tmp_path / "s.sqlite").read_bytes()
    assert hash_of(session.id).encode() in lying, "negative control: the session is in the file"
    for secret in (session.id, session.form_token, token, "h-0017", KIM.password.key, "127.0.0.1"):
        assert secret.encode() not in lying
    assert sessions_of(tmp_path).find(hash_of(session.id), NOW) is None, "what lies there is no cookie"
    assert stat.S_IMODE((tmp_path / "s.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("now", [None, "new password"])
def test_who_was_removed_or_has_a_new_password_is_out_after_a_restart(tmp_path: Path, now: str | None) -> None:
    session = sessions_of(tmp_path).begin(KIM, "", NOW)
    changed = (
        None if now is None else User(name="kim", role=KIM.role, districts=["gangbuk"], password=Hash.of(now, n=2))
    )
    assert sessions_of(tmp_path, changed).find(session.id, NOW) is None
    assert sessions_of(tmp_path).find(session.id, NOW) is None, "and stays out"


def test_time_goes_on_while_the_board_is_down(tmp_path: Path) -> None:
    before = sessions_of(tmp_path)
    session = before.begin(KIM, "", NOW)
    assert sessions_of(tmp_path).find(session.id, NOW + IDLE_MS) is not None
    assert sessions_of(tmp_path).find(session.id, NOW + IDLE_MS + 1) is None
    session = before.begin(KIM, "", NOW)
    for at_ms in range(NOW, NOW + LONGEST_MS, KEPT_EVERY_MS):
        before.use(session, at_ms)
    after = sessions_of(tmp_path)
    found = after.find(session.id, NOW + LONGEST_MS)
    assert found is not None
    after.use(found, NOW + LONGEST_MS)
    assert sessions_of(tmp_path).find(session.id, NOW + LONGEST_MS + 1) is None, "however much it was used"


def test_many_sign_ins_of_one_user_never_leave_more_than_ten_sessions_across_restarts(tmp_path: Path) -> None:
    made = [sessions_of(tmp_path).begin(KIM, "", NOW + number) for number in range(MOST_OF_ONE + 3)]
    last = sessions_of(tmp_path)
    found = [last.find(one.id, NOW + 100) is not None for one in made]
    assert found == [False] * 3 + [True] * MOST_OF_ONE


def test_a_file_that_is_no_file_of_sessions_is_taken_away_and_signs_everybody_out(tmp_path: Path) -> None:
    session = sessions_of(tmp_path).begin(KIM, "", NOW)
    (tmp_path / "s.sqlite").write_bytes(b"\x00 no database " * 900)
    after = sessions_of(tmp_path)
    assert after.find(session.id, NOW) is None
    again = after.begin(KIM, "", NOW)
    assert sessions_of(tmp_path).find(again.id, NOW) is not None


def test_a_session_that_cannot_be_taken_out_of_the_file_takes_the_file_with_it(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.sqlite")
    sessions = Sessions(store, lambda _name: KIM)
    session = sessions.begin(KIM, "", NOW)
    assert store._file is not None
    store._file.close()  # as when the disk has gone
    sessions.end(session)
    assert sessions_of(tmp_path).find(session.id, NOW) is None
    assert sessions.find(sessions.begin(KIM, "", NOW).id, NOW) is not None, "in memory it goes on"


def test_the_file_of_users_that_is_away_lets_nobody_in_and_forgets_nobody(tmp_path: Path) -> None:
    write_users(tmp_path / "users.json", [User(name="kim", role=KIM.role, districts=["gangbuk"], password=CHEAP)])
    users, store = Users(tmp_path / "users.json"), tmp_path / "s.sqlite"
    kim = users.get("kim")
    assert kim is not None
    session = Sessions(store_at(store), users.get).begin(kim, "", NOW)
    after: Any = Sessions(store_at(store), users.get)
    (tmp_path / "users.json").rename(tmp_path / "away.json")
    assert after.find(session.id, NOW) is None
    (tmp_path / "away.json").rename(tmp_path / "users.json")
    assert after.find(session.id, NOW) is not None
