"""Replay: a recorded violation as a question to another policy, with what reports do not tell left open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policybuilder.csp.decision import decide
from policybuilder.csp.directives import FETCH_DIRECTIVES, INLINE_DIRECTIVES, SCRIPT_DIRECTIVES, STYLE_DIRECTIVES
from policybuilder.csp.parsing import parse_serialized_policy
from policybuilder.csp.policy import Policy
from policybuilder.csp.question import Browser, Hint, InlineType, Question
from policybuilder.csp.urls import SECURE_UPGRADES, parse_blocked, parse_page
from policybuilder.csp.verdict import Verdict
from policybuilder.csp.violation import Disposition, SampleExtent, Violation

# Browsers cut these to the origin across origins, and old ones cut every URL: without a path, not even "/".
_CUT_DIRECTIVES = frozenset({"child-src", "fenced-frame-src", "frame-src", "object-src"})
_WITHOUT_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]*")

_FRAME_DIRECTIVES = frozenset({"child-src", "fenced-frame-src", "frame-src"})

# What an old browser's report may have named by the parent directive.
_READINGS = {
    "script-src": ("script-src-elem", "script-src"),
    "style-src": ("style-src-elem", "style-src"),
    "child-src": ("frame-src", "worker-src", "child-src"),
    "default-src": ("default-src", *sorted(FETCH_DIRECTIVES - {"default-src"})),
}

_WORDS = frozenset({"eval", "wasm-eval", "trusted-types-policy", "trusted-types-sink"})


def question_of(violation: Violation) -> Question:
    """The question whether another policy would have let happen what `violation` reports.

    Nonce, integrity and inserter of an element are never reported. Under the placeholder `'nonce-{NONCE}'` inline
    elements count as the site's own, which carry the nonce: for an injected one, replace `nonce` by the empty text.
    """
    disposition = Disposition.REPORT if violation.disposition is Disposition.REPORT else Disposition.ENFORCE
    recorded = parse_serialized_policy(violation.original_policy, disposition=disposition)
    likeliest, *others = [_after_redirect(reading, recorded) for reading in _readings(violation, recorded)]
    # Most reports mean one thing, and a changed copy takes as long as to find out.
    return likeliest._replace(alternatives=tuple(others)) if others else likeliest


def _readings(violation: Violation, recorded: Policy) -> Iterator[Question]:
    """All that the report may mean, the likeliest first."""
    directive, blocked = violation.effective_directive, violation.blocked_uri
    question = Question(
        page=_page(violation.document_uri),
        directive=directive,
        blocked=blocked,
        sample=violation.sample if violation.sample_extent is not SampleExtent.NONE else None,
        sample_extent=violation.sample_extent,
    )
    if directive == "frame-ancestors":
        yield question._replace(blocked=_ancestor(violation))
    elif directive == "trusted-types":
        yield question._replace(name_taken=_is_name_taken(question, recorded))
    elif blocked in _WORDS:
        # Where sinks were locked already, a string came as a Trusted Type.
        yield question._replace(reaches_sink=not recorded.setting.locks_sinks)
    elif directive in INLINE_DIRECTIVES and blocked in {"inline", "", "self"}:
        yield from _inline_readings(question)
    elif directive in _FRAME_DIRECTIVES and blocked == "":
        # Chromium's word for a frame whose URL has an opaque origin: data:, mailto:, an app's own scheme.
        yield question
    elif blocked in {"", "self"}:
        yield question._replace(blocked="")
    else:
        # Under an enforced policy Chromium reports a picture as upgraded, if it did upgrade it.
        is_upgradeable = violation.disposition is not Disposition.ENFORCE
        cut = question._replace(origin_only=_is_cut(violation), is_upgradeable=is_upgradeable)
        for reading in _url_readings(cut):
            yield reading
            if recorded.setting.upgrades_requests and (insecure := _downgraded(reading.blocked or "")):
                yield reading._replace(blocked=insecure)


def _is_name_taken(question: Question, recorded: Policy) -> bool | None:
    """Whether the name was refused because a policy of that name existed: the recorded policy lists it."""
    decision = decide(recorded, question)
    if decision.directive is None or decision.verdict is Verdict.BLOCK:
        return False
    return True if decision.verdict is Verdict.ALLOW else None


def _page(document_uri: str) -> str | None:
    """The page's URL, where it tells an origin: frames without a URL and workers from blobs inherit one."""
    page = parse_page(document_uri)
    return document_uri if page is not None and page.host else None


