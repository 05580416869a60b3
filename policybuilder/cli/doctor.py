"""`cspbuild doctor`: is reporting wired, from a page's header to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from policybuilder.cli.failures import gate
from policybuilder.cli.fetching_options import fetching_options, read_page_url
from policybuilder.cli.options import database_option, format_option
from policybuilder.cli.output import console, hint, print_json, table
from policybuilder.cli.progress import saying
from policybuilder.diagnosis import diagnose
from policybuilder.documents.scan import check_document
from policybuilder.wiring import Check, is_sound

if TYPE_CHECKING:
    from policybuilder.scanner.fetching import Fetcher


@click.command()
@click.argument("url")
@click.option("--site", metavar="NAME", help="Whose reports the page's are.  [default: whose key they are sent with]")
@fetching_options
@database_option
@format_option()
def command(*, url: str, site: str | None, fetcher: Fetcher, database: str, output_format: str) -> None:
    """Is reporting wired, from the header of a page to the database?

    Reads the page's headers, asks the endpoints that they name as a browser does, posts a test report to each, which is
    never evidence, and looks for it in the database. Exits 1 when a part of the way is broken.
    """
    checks: list[Check] = []
    with saying() as say:
        say(f"asking {url}")
        for check in diagnose(fetcher, read_page_url(url), site=site, database=database):
            checks.append(check)
            say(f"{check.name}: {check.message}")
    with gate(says_no=not is_sound(checks)):
        if output_format == "json":
            print_json("doctor", {"ok": is_sound(checks), "url": url, "checks": list(map(check_document, checks))})
        else:
            _print(checks)


MARKS = {True: "✓", False: "✗", None: "–"}


def _lines(check: Check, *, has_several: bool) -> tuple[str, ...]:
    """What was found, at which endpoint where there are several, and what to do."""
    at = (f"at {check.url}",) if has_several and check.url and check.url not in check.message else ()
    fix = (f"→ {check.fix}",) if check.fix else ()
    return (check.message, *at, *fix)


def _print(checks: list[Check]) -> None:
    out = console()
    has_several = len({check.url for check in checks if check.url}) > 1
    rows = [(MARKS[check.passed], check.name, _lines(check, has_several=has_several)) for check in checks]
    out.print(table("From the header to the database", ("", "check", "what was found"), rows, whole=["", "check"]))
    broken = sum(check.passed is False for check in checks)
    if broken:
        out.print(f"Reporting is not wired: {broken} of {len(checks)} checks failed", markup=False, style="bold red")
        return
    unknown = sum(check.passed is None for check in checks)
    left = f"; {unknown} could not be answered, or matter to nobody" if unknown else ""
    out.print(f"Reporting is wired{left}", markup=False, style="bold green")
    hint("test reports are noise, and never evidence:  --format json  has all of this for programs")
