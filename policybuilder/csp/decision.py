"""Decisions: would this policy let this happen, must it block it, or can nobody tell.

A question is judged twice where something is not known: once by a pessimist, who takes every missing fact to speak
against the resource, and once by an optimist. Where they agree that is the answer, and it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import (
    FALLBACKS,
    FETCH_DIRECTIVES,
    INLINE_DIRECTIVES,
    REMOVED_DIRECTIVES,
    REPORTING_DIRECTIVES,
    SCRIPT_DIRECTIVES,
)
from policybuilder.csp.inline_matching import admitted_inline
from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.request_matching import admitted_request, admitted_urls
from policybuilder.csp.sources import Keyword
from policybuilder.csp.trusted_types import judge_name, judge_sink, locks_sinks
from policybuilder.csp.url_matching import Candidate
from policybuilder.csp.urls import URL, parse_blocked, parse_page, parse_url
from policybuilder.csp.verdict import Decision, Verdict, admitted, ungoverned, unrestricted


def decide(policy: Policy, question: Question) -> Decision:
    """What `policy` does to the resource of `question`; never raises.

    https://w3c.github.io/webappsec-csp/#should-block-request
    """
    decision = _decide_reading(policy, question)
    for alternative in question.alternatives:
        other = _decide_reading(policy, alternative)
        if Verdict.UNKNOWN in {decision.verdict, other.verdict}:
            return decision if decision.verdict is Verdict.UNKNOWN else other
        if other.verdict is not decision.verdict:
            reason = f"the report may mean {_named(question)} or {_named(alternative)}, which the policy treats apart"
            return Decision(Verdict.UNKNOWN, decision.directive, None, reason)
    return decision


def decide_all(policies: Iterable[Policy], question: Question) -> Decision:
    """What several policies do together: block if any blocks, allow only if all allow."""
    decisions = []
    for policy in _upgraded_together(tuple(policies)):
        decision = decide(policy, question)
        if decision.verdict is Verdict.BLOCK:
            return decision
        decisions.append(decision)
    if not decisions:
        return Decision(Verdict.ALLOW, None, None, "there is no policy")
    # Doubt first, then whatever matched: that says more than the lack of a directive.
    return min(decisions, key=lambda decision: (decision.verdict is not Verdict.UNKNOWN, decision.matched_by is None))


_UPGRADE = Directive("upgrade-insecure-requests")


def _upgraded_together(policies: tuple[Policy, ...]) -> Iterable[Policy]:
    """The policies, all of which see upgraded URLs if one of them upgrades: it does so for the page.

    https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request
    """
    if len({policy.upgrades_requests for policy in policies}) < 2:
        return policies
    return (
        policy if policy.upgrades_requests else replace(policy, directives=(*policy.directives, _UPGRADE))
        for policy in policies
    )


def _named(question: Question) -> str:
    what = question.inline_type or question.hint or question.directive
    return f"{what} ({question.blocked})" if question.blocked in {"eval", "inline"} else str(what)


def _decide_reading(policy: Policy, question: Question) -> Decision:
    """The answer to one reading of a report, in every browser that may have sent it."""
    if question.browser is not None:
        return _judge(policy, question, question.browser)
    decision = _judge(policy, question, Browser.CHROMIUM)
    if policy.browsers_differ or question.hint or question.directive in {"form-action", "frame-ancestors"}:
        other = _judge(policy, question, Browser.FIREFOX)
        if Verdict.UNKNOWN not in {decision.verdict, other.verdict} and other.verdict is not decision.verdict:
            reason = f"Chromium would {decision.verdict}, Firefox {other.verdict}: {decision.reason}"
            return Decision(Verdict.UNKNOWN, decision.directive, None, reason)
        if other.verdict is Verdict.UNKNOWN:
            return other
    return decision


def _judge(policy: Policy, question: Question, browser: Browser) -> Decision:
    judge = _JUDGES.get(question.directive)
    if judge is None:
        return Decision(Verdict.UNKNOWN, None, None, "not a directive that browsers are known to check")
    if browser is Browser.CHROMIUM:
        policy = policy.as_chromium_reads_it()
    return judge(policy, question, browser)


# Fetch directives


def _judge_fetch(policy: Policy, question: Question, browser: Browser) -> Decision:
    blocked = question.blocked
    if blocked in {"eval", "wasm-eval"}:
        return _judge_eval(policy, question)
    if question.directive in INLINE_DIRECTIVES and (inline_type := _inline_type(question)):
        return _judge_inline(policy, question, inline_type, browser)
    if question.hint is not None:
        return _judge_hint(policy, question, browser)
    directive = policy.governing(question.directive)
    if directive is None:
        return ungoverned(question.directive)
    hops = _hops(policy, question)
    return _settle(
        directive,
        lambda optimistic: admitted_request(directive, question, hops, browser=browser, optimistic=optimistic),
        _why_no_request(directive, question),
    )


def _inline_type(question: Question) -> InlineType | None:
    """What kind of inline code the question is about, or None when it is about something else."""
    blocked = question.blocked
    if blocked == "inline":
        return question.inline_type or _INLINE_TYPES[question.directive]
    if question.directive in SCRIPT_DIRECTIVES and blocked is not None and _is_javascript(blocked):
        return InlineType.NAVIGATION
    return None


_INLINE_TYPES = {
    "default-src": InlineType.SCRIPT,
    "script-src": InlineType.SCRIPT,
    "script-src-attr": InlineType.SCRIPT_ATTRIBUTE,
    "script-src-elem": InlineType.SCRIPT,
    "style-src": InlineType.STYLE,
    "style-src-attr": InlineType.STYLE_ATTRIBUTE,
    "style-src-elem": InlineType.STYLE,
}


def _is_javascript(blocked: str) -> bool:
    return blocked[:11].lower() == "javascript:" or blocked == "javascript"


def _judge_inline(policy: Policy, question: Question, inline_type: InlineType, browser: Browser) -> Decision:
    """https://w3c.github.io/webappsec-csp/#should-block-inline"""
    directive = policy.governing(question.directive)
    if directive is None:
        return ungoverned(question.directive)
    return _settle(
        directive,
        lambda optimistic: admitted_inline(directive, question, inline_type, browser=browser, optimistic=optimistic),
        _why_no_inline(directive, inline_type),
    )


