"""`cspbuild deploy`: what the site serves, at which stage, since when."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from policybuilder.cli.noticed import noticed_document
from policybuilder.cli.options import database_option, format_option, read_policies, site_option
from policybuilder.cli.output import console, count, hint, hint_at_oddities, plural, print_json, shorten, table
from policybuilder.deploying import MAX_VIEWS_PER_DAY, check_note, check_policies, serving_since
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.noticing import NoticedDeployment
from policybuilder.program import site_flag, typed
from policybuilder.readiness.judging import noticed_in, unrecorded_in
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import get_site, open_sites
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window, isoformat
from policybuilder.workflow import record_command

_MAX_HINTS = 3


@click.group()
def command() -> None:
    """What the site serves, at which stage, since when."""


@command.command("record")
@click.option("--policy", metavar="POLICY", required=True, help="The policy served: text, @file, or - .")
@click.option("--stage", type=click.Choice([stage.value for stage in ServedStage]), required=True, help="How.")
@click.option(
    "--views-per-day",
    type=click.IntRange(1, MAX_VIEWS_PER_DAY),
    metavar="N",
    help="Page views a day that get it, where no access log says.",
)
@click.option("--at", metavar="TIME", help="Since when, such as 2026-11-23T10:00:00Z.  [default: now]")
@click.option("--note", default="", metavar="TEXT", help="Why, for whoever reads it later.")
@site_option
@database_option
@format_option()
def record(
    *,
    policy: str,
    stage: str,
    views_per_day: int | None,
    at: str | None,
    note: str,
    site: str,
    database: str,
    output_format: str,
) -> None:
    """Record that a policy is served from now on.

    What was reported before, under older policies alone, is superseded from then on: kept, but no open question.
    """
    now = datetime.now(UTC)
    check_note(note)
    policies = read_policies(policy)
    check_policies(policies)
    engine = open_sites(database, now)
    deployment = record_deployment(
        engine,
        get_site(engine, site).name,
        policy=str(policies),
        stage=ServedStage(stage),
        since_at=serving_since(at, now),
        views_per_day=views_per_day,
        note=note,
    )
    _show((deployment,), output_format)
    hint_at_oddities(policies)


@command.command("list")
@site_option
@database_option
@format_option()
def list_(site: str, database: str, output_format: str) -> None:
    """What was recorded, oldest first; then what reports come under all the same."""
    engine = open_for_reading(database)
    get_site(engine, site)
    with snapshot(engine) as connection:
        record = read_site_record(connection, site, Window(None, datetime.now(UTC)), Thresholds())
        deployments = read_deployments(connection, site)
    noticed = noticed_in(record)
    _show(deployments, output_format, noticed)
    if output_format == "json":
        return
    missed = unrecorded_in(record)
    if any(not each.is_vouched for each in missed):
        hint("strangers report under what is noticed and not rehearsed: anybody can claim a policy, so look at what")
        hint("your server sends (curl -sI URL), and record that")
    for each in [each for each in missed if each.is_vouched][:_MAX_HINTS]:
        command_line = record_command(site, each.policy, each.stage, each.since_at)
        hint(f"noticed in reports; if the site serves it:  {command_line}")
    if not deployments and not noticed:
        hint(f"nothing recorded yet: see  {typed('cspbuild')} deploy record{site_flag(site)} --help")


def _show(deployments: tuple[Deployment, ...], output_format: str, noticed: tuple[NoticedDeployment, ...] = ()) -> None:
    if output_format == "json":
        recorded = [_document(deployment) for deployment in deployments]
        print_json("deploy", {"deployments": [*recorded, *map(noticed_document, noticed)]})
        return
    rows = [
        (
            str(deployment.number),
            isoformat(deployment.since_at),
            deployment.stage.value,
            count(deployment.views_per_day) if deployment.views_per_day else "",
            shorten(deployment.policy, 120) or "(none any more)",
            deployment.note,
        )
        for deployment in deployments
    ]
    rows += [
        (
            "noticed",
            isoformat(each.since_at),
            each.stage.value,
            "",
            shorten(each.policy, 120),
            "you rehearsed it" if each.is_vouched else f"by {plural(each.networks, 'network')} on a day",
        )
        for each in noticed
    ]
    columns = ("number", "since", "stage", "views a day", "policy", "note")
    console().print(table("", columns, rows, numbers=["number", "views a day"], whole=["since", "stage"]))


def _document(deployment: Deployment) -> dict[str, object]:
    return {
        "number": deployment.number,
        "stage": deployment.stage,
        "policy": deployment.policy,
        "since": isoformat(deployment.since_at),
        "views_per_day": deployment.views_per_day,
        "note": deployment.note,
        "noticed": False,
    }
