"""`cspbuild suggest`: the policy that the evidence speaks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policybuilder.cli.failures import gate
from policybuilder.cli.fetching_options import fetching_options
from policybuilder.cli.options import (
    database_option,
    format_option,
    read_policies,
    read_window,
    site_option,
    window_options,
)
from policybuilder.cli.output import hint, hint_at_oddities, plural, print_json
from policybuilder.cli.working import working
from policybuilder.csp import diff
from policybuilder.documents.suggestion import Later, suggestion_document
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.rendering.text_safety import visible
from policybuilder.server_buffers import REFUSE_BYTES
from policybuilder.stages import ENFORCED, Header
from policybuilder.store.engine import Database, open_for_reading
from policybuilder.store.evidence import read_evidence, read_grounds, read_hosts
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.suggestion.current import Current, Origin, as_current
from policybuilder.suggestion.granularity import Granularity, parse_granularity
from policybuilder.suggestion.inline import Learned, learn, pages_to_read
from policybuilder.suggestion.propose import Options, propose, site_origins
from policybuilder.suggestion.refining import Grain
from policybuilder.suggestion.strict import Climb, Credential, climb
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Mode, Suggestion
from policybuilder.times import Window

if TYPE_CHECKING:
    from policybuilder.markup import Markup
    from policybuilder.scanner.fetching import Fetcher

_NO_EVIDENCE = (
    "no reports of site {site!r} in the window ({window}), so there is nothing to suggest. The likeliest causes: the "
    "pages do not send the header ({header}), a content blocker stops the reports, an https page reports to an "
    "http address, or the policy uses report-to over plain http, which browsers never deliver"
)


@click.command()
@window_options
@click.option("--diff", "later", metavar="TIME", help="Compare with what would be suggested at a later time.")
@click.option(
    "--current", metavar="POLICY", help="What the site enforces: text, @file, or - .  [default: as deploy record says]"
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="What to do with it.  [default: tighten where it is known, else fresh]",
)
@click.option(
    "--target",
    type=click.Choice(["allowlist", "strict"]),
    default="allowlist",
    show_default=True,
    help="Where to go: strict shows the six rungs to nonces or digests, and what stands before each.",
)
@click.option(
    "--strict-by",
    type=click.Choice([each.value for each in Credential]),
    help="What scripts are known by on the way.  [default: hash where all inline scripts are known, else nonce]",
)
@click.option(
    "--granularity",
    metavar="D=G",
    multiple=True,
    callback=lambda _context, _parameter, values: _read_granularities(values),
    help="How fine other origins are named: img-src=origin, script-src=path, …; may be repeated.",
)
@click.option("--script-wildcards", is_flag=True, help="Take wildcards for numbered hosts of scripts too.")
@click.option("--split-elem-attr", is_flag=True, help="Print elements and attributes of scripts and styles apart.")
@click.option("--allow-large", is_flag=True, help="Print a policy that many servers have no room for, too.")
@click.option(
    "--html",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the pages' HTML files are, to find all of their inline code.",
)
@click.option("--fetch", is_flag=True, help="Find it on the pages themselves, as a visitor without cookies gets them.")
@fetching_options
@click.option(
    "--min-reporters",
    metavar="N",
    type=click.IntRange(1),
    default=Thresholds().min_reporters,
    show_default=True,
    help="Client networks on one day that strangers' reports need.",
)
@click.option(
    "--min-days",
    metavar="N",
    type=click.IntRange(1),
    default=Thresholds().min_days,
    show_default=True,
    help="Days on which strangers have to report it.",
)
@site_option
@database_option
@format_option(["text", "json", *(fmt.value for fmt in SnippetFormat)])
def command(
    *,
    since: str | None,
    as_of: str | None,
    later: str | None,
    current: str | None,
    mode: str | None,
    target: str,
    strict_by: str | None,
    granularity: dict[str, Granularity],
    script_wildcards: bool,
    split_elem_attr: bool,
    allow_large: bool,
    html: Path | None,
    fetch: bool,
    fetcher: Fetcher | None,
    min_reporters: int,
    min_days: int,
    site: str,
    database: str,
    output_format: str,
) -> None:
    """The proposed enforced policy, with the evidence for every token.

    Evidence that arrived at the rehearsal key adds sources, and so does what many of the site's visitors reported; for
    scripts, frames and connections something that strangers cannot write must stand behind it. What you decided is
    obeyed. What the observed policies allowed is kept. Beside an enforced policy it is narrowed, and only what page
    views enough under a report-only policy show unused goes; what would repair it stands apart. Exits 1 when accepted
    evidence would be blocked all the same.
    """
    window = read_window(since, as_of)
    end = None if later is None else read_window(None, later).until
    engine = open_for_reading(database)
    get_site(engine, site)
    reader = _Reader(
        engine,
        site,
        Thresholds(min_reporters=min_reporters, min_days=min_days, min_span=timedelta(days=max(0, min_days - 1))),
        Options(
            mode=Mode(mode) if mode else None,
            grain=Grain(by_directive=granularity, allows_script_wildcards=script_wildcards),
            is_split=split_elem_attr,
            is_large_allowed=allow_large,
        ),
        None if current is None else _read_current(current),
        html,
        fetcher if fetch else None,
    )
    suggestion, climb_it = reader.suggest(window)
    climbed = climb_it(Credential(strict_by) if strict_by else None) if target == "strict" else None
    comparison = None if end is None else reader.compare(suggestion, replace(window, until=end))
    _refuse_large(suggestion, is_allowed=allow_large)
    with gate(says_no=suggestion.replay.block > 0):
        _print(suggestion, output_format, climbed, comparison)
        for group in suggestion.blocked_groups:
            hint(f"accepted, yet it would be blocked: {visible(group.directive)} {visible(group.blocked)}")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes suggestions of a site's evidence, at one time or another."""

    engine: Database
    site: str
    thresholds: Thresholds
    options: Options
    current: Current | None
    html: Path | None
    fetcher: Fetcher | None

    def suggest(self, window: Window) -> tuple[Suggestion, Callable[[Credential | None], Climb]]:
        """The suggestion at the end of the window, and how to climb from it to a strict policy."""
        with working("reading evidence"), snapshot(self.engine) as connection:
            groups = read_evidence(connection, self.site, window)
            hosts = read_hosts(connection, self.site)
        if not groups:
            header = f"{typed('cspbuild')} header{site_flag(self.site)}"
            raise CspbuildError(_NO_EVIDENCE.format(site=self.site, window=window, header=header))
        learned = Learned(groups)
        if self.html is not None or self.fetcher is not None:
            origins = site_origins(groups)
            pages = pages_to_read(groups, hosts, origins)
            learned = learn(groups, _read_sources(pages, self.html, self.fetcher, hosts or _hosts_of(origins)))
        with working("counting who reported what"), snapshot(self.engine) as connection:
            grounds = read_grounds(connection, self.site, window, learned.groups, self.thresholds)
        grounds = replace(grounds, nonce_places=learned.nonce_places, forms=learned.forms)
        if self.current is not None:
            grounds = replace(grounds, enforced=self.current.policies, current=self.current)
        try:
            with working("weighing evidence"):
                suggestion = propose(self.site, learned.groups, grounds, self.options)
        except ValueError as error:
            record = f"{typed('cspbuild')} deploy record{site_flag(self.site)} --stage enforce --policy POLICY"
            raise CspbuildError(f"{error}; give it with --current, or record it:  {record}") from None
        return suggestion, partial(climb, suggestion, learned.groups, grounds.exposures)

    def compare(self, suggestion: Suggestion, window: Window) -> Later:
        """What the suggestion would be at the end of the window."""
        other, _ = self.suggest(window)
        before, after = ("" if each.policy is None else str(each.policy) for each in (suggestion, other))
        return Later(window.until, after, diff(before, after))


