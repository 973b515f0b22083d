"""Write what is made from the types: JSON Schemas, the AsyncAPI document, and the tables in docs/events.md.

`python -m schemas.generate` writes them into the checkout; with `--check` it writes nothing and fails when one differs.
"""

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.asyncapi import document
from schemas.build import cloud_event
from schemas.examples import EVENTS, wire_examples
from schemas.jsonschemas import schemas
from schemas.vocabulary import KINDS, Form, Kind

ROOT: Final = Path(__file__).resolve().parents[1]
EVENTS_PAGE: Final = Path("docs/events.md")

_FORMS: Final[dict[Form, str]] = {
    Form.SWITCH: "`state`",
    Form.PULSE: "",
    Form.NUMBER: "`value`",
    Form.UNTIL: "`until`",
    Form.CALL: "",
}
_OFF: Final[dict[str, str]] = {"nothing": "", "life": "a sign of life too", "cleared": "hazard cleared"}


def files(root: Path = ROOT) -> dict[Path, bytes]:
    """Return every generated file, by its path within the checkout; of docs/events.md only what stands between markers changes."""
    out = {Path("schemas/json") / f"{name}.json": pretty(schema) for name, schema in schemas().items()}
    out[Path("schemas/asyncapi.json")] = pretty(document())
    page = root / EVENTS_PAGE
    if page.exists():
        text = page.read_text(encoding="utf-8")
        for name, block in blocks().items():
            text = between_markers(text, name, block)
        out[EVENTS_PAGE] = text.encode()
    return out


def blocks() -> dict[str, str]:
    """Return what stands between the markers of docs/events.md, by the marker's name."""
    out = {"vocabulary": vocabulary_table(), "event": _json(cloud_event(EVENTS["motion"]))}
    out["array"] = _json([cloud_event(EVENTS["motion"]), cloud_event(EVENTS["door"])])
    out["phone"] = _json([cloud_event(EVENTS["steps"]), cloud_event(EVENTS["complete_until"])])
    out["call"] = _json(cloud_event(EVENTS["checkin_answered"]))
    examples = wire_examples()
    beside = (
        "household",
        "responder_action",
        "profile",
        "public_alert",
        "district_counts",
        "district_state",
        "tick",
        "dead_letter",
    )
    return out | {name: _json(examples[name]) for name in (*beside, "household_view")}


def vocabulary_table() -> str:
    """Markdown table of the vocabulary, a row a kind."""
    head = '| type | topic | says of the person | `data` must have | unit | `state: "off"` means | about |'
    return "\n".join([head, "|---|---|---|---|---|---|---|", *map(_row, KINDS)])


def _row(kind: Kind) -> str:
    says = kind.meaning.value.replace("_", " ")
    cells = (f"`{kind.type}`", f"`{kind.topic}`", says, _FORMS[kind.form], kind.unit, _OFF[kind.off], kind.about)
    return "| " + " | ".join(cells) + " |"


def _json(thing: Any) -> str:
    return "```json\n" + pretty(thing).decode().rstrip() + "\n```"


def between_markers(text: str, name: str, block: str) -> str:
    """Put a block between `<!-- name: generated -->` and `<!-- name: end -->`.

    Raises:
        ValueError: the text lacks one of the markers.

    """
    begin, end = f"<!-- {name}: generated -->\n", f"\n<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"the markers of {name} are missing")
    return before + begin + block + end + after


def pretty(thing: Any) -> bytes:
    """JSON with sorted keys and an indent, for people and for diffs."""
    return orjson.dumps(thing, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def drifted(root: Path = ROOT) -> list[Path]:
    """Every generated file that differs from what the types say, and every schema that nothing generates any more."""
    wanted = files(root)
    differing = [path for path, data in wanted.items() if not _holds(root / path, data)]
    left_over = {path.relative_to(root) for path in (root / "schemas" / "json").glob("*.json")} - set(wanted)
    return differing + sorted(left_over)


def _holds(path: Path, data: bytes) -> bool:
    return path.exists() and path.read_bytes() == data


def main(arguments: list[str]) -> int:
    """Write the files, or check them; 1 when the check finds one that differs."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.generate [--check]\n")
        return 2
    changed = drifted()
    if arguments:
        for path in changed:
            sys.stderr.write(f"{path} differs: run python -m schemas.generate\n")
        return 1 if changed else 0
    wanted = files()
    for path in changed:
        if path in wanted:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(wanted[path])
        else:
            (ROOT / path).unlink()
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
