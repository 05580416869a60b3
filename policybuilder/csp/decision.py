"""Decisions: would this policy let this happen, must it block it, or can nobody tell.

A question is judged twice where something is not known: once by a pessimist, who takes every missing fact to speak
against the resource, and once by an optimist. Where they agree that is the answer, and it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import (
    FALLBACKS,
    FETCH_DIRECTIVES,
    INLINE_DIRECTIVES,
    NAVIGATION_DIRECTIVES,
    REMOVED_DIRECTIVES,
    REPORTING_DIRECTIVES,
    SCRIPT_DIRECTIVES,
)
from policybuilder.csp.inline_matching import ELEMENTS, admitted_inline
from policybuilder.csp.policy import Directive, Policy, Setting, setting_of
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.request_matching import admitted_request, trusts_workers
from policybuilder.csp.sources import Keyword
from policybuilder.csp.trusted_types import judge_name, judge_sink
from policybuilder.csp.url_matching import Candidate, admitted_urls, browsers_may_differ
from policybuilder.csp.urls import OPAQUE, URL, parse_blocked, parse_page, parse_url
from policybuilder.csp.verdict import Decision, Verdict, admitted, doubted, refused, ungoverned, unrestricted


def decide(policy: Policy, question: Question, setting: Setting | None = None) -> Decision:
    """What `policy` does to the resource of `question`; never raises.

    `setting` is what the policies of the page do together; None where there is no other.

    https://w3c.github.io/webappsec-csp/#should-block-request
    """
    judge = _JUDGES.get(question.directive)
    if judge is None:
        return Decision(Verdict.UNKNOWN, None, None, "not a directive that browsers are known to check")
    decision = judge(policy, question, question.browser, setting or policy.setting)
    return _agreed(decision, policy, question, setting) if question.alternatives else decision


def decide_all(policies: Iterable[Policy], question: Question) -> Decision:
    """What several policies, such as those of a `PolicyList`, do together: all must allow, and one may block."""
    policies = tuple(policies)
    if not policies:
        return Decision(Verdict.ALLOW, None, None, "there is no policy")
    if len(policies) == 1:
        return decide(policies[0], question)
    setting = setting_of(policies)
    decisions = []
    for policy in policies:
        decision = decide(policy, question, setting)
        if decision.verdict is Verdict.BLOCK:
            return decision
        decisions.append(decision)
    # Doubt first, then whatever matched: that says more than the lack of a directive.
    return min(decisions, key=lambda decision: (decision.verdict is not Verdict.UNKNOWN, decision.matched_by is None))


def _agreed(decision: Decision, policy: Policy, question: Question, setting: Setting | None) -> Decision:
    """`decision`, if all that the report may have meant besides gets the same verdict."""
    for alternative in question.alternatives:
        other = decide(policy, alternative, setting)
        if Verdict.UNKNOWN in {decision.verdict, other.verdict}:
            return decision if decision.verdict is Verdict.UNKNOWN else other
        if other.verdict is not decision.verdict:
            reason = f"the report may mean {_named(question)} or {_named(alternative)}, which the policy treats apart"
            return Decision(Verdict.UNKNOWN, decision.directive, None, reason)
    return decision


def _named(question: Question) -> str:
    what = question.inline_type or question.hint or question.directive
    return f"{what} ({question.blocked})" if question.blocked in {"eval", "inline"} else str(what)


# Browsers


_Judge = Callable[[Policy, Question, Browser | None, Setting], Decision]
"""Answers for one browser or, with None, for all."""


def _in_each_browser(judge: Callable[[Policy, Question, Browser, Setting], Decision]) -> _Judge:
    """A judge whose answer for all browsers is what they agree on."""

    def judge_in_each(policy: Policy, question: Question, browser: Browser | None, setting: Setting) -> Decision:
        if browser is Browser.FIREFOX:
            return judge(policy, question, Browser.FIREFOX, setting)
        decision = judge(policy.as_chromium_reads_it(), question, Browser.CHROMIUM, setting)
        if browser is Browser.CHROMIUM:
            return decision
        other = judge(policy, question, Browser.FIREFOX, setting)
        if Verdict.UNKNOWN not in {decision.verdict, other.verdict} and other.verdict is not decision.verdict:
            reason = f"Chromium would {decision.verdict}, Firefox {other.verdict}: {decision.reason}"
            return Decision(Verdict.UNKNOWN, decision.directive, None, reason)
        return other if other.verdict is Verdict.UNKNOWN else decision

    return judge_in_each


# Fetch directives


def _judge_fetch(policy: Policy, question: Question, browser: Browser | None, setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#does-request-violate-policy"""
    name, blocked = question.directive, question.blocked
    is_secure = blocked is not None and blocked.startswith("https:")
    if blocked is not None and not is_secure:
        if blocked in {"eval", "wasm-eval"}:
            return _judge_eval(policy, question, browser, setting)
        if name in INLINE_DIRECTIVES and _inline_type(question) is not None:
            return _judge_inline(policy, question, browser, setting)
        if name in _FRAMING and blocked.startswith("about:"):
            return unrestricted(None, "nothing is requested for about:, so nothing is checked")
    if question.hint is not None:
        return _judge_hint(policy, question, browser, setting)
    # Chromium upgrades an insecure picture on a secure page before it checks it, Firefox after.
    is_mixed = name == "img-src" and (not is_secure or question.via is not None) and question.is_upgradeable
    if browser is not None or policy.void_in_chromium or is_mixed:
        return _judge_request_in_each(policy, question, browser, setting)
    directive = policy.governing(name)
    if directive is None:
        return ungoverned(name)
    hops = _hops(question, setting, Browser.CHROMIUM)
    decision = _judge_request(directive, question, hops)
    # Seldom, and it is quickly seen that they do not.
    is_allowed = decision.verdict is Verdict.ALLOW
    if (directive.sources.browsers_differ or not is_allowed) and browsers_may_differ(
        directive.sources, hops, is_allowed=is_allowed
    ):
        return _judge_request_in_each(policy, question, browser, setting)
    return decision


