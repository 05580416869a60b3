"""`cspbuild rollback`: the last good headers, and how to record that they are served again."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from policybuilder.cli.header import choose_key
from policybuilder.cli.options import address_options, database_option, format_option, site_option
from policybuilder.cli.output import console, hint, print_json
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.rollback import Rollback, Way, way_back
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header, Stage, headers_for
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site, open_sites
from policybuilder.times import isoformat


@click.command()
@click.option("--record", is_flag=True, help="Record that they are served from now on.")
@address_options
@site_option
@database_option
@format_option(["text", "json", *(fmt.value for fmt in SnippetFormat)])
def command(
    *, record: bool, base_url: str, rehearsal_key: str | None, site: str, database: str, output_format: str
) -> None:
    """The last good headers: what was served before what is enforced now."""
    engine = open_for_reading(database)
    get_site(engine, site)
    with snapshot(engine) as connection:
        found = way_back(read_deployments(connection, site))
    if found is None:
        raise CspbuildError(
            f"nothing that {site!r} serves is recorded, so there is nothing to go back from; see  "
            f"{typed('cspbuild')} deploy record --help"
        )
    base = base_url.rstrip("/")
    key, is_rehearsal = choose_key(database, site, base, rehearsal_key)
    headers = _headers(found, f"{base}/report/{key}")
    engine.dispose()
    recorded = _record(database, site, found) if record else ()
    _print(site, found, headers, recorded, output_format)
    if is_rehearsal and headers:
        hint("these carry the rehearsal key: for your own visits, never for the public")


def _headers(found: Rollback, report_url: str) -> tuple[Header, ...]:
    """Each on every page view: who goes back has no use for a sample."""
    headers: list[Header] = []
    try:
        for stage, deployment in ((Stage.ENFORCE, found.enforced), (Stage.TRIAL, found.report_only)):
            if deployment is not None:
                headers += headers_for(stage, report_url=report_url, policy=deployment.policy)
    except ValueError as error:
        raise CspbuildError(
            f"what was recorded cannot be sent: {error}; see  {typed('cspbuild')} deploy list"
        ) from None
    return tuple(headers)


def _record(database: str, site: str, found: Rollback) -> tuple[Deployment, ...]:
    """Keep that the site serves again what it served before, or nothing."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    note = f"went back from deployment {found.left.number}"
    stage = found.left.stage
    target = found.enforced if stage is ServedStage.ENFORCE else found.report_only
    policy = target.policy if target else ""
    engine = open_sites(database, now)
    return (record_deployment(engine, site, policy=policy, stage=stage, since_at=now, note=note),)


def _print(
    site: str, found: Rollback, headers: tuple[Header, ...], recorded: tuple[Deployment, ...], output_format: str
) -> None:
    if output_format == "json":
        print_json(
            "rollback",
            {
                "site": site,
                "way": found.way,
                "why": _why(found),
                "left": found.left.number,
                "headers": [[header.name, header.value] for header in headers],
                "stop": list(_stopped(found)),
                "recorded": [each.number for each in recorded],
            },
        )
        return
    hint(_why(found))
    for name in _stopped(found):
        hint(f"stop sending {name}")
    if headers:
        fmt = SnippetFormat.HEADER if output_format == "text" else SnippetFormat(output_format)
        try:
            console().print(render(headers, fmt), markup=False, soft_wrap=True, end="")
        except ValueError as error:
            raise CspbuildError(f"{error}; choose another --format") from None
    for each in recorded:
        hint(f"recorded as deployment {each.number}, since {isoformat(each.since_at)}")
    if not recorded:
        hint(f"once they are sent:  {typed('cspbuild')} rollback{site_flag(site)} --record")


def _stopped(found: Rollback) -> tuple[str, ...]:
    """Names of the headers that are not to be sent at all."""
    is_enforcing = found.left.stage is ServedStage.ENFORCE
    names = {ENFORCED: is_enforcing and found.enforced is None, REPORT_ONLY: found.report_only is None}
    return tuple(name for name, is_stopped in names.items() if is_stopped)


def _why(found: Rollback) -> str:
    left = f"deployment {found.left.number}, {found.left.stage} since {found.left.since_at:%Y-%m-%d %H:%M} UTC"
    match found.way:
        case Way.ENFORCE_BEFORE:
            number = found.enforced.number if found.enforced else 0
            return f"back from {left}, to deployment {number}, the policy that was enforced before it"
        case Way.STOP_ENFORCING:
            return f"back from {left}: no policy was enforced before it, so the site works without one"
        case Way.REPORT_BEFORE:
            return f"nothing is enforced, so nothing is blocked; back from {left}, to what was tried before it"
        case Way.STOP_REPORTING:
            return f"nothing is enforced, so nothing is blocked; {left} was the first"
