"""Referrer-Policy: how much of the page's address other sites are told.

https://w3c.github.io/webappsec-referrer-policy/
"""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, shown

_HEADER = "Referrer-Policy"
_META = '<meta name="referrer">'
_FIX = "Referrer-Policy: strict-origin-when-cross-origin"

_MEANINGS = {
    "no-referrer": ("strict", "Nobody is told which page a visitor came from."),
    "same-origin": ("strict", "Other sites are not told which page a visitor came from."),
    "strict-origin": ("strict", "Everybody is told the site that a visitor came from, nobody the page."),
    "strict-origin-when-cross-origin": (
        "strict",
        "Other sites are told the site that a visitor came from, not the page.",
    ),
    "origin": ("origin", "Everybody is told the site that a visitor came from, also over plain http."),
    "origin-when-cross-origin": (
        "origin",
        "Other sites are told the site that a visitor came from, also over plain http.",
    ),
    "no-referrer-when-downgrade": (
        "full-url-over-https",
        "Other sites with https are told the whole address of the page, with all that stands in it.",
    ),
    "unsafe-url": ("full-url", "Every other site is told the whole address of the page, also over plain http."),
}
"""By policy, the result and what it means."""

# https://html.spec.whatwg.org/multipage/semantics.html#meta-referrer
_OLD_NAMES = {
    "never": "no-referrer",
    "default": "strict-origin-when-cross-origin",
    "always": "unsafe-url",
    "origin-when-crossorigin": "origin-when-cross-origin",
}


def judge_referrer_policy(answer: Answer) -> Iterator[Judgement]:
    """What the header says or, after it, the page; nothing for an answer that leads nowhere."""
    if not answer.is_document:
        return
    value = answer.joined(_HEADER)
    # The last one that is known counts, so that new values can stand behind old ones.
    tokens = [part.strip(" \t").lower() for part in (value or "").split(",")]
    known = [token for token in tokens if token in _MEANINGS]
    policy, header = (known[-1] if known else None), _HEADER
    for content in () if answer.markup is None else answer.markup.referrers:
        token = content.lower()
        token = _OLD_NAMES.get(token, token)
        if token in _MEANINGS:
            policy, header, value = token, _META, content
    if policy is not None:
        result, message = _MEANINGS[policy]
        is_leak = result.startswith("full-url")
        yield judged("referrer-policy", result, message, header=header, value=value, fix=_FIX if is_leak else None)
    elif value:
        message = f"Browsers do not know {shown(value)}, and do as if nothing had been said."
        yield judged("referrer-policy", "invalid", message, header=header, value=value, fix=_FIX)
    else:
        message = "Nothing is said: today's browsers then tell other sites the site a visitor came from, not the page."
        yield judged("referrer-policy", "browser-default", message, header=header)
