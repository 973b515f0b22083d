"""`anbu replay --against live`: the difference between a replay and what was told live, shown as empty or line by line."""

from importlib.metadata import version

from rich.console import Console

from load_tests.replay_run import Past
from schemas.partitions import partition_of
from schemas.times import to_rfc3339
from schemas.topics import DAY_MS
from streams.commands.outcome import Failed
from streams.replay import Run
from streams.replay_equal import Equality, equality
from streams.replay_live import told_live

WARM_UP_DAYS = 28
"""Days of log time after which a replay that begins in the middle is compared: rhythms of two weeks' learning, twice."""


def show_gaps(console: Console, past: Past, run: Run) -> None:
    """Tell where the past begins, what is missing in it, and what was erased; nothing of that is passed in silence."""
    for held in filter(None, past.snapshots):
        console.print(f"[dim]begins with the snapshot of {held}[/dim]")
    beginnings = [gap for gap in run.gaps if gap.is_beginning]
    if not past.is_whole or (beginnings and not any(past.snapshots)):
        console.print(
            "[yellow]the past does not begin at its first record[/yellow]: models begin anew, and what they tell at first"
            " is not what was told"
        )
    for gap in (gap for gap in run.gaps if not gap.is_beginning):
        missing = gap.next - gap.first
        console.print(
            f"[red]gap[/red] in {gap.topic}/{gap.partition}: {missing:,} offsets from {gap.first} on are missing"
        )
    if run.erased:
        console.print(f"{run.erased:,} records were erased: incidents of their homes cannot come out again")


def prove(console: Console, past: Past, run: Run, bootstrap: str, *, warm_up_days: int = WARM_UP_DAYS) -> Equality:
    """Compare a replay with the topic `incidents`, and show the difference.

    Raises:
        Failed: there is nothing to compare: no revision of this version, or none after the warm-up.
        BrokerAwayError: the broker does not answer.

    """
    engine = version("anbu")
    after_ms = 0
    if not past.is_whole:
        after_ms = run.from_ms + warm_up_days * DAY_MS
        console.print(
            f"warm-up: {warm_up_days} days; compared are incidents that opened from {to_rfc3339(after_ms)[:16]}Z on"
        )
    told_of: dict[str, int] = {}

    def begun_ms(household: str) -> int:
        if household not in told_of:
            told_of[household] = past.begun_ms(partition_of(household, past.partitions))
        return told_of[household]

    found = equality(
        run.incidents,
        told_live(bootstrap),
        engine=engine,
        until_ms=min(run.clocks_ms, default=0),
        after_ms=after_ms,
        begun_ms=begun_ms,
    )
    show_equality(console, found, engine)
    if not found.revisions and not found.differing:
        raise Failed("nothing to compare: no incident of this version lies in the part that was replayed")
    return found


def show_equality(console: Console, found: Equality, engine: str) -> None:
    """Show that they are equal, or the first differences."""
    if found.other_engine:
        console.print(f"{found.other_engine:,} incidents told by another version than {engine} are not compared")
    if found:
        console.print(
            f"[green]equal[/green] to the live run: {found.revisions:,} revisions up to"
            f" {to_rfc3339(found.until_ms)[:16]}Z, the same ids and contents"
        )
        return
    differing = found.differing
    for name, keys in (
        ("only in the replay", differing.only_here),
        ("only in the live run", differing.only_there),
        ("told otherwise", differing.otherwise),
    ):
        if keys:
            console.print(f"[red]{len(keys):,} {name}[/red]")
    for line in found.details:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
