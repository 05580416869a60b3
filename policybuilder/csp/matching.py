"""Matching: one question put to the policies of a page, everything about it known.

Where browsers differ, Chromium decides.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from policybuilder.csp.decision import ASKED_DIRECTIVES, decide_all
from policybuilder.csp.grammar import ASCII_WHITESPACE
from policybuilder.csp.parsing import as_policies
from policybuilder.csp.policy import Policy, PolicyList
from policybuilder.csp.question import Browser, Hint, InlineType, Question
from policybuilder.csp.sources import decoded_path
from policybuilder.csp.urls import parse_blocked, parse_page, serialized_url
from policybuilder.csp.verdict import Decision
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS, SampleExtent


def match(
    policy: str | Policy | PolicyList,
    *,
    page: str,
    directive: str,
    blocked: str,
    sample: str | None = None,
    nonce: str | None = None,
    redirected: bool = False,
    integrity: str | None = None,
    parser_inserted: bool = True,
    inline_type: str | None = None,
    hint: str | None = None,
    via: str | None = None,
) -> Decision:
    """What the policies of the document at `page` do to `blocked`, asked under the effective `directive`.

    `sample` is the whole inline code, or the name of a Trusted Types policy; `via` is the URL first requested when
    `blocked` is where a redirect led. A nonce or integrity left out is one the element does not have. An insecure
    picture on a secure page is taken to be upgraded, as Chromium does but for `srcset`. Raises ValueError for a
    directive that browsers do not ask, for a page or a blocked URI that no browser could have, and for an unknown
    inline type or hint.
    """
    effective = directive.strip().lower()
    if effective not in ASKED_DIRECTIVES:
        raise ValueError(f"no directive that browsers ask: {_shown(directive)}{_suggested(effective)}")
    if parse_page(page) is None:
        raise ValueError(f"not a URL of a page: {_shown(page)}")
    url = None if blocked in KEYWORD_BLOCKED_URIS else parse_blocked(blocked)
    if blocked not in KEYWORD_BLOCKED_URIS and url is None:
        raise ValueError(f"neither a URL nor a keyword of reports: {_shown(blocked)}")
    if via is not None and parse_blocked(via) is None:
        raise ValueError(f"not a URL that redirects: {_shown(via)}")
    text = sample
    if url is not None and url.scheme == "javascript":
        blocked = serialized_url(blocked) or blocked
        # What runs, and what a digest is of, is the URL without its escapes.
        text = decoded_path(blocked) if sample is None and ":" in blocked else sample
    question = Question(
        page=page,
        directive=effective,
        blocked=blocked,
        sample=text,
        sample_extent=SampleExtent.NONE if text is None else SampleExtent.WHOLE,
        # Differs from the spec: white space around it is no part of it; because Chromium strips the attribute; see
        # https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/renderer/core/frame/csp/
        nonce=(nonce or "").strip(f"{ASCII_WHITESPACE}\v"),
        integrity=integrity or "",
        parser_inserted=parser_inserted,
        inline_type=None if inline_type is None else _inline_type(inline_type),
        hint=None if hint is None else _hint(hint),
        redirected=redirected or via is not None,
        via=via,
        browser=Browser.CHROMIUM,
    )
    return decide_all(as_policies(policy), question)


def _suggested(directive: str) -> str:
    near = difflib.get_close_matches(directive, sorted(ASKED_DIRECTIVES), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _inline_type(text: str) -> InlineType:
    try:
        return InlineType(text.lower().replace("-", " "))
    except ValueError:
        raise ValueError(f"no inline type: {_shown(text)}; use {', '.join(InlineType)}") from None


def _hint(text: str) -> Hint:
    try:
        return Hint(text.lower())
    except ValueError:
        raise ValueError(f"no resource hint: {_shown(text)}; use {', '.join(Hint)}") from None


def match_batch_item(item: Mapping[str, object]) -> dict[str, object]:
    """Answers one line of `match --batch`; raises ValueError, in one line, for what is missing or of another type."""
    decision = match(
        _required(item, "policy"),
        page=_required(item, "self"),
        directive=_required(item, "directive"),
        blocked=_required(item, "blocked"),
        sample=_text(item, "sample"),
        nonce=_text(item, "nonce"),
        redirected=_flag(item, "redirected", default=False),
        integrity=_text(item, "integrity"),
        parser_inserted=_flag(item, "parser_inserted", default=True),
        inline_type=_text(item, "inline_type"),
        hint=_text(item, "hint"),
        via=_text(item, "via"),
    )
    answer: dict[str, object] = {"id": item["id"]} if "id" in item else {}
    answer.update(
        verdict=decision.verdict.value,
        directive=decision.directive,
        matched_by=decision.matched_by,
        reason=decision.reason,
    )
    return answer


def _required(item: Mapping[str, object], key: str) -> str:
    text = _text(item, key)
    if text is None:
        raise ValueError(f"the key {key!r} is missing")
    return text


def _text(item: Mapping[str, object], key: str) -> str | None:
    value = item.get(key)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"the value of {key!r} is not text: {_shown(value)}")


def _flag(item: Mapping[str, object], key: str, *, default: bool) -> bool:
    value = item.get(key)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    raise ValueError(f"the value of {key!r} is neither true nor false: {_shown(value)}")


def _shown(value: object) -> str:
    return repr(value)[:80]
