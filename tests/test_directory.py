"""Names and addresses: sealed on the disk, shown to the owner of an open incident alone, never before it is logged."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from schemas.examples import RECORDS
from schemas.incidents import Incident, IncidentState
from streams.access_log import AccessLog, AccessLogError, verify
from streams.commands.access_log import access_log
from streams.commands.directory import directory
from streams.directory import (
    DENIED,
    LOOKED_UP,
    Contact,
    Directory,
    DirectoryError,
    NotAllowedError,
    Person,
    make_key,
)

NOW_MS = 1_795_000_000_000
HOME = "h-000123"
SYNTHETIC = Contact(
    "가상인물 김",
    "가상시 가상구 1",
    "000-0000-0000",
    (Person("조카", "가상인물 이", "000-1111-1111"),),
    "열쇠는 경비실",
)
"""Nobody: made up for these tests."""
OPEN = RECORDS["incident"]
assert isinstance(OPEN, Incident)
MINE = msgspec.structs.replace(OPEN, owner="kim", acknowledged_by="kim", state=IncidentState.ACKNOWLEDGED)


@pytest.fixture
def made(tmp_path: Path) -> Directory:
    make_key(tmp_path / "people.key")
    kept = Directory.new(tmp_path / "people.anbu", tmp_path / "people.key")
    kept.put(HOME, SYNTHETIC)
    kept.save()
    return kept


def opened(tmp_path: Path) -> Directory:
    return Directory.open(tmp_path / "people.anbu", tmp_path / "people.key")


def look(kept: Directory, tmp_path: Path, incident: Incident = MINE, household: str = HOME, who: str = "kim") -> Any:
    log = AccessLog(tmp_path / "access.log")
    try:
        return kept.look_up(household, who=who, role="responder", incident=incident, at_ms=NOW_MS, log=log)
    finally:
        log.close()


def logged(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]


def test_the_owner_of_an_open_incident_sees_who_lives_there_and_stands_in_the_log(
    made: Directory, tmp_path: Path
) -> None:
    assert look(opened(tmp_path), tmp_path) == SYNTHETIC
    (line,) = logged(tmp_path)
    assert (line["who"], line["household"], line["incident"], line["what"]) == ("kim", HOME, MINE.id, LOOKED_UP)
    assert "가상" not in json.dumps(line, ensure_ascii=False)


@pytest.mark.parametrize(
    ("incident", "household", "who"),
    [
        (OPEN, HOME, "kim"),
        (MINE, HOME, "lee"),
        (msgspec.structs.replace(MINE, acknowledged_by=None), HOME, "kim"),
        (msgspec.structs.replace(MINE, owner="night-centre"), HOME, "kim"),
        (msgspec.structs.replace(MINE, state=IncidentState.CLOSED), HOME, "kim"),
        (msgspec.structs.replace(MINE, state=IncidentState.WITHDRAWN), HOME, "kim"),
        (msgspec.structs.replace(MINE, household="h-2"), HOME, "kim"),
        (MINE, "h-2", "kim"),
    ],
    ids=["nobody's", "another's", "a post's", "moved on", "closed", "withdrawn", "another home's", "of another home"],
)
def test_nobody_else_sees_anything_and_the_attempt_is_logged(
    made: Directory, tmp_path: Path, incident: Incident, household: str, who: str
) -> None:
    with pytest.raises(NotAllowedError):
        look(made, tmp_path, incident, household, who)
    assert [line["what"] for line in logged(tmp_path)] == [DENIED]


def test_what_cannot_be_logged_is_not_shown(made: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    log = AccessLog(tmp_path / "access.log")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(AccessLogError):
        made.look_up(HOME, who="kim", role="responder", incident=MINE, at_ms=NOW_MS, log=log)
    log.close()


def test_somebody_who_is_not_listed_is_none_and_the_look_up_is_logged_all_the_same(
    made: Directory, tmp_path: Path
) -> None:
    assert look(made, tmp_path, msgspec.structs.replace(MINE, household="h-2"), "h-2") is None
    assert [line["what"] for line in logged(tmp_path)] == [LOOKED_UP]


# At rest.

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
contacts = st.builds(
    Contact, words, words, words, st.lists(st.builds(Person, words, words, words), max_size=3).map(tuple), words
)


@given_settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), contacts, max_size=5))
def test_whatever_is_put_in_comes_out_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, people: dict[str, Contact]
) -> None:
    folder = tmp_path_factory.mktemp("people")
    make_key(folder / "people.key")
    kept = Directory.new(folder / "people.anbu", folder / "people.key")
    for name, contact in people.items():
        kept.put(name, contact)
    kept.save()
    again = opened(folder)
    assert len(again) == len(people)
    for name, contact in people.items():
        assert look(again, folder, msgspec.structs.replace(MINE, household=name), name) == contact


def test_the_file_tells_neither_who_is_in_it_nor_what_nor_how_much(made: Directory, tmp_path: Path) -> None:
    made.put("h-short", Contact())
    made.save()
    data = (tmp_path / "people.anbu").read_bytes()
    for secret in (HOME, "h-short", "가상인물", "000-0000", "경비실"):
        assert secret.encode() not in data
    boxes = [len(json.loads(line)["box"]) for line in data.splitlines()[1:]]
    assert len(set(boxes)) == 1


def test_the_same_record_sealed_twice_looks_different(made: Directory, tmp_path: Path) -> None:
    before = (tmp_path / "people.anbu").read_bytes()
    made.put(HOME, SYNTHETIC)
    made.save()
    assert (tmp_path / "people.anbu").read_bytes() != before


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_an_altered_file_is_refused_and_nothing_of_it_is_repeated(
    made: Directory, tmp_path: Path, place: float
) -> None:
    path = tmp_path / "people.anbu"
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    path.write_bytes(data)
    with pytest.raises(DirectoryError) as refused:
        look(opened(tmp_path), tmp_path)
    assert "가상" not in str(refused.value)
    assert refused.value.__cause__ is None or "가상" not in str(refused.value.__cause__)


def test_a_record_moved_to_another_line_or_another_file_opens_no_more(made: Directory, tmp_path: Path) -> None:
    made.put("h-2", Contact(name="가상인물 박"))
    one, two = made._token(HOME), made._token("h-2")
    made._boxes[one], made._boxes[two] = made._boxes[two], made._boxes[one]
    with pytest.raises(DirectoryError):
        look(made, tmp_path)
    other = Directory.new(tmp_path / "other.anbu", tmp_path / "people.key")
    other._boxes = dict(made._boxes)
    other._boxes[one] = made._boxes[two]
    with pytest.raises(DirectoryError):
        look(other, tmp_path)


def test_another_key_opens_nothing(made: Directory, tmp_path: Path) -> None:
    make_key(tmp_path / "other.key")
    with pytest.raises(DirectoryError, match="the key is another one's"):
        Directory.open(tmp_path / "people.anbu", tmp_path / "other.key")


@pytest.mark.parametrize("name", ["people.key", "people.anbu"])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(made: Directory, tmp_path: Path, name: str) -> None:
    (tmp_path / name).chmod(0o640)
    with pytest.raises(DirectoryError, match="chmod 600"):
        opened(tmp_path)


def test_files_are_made_for_their_owner_alone_and_never_written_over(made: Directory, tmp_path: Path) -> None:
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("people.key", "people.anbu")} == {0o600}
    with pytest.raises(DirectoryError, match="is there already"):
        make_key(tmp_path / "people.key")
    with pytest.raises(DirectoryError, match="is there already"):
        Directory.new(tmp_path / "people.anbu", tmp_path / "people.key")


def test_a_repr_and_a_log_line_hold_nothing_of_a_person(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("%r %s", SYNTHETIC, [SYNTHETIC])
    assert "가상" not in caplog.text + repr(SYNTHETIC) + str(SYNTHETIC.contacts)


# Commands.


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANBU_DIRECTORY", str(tmp_path / "people.anbu"))
    monkeypatch.setenv("ANBU_DIRECTORY_KEY", str(tmp_path / "people.key"))
    monkeypatch.setenv("ANBU_DATADIR", str(tmp_path))
    assert said("new").exit_code == 0
    return tmp_path


def said(*words_: str, stdin: str = "") -> Result:
    return CliRunner().invoke(directory, words_, input=stdin)


CSV = (
    "household,name,phone,contacts\nh-1,가상인물 김,000,조카:가상인물 이:111;이웃:가상인물 박:222\nh-2,가상인물 최,,\n"
)
LINES = '{"household":"h-1","name":"가상인물 김"}\n\n{"household":"h-2","contacts":[{"name":"가상인물 이"}]}\n'


@pytest.mark.parametrize(("name", "text"), [("people.csv", CSV), ("people.jsonl", LINES)])
def test_people_come_in_from_a_file(env: Path, name: str, text: str) -> None:
    (env / name).write_text("\ufeff" + text, encoding="utf-8")
    assert "2 households imported, 2 in the directory" in said("import", str(env / name)).output
    assert said("count").output == "2 households\n"
    found = look(opened(env), env, msgspec.structs.replace(MINE, household="h-1"), "h-1")
    assert found.name == "가상인물 김"
    assert said("remove", "h-2").exit_code == 0
    assert said("remove", "h-2").exit_code == 1
    assert said("count").output == "1 household\n"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"household":"h 1","name":"가상인물"}', "household"),
        ('{"name":"가상인물"}', "line 2"),
        ('{"household":"h-1","name":["가상인물"]}', "name"),
        ('{"household":"h-1","secret":"가상인물"}', "line 2"),
        ("가상인물", "line 2"),
        (json.dumps({"household": "h-1", "name": "가상인물" * 200}), "name: at most"),
    ],
)
def test_a_bad_line_changes_nothing_and_is_told_by_its_field_alone(env: Path, line: str, named: str) -> None:
    (env / "people.jsonl").write_text(f'{{"household":"h-9"}}\n{line}\n', encoding="utf-8")
    refused = said("import", str(env / "people.jsonl"))
    assert refused.exit_code == 1
    assert "line 2" in refused.output
    assert named in refused.output
    assert "가상" not in refused.output
    assert said("count").output == "0 households\n"


def test_one_record_comes_by_stdin_never_by_arguments(env: Path) -> None:
    assert said("add", "h-1", stdin='{"name":"가상인물"}').output == "h-1 is in the directory\n"
    refused = said("add", "h-1", stdin='{"name":{"가상인물":1}}')
    assert refused.exit_code == 1
    assert "가상" not in refused.output


def test_another_key_takes_the_place_of_the_old_one(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("add", HOME, stdin='{"name":"가상인물"}')
    assert "1 household sealed" in said("rekey", str(env / "next.key")).output
    assert said("count").exit_code == 1
    monkeypatch.setenv("ANBU_DIRECTORY_KEY", str(env / "next.key"))
    assert said("count").output == "1 household\n"
    found = look(Directory.open(env / "people.anbu", env / "next.key"), env)
    assert found.name == "가상인물"


def test_a_directory_that_nobody_named_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANBU_DIRECTORY", raising=False)
    refused = said("count")
    assert refused.exit_code == 2
    assert "ANBU_DIRECTORY must name a file" in refused.output


def test_anbu_access_log_verify_finds_what_was_altered_and_what_was_cut_off(env: Path) -> None:
    path = env / "board" / "access.log"
    path.parent.mkdir()
    log = AccessLog(path)
    for number in range(3):
        log.write(who="kim", role="responder", household=f"h-{number}", what="case", at_ms=NOW_MS)
    log.close()
    last = verify(path).last
    sound = CliRunner().invoke(access_log, ["verify", "--last", last])
    assert sound.exit_code == 0
    assert f"3 lines are what was written; the last has hash {last}" in sound.output
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert CliRunner().invoke(access_log, ["verify"]).exit_code == 0
    assert CliRunner().invoke(access_log, ["verify", "--last", last]).exit_code == 1
    path.write_bytes(b"".join(lines).replace(b"h-1", b"h-9"))
    altered = CliRunner().invoke(access_log, ["verify", str(path)])
    assert altered.exit_code == 1
    assert "line 2 is not what was written; 1 line before it" in altered.output