_FRAMING = frozenset({"fenced-frame-src", "frame-src", "object-src"})


@_in_each_browser
def _judge_request_in_each(policy: Policy, question: Question, browser: Browser, setting: Setting) -> Decision:
    directive = policy.governing(question.directive)
    if directive is None:
        return ungoverned(question.directive)
    return _judge_request(directive, question, _hops(question, setting, browser))


def _judge_request(directive: Directive, question: Question, hops: Sequence[Candidate]) -> Decision:
    by_url_alone = not directive.sources.takes_credentials
    admission = admitted_urls(directive.sources, hops) if by_url_alone else admitted_request(directive, question, hops)
    if admission is not None:
        return admitted(directive, admission)
    if _is_in_doubt(question, hops):
        admission = admitted_request(directive, question, _optimistic(hops))
        if admission is not None:
            return doubted(directive, admission)
    return refused(directive, _why_no_request(directive, question, hops))


def _optimistic(hops: Iterable[Candidate]) -> list[Candidate]:
    return [hop._replace(optimistic=True) for hop in hops]


def _is_in_doubt(question: Question, hops: Sequence[Candidate]) -> bool:
    """Whether something is not known that an optimist could take to speak for the request."""
    for hop in hops:
        if hop.url is None or hop.url is OPAQUE or hop.url.path is None or hop.page is None:
            return True
    return question.nonce is None or question.integrity is None or question.parser_inserted is None


def _inline_type(question: Question) -> InlineType | None:
    """What kind of inline code the question is about, or None when it is about something else."""
    blocked = question.blocked or ""
    if blocked == "inline":
        return question.inline_type or _INLINE_TYPES[question.directive]
    if blocked[:1] in {"j", "J"} and question.directive in SCRIPT_DIRECTIVES and _is_javascript(blocked):
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


