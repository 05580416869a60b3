"""Isolation: what keeps the page out of the reach and the process of other sites.

https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies
"""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, shown
from policybuilder.structured_fields import read_item, token_of

_OPENER = "Cross-Origin-Opener-Policy"
_EMBEDDER = "Cross-Origin-Embedder-Policy"
_RESOURCE = "Cross-Origin-Resource-Policy"
_CLUSTER = "Origin-Agent-Cluster"

_OPENERS = {
    "same-origin": "Pages of other sites that open this one, or that it opens, have no hold on it.",
    "same-origin-allow-popups": "Pages of other sites that open this one have no hold on it; windows that it opens do.",
    "noopener-allow-popups": "No page that opens this one has a hold on it; windows that it opens do.",
}
_EMBEDDERS = {
    "require-corp": "The page admits only what says that it may be embedded.",
    "credentialless": "What the page embeds from other sites comes without the visitor's cookies.",
}
_RESOURCES = {
    "same-origin": ("own", "Only the site's own origin may embed the answer."),
    "same-site": ("own", "Only hosts of the same domain may embed the answer."),
    "cross-origin": ("cross-origin", "Any site may embed the answer."),
}


def judge_isolation(answer: Answer) -> Iterator[Judgement]:
    """Each of the four headers that was sent; that the opener policy was not, where the answer is a page."""
    if answer.is_document:
        yield from _opener_policy(answer)
        yield from _embedder_policy(answer)
    yield from _resource_policy(answer)
    if answer.is_document:
        yield from _agent_cluster(answer)


def _opener_policy(answer: Answer) -> Iterator[Judgement]:
    value = answer.joined(_OPENER)
    only_reported = answer.joined(f"{_OPENER}-Report-Only")
    # Windows that a page opens to sign in go on working by it.
    fix = f"{_OPENER}: same-origin-allow-popups"

    def said(result: str, message: str, fix: str | None = fix) -> Judgement:
        return judged("cross-origin-opener-policy", result, message, header=_OPENER, value=value, fix=fix)

    word = None if value is None else token_of(value)
    if value is None and only_reported is not None:
        yield judged(
            "cross-origin-opener-policy",
            "report-only",
            "The policy only reports: a page that opens this one keeps a hold on it.",
            header=f"{_OPENER}-Report-Only",
            value=only_reported,
            fix=fix,
        )
    elif value is None:
        yield said("missing", "A page that opens this one keeps a hold on it, and can lead its window elsewhere.")
    elif word in _OPENERS:
        yield said("isolated", _OPENERS[word], None)
    elif word == "unsafe-none":
        yield said("unsafe-none", "A page that opens this one keeps a hold on it, as it would without the header.")
    else:
        yield said("invalid", f"Browsers do not understand {shown(value)}, and ignore it.")


def _embedder_policy(answer: Answer) -> Iterator[Judgement]:
    value = answer.joined(_EMBEDDER)
    only_reported = answer.joined(f"{_EMBEDDER}-Report-Only")
    header = f"{_EMBEDDER}-Report-Only" if value is None else _EMBEDDER

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        shown_value = only_reported if value is None else value
        return judged("cross-origin-embedder-policy", result, message, header=header, value=shown_value, fix=fix)

    if value is None and only_reported is None:
        return
    word = token_of(value or only_reported or "")
    if word not in {*_EMBEDDERS, "unsafe-none"}:
        text = shown(value or only_reported or "")
        yield said("invalid", f"Browsers do not understand {text}, and ignore it.", f"{header}: require-corp")
    elif value is None:
        yield said("report-only", "What the page embeds without leave is reported, and loads all the same.")
    elif word == "unsafe-none":
        yield said("unsafe-none", "The page may embed anything, as it might without the header.")
    else:
        opener = token_of(answer.joined(_OPENER) or "")
        isolated = " With the opener policy it has a process of its own." if opener == "same-origin" else ""
        yield said("required", f"{_EMBEDDERS[word]}{isolated}")


def _resource_policy(answer: Answer) -> Iterator[Judgement]:
    value = answer.joined(_RESOURCE)
    if value is None:
        return
    # No structured field: the exact word, and one of it.
    # https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check
    result, message = _RESOURCES.get(value, ("invalid", f"Browsers do not know {shown(value)}, and ignore it."))
    fix = f"{_RESOURCE}: same-origin" if result == "invalid" else None
    yield judged("cross-origin-resource-policy", result, message, header=_RESOURCE, value=value, fix=fix)


def _agent_cluster(answer: Answer) -> Iterator[Judgement]:
    value = answer.joined(_CLUSTER)
    if value is None:
        return
    item = read_item(value)
    match None if item is None else item.value:
        case True:
            result, message = "asked", "Browsers keep the page apart from other hosts of the same domain."
        case False:
            result, message = "declined", "Other hosts of the same domain may share a process with the page."
        case _:
            result, message = "invalid", f"Browsers do not understand {shown(value)}, and ignore it."
    fix = f"{_CLUSTER}: ?1" if result == "invalid" else None
    yield judged("origin-agent-cluster", result, message, header=_CLUSTER, value=value, fix=fix)
