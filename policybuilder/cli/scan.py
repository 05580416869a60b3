"""`cspbuild scan`: the security headers of pages, tested and graded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from policybuilder.cli.failures import gate
from policybuilder.cli.fetching_options import fetching_options, read_page_url
from policybuilder.cli.options import checked_database_option, format_option
from policybuilder.cli.output import hint, print_json
from policybuilder.cli.progress import saying
from policybuilder.cli.scan_text import print_scans
from policybuilder.documents.scan import scan_document, several_document
from policybuilder.documents.scan_markdown import scan_markdown
from policybuilder.documents.scan_sarif import scan_sarif
from policybuilder.errors import CspbuildError, EnvironmentFailedError
from policybuilder.grading.material import Material
from policybuilder.rendering.text_safety import visible
from policybuilder.scanner.fetching import Budget
from policybuilder.scanner.host_checking import check_host
from policybuilder.scanner.recorded import MAX_BYTES, read_response
from policybuilder.scanner.surveying import pages_of_sitemap, survey
from policybuilder.scanning import GRADES, Scan, is_worse, judge, without_bodies
from policybuilder.wiring import Check, origin_of

if TYPE_CHECKING:
    from policybuilder.scanner.fetching import Fetcher

_MAX_SITEMAP_PAGES = 50
_HOST_CHECK_BUDGET = Budget(seconds=30.0, max_requests=10)


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option(
    "--response",
    metavar="FILE",
    help="A recorded response, as  curl -i  prints it, in place of a URL; - for standard input.",
)
@click.option("--url", "response_url", metavar="URL", help="Where that response came from.")
@click.option("--sitemap", metavar="URL", help="The pages that a sitemap lists, or an index of sitemaps.")
@click.option("--crawl", metavar="N", type=click.IntRange(1, 1_000), help="Follow links of the pages, up to N pages.")
@click.option(
    "--host-check", is_flag=True, help="Say whether reporting is wired, and whether forged host names are believed."
)
@click.option(
    "--min-grade",
    type=click.Choice(GRADES),
    help="Exit 1 where a page has a worse grade, by our own; the other two never count.",
)
@fetching_options
@checked_database_option
@format_option(["text", "json", "sarif", "markdown"])
def command(
    *,
    urls: tuple[str, ...],
    response: str | None,
    response_url: str | None,
    sitemap: str | None,
    crawl: int | None,
    host_check: bool,
    min_grade: str | None,
    fetcher: Fetcher,
    output_format: str,
) -> None:
    """The security headers of a page: what was chosen, what follows from it, and what would be better.

    A page is visited over https and over plain http, and asked a few questions: its robots.txt, a preflight, whether
    its report endpoints answer, whether a forged Host header is believed, and whether a nonce of its policy changes.
    Grades come last: our own, the one of Mozilla's Observatory, and an approximation of securityheaders.com's.
    """
    found = _Found()
    if response is not None:
        if urls or sitemap or crawl:
            raise click.UsageError("--response stands alone: give a URL with --url, and pages in another call")
        material = read_response(_read(response), None if response_url is None else read_page_url(response_url))
        found.add(judge(material), None, host_check=host_check)
    else:
        if response_url is not None:
            raise click.UsageError("--url says where a --response came from; give a page to fetch without it")
        if not urls and sitemap is None:
            raise click.UsageError("name a URL, a --sitemap, or a recorded --response")
        _scan(found, fetcher, urls, sitemap, crawl, host_check=host_check)
    if not found.scans and not found.unreachable:
        raise CspbuildError("no page was scanned: robots.txt asks programs to leave them alone; name their URLs")
    is_refused = min_grade is not None and any(is_worse(scan, min_grade) for scan in found.scans)
    with gate(says_no=is_refused):
        _PRINTERS[output_format](found, min_grade)
    if found.has_failed or not found.scans:
        raise EnvironmentFailedError(f"{len(found.unreachable)} of the pages could not be scanned; see above")


@dataclass(slots=True)
class _Found:
    """What was scanned until now."""

    scans: list[Scan] = field(default_factory=list)
    host_checks: dict[str, Sequence[Check]] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    """Why, by URL."""

    has_failed: bool = False
    """Whether a page that was named could not be had."""

    is_several: bool = False

    def add(self, scan: Scan, fetcher: Fetcher | None, *, host_check: bool) -> None:
        """Keep it, and check its host unless another page of it was."""
        url = scan.material.url
        if host_check and origin_of(url) not in map(origin_of, self.host_checks):
            with nullcontext() if fetcher is None else fetcher.within(_HOST_CHECK_BUDGET):
                self.host_checks[url] = tuple(check_host(fetcher, scan.material, scan.own.tests))
        self.scans.append(without_bodies(scan))


def _scan(
    found: _Found,
    fetcher: Fetcher,
    urls: Sequence[str],
    sitemap: str | None,
    crawl: int | None,
    *,
    host_check: bool,
) -> None:
    named = [read_page_url(url) for url in urls]
    said: list[str] = []
    with saying() as say:
        listed: Sequence[str] = ()
        if sitemap is not None:
            say(f"reading {sitemap}")
            listed = pages_of_sitemap(fetcher, read_page_url(sitemap), crawl or _MAX_SITEMAP_PAGES, said.append)
            if not listed and not named:
                raise CspbuildError("; ".join([*said, "there is no page to scan, give the URL of a sitemap"]))
        found.is_several = len(named) > 1 or sitemap is not None or crawl is not None
        say("scanning")
        for url, seen in survey(fetcher, named, listed, most=crawl or 0, report=said.append):
            if isinstance(seen, Material):
                found.add(judge(seen), fetcher, host_check=host_check)
            elif not found.is_several:
                raise seen
            else:
                found.unreachable[url] = str(seen)
                found.has_failed |= url in named
            say(f"{len(found.scans) + len(found.unreachable)} scanned; the last was {url}")
    for line in said:
        hint(line)


def _read(name: str) -> bytes:
    """The recording. Raises CspbuildError where it cannot be read."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES)
        with open(name, "rb") as file:  # noqa: PTH123  (a Path would take an empty name for this directory)
            return file.read(MAX_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no name of a file"
        raise CspbuildError(f"cannot read {visible(name[:200])}: {why}; give a file, or - for standard input") from None


def _as_text(found: _Found, min_grade: str | None) -> None:
    print_scans(found.scans, found.host_checks, found.unreachable, min_grade=min_grade)


def _as_json(found: _Found, _min_grade: str | None) -> None:
    if found.is_several:
        print_json("scan", several_document(found.scans, found.host_checks, found.unreachable))
        return
    (scan,) = found.scans
    print_json("scan", scan_document(scan, found.host_checks.get(scan.material.url)))


def _as_markdown(found: _Found, _min_grade: str | None) -> None:
    click.echo(scan_markdown(found.scans, found.host_checks, found.unreachable), nl=False)


def _as_sarif(found: _Found, _min_grade: str | None) -> None:
    click.echo(json.dumps(scan_sarif(found.scans, version("cspbuild")), indent=2))


_PRINTERS: Mapping[str, Callable[[_Found, str | None], None]] = {
    "text": _as_text,
    "json": _as_json,
    "markdown": _as_markdown,
    "sarif": _as_sarif,
}
