"""Request matching: which requests a directive's source list admits, by nonce, integrity, trust or URL.

https://w3c.github.io/webappsec-csp/#directives-fetch
"""

from __future__ import annotations

from collections.abc import Iterable

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import SCRIPT_DIRECTIVES, STYLE_DIRECTIVES
from policybuilder.csp.inline_matching import admitted_by_integrity, admitted_by_nonce
from policybuilder.csp.policy import Directive
from policybuilder.csp.question import Browser, Question
from policybuilder.csp.sources import Keyword
from policybuilder.csp.url_matching import Candidate, admitted_url


def admitted_request(
    directive: Directive, question: Question, hops: Iterable[Candidate], *, browser: Browser, optimistic: bool
) -> Admission | None:
    """What in the directive admits a request to every one of `hops`, the last one speaking for all."""
    sources = directive.sources
    if question.directive in SCRIPT_DIRECTIVES:
        admission = (
            admitted_by_nonce(sources, question, optimistic=False)
            or admitted_by_integrity(sources, question.integrity, browser=browser, optimistic=False)
            or _by_inserter(directive, parser_inserted=question.parser_inserted, optimistic=optimistic)
        )
        if admission is None and Keyword.STRICT_DYNAMIC not in sources:
            admission = admitted_urls(directive, hops, browser=browser, optimistic=optimistic)
        if admission is None and optimistic:
            admission = admitted_by_nonce(sources, question, optimistic=True) or admitted_by_integrity(
                sources, question.integrity, browser=browser, optimistic=True
            )
        return admission
    if question.directive == "worker-src" and directive.name == "script-src":
        # Script rules, but a worker has no element: no nonce, no integrity, and a script made it.
        if Keyword.STRICT_DYNAMIC in sources:
            return _by_inserter(directive, parser_inserted=False, optimistic=optimistic)
    elif question.directive in STYLE_DIRECTIVES:
        return (
            admitted_by_nonce(sources, question, optimistic=False)
            or admitted_urls(directive, hops, browser=browser, optimistic=optimistic)
            or (admitted_by_nonce(sources, question, optimistic=True) if optimistic else None)
        )
    return admitted_urls(directive, hops, browser=browser, optimistic=optimistic)


def _by_inserter(directive: Directive, *, parser_inserted: bool | None, optimistic: bool) -> Admission | None:
    """https://w3c.github.io/webappsec-csp/#strict-dynamic-usage"""
    if Keyword.STRICT_DYNAMIC not in directive.sources:
        return None
    if parser_inserted is False:
        return Admission(Keyword.STRICT_DYNAMIC.value, "another script inserted it")
    if parser_inserted is None and optimistic:
        return Admission(Keyword.STRICT_DYNAMIC.value, "its inserter is not reported")
    return None


def admitted_urls(
    directive: Directive, hops: Iterable[Candidate], *, browser: Browser, optimistic: bool
) -> Admission | None:
    """The expression that covers the last of `hops`, if each of them is covered."""
    admission = None
    for hop in hops:
        admission = admitted_url(directive.sources, hop, browser=browser, optimistic=optimistic)
        if admission is None:
            return None
    return admission
