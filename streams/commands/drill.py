"""`anbu drill`: an exercise through the live path."""

import secrets
from datetime import timedelta

import click

from schemas.encode import encode
from schemas.times import EPOCH
from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import Taught
from streams.drill.parts import Limits, Outcome
from streams.drill.run import clean, play
from streams.drill.script import Drill
from streams.in_force import profile_in_force
from streams.incident_fold import Watching
from streams.screen import age_text, make_console
from streams.settings import Settings
from streams.subscriber import IncidentSubscriber
from streams.wallclock import now_ms


@click.command(cls=Taught, short_help="Play an exercise through the live path.")
@click.option("--yes", is_flag=True, help="Do not ask: everybody who follows incidents has been told.")
@click.option(
    "--district", default="exercise", show_default=True, help="District of the played homes, as the registry names it."
)
@click.option(
    "--homes",
    type=click.IntRange(1, 2000),
    default=1,
    show_default=True,
    help="Made-up homes that the disaster alert covers: each is asked, a few a minute.",
)
@click.option("--silence", is_flag=True, help="Also a silence, from a last sign of life to its alarm: 2 h by default.")
@click.option("--within", "turn_s", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, to keep.")
@click.option("--clean", "clean_only", is_flag=True, help="Only take away what an exercise that was cut off has left.")
@told
def drill(yes: bool, district: str, homes: int, silence: bool, turn_s: float, as_json: bool, clean_only: bool) -> None:
    """Play an exercise: made-up homes in every partition, on the real topics, judged by the real workers.

    Buttons, a gas alarm that ends, calls that nobody answers, a disaster alert and its answer, a responder who
    acknowledges and closes. Everything told of it must come in time and carry the mark of an exercise: CAP status
    Exercise, [훈련] and [EXERCISE] in the sentences, never "call 119". It is in no count of real homes. At the end,
    also after Ctrl-C, the homes leave the registry and their incidents end.

    Whoever follows incidents sees it, marked: tell them beforehand. Exit code 1 when anything was late, missing or
    unmarked.

    Example:
      anbu drill --yes
      exercise 20261125t0912-5c1a: 7 made-up homes, 4 partitions
      OK    a button pressed in partition 0: told                      0.2 s of 5 s
      ...
      OK    every incident of it has ended                             4.1 s of 60 s
      16 of 16 as expected
    """
    chosen = settings()
    if clean_only:
        click.echo(f"{count(clean(chosen.bootstrap, chosen.partitions), 'made-up home')} taken away")
        return
    if not yes:
        click.confirm("Play an exercise to everybody who follows incidents?", abort=True, err=True)
    at_ms = now_ms()
    _check_watched(chosen, at_ms)
    name = f"{EPOCH + timedelta(milliseconds=at_ms):%Y%m%dt%H%M}-{secrets.token_hex(2)}"
    profile = profile_in_force(chosen)
    limits = Limits(
        turn_s=turn_s,
        silence_s=profile.silence.shortest_h * 3600 if silence else 0.0,
        a_minute=max(1.0, profile.disaster_calls_per_minute),
    )
    try:
        played = Drill(name, at_ms, chosen.partitions, district=district, limits=limits, disaster_homes=homes)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    if not as_json:
        made_up = count(len(played.households), "made-up home")
        click.echo(f"exercise {name}: {made_up}, {count(chosen.partitions, 'partition')}")
    play(chosen.bootstrap, chosen.partitions, played, lambda one: _tell(name, one, as_json=as_json))
    good = sum(one.ok for one in played.outcomes)
    if not as_json:
        click.echo(f"{good} of {len(played.outcomes)} as expected")
    if not played.ok:
        raise click.exceptions.Exit(1)


def _check_watched(chosen: Settings, at_ms: int) -> None:
    """Refuse to begin where nobody watches, or where the log's clock is not the one on the wall."""
    with IncidentSubscriber(chosen.bootstrap) as subscriber:
        subscriber.catch_up()
        watching: Watching = subscriber.watching()
    if watching.stale:
        names = ", ".join(map(str, watching.stale))
        raise Failed(f"nobody watches partition {names}: no exercise was begun; look with: anbu doctor")
    behind_ms = at_ms - (watching.data_until_ms or 0)
    if watching.recorded or behind_ms > 300_000:
        raise Failed(f"the log's clock is {age_text(behind_ms)} behind: an exercise needs a live log")


def _tell(name: str, one: Outcome, *, as_json: bool) -> None:
    if as_json:
        click.echo(encode({"exercise": name, **one._asdict()}))
        return
    console = make_console()
    console.print(f"{'OK' if one.ok else 'FAIL':<4}", style="green" if one.ok else "bold red", end="")
    took = "never came" if one.after_s is None else f"{one.after_s:.1f} s of {one.within_s:g} s"
    said = one.why or (took if one.after_s is not None else f"{took} in {one.within_s:g} s")
    console.print(f"  {one.what:<58}  {said}", markup=False, soft_wrap=True)
