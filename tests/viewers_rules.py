"""Alert rules and dashboards against the metrics that exist, and the real Prometheus tools they are tried on."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from streams.metrics import EVERY, PARTITION, POST

ROOT = Path(__file__).resolve().parents[1]
PROMETHEUS = ROOT / "infra" / "prometheus"
RULES = PROMETHEUS / "rules.yml"
ALERTMANAGER = ROOT / "infra" / "alertmanager" / "alertmanager.yml"

NAMED = {one.name: dict(one.labels) for maker in EVERY.values() for one in maker(CollectorRegistry()).named}
OTHERS = frozenset(
    {
        *("node_filesystem_avail_bytes", "node_filesystem_size_bytes", "probe_ssl_earliest_cert_expiry"),
        *("up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "ALERTS"),
    }
)
"""What Prometheus, every process, and the exporters of machines and addresses tell; on the live run each must be there."""
SCRAPED = frozenset({"job", "instance"})
_SELECTOR = re.compile(r"\b(anbu_[a-z_]+)\{([^}]*)\}")
_MATCHER = re.compile(r"([a-z_]+)\s*(=~|!=|!~|=)\s*\"([^\"]*)\"")
_PARTS = ("_bucket", "_count", "_sum")


def program(name: str) -> str:
    """A program of Prometheus. Absent, its tests are skipped on a developer's machine, and fail in CI."""
    found = shutil.which(name)
    if found is None:
        why = f"needs {name}: apt-get install --no-install-recommends prometheus prometheus-alertmanager"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end."""
    return subprocess.run(
        [program(str(command[0])), *map(str, command[1:])], capture_output=True, text=True, check=False, timeout=240
    )


def rules(text: str | None = None) -> list[dict[str, Any]]:
    """Every rule, alerts and records."""
    loaded = yaml.safe_load(RULES.read_text(encoding="utf-8") if text is None else text)
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Alerts by their name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def seconds(text: str) -> float:
    """`1m` and `30s` of Prometheus."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


def with_shorter_waits(text: str, scale: float) -> str:
    """The rules with every `for` multiplied by `scale`; windows, thresholds and expressions stay as they are.

    That makes them harder to please, never easier: whatever is quiet with shorter waits is quiet with the real ones.
    """

    def shorter(found: re.Match[str]) -> str:
        return f"{found[1]}{max(1, round(seconds(found[2]) * scale * 1000))}ms"

    return re.sub(r"^(\s+for: )(\d+[smh])$", shorter, text, flags=re.MULTILINE)


def wrong_in(expr: str) -> Iterator[str]:
    """What an expression asks for and nobody tells: metrics, labels, values of labels."""
    plain = re.sub(r'"[^"]*"', '""', expr)
    for name in sorted(
        {*re.findall(r"\b(?:anbu|process|node|probe)_[a-z_]+", plain), *re.findall(r"\b(?:up|ALERTS)\b", plain)}
    ):
        if name not in OTHERS and _base(name) not in NAMED:
            yield f"no metric {name}"
    for name, inside in _SELECTOR.findall(expr):
        labels = NAMED.get(_base(name), {})
        for label, how, value in _MATCHER.findall(inside):
            if label in SCRAPED or (label == "le" and name.endswith("_bucket")):
                continue
            if label not in labels:
                yield f"{name} has no label {label}"
            elif how in {"=", "!="} and labels[label] not in (PARTITION, POST) and value not in labels[label]:
                yield f"{name}: {label} is never {value}"
            elif how in {"=~", "!~"} and not value.startswith("$") and labels[label] not in (PARTITION, POST):
                yield from (f"{name}: {label} is never {v}" for v in value.split("|") if v not in labels[label])


def _base(name: str) -> str:
    for part in _PARTS:
        if name.endswith(part) and name.removesuffix(part) in NAMED:
            return name.removesuffix(part)
    return name
