"""Aliases: hosts that stand for another of the site's, so that what a staging copy reports speaks for production.

They are followed before a report is classified and counted, wherever it names a host: in its page, in what was
blocked, in the script at fault, in the referrer, and in the policy it was reported under. Schemes and paths stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from msgspec import structs

from policybuilder.csp import Directive, HostSource, Policy, canonical, parse_serialized_policy, parse_source_expression
from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.reports.hosts import host_matches
from policybuilder.reports.normalization import NormalizedHash, NormalizedViolation
from policybuilder.store.sites import Alias

Aliases = tuple[Alias, ...]


def follow_aliases(
    report: NormalizedViolation | NormalizedHash, aliases: Aliases
) -> NormalizedViolation | NormalizedHash:
    """The report as the hosts that the aliases stand for would have caused it."""
    if not aliases:
        return report
    if isinstance(report, NormalizedHash):
        return replace(
            report,
            document_uri=follow_in_url(report.document_uri, aliases),
            script_url=follow_in_url(report.script_url, aliases),
        )
    violation = report.violation
    followed = replace(
        violation,
        document_uri=follow_in_url(violation.document_uri, aliases),
        blocked_uri=follow_in_url(violation.blocked_uri, aliases),
        source_file=follow_in_url(violation.source_file, aliases),
        referrer=follow_in_url(violation.referrer, aliases),
        original_policy=follow_in_policy(violation.original_policy, aliases),
    )
    return structs.replace(report, violation=followed)


def follow_in_url(url: str, aliases: Aliases) -> str:
    """A cleaned URL at the host that its own stands for; whatever has no host, or no alias, stays as it is."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = rest.partition("/")
    host = _host_for(authority, aliases)
    return url if host is None else f"{scheme}://{host}{slash}{path}"


@lru_cache(maxsize=1024)
def follow_in_policy(text: str, aliases: Aliases) -> str:
    """A canonical policy whose host sources name the hosts that theirs stand for.

    A pattern such as `*.staging.example` is the alias of the same spelling, or none: which of its hosts stand for
    something nobody can say.
    """
    directives = parse_serialized_policy(text).directives
    followed = tuple(_follow_in_directive(directive, aliases) for directive in directives)
    return text if followed == directives else str(canonical(Policy(followed)))


def _follow_in_directive(directive: Directive, aliases: Aliases) -> Directive:
    if directive.name not in SOURCE_LIST_DIRECTIVES:
        return directive
    values = (_follow_in_token(token, aliases) for token in directive.values)
    return Directive(directive.name, tuple(dict.fromkeys(values)))


def _follow_in_token(token: str, aliases: Aliases) -> str:
    source = parse_source_expression(token)
    if not isinstance(source, HostSource) or source.is_star:
        return token
    has_number = source.port_part is not None and source.port_part != "*"
    host = _host_for(f"{source.host_part}:{source.port_part}" if has_number else source.host_part, aliases)
    if host is None:
        return token
    name, _, port = host.partition(":")
    return str(replace(source, host_part=name, port_part=port or (None if has_number else source.port_part)))


def _host_for(authority: str, aliases: Sequence[Alias]) -> str | None:
    """The host that an authority stands for, if it stands for one."""
    for alias in aliases:
        if authority == alias.alias or host_matches(alias.alias, authority):
            return alias.host
    return None
