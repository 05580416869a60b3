"""Request matching: which requests a directive's source list admits, by nonce, integrity, trust or URL.

https://w3c.github.io/webappsec-csp/#directives-fetch
"""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import SCRIPT_DIRECTIVES, SOURCE_LIST_DIRECTIVES, STYLE_DIRECTIVES
from policybuilder.csp.inline_matching import admitted_by_integrity, admitted_by_nonce
from policybuilder.csp.policy import Directive
from policybuilder.csp.question import Question
from policybuilder.csp.sources import Keyword
from policybuilder.csp.url_matching import Candidate, admitted_urls


def admitted_request(directive: Directive, question: Question, hops: Sequence[Candidate]) -> Admission | None:
    """What in the directive admits a request to every one of `hops`, the last one speaking for all; at least one."""
    name = question.directive
    if name in _BY_URL_ALONE:
        return admitted_urls(directive.sources, hops)
    if name in SCRIPT_DIRECTIVES:
        return _admitted_script(directive, question, hops)
    if name in STYLE_DIRECTIVES:
        sources, optimistic = directive.sources, hops[-1].optimistic
        return (
            admitted_by_nonce(sources, question, optimistic=False)
            or admitted_urls(sources, hops)
            or (admitted_by_nonce(sources, question, optimistic=True) if optimistic else None)
        )
    # Workers have no element: no nonce, no integrity, and a script made them.
    if trusts_workers(directive):
        return (Keyword.STRICT_DYNAMIC.value, "another script inserted it")
    return admitted_urls(directive.sources, hops)


_BY_URL_ALONE = SOURCE_LIST_DIRECTIVES - SCRIPT_DIRECTIVES - STYLE_DIRECTIVES - {"worker-src"}


def _admitted_script(directive: Directive, question: Question, hops: Sequence[Candidate]) -> Admission | None:
    """https://w3c.github.io/webappsec-csp/#script-pre-request"""
    sources, browser, optimistic = directive.sources, hops[-1].browser, hops[-1].optimistic
    admission = (
        admitted_by_nonce(sources, question, optimistic=False)
        or admitted_by_integrity(sources, question.integrity, browser=browser, optimistic=False)
        or _by_inserter(directive, parser_inserted=question.parser_inserted, optimistic=optimistic)
    )
    if admission is None and Keyword.STRICT_DYNAMIC not in sources:
        admission = admitted_urls(directive.sources, hops)
    if admission is None and optimistic:
        admission = admitted_by_nonce(sources, question, optimistic=True) or admitted_by_integrity(
            sources, question.integrity, browser=browser, optimistic=True
        )
    return admission


def trusts_workers(directive: Directive) -> bool:
    """Whether the directive that governs workers trusts all of them, as what a trusted script makes.

    https://w3c.github.io/webappsec-csp/#worker-src-pre-request
    """
    # Differs from the spec: whichever directive governs, not only where script-src stands in; because Chromium and
    # Firefox look for the keyword alone; see
    # https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/renderer/core/frame/csp/
    return Keyword.STRICT_DYNAMIC in directive.sources


def _by_inserter(directive: Directive, *, parser_inserted: bool | None, optimistic: bool) -> Admission | None:
    """https://w3c.github.io/webappsec-csp/#strict-dynamic-usage"""
    if Keyword.STRICT_DYNAMIC not in directive.sources:
        return None
    if parser_inserted is False:
        return (Keyword.STRICT_DYNAMIC.value, "another script inserted it")
    if parser_inserted is None and optimistic:
        return (Keyword.STRICT_DYNAMIC.value, "its inserter is not reported")
    return None