def _ancestor(violation: Violation) -> str | None:
    """The embedding page, if the report names it: Chromium repeats the framed page, Firefox is silent."""
    ancestor, page = parse_blocked(violation.blocked_uri), parse_page(violation.document_uri)
    names_it = ancestor is not None and page is not None and ancestor.host and ancestor.origin != page.origin
    return violation.blocked_uri if names_it else None


def _inline_readings(question: Question) -> Iterator[Question]:
    directive = question.directive
    inline = question._replace(blocked="inline")
    if directive in SCRIPT_DIRECTIVES or directive == "default-src":
        yield from _script_readings(inline, directive)
        if question.blocked != "inline":
            # Old browsers said as little about eval.
            yield question._replace(directive="script-src", blocked="eval")
    if directive in STYLE_DIRECTIVES or directive == "default-src":
        if directive != "style-src-attr":
            yield inline._replace(directive="style-src-elem", inline_type=InlineType.STYLE)
        if directive != "style-src-elem":
            yield inline._replace(directive="style-src-attr", inline_type=InlineType.STYLE_ATTRIBUTE)


def _script_readings(inline: Question, directive: str) -> Iterator[Question]:
    if directive != "script-src-attr":
        yield inline._replace(directive="script-src-elem", inline_type=InlineType.SCRIPT)
        # A javascript: URL is reported like an element; only its sample shows the scheme, as a label would.
        if inline.sample is None or inline.sample.lower().startswith("javascript:"):
            yield inline._replace(directive="script-src-elem", inline_type=InlineType.NAVIGATION)
        # So are speculation rules, which only Chromium asks about; they are written in JSON.
        if inline.sample is None or inline.sample.lstrip().startswith("{"):
            rules = inline._replace(directive="script-src-elem", inline_type=InlineType.SPECULATION_RULES)
            yield rules._replace(browser=Browser.CHROMIUM)
    if directive != "script-src-elem":
        yield inline._replace(directive="script-src-attr", inline_type=InlineType.SCRIPT_ATTRIBUTE)


def _url_readings(question: Question) -> Iterator[Question]:
    if question.directive in {"default-src", "prefetch-src"}:
        # Chromium names default-src when it blocks a hint; older ones had prefetch-src for that.
        yield question._replace(directive="default-src", hint=Hint.PREFETCH)
    if question.directive != "prefetch-src":
        for directive in _READINGS.get(question.directive, (question.directive,)):
            yield question if directive == question.directive else question._replace(directive=directive)


def _downgraded(blocked: str) -> str | None:
    """What the page may have asked for, when its policy upgraded requests before they were checked."""
    scheme, separator, rest = blocked.partition("://")
    insecure = {secure: insecure for insecure, secure in SECURE_UPGRADES.items()}.get(scheme)
    return f"{insecure}{separator}{rest}" if insecure and separator else None


def _is_cut(violation: Violation) -> bool:
    """Whether the blocked URI shows the origin of a URL only."""
    if _WITHOUT_PATH.fullmatch(violation.blocked_uri):
        return True
    if violation.effective_directive not in _CUT_DIRECTIVES:
        return False
    url, page = parse_blocked(violation.blocked_uri), parse_page(violation.document_uri)
    return url is not None and url.path == "/" and (page is None or url.origin != page.origin)


def _after_redirect(question: Question, recorded: Policy) -> Question:
    """The question about a redirect's target, if the recorded policy did not block the URL it reports.

    Reports name the URL before any redirect, even where only the target was blocked.

    https://w3c.github.io/webappsec-csp/#create-violation-for-request
    """
    can_redirect = question.directive in FETCH_DIRECTIVES or question.directive == "form-action"
    if not (can_redirect and recorded.directives and question.blocked is not None):
        return question
    url = parse_blocked(question.blocked)
    if url is None or url.scheme not in {"http", "https"}:
        return question
    # What a nonce or an inserter admits is admitted after any redirect: only the URL list can change its mind.
    by_url = question._replace(nonce="", integrity="", parser_inserted=True)
    if decide(recorded, by_url).verdict is Verdict.BLOCK:
        return question
    return question._replace(via=question.blocked, blocked=None, redirected=True)
