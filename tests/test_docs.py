"""The pages a newcomer reads say what is there: commands, links, settings, metrics and files, and nothing of this machine."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client import CollectorRegistry

from schemas.compiled import PURE
from schemas.generate import between_markers
from streams.cli import cli
from streams.metrics import EVERY
from streams.settings import Settings, settings_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
OUTSIDE = frozenset(
    {
        *("cloudevents.io", "www.standardwebhooks.com", "127.0.0.1"),
        *("anbu.example", "city.example", "desk.example.org", "care.example.org"),
    }
)
"""Hosts a page may name (those of examples are nobody's, by RFC 2606); any other would be somebody's machine, or a promise that nobody keeps."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
_MACHINE_PATH = re.compile(r"(?<![\w./:>}-])/(?:work|home|root|tmp|Users|usr|var|opt|srv|etc|mnt)(?:/|\b)")
_UNFINISHED = re.compile(r"\b(?:todo|fixme|tbc|tbd|prototype|lorem)\b", re.IGNORECASE)
_HOST = re.compile(r"https?://([^/:\s)`\"']+)")
_OUR_FILE = re.compile(r"(?:schemas|detectors|streams|infra|load_tests|tests|docs)/[\w./-]*\w")


def each_page() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [*PAGES, *RUNBOOKS], ids=lambda page: page.name)


def commands_in(text: str) -> Iterator[str]:
    """Lines of code blocks and pieces of inline code that call `make`, `anbu` or `python -m`."""
    lines = [line for lang, body in _FENCED.findall(text) if lang in ("", "sh") for line in _whole_lines(body)]
    outside = _FENCED.sub("", text)
    for one in [*lines, *_INLINE.findall(outside)]:
        line = one.strip().removeprefix("$ ").replace(".venv/bin/", "")
        if line.startswith(("make ", "anbu ", "python -m ")) or line == "make":
            yield line


def _whole_lines(body: str) -> list[str]:
    """Lines of a block, those that end in a backslash with what follows."""
    return re.sub(r"\\\n\s*", "", body).splitlines()


def why_not(line: str) -> str:
    """What is wrong with a command of a page; '' for one that exists."""
    words = shlex.split(re.split(r"\s[|>#&]", line)[0].strip())
    if words[0] == "make":
        known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        return ", ".join(f"no target {word}" for word in words[1:] if "=" not in word and word not in known)
    if words[0] == "python":
        return "" if importlib.util.find_spec(words[2]) else f"no module {words[2]}"
    return _why_not_anbu(words[1:])


def _why_not_anbu(words: list[str]) -> str:
    command: click.Command = cli
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        if name.isupper():
            return ""  # stands for any command
        found = command.get_command(click.Context(command), name)
        if found is None:
            return f"no command {name}"
        command = found
    options = {option for param in command.params for option in param.opts} | {"--help", "--version"}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in options]
    return ", ".join(f"no option {word}" for word in unknown)


