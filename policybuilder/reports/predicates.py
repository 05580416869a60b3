"""Predicates: the conditions of rules that take code, by the names under which the rules' file refers to them.

Each reads the report alone, so that the class of a report never depends on what came before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import unquote_plus

import msgspec

from policybuilder.csp import Verdict, decide, parse_serialized_policy, question_of
from policybuilder.csp.violation import SampleExtent, Violation
from policybuilder.evidence import document_origin
from policybuilder.reports.hosts import host_matches, host_of, is_local
from policybuilder.reports.lookalikes import hosts_named_by, looks_like_one_of
from policybuilder.reports.normalization import INVALID

_MIN_REFLECTED_CHARACTERS = 8
_MAY_HOLD_MARKUP = frozenset("<:%")
"""A query without any of them decodes to no tag and to no `javascript:`."""

# The check costs by the sources of a policy and by what a report may have meant, and anybody may ask for it. Real
# policies are shorter; reports against these parents may mean any of a dozen directives, and add nothing anyway.
_MAX_CHECKED_POLICY = 4_096
_PARENTS_OF_MANY = frozenset({"default-src", "child-src"})


class Context(msgspec.Struct, frozen=True, gc=False):
    """What a rule may look at. A struct, since one is made for each report."""

    violation: Violation
    document_query: str
    """As it was sent: few reports' are worth decoding."""

    user_agent: str
    site_hosts: tuple[str, ...]
    """Document hosts of the site, `*.` allowed; none: any."""


Predicate = Callable[[Context], bool]


def is_malformed(context: Context) -> bool:
    """Something is not what a browser writes where it tells what was blocked, and on which page."""
    violation = context.violation
    return INVALID in (violation.effective_directive, violation.blocked_uri, violation.document_uri)


def is_a_foreign_document(context: Context) -> bool:
    """Documents without a host (srcdoc, workers at blob:) belong to whichever page made them: not foreign by this."""
    host = host_of(context.violation.document_uri) if context.site_hosts else None
    return host is not None and not _is_among(host, context.site_hosts)


@lru_cache(maxsize=1024)
def _is_among(host: str, patterns: tuple[str, ...]) -> bool:
    return any(host_matches(pattern, host) for pattern in patterns)


def is_on_a_public_page(context: Context) -> bool:
    """The page is neither on the visitor's own machine nor in a private network. Bare schemes do not say."""
    host = host_of(context.violation.document_uri)
    return host is not None and not is_local(host)


def is_reflected(context: Context) -> bool:
    """The page's own address carries markup that names what was blocked: somebody tried an injection.

    The strongest sign of an attack that a single report can hold. Ordinary pages do have URLs in their query (a
    redirect target, a search), but not inside a tag.
    """
    if _MAY_HOLD_MARKUP.isdisjoint(context.document_query):
        return False
    query = unquote_plus(context.document_query).lower()
    if "<" not in query and "javascript:" not in query:
        return False
    violation = context.violation
    host = host_of(violation.blocked_uri)
    if host is not None:
        return host in query and host != host_of(violation.document_uri)
    sample = violation.sample.strip().lower()
    if len(sample) >= _MIN_REFLECTED_CHARACTERS:
        return sample in query
    return violation.blocked_uri == "data" and "data:" in query


def looks_like_a_known_host(context: Context) -> bool:
    """The blocked host is none of the site's or its policy's, and is easily taken for one of them."""
    violation = context.violation
    host = host_of(violation.blocked_uri)
    if host is None:
        return False
    policy = violation.original_policy
    return _looks_like_a_known_host(
        host,
        context.site_hosts,
        host_of(violation.document_uri),
        policy if len(policy) <= _MAX_CHECKED_POLICY else "",
    )


@lru_cache(maxsize=2048)
def _looks_like_a_known_host(host: str, site_hosts: tuple[str, ...], page: str | None, policy: str) -> bool:
    pages = site_hosts if page is None else (*site_hosts, page)
    known = (pattern.removeprefix("*.").partition(":")[0] for pattern in pages)
    return looks_like_one_of(host, (*known, *hosts_named_by(policy)))


def is_a_contradiction(context: Context) -> bool:
    """The reported policy allows the reported resource: the block came after a redirect, or the report is forged."""
    violation = context.violation
    policy = violation.original_policy
    if not policy or len(policy) > _MAX_CHECKED_POLICY or violation.effective_directive in _PARENTS_OF_MANY:
        return False
    return _own_policy_allows(
        policy,
        violation.effective_directive,
        # Pages are as many as a site has, or as strangers make up, and policies look at the origin alone.
        document_origin(violation.document_uri),
        violation.blocked_uri,
        violation.sample,
        violation.sample_extent,
    )


@lru_cache(maxsize=2048)
def _own_policy_allows(  # noqa: PLR0917  (what a question is made of, and what answers are remembered by)
    policy: str, directive: str, page_origin: str, blocked_uri: str, sample: str, sample_extent: SampleExtent
) -> bool:
    violation = Violation(
        document_uri=page_origin,
        effective_directive=directive,
        blocked_uri=blocked_uri,
        sample=sample,
        sample_extent=sample_extent,
    )
    return decide(parse_serialized_policy(policy), question_of(violation)).verdict is Verdict.ALLOW


PREDICATES: Mapping[str, Predicate] = {
    "malformed": is_malformed,
    "foreign-document": is_a_foreign_document,
    "public-page": is_on_a_public_page,
    "reflected-in-query": is_reflected,
    "looks-like-a-known-host": looks_like_a_known_host,
    "own-policy-allows": is_a_contradiction,
}

FORGETFUL_PREDICATES = frozenset({"reflected-in-query"})
"""Those that read what is never stored."""

POLICY_PREDICATES = frozenset({"own-policy-allows", "looks-like-a-known-host"})
"""Those that read the report's policy, of which a group keeps only some."""
