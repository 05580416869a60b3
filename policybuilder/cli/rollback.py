"""`cspbuild rollback`: the last good headers, and how to record that they are served again."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from policybuilder.cli.header import choose_key
from policybuilder.cli.options import address_options, database_option, format_option, site_option
from policybuilder.cli.output import console, hint, print_json
from policybuilder.deployments import Deployment
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.rollback import Rollback, headers_of, reason_of, served_again, stopped_headers, way_back
from policybuilder.stages import Header
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
    headers = headers_of(found, f"{base}/report/{key}")
    engine.dispose()
    recorded = _record(database, site, found) if record else ()
    _print(site, found, headers, recorded, output_format)
    if is_rehearsal and headers:
        hint("these carry the rehearsal key: for your own visits, never for the public")


def _record(database: str, site: str, found: Rollback) -> tuple[Deployment, ...]:
    """Keep that the site serves again what it served before, or nothing."""
    now = datetime.now(UTC)
    again = served_again(found, now)
    engine = open_sites(database, now)
    recorded = record_deployment(
        engine, site, policy=again.policy, stage=again.stage, since_at=again.since_at, note=again.note
    )
    return (recorded,)


def _print(
    site: str, found: Rollback, headers: tuple[Header, ...], recorded: tuple[Deployment, ...], output_format: str
) -> None:
    if output_format == "json":
        print_json(
            "rollback",
            {
                "site": site,
                "way": found.way,
                "why": reason_of(found),
                "left": found.left.number,
                "headers": [[header.name, header.value] for header in headers],
                "stop": list(stopped_headers(found)),
                "recorded": [each.number for each in recorded],
            },
        )
        return
    hint(reason_of(found))
    for name in stopped_headers(found):
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
