"""`cspbuild header`: the response headers to send now."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import click

from policybuilder.cli.options import address_options, database_option, format_option, read_text_argument, site_option
from policybuilder.cli.output import console, hint, print_json
from policybuilder.csp import parse_serialized_policy
from policybuilder.errors import CspbuildError
from policybuilder.presets import PRESETS
from policybuilder.program import site_flag, typed
from policybuilder.rehearsal import read_rehearsal_key
from policybuilder.rendering.draws import percent, written
from policybuilder.rendering.snippets import DRAWING_FORMATS, SnippetFormat, render
from policybuilder.stages import Header, Stage, headers_for
from policybuilder.store.engine import open_for_reading
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import KeyKind, find_key, get_site
from policybuilder.suggestion.current import infer_current, merged
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.tightening import deltas
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Mode
from policybuilder.times import Window

_PUBLIC_SAMPLE = 0.01
_SMALLEST_SAMPLE = 0.0001
"""The collector's estimates go no further: a report stands for ten thousand at most."""

_DRAWN_BY_HAND = frozenset({"text", "json", "header", "markdown"})
"""Formats after which a person decides which page views get the headers."""

_SAMPLED_FORMATS = _DRAWN_BY_HAND | DRAWING_FORMATS


@click.command()
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in Stage]),
    default="observe",
    show_default=True,
    help="How far you are.",
)
@address_options
@click.option("--policy", metavar="POLICY", help="Text, @file, - or preset:NAME; without it, all that observe can see.")
@click.option(
    "--sample",
    metavar="SHARE",
    help="Share of page views that get it.  [default: 1%; 100% for a rehearsal, and when enforcing]",
)
@site_option
@database_option
@format_option(["text", "json", *(fmt.value for fmt in SnippetFormat)])
def command(
    *,
    stage: str,
    base_url: str,
    policy: str | None,
    sample: str | None,
    rehearsal_key: str | None,
    site: str,
    database: str,
    output_format: str,
) -> None:
    """The response headers to send now.

    The probe stage sends only what --policy, or else the suggestion, refuses of what is enforced: whoever still uses it
    reports that. For a collector on this machine the headers carry the rehearsal key, so what arrives is trusted; for
    any other address the public key, unless a rehearsal key is given.
    """
    base = base_url.rstrip("/")
    key, is_rehearsal = choose_key(database, site, base, rehearsal_key)
    share = _choose_share(sample, Stage(stage), output_format, is_public=not is_rehearsal)
    text = _read_policy(policy)
    if Stage(stage) is Stage.PROBE:
        text = _probe(database, site, text)
    try:
        headers = headers_for(Stage(stage), report_url=f"{base}/report/{key}", policy=text, sample=share)
    except ValueError as error:
        raise CspbuildError(f"{error}; see  {typed('cspbuild')} header --help") from None
    _print(headers, Stage(stage), output_format, share)
    if is_rehearsal:
        hint("these carry the rehearsal key: for your own visits, never for the public")
    elif share < 1:
        drawn = "send them on" if output_format in _DRAWN_BY_HAND else "this sends them on"
        said = f"r={written(share)}"
        hint(f"{drawn} {percent(share)} of page views, as the report URL says ({said}); --sample 100% for all")
    elif sample is None and stage != Stage.ENFORCE and output_format not in _SAMPLED_FORMATS:
        hint(f"every page view gets them, since --format {output_format} cannot draw lots")


def _probe(database: str, site: str, candidate: str | None) -> str:
    """The policy that reports what the candidate would refuse of what is enforced; without one, what may be unused."""
    window = Window(None, datetime.now(UTC))
    with snapshot(open_for_reading(database)) as connection:
        groups = read_evidence(connection, site, window)
        grounds = read_grounds(connection, site, window, groups, Thresholds())
    if candidate is None:
        try:
            probe = propose(site, groups, grounds, Options(mode=Mode.TIGHTEN)).probe
        except ValueError as error:
            record = f"{typed('cspbuild')} deploy record{site_flag(site)} --stage enforce --policy POLICY"
            raise CspbuildError(f"{error}; record what is:  {record}") from None
    else:
        current = grounds.current or infer_current(groups)
        enforced = None if current is None else merged(current)
        if enforced is None:
            return candidate
        probe = deltas(enforced, parse_serialized_policy(candidate))
    if probe is None:
        raise CspbuildError("there is nothing to probe: all that is enforced is used, or would still be admitted")
    return str(probe)


def _choose_share(sample: str | None, stage: Stage, output_format: str, *, is_public: bool) -> float:
    """The share asked for, or the usual one; all page views where nothing can or should be drawn."""
    if stage is Stage.ENFORCE:
        refusal = "an enforced policy protects only the page views that get it"
    elif output_format not in _SAMPLED_FORMATS:
        refusal = f"--format {output_format} cannot draw lots among page views"
    elif sample:
        return read_share(sample)
    else:
        return _PUBLIC_SAMPLE if is_public else 1.0
    if sample and read_share(sample) < 1:
        raise CspbuildError(f"{refusal}; use --sample 100%")
    return 1.0


def choose_key(database: str, site: str, base_url: str, rehearsal_key: str | None) -> tuple[str, bool]:
    """The rehearsal key given, or kept for a collector on this machine; else the site's public key."""
    engine = open_for_reading(database)
    found = get_site(engine, site)
    is_local = _is_loopback(base_url)
    kept = rehearsal_key or (read_rehearsal_key() if is_local else None)
    if kept:
        owner = find_key(engine, kept)
        if owner is not None and owner.site == site and owner.kind is KeyKind.REHEARSAL:
            return kept, True
        if rehearsal_key:
            raise CspbuildError(
                f"no live rehearsal key of site {site!r}; "
                f"make one with  {typed('cspbuild')} site rotate {site} --rehearsal"
            )
    if not found.key:
        raise CspbuildError(f"site {site!r} has no live key; make one with  {typed('cspbuild')} site rotate {site}")
    return found.key, False


def _is_loopback(base_url: str) -> bool:
    from policybuilder.csp import parse_url  # noqa: PLC0415  (keeps --help quick)

    url = parse_url(base_url)
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise CspbuildError(f"{base_url!r} is no http or https URL; write https://csp.example.com")
    return url.is_loopback


def _read_policy(policy: str | None) -> str | None:
    if policy is None:
        return None
    if policy.startswith("preset:"):
        name = policy.removeprefix("preset:")
        if name not in PRESETS:
            raise CspbuildError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
        return PRESETS[name].policy
    return read_text_argument(policy)


def read_share(text: str) -> float:
    """A share of page views. Raises CspbuildError for what is none."""
    # As a decimal fraction, or 0.07% would be 0.0007000000000000001.
    try:
        share = float(Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1))
    except (ArithmeticError, ValueError):
        share = 0.0
    if not _SMALLEST_SAMPLE <= share <= 1:
        raise CspbuildError(f"{text!r} is no share of page views; write 1% or 0.01, at least 0.01%, at most 100%")
    return share


def _print(headers: tuple[Header, ...], stage: Stage, output_format: str, share: float) -> None:
    if output_format == "json":
        pairs = [[header.name, header.value] for header in headers]
        print_json("header", {"stage": stage, "sample": share, "headers": pairs})
        return
    fmt = SnippetFormat.HEADER if output_format == "text" else SnippetFormat(output_format)
    try:
        console().print(render(headers, fmt, share), markup=False, soft_wrap=True, end="")
    except ValueError as error:
        raise CspbuildError(f"{error}; choose another --format") from None
