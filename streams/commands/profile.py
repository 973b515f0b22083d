"""`anbu profile`: the numbers that decide, as a record in the log with who changed them and why."""

from importlib.metadata import version
from pathlib import Path

import click
import msgspec

from detectors.share import mean_shares
from schemas.encode import encode
from schemas.profiles import Profile
from schemas.times import to_rfc3339
from streams.commands.outcome import Misconfigured, count, settings, told
from streams.commands.teach import TaughtGroup
from streams.in_force import TOPIC, profile_in_force, registered
from streams.profile_file import differences, read_profile, write_profile
from streams.profile_report import LARGEST, ReplayReport
from streams.publish import Publisher
from streams.wallclock import now_ms

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(cls=TaughtGroup)
def profile() -> None:
    """Change the numbers that decide: budgets, weights, hours. A record in the log, never an environment variable.

    To change a number:
      anbu profile show > profile.toml
      (edit it)
      anbu profile diff profile.toml
      anbu profile apply profile.toml --who kim.officer --why "fewer calls at night"
    To share a district's budget by risk grade: anbu profile shares.
    """


@profile.command("show")
@told
def show() -> None:
    """Print the profile in force as TOML that can be edited and applied again.

    Example:
      anbu profile show
      # id p-5f0c21d07a9b
      # who kim.officer
      silence_budget = 0.05
      ...
    """
    click.echo(write_profile(profile_in_force(settings())), nl=False)


@profile.command("diff")
@FILE
@told
def diff(file: Path) -> None:
    """Compare a file with the profile in force: one line for each number that would change.

    A number that the file does not name has the value this version ships with. Exit code 0 either way.

    Example:
      anbu profile diff profile.toml
      silence.fixed_h: 24.0 -> 16.0
    """
    chosen = settings()
    new = _read(file, who="-", why="-")
    changes = differences(profile_in_force(chosen), new)
    click.echo("\n".join(changes) if changes else "no difference")


@profile.command("apply")
@FILE
@click.option("--who", required=True, help="Who decides this: a name or an office.")
@click.option("--why", required=True, help="Why, in a sentence. It is kept with every incident decided by it.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The replay report it rests on: report.json of anbu replay --profile ... --out FOLDER.",
)
@click.option("--force", is_flag=True, help="Also on a report of another engine version or another profile.")
@told
def apply(file: Path, who: str, why: str, report_file: Path | None, force: bool) -> None:
    """Put a profile in force: written to every partition, in order with the events.

    Prints what changes. When nothing does, nothing is written. A report must have played this very profile with this
    version of the engine; its hash is kept in the record.

    Example:
      anbu profile apply profile.toml --who kim.officer --why "fewer calls at night"
      silence.fixed_h: 24.0 -> 16.0
      applied p-5f0c21d07a9b in 4 partitions

    Example:
      anbu profile apply bold.toml --report build/replay/report.json --who kim.officer --why "half the delay, 2 calls more"
      silence_budget: 0.05 -> 0.2
      applied p-91be04a7c2d8 in 4 partitions, on report r-0c9d2be41f7a
    """
    if not who.strip() or not why.strip():
        raise Misconfigured("--who and --why must say something: both are kept with the decision")
    chosen = settings()
    new = _read(file, who=who.strip(), why=why.strip())
    changes = differences(profile_in_force(chosen), new)
    if not changes:
        click.echo("no difference; nothing written")
        return
    if report_file is not None:
        new = msgspec.structs.replace(new, report=_report(report_file, new.id, force=force))
    for change in changes:
        click.echo(change)
    with Publisher(chosen.bootstrap, chosen.partitions) as publisher:
        publisher.broadcast(TOPIC, new.id, encode(new))
    rests = f", on report {new.report}" if new.report else ""
    click.echo(f"applied {new.id} in {chosen.partitions} partitions{rests}")


@profile.command("shares")
@told
def shares() -> None:
    """Print the profile in force with the mean share of each district, by the grades and sensitivities in the registry.

    A home's share is divided by its district's mean: graded as they may be, the homes of a district together keep its budget.
    A comment for each tells by how much its grades alone would raise or lower its false alarms. Work them out anew when many
    grades have changed. Nothing is changed before it is applied.

    Example:
      anbu profile shares > profile.toml
      anbu profile diff profile.toml
      anbu profile apply profile.toml --who kim.officer --why "grades of the spring"

    Example:
      anbu profile shares
      # gangbuk: 412 homes, 1.2184 times the budget by their grades alone
      ...
      [district_shares]
      gangbuk = 1.2184
    """
    chosen = settings()
    profile = profile_in_force(chosen)
    found = mean_shares(registered(chosen), profile)
    for district, (homes, mean) in found.items():
        named = " ".join(district.split())
        click.echo(f"# {named}: {count(homes, 'home')}, {mean:.4f} times the budget by their grades alone")
    means = {district: round(mean, 4) for district, (_, mean) in found.items()}
    click.echo(write_profile(msgspec.structs.replace(profile, district_shares=means)), nl=False)


def _report(file: Path, profile_id: str, *, force: bool) -> str:
    """Return the id of the report that a profile rests on, once it is seen that it can."""
    try:
        with file.open("rb") as report:
            found = ReplayReport.read(report.read(LARGEST))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: {error}") from error
    why_not = found.why_not(profile_id, version("anbu"))
    if why_not and not force:
        raise Misconfigured(f"{file}: {why_not}; replay {profile_id} again, or --force")
    return found.id


def _read(file: Path, *, who: str, why: str) -> Profile:
    try:
        return read_profile(file.read_text(encoding="utf-8"), who=who, why=why, applied_at=to_rfc3339(now_ms()))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: {error}") from error
