"""The command line teaches, says its errors in one line, and never shows a traceback for what was to be expected."""

import gzip
import json
import tomllib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from infra.topics import create_topics
from schemas.alerts import PublicAlert
from schemas.decode import decode
from schemas.encode import encode
from schemas.events import MAX_MESSAGE_BYTES, DeadLetter, Reason
from schemas.incidents import Status
from schemas.partitions import partition_of
from schemas.profiles import DEFAULT_PROFILE, Profile
from schemas.times import to_rfc3339
from schemas.topics import ORDERED_NAMES
from streams.cli import HERE, cli
from streams.event_file import Good, faults_of, read_messages
from streams.profile_file import differences, profile_id, read_profile, write_profile
from streams.publish import Publisher, TopicsDifferError
from streams.registry import read_csv, read_json_lines
from streams.tail import reading
from streams.wallclock import now_ms

NOW = 1_795_000_000_000
NOWHERE = {"ANBU_KAFKA": "kafka://127.0.0.1:1"}
ENTRY_POINTS = {
    "topics": "infra.commands:topics",
    "migrate": "infra.commands:migrate",
    "replay": "load_tests.whatif.cli:replay",
    "demo": "load_tests.commands:demo",
    "up": "load_tests.commands:up",
    "simulate": "load_tests.commands:simulate",
    "import": "load_tests.commands:import_",
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer commands as pyproject declares them, however long ago this environment was installed."""
    points = [EntryPoint(name, place, "anbu.commands") for name, place in ENTRY_POINTS.items()]
    monkeypatch.setattr("streams.cli.entry_points", lambda group: points)


def anbu(*args: str, env: dict[str, str] | None = None, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(
        cli, [*args], env={"ANBU_PARTITIONS": "2", "ANBU_WRITER_METRICS_PORT": "0"} | (env or {}), input=stdin
    )


def load(place: str) -> click.Command:
    module, name = place.split(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, click.Command)
    return found


def every_command() -> dict[str, click.Command]:
    """`households show`: command, the groups' own included."""
    found: dict[str, click.Command] = {}
    for name, place in sorted({name: place for name, (place, _) in HERE.items()}.items() | ENTRY_POINTS.items()):
        command = load(place)
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": one for sub, one in command.commands.items()}
    return found


def test_every_command_says_what_it_does_with_an_example() -> None:
    for name, command in every_command().items():
        ctx = click.Context(command, info_name=name)
        text = command.get_help(ctx)
        assert len(command.help or "") > 80, name
        if not isinstance(command, click.Group):
            assert f"anbu {name}" in text, f"{name} shows no example"
        assert "\b" not in text


def test_the_list_of_commands_says_the_same_as_each_command() -> None:
    for name, (place, short) in HERE.items():
        command = load(place)
        assert command.name == name
        if not isinstance(command, click.Group):
            assert command.short_help == short


def test_the_outer_commands_are_declared_as_entry_points() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["anbu.commands"] == ENTRY_POINTS


def test_help_lists_every_command_without_loading_faust() -> None:
    said = anbu("--help")
    assert said.exit_code == 0
    for name in HERE:
        assert f"  {name} " in said.output
    assert anbu().exit_code == 2


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["profile", "apply"],
        ["profile", "apply", "missing.toml", "--who", "a", "--why", "b"],
        ["households", "show"],
        ["incidents", "watch", "--rows", "many"],
        ["dead-letters", "retry"],
        ["dead-letters", "show", "no position"],
        ["dead-letters", "show", "incidents/0/1"],
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(args: list[str]) -> None:
    said = anbu(*args)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1, said.stderr


def test_wrong_settings_are_one_line_that_names_the_variable_and_code_2() -> None:
    said = anbu("incidents", "watch", env={"ANBU_PARTITIONS": "many"})
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    assert "ANBU_PARTITIONS" in said.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["incidents", "watch"],
        ["households", "show", "h-1"],
        ["households", "end", "h-1", "--yes"],
        ["profile", "show"],
        ["dead-letters", "list"],
        ["dead-letters", "retry", "--all"],
        ["send", "-"],
        ["writer"],
    ],
)
def test_a_broker_that_is_away_is_one_line_and_code_1(args: list[str]) -> None:
    said = anbu(*args, env=NOWHERE, stdin="")
    assert said.exit_code == 1
    assert said.stdout == ""
    error = said.stderr.splitlines()[-1]
    assert error.startswith("anbu: the broker at 127.0.0.1:1 does not answer")
    assert said.stderr.count("\n") == 1 + (args == ["writer"])  # a service says first where it connects to