def _read_current(text: str) -> Current:
    given = read_policies(text)
    hint_at_oddities(given)
    if not given.policies:
        raise CspbuildError("an empty policy enforces nothing; leave --current out")
    return as_current(given.policies, Origin.GIVEN)


def _refuse_large(suggestion: Suggestion, *, is_allowed: bool) -> None:
    size = 0 if suggestion.policy is None else len(str(suggestion.policy))
    if size > REFUSE_BYTES and not is_allowed:
        raise CspbuildError(
            f"the policy has {size:,} bytes, and many servers have room for {REFUSE_BYTES:,}; name what runs code less "
            "exactly with --granularity, or print it all the same with --allow-large"
        )


def _hosts_of(origins: Sequence[str]) -> Sequence[str]:
    authorities = (origin.partition("://")[2] for origin in origins)
    return [authority.rpartition(":")[0] or authority for authority in authorities]


def _read_sources(
    pages: Sequence[str], html: Path | None, fetcher: Fetcher | None, hosts: Sequence[str]
) -> Mapping[str, Sequence[Markup]]:
    """The markup of the pages, with a line on standard error for each that could not be had."""
    from policybuilder.cli.progress import progress  # noqa: PLC0415  (loads what draws it)
    from policybuilder.page_sources import fetch_sources, read_directory  # noqa: PLC0415  (loads a client and a parser)

    def report(page: str, problem: str) -> None:
        hint(f"{visible(page)} {visible(problem)}")

    if fetcher is None:
        sources = read_directory(html or Path(), pages, report)
    else:
        with fetcher, progress("reading pages", len(pages)) as advance:
            sources = fetch_sources(fetcher, advance(pages), hosts, report)
    hint(f"read {len(sources)} of {plural(len(pages), 'page')} for their inline code")
    return sources


def _read_granularities(values: Sequence[str]) -> dict[str, Granularity]:
    try:
        return dict(map(parse_granularity, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _print(suggestion: Suggestion, output_format: str, climbed: Climb | None, later: Later | None) -> None:
    match output_format:
        case "json":
            print_json("suggest", suggestion_document(suggestion, climbed, later))
        case "text":
            from policybuilder.cli.suggest_text import print_text  # noqa: PLC0415  (loads what draws tables)

            print_text(suggestion, climbed, later)
        case _:
            if suggestion.policy is None:
                reason = next(finding for finding in suggestion.findings if finding.code == "nothing-accepted")
                raise CspbuildError(f"no policy can be suggested yet: {reason.message}; {reason.fix}")
            try:
                snippet = render([Header(ENFORCED, str(suggestion.policy))], SnippetFormat(output_format))
            except ValueError as error:
                raise CspbuildError(f"{error}; choose another --format") from None
            click.echo(snippet, nl=False)