def broken_links(text: str, folder: Path) -> list[str]:
    out = []
    for target in _LINK.findall(text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        if path and not (folder / path).exists():
            out.append(target)
            continue
        if anchor and anchor not in _anchors((folder / path).read_text(encoding="utf-8") if path else text):
            out.append(target)
    return out


def _anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def of_this_machine(text: str) -> list[str]:
    found = [match[0] for match in (*_MACHINE_PATH.finditer(text), *_UNFINISHED.finditer(text))]
    return found + [host for host in _HOST.findall(text) if host not in OUTSIDE]


@each_page()
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    wrong = {line: why for line in commands_in(page.read_text(encoding="utf-8")) if (why := why_not(line))}
    assert not wrong


def test_negative_control_a_command_that_is_not_there_is_found() -> None:
    text = "Do `make tea`, then\n\n```\nanbu brew\nanbu incidents watch --sugar | cat\nanbu doctor\n```\n"
    assert [why_not(line) for line in commands_in(text)] == [
        "no command brew",
        "no option --sugar",
        "",
        "no target tea",
    ]
    assert why_not("python -m load_tests.teapot")


def test_the_readme_names_every_command_in_its_table() -> None:
    rows = re.findall(r"^\| `anbu ([a-z-]+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(rows)) == cli.list_commands(click.Context(cli))


@each_page()
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert not broken_links(page.read_text(encoding="utf-8"), page.parent)


def test_negative_control_a_link_to_nowhere_is_found() -> None:
    text = "# Here\n[a](docs/nowhere.md) [b](#there) [c](#here) [d](https://cloudevents.io)\n"
    assert broken_links(text, ROOT) == ["docs/nowhere.md", "#there"]


def test_every_page_is_reached_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert {page.name for page in PAGES} - {"README.md"} <= {Path(target).name for target in _LINK.findall(text)}


def test_the_table_of_settings_is_the_one_the_code_makes() -> None:
    """To mend it: put what `streams.settings.settings_table()` returns between the markers of README.md."""
    text = README.read_text(encoding="utf-8")
    assert between_markers(text, "settings", settings_table().rstrip("\n")) == text


def test_negative_control_an_old_table_of_settings_is_seen() -> None:
    text = README.read_text(encoding="utf-8").replace("| `ANBU_GROUP` |", "| `ANBU_CLUB` |")
    assert between_markers(text, "settings", settings_table().rstrip("\n")) != text


@each_page()
def test_every_variable_on_a_page_is_a_setting(page: Path) -> None:
    named = set(re.findall(r"\bANBU_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named <= {*Settings().to_env(), PURE}


@each_page()
def test_every_metric_on_a_page_is_told_by_a_worker_or_a_writer(page: Path) -> None:
    told = {one.name for maker in EVERY.values() for one in maker(CollectorRegistry()).named}
    named = set(re.findall(r"\banbu_[a-z_]*[a-z]\b", page.read_text(encoding="utf-8")))
    assert named <= told


@each_page()
def test_every_file_of_ours_that_a_page_names_is_there(page: Path) -> None:
    named = {path for code in _INLINE.findall(page.read_text(encoding="utf-8")) for path in _OUR_FILE.findall(code)}
    assert not [path for path in named if not (ROOT / path).exists()]


@each_page()
def test_python_on_a_page_compiles_and_finds_what_it_imports(page: Path) -> None:
    for lang, body in _FENCED.findall(page.read_text(encoding="utf-8")):
        if lang == "python":
            compile(body, page.name, "exec")
            imports = [line for line in body.splitlines() if line.startswith(("from ", "import "))]
            exec("\n".join(imports), {})  # noqa: S102 - our own pages


def test_the_household_that_the_page_drives_by_hand_runs() -> None:
    bodies = [body for lang, body in _FENCED.findall((ROOT / "docs/using.md").read_text("utf-8")) if lang == "python"]
    [body] = [body for body in bodies if "import Household" in body]
    names: dict[str, Any] = {}
    exec(body, names)  # noqa: S102 - our own pages
    last_ms = names["start"] + (24 * 13 + 18) * names["HOUR"]
    home, silence = names["home"], names["IncidentKind"].SILENCE
    assert 4 < (names["due"][silence] - last_ms) / names["HOUR"] < 24
    assert home.explain()["last_life_ms"] == last_ms
    assert home.due(reports_continue=False)[names["IncidentKind"].CANNOT_SEE] > last_ms


@each_page()
def test_no_page_names_a_machine_or_is_left_unfinished(page: Path) -> None:
    assert not of_this_machine(page.read_text(encoding="utf-8"))


def test_negative_control_paths_hosts_and_unfinished_words_are_found() -> None:
    text = (
        "see /" + "home/kim/anbu and https://registry.example/simple, TO" + "DO; `/metrics` and `chdb:///absolute/path`"
    )
    assert of_this_machine(text) == ["/" + "home/", "TO" + "DO", "registry.example"]