def test_the_doctor_without_a_broker_names_the_remedy_and_fails() -> None:
    said = anbu("doctor", env=NOWHERE | {"ANBU_CLICKHOUSE": "clickhouse://127.0.0.1:1/anbu"})
    assert said.exit_code == 1
    assert "FAIL  broker" in said.stdout
    assert "ANBU_KAFKA" in said.stdout
    assert said.stdout.count("remedy:") == 5


# Registry files


def test_registry_lines_are_read_or_refused_with_number_and_reason() -> None:
    lines = list(
        read_json_lines(
            [
                '{"household":"h-1","risk_grade":"high","sensitivity":1.5}',
                "",
                "{",
                '{"household":"h 2"}',
                '{"household":"h-2","sensitivity":9}',
                '{"household":"h-2","time_zone":"Asia/Atlantis"}',
                '{"household":"h-2","sources":[{"source":"gw-1"}]}',
                '{"household":"h-2","absences":[{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}]}',
                '{"household":"h-2","risk_grade":3}',
            ]
        )
    )
    assert [line.number for line in lines] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert [line.record is not None for line in lines] == [True] + [False] * 7
    assert all(
        word in line.reason
        for line, word in zip(
            lines[2:], ["household", "sensitivity", "time_zone", "sources", "start", "risk"], strict=True
        )
    )


def test_a_csv_registry_gives_the_same_records_as_json_lines() -> None:
    rows = [
        "household,risk_grade,needs,sources,sensitivity",
        "h-1,high,hearing;dementia,/sensors/gw-1=3600;/phone/p-1,1.5",
    ]
    text = json.dumps(
        {
            "household": "h-1",
            "risk_grade": "high",
            "needs": ["hearing", "dementia"],
            "sensitivity": 1.5,
            "sources": [{"source": "/sensors/gw-1", "expect_every_s": 3600}, {"source": "/phone/p-1"}],
        }
    )
    (from_csv,), (from_json,) = read_csv(rows), read_json_lines([text])
    assert from_csv.record == from_json.record is not None


def test_an_unknown_column_is_an_error_not_a_silent_loss() -> None:
    with pytest.raises(ValueError, match="senstivity"):
        list(read_csv(["household,senstivity", "h-1,2"]))


# Profile files


def test_a_profile_written_as_toml_reads_back_the_same() -> None:
    text = write_profile(DEFAULT_PROFILE)
    back = read_profile(text, who="a", why="b", applied_at="")
    assert differences(DEFAULT_PROFILE, back) == []
    assert back.id == profile_id(DEFAULT_PROFILE)