@_in_each_browser
def _judge_inline(policy: Policy, question: Question, browser: Browser, _setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#should-block-inline"""
    inline_type = _inline_type(question) or InlineType.SCRIPT
    if inline_type is InlineType.SPECULATION_RULES and browser is Browser.FIREFOX:
        return unrestricted(None, "Firefox takes speculation rules for data")
    directive = policy.governing(question.directive)
    if directive is None:
        return ungoverned(question.directive)
    for optimistic in (False, True):
        admission = admitted_inline(directive, question, inline_type, browser=browser, optimistic=optimistic)
        if admission is not None:
            return doubted(directive, admission) if optimistic else admitted(directive, admission)
    return Decision(Verdict.BLOCK, directive.name, None, _why_no_inline(directive, inline_type))


@_in_each_browser
def _judge_eval(policy: Policy, question: Question, browser: Browser, setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#can-compile-strings"""
    directive = policy.governing("script-src")
    if directive is None:
        return ungoverned("script-src")
    is_string = question.blocked == "eval"
    if is_string and question.reaches_sink and setting.locks_sinks:
        reason = "sinks are locked, unless a default policy of the page converts the string"
        return Decision(Verdict.BLOCK, "require-trusted-types-for", None, reason)
    is_off = is_string and browser is Browser.CHROMIUM and "eval" in directive.sources.extended_hashes
    keywords = [] if is_off else [Keyword.UNSAFE_EVAL]
    if not is_string:
        keywords.append(Keyword.WASM_UNSAFE_EVAL)
    elif setting.locks_sinks:
        keywords.append(Keyword.TRUSTED_TYPES_EVAL)
    for keyword in keywords:
        if keyword in directive.sources:
            return Decision(Verdict.ALLOW, directive.name, keyword.value, "it allows code made from strings")
    # Differs from the spec: one policy with 'trusted-types-eval' speaks for all; because in Chromium it does; see
    # https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/renderer/core/frame/csp/
    if is_string and setting.locks_sinks and setting.trusts_eval and browser is Browser.CHROMIUM:
        reason = "another policy of the page allows code made from strings under Trusted Types"
        return Decision(Verdict.ALLOW, directive.name, Keyword.TRUSTED_TYPES_EVAL.value, reason)
    reason = f"{directive.name} has no {' or '.join(keywords)}"
    if is_off:
        reason = "an eval digest switches 'unsafe-eval' off"
    return Decision(Verdict.BLOCK, directive.name, None, reason)


# The fetch directives that Chromium asks about a hint; it has no destination that would name one of them.
HINT_DIRECTIVES = FETCH_DIRECTIVES - {"fenced-frame-src", "script-src-attr", "style-src-attr"}


@_in_each_browser
def _judge_hint(policy: Policy, question: Question, browser: Browser, setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#does-resource-hint-violate-policy"""
    default = policy.directive("default-src")
    if default is None:
        return ungoverned("default-src")
    # Differs from the spec: Firefox asks default-src alone; see https://bugzilla.mozilla.org/show_bug.cgi?id=1457204.
    asked = [default]
    if browser is Browser.CHROMIUM:
        asked = [d for d in policy.directives if d.name in HINT_DIRECTIVES]
        for directive in asked:
            if directive is policy.governing("worker-src") and trusts_workers(directive):
                reason = "it admits any worker, so any resource that may be one"
                return Decision(Verdict.ALLOW, directive.name, Keyword.STRICT_DYNAMIC.value, reason)
    hops = _hops(question, setting, browser)
    for answer, read in ((admitted, hops), (doubted, _optimistic(hops))):
        if found := _hint_admission(asked, read):
            return answer(*found)
    return Decision(Verdict.BLOCK, default.name, None, "no fetch directive admits the URL of the hint")


def _hint_admission(asked: Sequence[Directive], hops: Sequence[Candidate]) -> tuple[Directive, Admission] | None:
    """What admits the last hop, where some directive admits each; one may admit the URL, and another its redirect."""
    found = None
    for hop in hops:
        found = next(((each, admission) for each in asked if (admission := admitted_urls(each.sources, [hop]))), None)
        if found is None:
            return None
    return found


def _hops(question: Question, setting: Setting, browser: Browser) -> list[Candidate]:
    """The URLs that a request goes to, each as it is matched."""
    page = None if question.page is None else parse_page(question.page)
    blocked = question.blocked
    url = parse_blocked(blocked) if blocked and not question.origin_only else _cut_url(question)
    navigates = question.directive in NAVIGATION_DIRECTIVES
    redirected = question.redirected or question.via is not None
    # As Candidate(…), in a third of the time.
    hops = [tuple.__new__(Candidate, (url, page, redirected, navigates, browser, False))]
    if question.via is not None:
        hops.insert(0, Candidate(parse_url(question.via), page, navigates=navigates, browser=browser))
    if setting.upgrades_requests:
        hops = [_upgraded(hop, question.directive) for hop in hops]
    is_secure = url is not None and url.scheme == "https" and question.via is None
    if question.directive == "img-src" and not is_secure and question.is_upgradeable and browser is Browser.CHROMIUM:
        first = hops[0].url
        # A request that begins at an address is not upgraded on its way either.
        if first is None or not first.is_ip_address:
            hops = [hop._replace(url=hop.url and hop.url.as_picture_of(page)) for hop in hops]
    return hops


def _cut_url(question: Question) -> URL | None:
    """The URL of which a report tells the origin, or nothing."""
    blocked = question.blocked
    if blocked is None:
        return None
    if blocked == "" and question.directive in _FRAMING:
        return OPAQUE
    url = parse_blocked(blocked)
    return url.without_path() if url is not None and question.origin_only else url


def _upgraded(hop: Candidate, directive: str) -> Candidate:
    """https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request"""
    # Differs from the spec: where a form is redirected to is not upgraded; because Chromium upgrades forms when they
    # are submitted, and Firefox does not check redirects of forms at all.
    if hop.url is None or (hop.redirected and directive == "form-action"):
        return hop
    return hop._replace(url=hop.url.upgraded())


# Directives without fallback


@_in_each_browser
def _judge_base(policy: Policy, question: Question, browser: Browser, _setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#allow-base-for-document"""
    directive = policy.directive("base-uri")
    if directive is None:
        return ungoverned("base-uri")
    page = None if question.page is None else parse_page(question.page)
    return _judge_request(directive, question, [Candidate(_cut_url(question), page, browser=browser)])


@_in_each_browser
def _judge_form(policy: Policy, question: Question, browser: Browser, setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#form-action-pre-navigate"""
    directive = policy.directive("form-action")
    if directive is None:
        return ungoverned("form-action")
    hops = _hops(question, setting, browser)
    if hops[-1].redirected and browser is Browser.FIREFOX:
        # Differs from the spec: where the form is redirected to is not checked; because Firefox does not; see
        # https://github.com/w3c/webappsec-csp/issues/8.
        hops = hops[:-1]
        if not hops:
            return unrestricted("form-action", "Firefox does not check where a form is redirected to")
    return _judge_request(directive, question, hops)


@_in_each_browser
def _judge_ancestor(policy: Policy, question: Question, browser: Browser, _setting: Setting) -> Decision:
    """https://w3c.github.io/webappsec-csp/#frame-ancestors-navigation-response"""
    directive = policy.directive("frame-ancestors")
    if directive is None:
        return ungoverned("frame-ancestors")
    page = None if question.page is None else parse_page(question.page)
    ancestor = None if question.blocked is None else parse_blocked(question.blocked)
    if ancestor is not None:
        ancestor = URL(ancestor.scheme, ancestor.host, ancestor.port, "/")
    # Differs from the spec: Firefox ignores paths here, as after a redirect; Chromium has the ancestor's origin to
    # match, whose path is "/"; see https://w3c.github.io/webappsec-csp/#frame-ancestors-navigation-response.
    candidate = Candidate(ancestor, page, redirected=browser is Browser.FIREFOX, navigates=True, browser=browser)
    return _judge_request(directive, question, [candidate])


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


_JUDGES: dict[str, _Judge] = {
    **dict.fromkeys(FALLBACKS, _judge_fetch),
    **dict.fromkeys(
        REPORTING_DIRECTIVES | REMOVED_DIRECTIVES | {"upgrade-insecure-requests"},
        lambda policy, question, _browser, _setting: _judge_inert(policy, question),
    ),
    "base-uri": _judge_base,
    "form-action": _judge_form,
    "frame-ancestors": _judge_ancestor,
    "require-trusted-types-for": lambda policy, _question, _browser, _setting: judge_sink(policy),
    "sandbox": lambda policy, _question, _browser, _setting: _judge_sandbox(policy),
    "trusted-types": _in_each_browser(lambda policy, question, browser, _: judge_name(policy, question, browser)),
    "webrtc": lambda policy, _question, _browser, _setting: _judge_webrtc(policy),
}

ASKED_DIRECTIVES = frozenset(_JUDGES)
"""The effective directives that there are answers for."""


# Words


def _why_no_request(directive: Directive, question: Question, hops: Sequence[Candidate]) -> str:
    if not directive.sources.expressions:
        return f"{directive.name} admits nothing"
    if "url" in directive.sources.extended_hashes and hops[-1].browser is Browser.CHROMIUM and not hops[-1].navigates:
        return "a URL digest switches the other sources off, and outside the origin trial it admits nothing itself"
    if question.directive in SCRIPT_DIRECTIVES and Keyword.STRICT_DYNAMIC in directive.sources:
        return "under 'strict-dynamic' a script in the markup needs a nonce or a digest"
    return f"no source of {directive.name} matches the URL"


def _why_no_inline(directive: Directive, inline_type: InlineType) -> str:
    sources = directive.sources
    if Keyword.UNSAFE_INLINE in sources:
        return "'unsafe-inline' is switched off by a nonce, a digest or 'strict-dynamic', and none of them matches"
    if sources.hashes and inline_type not in ELEMENTS and Keyword.UNSAFE_HASHES not in sources:
        return "without 'unsafe-hashes' digests admit elements only"
    return f"no nonce, digest or keyword of {directive.name} admits this inline code"