def _judge_eval(policy: Policy, question: Question) -> Decision:
    """https://w3c.github.io/webappsec-csp/#can-compile-strings"""
    directive = policy.governing("script-src")
    if directive is None:
        return ungoverned("script-src")
    keywords = [Keyword.UNSAFE_EVAL]
    if question.blocked == "wasm-eval":
        keywords.append(Keyword.WASM_UNSAFE_EVAL)
    elif locks_sinks(policy):
        keywords.append(Keyword.TRUSTED_TYPES_EVAL)
    for keyword in keywords:
        if keyword in directive.sources:
            return Decision(Verdict.ALLOW, directive.name, keyword.value, "it allows code made from strings")
    return Decision(Verdict.BLOCK, directive.name, None, f"{directive.name} has no {' or '.join(keywords)}")


def _judge_hint(policy: Policy, question: Question, browser: Browser) -> Decision:
    """https://w3c.github.io/webappsec-csp/#does-resource-hint-violate-policy"""
    default = policy.directive("default-src")
    if default is None:
        return ungoverned("default-src")
    # Differs from the spec: Firefox asks default-src alone; see https://bugzilla.mozilla.org/show_bug.cgi?id=1457204.
    fetching = [d for d in policy.directives if d.name in FETCH_DIRECTIVES]
    asked = fetching if browser is Browser.CHROMIUM else [default]
    hops = _hops(policy, question)
    for optimistic in (False, True):
        for directive in asked:
            if admission := admitted_urls(directive, hops, browser=browser, optimistic=optimistic):
                return admitted(directive, admission, optimistic=optimistic)
    return Decision(Verdict.BLOCK, default.name, None, "no fetch directive admits the URL of the hint")


def _hops(policy: Policy, question: Question) -> list[Candidate]:
    """The URLs that a request goes to, each as it is matched."""
    page = None if question.page is None else parse_page(question.page)
    blocked = None if question.blocked is None else parse_blocked(question.blocked)
    if question.via is None:
        return [Candidate(_requested(policy, question, blocked), page, question.redirected)]
    return [
        Candidate(_requested(policy, question, parse_url(question.via)), page),
        Candidate(_requested(policy, question, blocked), page, redirected=True),
    ]


def _requested(policy: Policy, question: Question, url: URL | None) -> URL | None:
    """The URL as it is when it is checked: upgraded if the policy says so, without what the report cut off."""
    if url is not None and question.origin_only:
        url = url.without_path()
    return url.upgraded() if url is not None and policy.upgrades_requests else url


# Directives without fallback


def _judge_base(policy: Policy, question: Question, browser: Browser) -> Decision:
    """https://w3c.github.io/webappsec-csp/#allow-base-for-document"""
    page = None if question.page is None else parse_page(question.page)
    url = None if question.blocked is None else parse_blocked(question.blocked)
    return _judge_urls(policy, question, [Candidate(url, page)], browser)