def test_a_changed_number_changes_the_id_and_is_named() -> None:
    new = read_profile("silence_budget = 0.1\n[silence]\nfixed_h = 16.0\n", who="a", why="b", applied_at="")
    assert differences(DEFAULT_PROFILE, new) == ["silence_budget: 0.05 -> 0.1", "silence.fixed_h: 24.0 -> 16.0"]
    assert new.id != profile_id(DEFAULT_PROFILE)
    assert new.id == profile_id(msgspec.structs.replace(new, who="c", why="d", applied_at="e"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("silence_buget = 1", "silence_buget"),
        ("[silence]\nfixd_h = 1", "silence.fixd_h"),
        ("silence = 1", "silence"),
        ("silence_budget = nan", "silence_budget"),
        ("silence_budget = -1", "silence_budget"),
        ('silence_budget = "much"', "silence_budget"),
        ("unanswered_in_a_row = 0", "unanswered_in_a_row"),
        ('who = "me"', "who"),
        ("= 1", "not TOML"),
    ],
)
def test_a_wrong_profile_names_the_field(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read_profile(text, who="a", why="b", applied_at="")


# Against a broker


@pytest.fixture
def log(any_broker: Any) -> Callable[..., Result]:
    """The command line against a broker with an empty topic set of two partitions."""
    create_topics(any_broker.bootstrap, 2)
    return lambda *args: anbu(*args, env={"ANBU_KAFKA": any_broker.url, "ANBU_TICK_EVERY_S": "0.2"})


def an_event(name: str, household: str = "h-1", kind: str = "unlock", **data: Any) -> dict[str, Any]:
    channel = "phone" if kind == "unlock" else "sensors"
    return {
        "specversion": "1.0",
        "type": f"anbu.{kind}.v1",
        "source": f"/{channel}/d-1",
        "id": name,
        "time": "2026-01-01T10:00:00+09:00",
        "subject": household,
        "data": data,
    }


def test_send_publishes_the_good_events_and_names_the_bad_ones(
    log: Callable[..., Result], any_broker: Any, tmp_path: Path
) -> None:
    lines = [
        json.dumps(an_event("e-1")),
        "not json",
        "",
        json.dumps(
            [an_event("e-2"), an_event("e-3", kind="scent"), an_event("e-4", "h-2"), an_event("e-5", kind="motion")]
        ),
        json.dumps(an_event("e-6") | {"time": "tomorrow"}),
        json.dumps(an_event("e-7") | {"time": "2099-01-01T00:00:00Z"}),
        json.dumps(an_event("e-8") | {"subject": ""}),
    ]
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    said = log("send", str(file))
    assert said.exit_code == 1
    assert said.stdout == "sent 4 events in 4 messages, 5 refused\n"
    assert [line.partition(" (")[0] for line in said.stderr.splitlines()] == [
        "line 2: not_json",
        "line 4, event 2: unknown_type",
        "line 5: bad_time",
        "line 6: future_time",
        "line 7: no_household",
    ]
    with reading(any_broker.bootstrap) as reader:
        phone = list(reader.read_whole("phone.usage"))
        home = list(reader.read_whole("home.sensors"))
    assert sorted(json.loads(r.value or b"")["id"] for r in phone) == ["e-1", "e-2", "e-4"]
    assert [json.loads(r.value or b"")["id"] for r in home] == ["e-5"]
    for record in [*phone, *home]:
        assert record.partition == partition_of(record.key or b"", 2)


def test_send_check_needs_no_broker_and_reads_an_array_over_several_lines() -> None:
    text = json.dumps([an_event("e-1"), an_event("e-2", "h-2")], indent=2)
    said = anbu("send", "--check", env=NOWHERE, stdin=text)
    assert (said.exit_code, said.stdout) == (0, "would send 2 events in 2 messages, 0 refused\n")
    spoilt = anbu("send", "--check", env=NOWHERE, stdin=text[:-20])
    assert spoilt.exit_code == 1
    assert "not_json" in spoilt.stderr


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
spoilt_events = st.builds(
    lambda name, field, value: an_event(name) | ({field: value} if field else {}),
    st.sampled_from(["e-1", "e-2"]),
    st.sampled_from([None, "type", "subject", "time", "id", "data", "source"]),
    anything,
)
event_lines = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b'[{"value": Infinity}]', b"NaN", b"[1e999]"]),
    st.one_of(anything, spoilt_events, st.lists(spoilt_events, max_size=4)).map(lambda one: json.dumps(one).encode()),
)


@given(st.lists(event_lines, max_size=6))
def test_whatever_the_lines_hold_each_message_decodes_and_nothing_raises(lines: list[bytes]) -> None:
    for one in read_messages(lines, NOW):
        if isinstance(one, Good):
            assert faults_of(one.topic, one.household.encode(), one.value, NOW) == []
        else:
            assert str(one).startswith(f"line {one.line}")


@given(st.lists(spoilt_events, min_size=1, max_size=8))
def test_every_event_of_an_array_is_sent_or_told(events: list[dict[str, Any]]) -> None:
    found = list(read_messages([json.dumps(events).encode()], NOW))
    assert sum(one.events if isinstance(one, Good) else 1 for one in found) == len(events)


def test_one_reading_that_is_no_json_leaves_the_others_of_its_array() -> None:
    good = json.dumps(an_event("e-1"))
    spoilt = good.replace('"e-1"', "NaN")
    found = list(read_messages([f"[{good},{spoilt},{good}]".encode()], NOW))
    assert sorted(str(one) for one in found if not isinstance(one, Good)) == ["line 1, event 2: non_finite"]
    assert [one.events for one in found if isinstance(one, Good)] == [2]


def test_a_large_array_becomes_several_messages_none_of_them_too_large() -> None:
    events = [an_event(f"e-{n}") for n in range(3000)]
    found = [one for one in read_messages([json.dumps(events).encode()], NOW) if isinstance(one, Good)]
    assert sum(one.events for one in found) == 3000
    assert len(found) > 1
    assert all(len(one.value) <= MAX_MESSAGE_BYTES for one in found)


