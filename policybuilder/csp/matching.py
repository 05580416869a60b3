"""Matching: one question put to the policies of a page, everything about it known.

Where browsers differ, Chromium decides.
"""

from __future__ import annotations

from collections.abc import Mapping

from policybuilder.csp.decision import decide_all
from policybuilder.csp.grammar import ASCII_WHITESPACE
from policybuilder.csp.parsing import parse_serialized_policy_list
from policybuilder.csp.policy import PolicyList
from policybuilder.csp.question import Browser, Hint, InlineType, Question
from policybuilder.csp.urls import parse_blocked, parse_page
from policybuilder.csp.verdict import Decision
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS, SampleExtent


def match(
    policy: str | PolicyList,
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
    `blocked` is where a redirect led. A nonce or integrity left out is one the element does not have. Raises
    ValueError for a page or a blocked URI that no browser could have, and for an unknown inline type or hint.
    """
    policies = parse_serialized_policy_list(policy) if isinstance(policy, str) else policy
    if parse_page(page) is None:
        raise ValueError(f"not a URL of a page: {_shown(page)}")
    if blocked not in KEYWORD_BLOCKED_URIS and parse_blocked(blocked) is None:
        raise ValueError(f"neither a URL nor a keyword of reports: {_shown(blocked)}")
    if via is not None and parse_blocked(via) is None:
        raise ValueError(f"not a URL that redirects: {_shown(via)}")
    is_url = blocked[:11].lower() == "javascript:"
    text = blocked if sample is None and is_url else sample
    question = Question(
        page=page,
        directive=directive.strip().lower(),
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
    return decide_all(policies.policies, question)


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
