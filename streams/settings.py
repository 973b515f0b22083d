"""Connections and ports, from `ANBU_*` environment variables. Whatever changes a decision is a profile record instead."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from streams.household_link import SHORTEST_KEY, LinkTemplate

_PASSWORD: Final = re.compile(r"(://[^:/@]*):.*@")
_DATADIR: Final = Path("build/anbu")
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


class SettingsError(ValueError):
    """A variable cannot be used; one line that names it."""


def masked(url: str) -> str:
    """`url` with its password as `***`: the only form in which it may be shown or logged."""
    return _PASSWORD.sub(r"\1:***@", url)


def _hosts(url: str) -> list[str]:
    """`host:port` of each host in a `kafka://` URL."""
    scheme, separator, rest = url.partition("://")
    if scheme != "kafka" or not separator:
        raise ValueError("must look like kafka://127.0.0.1:9092")
    hosts = []
    for one in rest.rstrip("/").split(","):
        try:
            parts = urlsplit(f"kafka://{one}")
            port = 9092 if parts.port is None else parts.port
        except ValueError:
            raise ValueError("has a port that is no port") from None
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            raise ValueError("may hold hosts and ports only, such as kafka://a:9092,b:9092")
        if not parts.hostname or not port:
            raise ValueError("must name a host and a port, such as kafka://127.0.0.1:9092")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        hosts.append(f"{host}:{port}")
    return hosts


def _check_clickhouse(url: str) -> None:
    try:
        parts = urlsplit(url)
        port_is_usable = parts.port != 0
    except ValueError:
        port_is_usable = False
    if not port_is_usable:
        raise ValueError("has a port that is no port, or characters in its password that must be percent-encoded")
    if parts.scheme == "chdb":
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError("must hold an absolute path: chdb:///var/lib/anbu/clickhouse, with three slashes")
        return
    if parts.scheme not in {"clickhouse", "clickhouses"}:
        raise ValueError("must begin with chdb:///, clickhouse:// or clickhouses://")
    if not parts.hostname:
        raise ValueError("must name a host, such as clickhouse://user:password@127.0.0.1:8123/anbu")
    if parts.query or parts.fragment or parts.path.count("/") > 1:
        raise ValueError("may hold user, password, host, port and one database name only")


def _check_board_url(url: str) -> None:
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("must be https://host, without a path")


def _check_group(group: str) -> None:
    if not _GROUP.fullmatch(group):
        raise ValueError("must be 1 to 100 letters, digits, dots, dashes or underscores")


def _between(low: float, high: float) -> Callable[[float], None]:
    def check(number: float) -> None:
        # Written so that NaN fails it too.
        if not low <= number <= high:
            raise ValueError(f"must lie between {low:g} and {high:g}")

    return check


def _anything(_value: object) -> None:
    pass


def _setting(default: Any, about: str, check: Callable[[Any], object] = _anything, *, shown: str = "") -> Any:
    """Make a field with what the table says of it and what its value must satisfy (`check` raises ValueError if not)."""
    return field(default=default, metadata={"about": about, "check": check, "shown": shown or f"`{default}`"})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Every connection and port of a process. Read once, by `from_env`, and handed down; checked however it is made.

    Raises:
        SettingsError: a value cannot be used.

    """

    kafka: str = _setting(
        "kafka://127.0.0.1:9092", "Kafka brokers, several with commas: `kafka://a:9092,b:9092`", _hosts
    )
    clickhouse: str = _setting(
        "",
        "where rows go: `chdb:///absolute/path` (embedded), `clickhouse://user:password@host:8123/database`, "
        "or `clickhouses://` for TLS",
        lambda url: _check_clickhouse(url) if url else None,
        shown="`chdb://` at `clickhouse` under `ANBU_DATADIR`",
    )
    group: str = _setting("anbu", "consumer group of the workers, and the first part of their changelog", _check_group)
    partitions: int = _setting(
        4, "partitions of every topic of the set; `anbu topics grow` moves a set to more", _between(1, 4096)
    )
    metrics_port: int = _setting(
        9310, "port of a worker's `/metrics`, `/live` and `/ready`; 0 takes a free one", _between(0, 65535)
    )
    writer_metrics_port: int = _setting(
        9311, "the same of a ClickHouse writer, which may run beside a worker", _between(0, 65535)
    )
    webhook_metrics_port: int = _setting(9312, "the same of `anbu webhook`", _between(0, 65535))
    board_metrics_port: int = _setting(9313, "the same of `anbu board`", _between(0, 65535))
    metrics_host: str = _setting("127.0.0.1", "address they listen on")
    board_host: str = _setting("127.0.0.1", "address the board listens on")
    board_port: int = _setting(9320, "port of the board; 0 takes a free one", _between(0, 65535))
    board_url: str = _setting(
        "",
        "the board's address for browsers, `https://anbu.example`, where a proxy with TLS stands in front of it",
        _check_board_url,
        shown="none",
    )
    link_template: str = _setting(
        "",
        "link into the municipality's own system: `https://city.example/home/{token}`",
        lambda url: LinkTemplate(url, bytes(SHORTEST_KEY)) if url else None,
        shown="none",
    )
    link_key: str = _setting("", "file with the key of the link's tokens, at least 32 bytes", shown="none")
    directory: str = _setting("", "encrypted file of names and addresses (`anbu directory`)", shown="none")
    directory_key: str = _setting("", "file with its key, readable by its owner alone", shown="none")
    tick_every_s: float = _setting(5.0, "seconds between live ticks", _between(0.05, 60))
    checkpoint_every_s: float = _setting(5.0, "seconds between checkpoints", _between(0.05, 300))
    buffer_records: int = _setting(
        20_000, "records of one topic and partition that may wait for their turn", _between(100, 10_000_000)
    )
    awake: int = _setting(
        10_000,
        "households of one partition that are kept awake; further ones sleep as the bytes of their rows (docs/scale.md)",
        _between(0, 10_000_000),
    )
    session_timeout_s: float = _setting(
        6.0, "a worker unheard of for so long loses its partitions; the broker sets a floor", _between(1, 300)
    )
    fetch_max_bytes: int = _setting(
        1_048_576, "bytes of one partition that one fetch may bring", _between(1024, 100_000_000)
    )
    gather_ms: float = _setting(
        25.0,
        "longest rest after a fetch that brought little, milliseconds: records come together, which saves CPU; 0: none",
        _between(0, 1000),
    )
    archive_days: int = _setting(
        400, "days for which `anbu migrate` lets ClickHouse keep the archive of the inputs", _between(1, 36_500)
    )
    datadir: Path = _setting(  # noqa: RUF009 - a Path never changes
        _DATADIR, "folder for what this machine keeps: embedded ClickHouse, logs"
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            try:
                each.metadata["check"](getattr(self, each.name))
            except ValueError as error:
                value = masked(str(getattr(self, each.name)))
                raise SettingsError(f"{variable_of(each.name)}={value!r} {error}") from None
        if not self.clickhouse:
            object.__setattr__(self, "clickhouse", f"chdb://{self.datadir.absolute()}/clickhouse")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read settings from `ANBU_*` variables; an absent or empty one takes its default.

        Raises:
            SettingsError: a value cannot be used.

        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            text = env.get(variable_of(each.name), "").strip()
            if text:
                given[each.name] = _READERS[each.type](variable_of(each.name), text)
        return cls(**given)

    def to_env(self) -> dict[str, str]:
        """Give the variables from which `from_env` makes these settings again, for child processes. Holds secrets."""
        return {variable_of(each.name): str(getattr(self, each.name)) for each in fields(self)}

    @property
    def bootstrap(self) -> str:
        """`host:port,host:port`, as Kafka clients want it."""
        return ",".join(_hosts(self.kafka))

    @property
    def clickhouse_is_embedded(self) -> bool:
        """True for `chdb://`: one process at a time may have it open."""
        return self.clickhouse.startswith("chdb://")

    def __repr__(self) -> str:
        shown = (f"{each.name}={masked(str(getattr(self, each.name)))!r}" for each in fields(self))
        return f"Settings({', '.join(shown)})"


def variable_of(name: str) -> str:
    """`ANBU_METRICS_PORT` of `metrics_port`."""
    return f"ANBU_{name.upper()}"


def _read_int(variable: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{variable}={text!r} must be a whole number") from None


def _read_float(variable: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{variable}={text!r} must be a number") from None


_READERS: Final[dict[Any, Callable[[str, str], Any]]] = {
    int: _read_int,
    float: _read_float,
    str: lambda _, text: text,
    Path: lambda _, text: Path(text),
}


def settings_table() -> str:
    """Markdown table of every variable, its default and its meaning."""
    rows = [
        f"| `{variable_of(each.name)}` | {each.metadata['shown']} | {each.metadata['about']} |"
        for each in fields(Settings)
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows]) + "\n"
