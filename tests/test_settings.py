from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from streams.settings import Settings, SettingsError, masked, settings_table, variable_of


def test_an_empty_environment_gives_the_defaults_on_loopback_with_embedded_parts() -> None:
    settings = Settings.from_env({})
    assert settings.bootstrap == "127.0.0.1:9092"
    assert settings.metrics_host == "127.0.0.1"
    assert settings.clickhouse_is_embedded
    assert settings.clickhouse == f"chdb://{Path('build/anbu').absolute()}/clickhouse"
    assert (settings.partitions, settings.group, settings.buffer_records) == (4, "anbu", 20_000)


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_env({"ANBU_KAFKA": "", "ANBU_PARTITIONS": " "}) == Settings()


def test_every_setting_is_read_from_its_variable() -> None:
    env = {
        "ANBU_KAFKA": "kafka://a:9092,[::1]:9093,c",
        "ANBU_CLICKHOUSE": "clickhouses://anbu:s%40crets@db.example:8443/watch",
        "ANBU_GROUP": "anbu-north",
        "ANBU_PARTITIONS": "12",
        "ANBU_METRICS_PORT": "0",
        "ANBU_WRITER_METRICS_PORT": "0",
        "ANBU_WEBHOOK_METRICS_PORT": "0",
        "ANBU_BOARD_METRICS_PORT": "0",
        "ANBU_METRICS_HOST": "::1",
        "ANBU_BOARD_HOST": "::1",
        "ANBU_BOARD_PORT": "9400",
        "ANBU_BOARD_URL": "https://board.example.org",
        "ANBU_LINK_TEMPLATE": "https://care.example.org/home/{token}",
        "ANBU_LINK_KEY": "/srv/anbu/link.key",
        "ANBU_DIRECTORY": "/srv/anbu/people.anbu",
        "ANBU_DIRECTORY_KEY": "/srv/keys/people.key",
        "ANBU_TICK_EVERY_S": "0.5",
        "ANBU_CHECKPOINT_EVERY_S": "2.5",
        "ANBU_BUFFER_RECORDS": "1000",
        "ANBU_AWAKE": "500",
        "ANBU_SESSION_TIMEOUT_S": "10",
        "ANBU_FETCH_MAX_BYTES": "65536",
        "ANBU_GATHER_MS": "40",
        "ANBU_ARCHIVE_DAYS": "90",
        "ANBU_DATADIR": "/srv/anbu",
    }
    assert set(env) == {variable_of(each.name) for each in fields(Settings)}
    settings = Settings.from_env(env)
    assert settings.bootstrap == "a:9092,[::1]:9093,c:9092"
    changed = [each.name for each in fields(Settings) if getattr(settings, each.name) == getattr(Settings(), each.name)]
    assert changed == []


def test_a_child_process_gets_the_same_settings() -> None:
    settings = Settings(kafka="kafka://h:1", clickhouse="clickhouse://u:p@h/d", tick_every_s=0.25, datadir=Path("/x"))
    assert Settings.from_env(settings.to_env()) == settings
    assert Settings.from_env(Settings().to_env()) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANBU_KAFKA", "127.0.0.1:9092"),
        ("ANBU_KAFKA", "http://127.0.0.1:9092"),
        ("ANBU_KAFKA", "kafka://"),
        ("ANBU_KAFKA", "kafka://a:9092,,b:9092"),
        ("ANBU_KAFKA", "kafka://a:0"),
        ("ANBU_KAFKA", "kafka://a:65536"),
        ("ANBU_KAFKA", "kafka://a:port"),
        ("ANBU_KAFKA", "kafka://user:s3cret@a:9092"),
        ("ANBU_KAFKA", "kafka://a:9092/topic"),
        ("ANBU_BOARD_PORT", "-1"),
        ("ANBU_BOARD_URL", "http://board.example.org"),
        ("ANBU_BOARD_URL", "https://board.example.org/path"),
        ("ANBU_LINK_TEMPLATE", "https://care.example.org/home"),
        ("ANBU_CLICKHOUSE", "chdb://relative/path"),
        ("ANBU_CLICKHOUSE", "chdb:///"),
        ("ANBU_CLICKHOUSE", "postgres://u:s3cret@h/d"),
        ("ANBU_CLICKHOUSE", "clickhouse://"),
        ("ANBU_CLICKHOUSE", "clickhouse://u:s3cret@h:99999/d"),
        ("ANBU_CLICKHOUSE", "clickhouse://u:s3cret@h:8123/d/e"),
        ("ANBU_CLICKHOUSE", "clickhouse://u:s3cret/x#y@h:8123/d"),
        ("ANBU_GROUP", "two words"),
        ("ANBU_PARTITIONS", "0"),
        ("ANBU_PARTITIONS", "four"),
        ("ANBU_METRICS_PORT", "65536"),
        ("ANBU_METRICS_PORT", "-1"),
        ("ANBU_WRITER_METRICS_PORT", "65536"),
        ("ANBU_TICK_EVERY_S", "nan"),
        ("ANBU_TICK_EVERY_S", "0"),
        ("ANBU_CHECKPOINT_EVERY_S", "inf"),
        ("ANBU_BUFFER_RECORDS", "1e4"),
        ("ANBU_SESSION_TIMEOUT_S", "6s"),
        ("ANBU_FETCH_MAX_BYTES", "1"),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_variable_and_tells_no_secret(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env({variable: value})
    assert variable in str(error.value)
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)


def test_settings_made_in_code_are_checked_too() -> None:
    with pytest.raises(SettingsError, match="ANBU_PARTITIONS"):
        Settings(partitions=0)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().partitions = 5  # type: ignore[misc]


@pytest.mark.parametrize("password", ["hunter2", "with:colon", "with@at", "with/slash#and?more"])
def test_the_password_is_never_shown(password: str) -> None:
    url = f"clickhouse://anbu:{password}@127.0.0.1:8123/anbu"
    assert masked(url) == "clickhouse://anbu:***@127.0.0.1:8123/anbu"
    assert "hunter2" not in repr(Settings(clickhouse="clickhouse://anbu:hunter2@127.0.0.1:8123/anbu"))


def test_the_table_has_a_row_for_every_setting() -> None:
    table = settings_table()
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == [variable_of(e.name) for e in fields(Settings)]
    assert "127.0.0.1:9092" in table