def test_households_are_imported_shown_declared_away_and_ended(log: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "registry.csv"
    file.write_text("\ufeffhousehold,risk_grade\nh-1,high\nh-2,huge\n", encoding="utf-8")
    said = log("households", "import", str(file))
    assert (said.exit_code, said.stdout) == (1, "published 1 household, 1 line refused\n")
    assert said.stderr.startswith("line 3: ")
    away = ["--from", "2026-12-01T09:00", "--until", "2026-12-04T20:00+09:00", "--cause", "trip"]
    for _ in range(2):
        assert log("households", "absence", "h-1", *away).exit_code == 0
    shown = json.loads(log("households", "show", "h-1").stdout)
    assert shown["risk_grade"] == "high"
    assert shown["absences"] == [
        {"start": "2026-12-01T00:00:00.000Z", "end": "2026-12-04T11:00:00.000Z", "cause": "trip"}
    ]
    assert log("households", "absence", "h-1", "--from", "2026-12-05T09:00", "--until", "soon").exit_code == 2
    assert log("households", "end", "h-1", "--yes").exit_code == 0
    assert "left the service" in log("households", "show", "h-1").stderr
    assert "no record of h-9" in log("households", "show", "h-9").stderr


def test_a_profile_goes_to_every_partition_with_who_and_why(
    log: Callable[..., Result], any_broker: Any, tmp_path: Path
) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(log("profile", "show").stdout.replace("fixed_h = 24.0", "fixed_h = 16.0"))
    assert log("profile", "diff", str(file)).stdout == "silence.fixed_h: 24.0 -> 16.0\n"
    said = log("profile", "apply", str(file), "--who", "kim", "--why", "summer nights")
    assert said.exit_code == 0
    with reading(any_broker.bootstrap) as reader:
        applied = [
            (r.partition, msgspec.json.decode(r.value or b"", type=Profile)) for r in reader.read_whole("profile")
        ]
    assert sorted(partition for partition, _ in applied) == [0, 1]
    assert {(p.who, p.why, p.silence.fixed_h) for _, p in applied} == {("kim", "summer nights", 16.0)}
    assert "why summer nights" in log("profile", "show").stdout
    assert (
        log("profile", "apply", str(file), "--who", "kim", "--why", "again").stdout
        == "no difference; nothing written\n"
    )
    assert log("profile", "apply", str(file), "--who", " ", "--why", "again").exit_code == 2


def test_an_emergency_text_goes_to_every_partition_as_the_engine_reads_it(
    log: Callable[..., Result], any_broker: Any
) -> None:
    said = log(
        "alerts", "send", "--kind", "flood", "--district", "dong-27", "--expires", "6h", "--text-ko", "침수 주의"
    )
    assert said.exit_code == 0
    with reading(any_broker.bootstrap) as reader:
        found = [(r.partition, decode("public.alerts", r.key, r.value)) for r in reader.read_whole("public.alerts")]
    assert sorted(partition for partition, _ in found) == [0, 1]
    assert found[0][1] == found[1][1]
    assert isinstance(found[0][1][0], PublicAlert)
    assert found[0][1][0].text_ko == "침수 주의"


def test_a_dead_letter_is_retried_only_when_it_decodes_now(log: Callable[..., Result], any_broker: Any) -> None:
    good, bad = encode(an_event("e-1")), encode(an_event("e-2", kind="scent"))
    where = partition_of("h-1", 2)
    with Publisher(any_broker.bootstrap, 2) as publisher:
        publisher.send("phone.usage", "h-1", good)
        publisher.send("phone.usage", "h-1", bad)
        for offset in (0, 1, 7):
            letter = DeadLetter(
                topic="phone.usage",
                partition=where,
                offset=offset,
                index=0,
                reason=Reason.UNKNOWN_TYPE,
                detail="type",
                length=len(bad),
                sha256="0" * 64,
                head="{",
                at="2026-01-01T00:00:00.000Z",
            )
            publisher.send("dead.letters", "h-1", encode(letter))
    listed = log("dead-letters", "list", "--last", "1").stdout.splitlines()
    assert len(listed) == 2
    assert listed[-1] == "3 in phone.usage: unknown_type"
    assert "decodes now" in log("dead-letters", "show", f"phone.usage/{where}/0").stdout
    assert "still: unknown_type" in log("dead-letters", "show", f"phone.usage/{where}/1").stdout
    assert log("dead-letters", "show", f"phone.usage/{where}/5").exit_code == 1
    said = log("dead-letters", "retry", "--reason", "unknown_type")
    assert said.exit_code == 1
    assert [line.partition(": ")[2].partition(" (")[0] for line in said.stdout.splitlines()[:3]] == [
        "republished",
        "still unknown_type",
        "gone, retention has taken the bytes",
    ]
    with reading(any_broker.bootstrap) as reader:
        assert [r.value for r in reader.read_whole("phone.usage")] == [good, bad, good]


def test_watch_once_calls_out_the_partitions_that_say_nothing(log: Callable[..., Result], any_broker: Any) -> None:
    status = Status(partition=1, clock=to_rfc3339(now_ms()), households=7, blind=0, open=0, engine="test")
    with Publisher(any_broker.bootstrap, 2) as publisher:
        publisher.send("incidents", b"", encode(status), partition=1)
    said = log("incidents", "watch", "--once")
    assert said.exit_code == 0
    assert "NOT WATCHED: partition 0" in said.stdout
    assert "watching 7 homes" in said.stdout
    told = json.loads(log("incidents", "watch", "--once", "--json").stdout)
    assert (told["type"], told["homes"], told["stale"]) == ("watching", 7, [0])


def test_topics_that_are_missing_or_cut_otherwise_are_told(log: Callable[..., Result], any_broker: Any) -> None:
    with pytest.raises(TopicsDifferError, match="missing"), Publisher(any_broker.bootstrap, 2) as publisher:
        publisher.send("nowhere", "h-1", b"{}")
    with reading(any_broker.bootstrap) as reader:
        assert "nowhere" not in reader.topics()
    said = anbu("households", "end", "h-1", "--yes", env={"ANBU_KAFKA": any_broker.url, "ANBU_PARTITIONS": "3"})
    assert said.exit_code == 1
    again = log("topics", "create")
    assert again.exit_code == 0
    assert "0 of them new" in again.stdout


def test_the_ticker_and_the_doctor_agree(log: Callable[..., Result]) -> None:
    assert "no tick in" in log("doctor").stdout
    assert log("ticker", "--beats", "1").exit_code == 0
    said = log("doctor").stdout
    assert "OK    broker" in said
    assert "OK    topics" in said
    assert f"OK    ticks       in all {2 * len(ORDERED_NAMES)} partitions" in said
    assert "FAIL  worker" in said


# The outer commands


def test_a_simulated_street_is_written_with_its_truth_and_the_same_twice(tmp_path: Path) -> None:
    args = ["simulate", "--households", "3", "--days", "2", "--seed", "7", "--start", "2026-03-01", "--out"]
    said = anbu(*args, str(tmp_path / "a"))
    assert said.exit_code == 0
    assert "messages of 3 households over 2 days" in said.stdout
    assert anbu(*args, str(tmp_path / "b")).exit_code == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["households.json", "messages.jsonl.gz", "truth.json"]
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    assert anbu(*args[:-2], "soon", "--out", str(tmp_path)).exit_code == 2


def test_a_csv_recording_goes_into_the_log_with_the_clock_of_its_time(
    log: Callable[..., Result], any_broker: Any, tmp_path: Path
) -> None:
    file = tmp_path / "home.csv"
    rows = ["household,timestamp_iso,source,device,kind,value"]
    rows += [f"home-1,2024-05-01T08:0{n}:00,sensors,kitchen,motion,ON" for n in range(3)]
    file.write_text("\n".join([*rows, "home-1,never,sensors,kitchen,motion,ON"]) + "\n")
    checked = anbu("import", str(file), "--check", env=NOWHERE)
    assert checked.exit_code == 0
    assert checked.stdout.startswith("4 rows: 3 events of 1 household, 0 without meaning, 1 refused")
    assert log("import", str(file)).exit_code == 0
    with reading(any_broker.bootstrap) as reader:
        homes = [r for r in reader.read_whole("home.sensors") if r.key == b"home-1"]
    assert len(homes) == 3
    assert anbu("import", str(file), env=NOWHERE).exit_code == 1
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert anbu("import", str(tmp_path / "other.csv"), env=NOWHERE).exit_code == 2