def _judge_form(policy: Policy, question: Question, browser: Browser) -> Decision:
    """https://w3c.github.io/webappsec-csp/#form-action-pre-navigate"""
    hops = _hops(policy, question)
    if hops[-1].redirected and browser is Browser.FIREFOX:
        # Differs from the spec: where the form is redirected to is not checked; because Firefox does not; see
        # https://github.com/w3c/webappsec-csp/issues/8.
        hops = hops[:-1]
        if not hops:
            return unrestricted("form-action", "Firefox does not check where a form is redirected to")
    return _judge_urls(policy, question, hops, browser)


def _judge_ancestor(policy: Policy, question: Question, browser: Browser) -> Decision:
    """https://w3c.github.io/webappsec-csp/#frame-ancestors-navigation-response"""
    page = None if question.page is None else parse_page(question.page)
    ancestor = None if question.blocked is None else parse_blocked(question.blocked)
    if ancestor is not None:
        ancestor = URL(ancestor.scheme, ancestor.host, ancestor.port, "/")
    # Differs from the spec: Firefox ignores paths here, as after a redirect; Chromium has the ancestor's origin to
    # match, whose path is "/"; see https://w3c.github.io/webappsec-csp/#frame-ancestors-navigation-response.
    candidate = Candidate(ancestor, page, redirected=browser is Browser.FIREFOX)
    return _judge_urls(policy, question, [candidate], browser)


def _judge_urls(policy: Policy, question: Question, hops: list[Candidate], browser: Browser) -> Decision:
    directive = policy.directive(question.directive)
    if directive is None:
        return ungoverned(question.directive)
    return _settle(
        directive,
        lambda optimistic: admitted_request(directive, question, hops, browser=browser, optimistic=optimistic),
        _why_no_request(directive, question),
    )


def _judge_webrtc(policy: Policy) -> Decision:
    """https://w3c.github.io/webappsec-csp/#directive-webrtc"""
    directive = policy.directive("webrtc")
    if directive is None:
        return ungoverned("webrtc")
    if len(directive.values) == 1 and directive.values[0].lower() == "'allow'":
        return Decision(Verdict.ALLOW, directive.name, directive.values[0], "it allows connections")
    return Decision(Verdict.BLOCK, directive.name, None, "only the single value 'allow' allows connections")


def _judge_sandbox(policy: Policy) -> Decision:
    """https://w3c.github.io/webappsec-csp/#directive-sandbox"""
    if policy.directive("sandbox") is None:
        return ungoverned("sandbox")
    return Decision(Verdict.UNKNOWN, "sandbox", None, "what a sandbox withholds is not reported")


def _judge_inert(policy: Policy, question: Question) -> Decision:
    present = policy.directive(question.directive) is not None
    return unrestricted(question.directive if present else None, f"browsers block nothing by {question.directive}")


_JUDGES: dict[str, Callable[[Policy, Question, Browser], Decision]] = {
    **dict.fromkeys(FALLBACKS, _judge_fetch),
    **dict.fromkeys(
        REPORTING_DIRECTIVES | REMOVED_DIRECTIVES | {"upgrade-insecure-requests"},
        lambda policy, question, _: _judge_inert(policy, question),
    ),
    "base-uri": _judge_base,
    "form-action": _judge_form,
    "frame-ancestors": _judge_ancestor,
    "require-trusted-types-for": lambda policy, _question, _browser: judge_sink(policy),
    "sandbox": lambda policy, _question, _browser: _judge_sandbox(policy),
    "trusted-types": lambda policy, question, _: judge_name(policy, question),
    "webrtc": lambda policy, _question, _browser: _judge_webrtc(policy),
}


# Words


def _settle(directive: Directive, admit: Callable[[bool], Admission | None], refusal: str) -> Decision:
    """The verdict on which pessimist and optimist agree, or `unknown`."""
    for optimistic in (False, True):
        if admission := admit(optimistic):
            return admitted(directive, admission, optimistic=optimistic)
    return Decision(Verdict.BLOCK, directive.name, None, refusal)


def _why_no_request(directive: Directive, question: Question) -> str:
    if not directive.sources.expressions:
        return f"{directive.name} admits nothing"
    if question.directive in SCRIPT_DIRECTIVES and Keyword.STRICT_DYNAMIC in directive.sources:
        return "under 'strict-dynamic' a script in the markup needs a nonce or a digest"
    return f"no source of {directive.name} matches the URL"


def _why_no_inline(directive: Directive, inline_type: InlineType) -> str:
    sources = directive.sources
    if Keyword.UNSAFE_INLINE in sources:
        return "'unsafe-inline' is switched off by a nonce, a digest or 'strict-dynamic', and none of them matches"
    is_element = inline_type in {InlineType.SCRIPT, InlineType.STYLE}
    if sources.hashes and not is_element and Keyword.UNSAFE_HASHES not in sources:
        return "without 'unsafe-hashes' digests admit elements only"
    return f"no nonce, digest or keyword of {directive.name} admits this inline code"
