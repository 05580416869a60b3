"""Framing: who may show the page in a frame, by frame-ancestors and X-Frame-Options together.

https://html.spec.whatwg.org/multipage/document-lifecycle.html#the-x-frame-options-header
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policybuilder.csp.policy import Directive
from policybuilder.csp.sources import HostSource
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, shown
from policybuilder.grading.own.policies import (
    ENFORCED,
    META,
    REPORT_ONLY,
    STRANGER,
    SentPolicy,
    is_stopped,
    reported_policies,
    url_of,
    url_question,
)
from policybuilder.hosting import hosting_of

_HEADER = "X-Frame-Options"
_FIX = "Content-Security-Policy: frame-ancestors 'self'"
_PLAIN = "http://stranger.example/"


def judge_framing(answer: Answer, sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    """Who may frame the page; nothing for an answer that is no page."""
    if not answer.is_document:
        return
    directives = [
        directive
        for each in sent
        if each.header != META and (directive := each.policy.directive("frame-ancestors")) is not None
    ]
    # Where a policy says who may frame the page, browsers do not look at the older header.
    yield _by_policy(answer, sent, directives) if directives else _by_x_frame_options(answer)


def _by_policy(answer: Answer, sent: Sequence[SentPolicy], directives: Sequence[Directive]) -> Judgement:
    value = "; ".join(map(str, directives))
    page = answer.response.url
    policies = [each.policy for each in sent if each.header != META]
    older = answer.joined(_HEADER)
    beside = f" {_HEADER}: {shown(older)} beside it is not looked at." if older is not None else ""

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        return judged("framing", result, message, header=ENFORCED, value=value, fix=fix)

    if not is_stopped(url_question("frame-ancestors", f"{STRANGER}/", page), policies):
        return said("anybody", f"Any site may show the page in a frame.{beside}", _FIX)
    sources = [source for directive in directives for _, source in directive.sources.expressions]
    hosts = [
        source
        for source in sources
        if isinstance(source, HostSource)
        and not is_stopped(url_question("frame-ancestors", url_of(source), page), policies)
    ]
    admitted = [source.host_part for source in hosts]
    hosted = [host for host in admitted if _is_open(host)]
    if hosted:
        message = f"On {named(hosted)} anybody can put up a page, and that one may frame this page."
        return said("open-hosting", message, "Name the one host that is meant.")
    is_plain = not is_stopped(url_question("frame-ancestors", _PLAIN, page), policies)
    if is_plain or any(source.scheme_part == "http" for source in hosts):
        message = "Pages over plain http may frame the page; anybody on the way can put something over it."
        return said("insecure-framer", message, "Write https:// before the hosts that may frame it.")
    is_own = not is_stopped(url_question("frame-ancestors", page, page), policies)
    if admitted:
        return said("listed", f"Only pages of {named(admitted)}{' and its own' if is_own else ''} may frame the page.")
    if is_own:
        return said("own-origin", "Only the site's own pages may frame the page.")
    return said("nobody", "Nobody may frame the page.")


def _is_open(host: str) -> bool:
    """Whether strangers have pages on a host of the pattern."""
    if host.startswith("*."):
        return hosting_of(host[2:]) is not None or hosting_of(f"stranger.{host[2:]}") is not None
    hosting = hosting_of(host)
    return hosting is not None and hosting.is_shared


def _by_x_frame_options(answer: Answer) -> Judgement:
    value = answer.joined(_HEADER)
    if value is None:
        return _without_any(answer)

    def said(result: str, message: str, fix: str | None = _FIX) -> Judgement:
        return judged("framing", result, message, header=_HEADER, value=value, fix=fix)

    # Commas separate as repeated headers do; only what is different counts.
    options = list(dict.fromkeys(part.strip(" \t").lower() for part in value.split(",")))
    if len(options) > 1 and {"deny", "allowall", "sameorigin"}.intersection(options):
        message = f"{named(options)} contradict each other, so browsers let nobody frame the page."
        return said("by-x-frame-options", message, "Send one of them.")
    match options:
        case ["deny"]:
            return said("by-x-frame-options", "Nobody may frame the page.", None)
        case ["sameorigin"]:
            return said("by-x-frame-options", "Only the site's own pages may frame the page.", None)
        case [option] if option.startswith("allow-from"):
            return said("allow-from", "Browsers of today do not know ALLOW-FROM: any site may frame the page.")
        case _:
            return said("x-frame-options-invalid", f"Browsers do not know {shown(value)}: any site may frame the page.")


def _without_any(answer: Answer) -> Judgement:
    if answer.markup is not None and any("frame-ancestors" in meta.text.lower() for meta in answer.markup.policies):
        return judged(
            "framing",
            "only-in-meta",
            "Browsers ignore frame-ancestors in a meta element: any site may frame the page.",
            header=META,
            fix=_FIX,
        )
    for each in reported_policies(answer):
        if (directive := each.policy.directive("frame-ancestors")) is not None:
            return judged(
                "framing",
                "report-only",
                "Who frames the page is only reported: any site still may.",
                header=REPORT_ONLY,
                value=str(directive),
                fix=_FIX,
            )
    return judged(
        "framing",
        "missing",
        "Any site may show the page in a frame, and lay something over its buttons.",
        header=ENFORCED,
        fix=_FIX,
    )
