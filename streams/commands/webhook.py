"""`anbu webhook`."""

import logging
from importlib.metadata import version
from pathlib import Path

import click

from streams.commands.outcome import Failed, Misconfigured, count, settings, told
from streams.commands.teach import Taught
from streams.health import HealthError, HealthServer
from streams.metrics import WebhookPrometheus, new_registry
from streams.webhook.run import WebhookError, WebhookHealth, run
from streams.webhook.targets import TargetsError, blind_spots, read_targets


@click.command(cls=Taught, short_help="Push incidents to systems of others, signed.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only validate the file: needs no broker.")
@told
def webhook(file: Path, check: bool) -> None:
    """Push every revision of every incident to the targets of FILE, until each has been taken.

    Requests are signed as Standard Webhooks says; their id is the incident and its revision, in every try and after
    every restart, so that a receiver drops repeats. A receiver that fails is tried again without end, with growing
    waits up to 15 s; other targets and other households do not wait for it. What a receiver refuses 5 times (400, 422
    and the like) is put aside, its id kept in ANBU_DATADIR/webhook. Runs until Ctrl-C or SIGTERM.

    Example (webhooks.toml; a target without districts also hears of homes whose record is not known yet):
      [[target]]
      name = "control-room"
      url = "https://desk.example.org/anbu"
      secret_file = "control-room.secret"        # echo whsec_$(openssl rand -base64 32)
      link = "https://care.example.org/home/{token}"
      link_key_file = "link.key"

      [[target]]
      name = "alertmanager"
      form = "alertmanager"
      url = "http://127.0.0.1:9093"
      districts = ["dong-27"]

    Example:
      anbu webhook webhooks.toml
      telling 2 targets of 127.0.0.1:9092; health at http://127.0.0.1:9312/ready
    """
    try:
        targets = read_targets(file)
    except TargetsError as error:
        raise Misconfigured(str(error)) from error
    for line in blind_spots(targets):
        click.echo(f"{file}: {line}", err=True)
    if check:
        click.echo(f"{file}: {count(len(targets), 'target')}, {', '.join(one.name for one in targets)}")
        return
    chosen = settings()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    registry = new_registry()
    health = WebhookHealth(WebhookPrometheus(registry, engine=version("anbu")), [one.name for one in targets])
    try:
        with HealthServer(
            health, registry, chosen.metrics_host, chosen.webhook_metrics_port, port_setting="webhook_metrics_port"
        ) as server:
            where = f"telling {count(len(targets), 'target')} of {chosen.bootstrap}"
            click.echo(f"{where}; health at {server.url}/ready", err=True)
            run(chosen, targets, health)
    except HealthError as error:
        raise Misconfigured(str(error)) from error
    except WebhookError as error:
        raise Failed(str(error)) from error
