"""The policies that a page is under, each read once, and what of their weaknesses is left where several must agree.

https://w3c.github.io/webappsec-csp/#enforced
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from policybuilder.csp.decision import decide
from policybuilder.csp.parsing import Delivery, parse_serialized_policy_list
from policybuilder.csp.policy import Policy
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.sources import HostSource
from policybuilder.csp.verdict import Verdict
from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.evaluation.weakness import Weakness
from policybuilder.grading.own.answer import Answer

ENFORCED = "Content-Security-Policy"
REPORT_ONLY = "Content-Security-Policy-Report-Only"
META = '<meta http-equiv="Content-Security-Policy">'

STRANGER = "https://stranger.example"
"""An origin that no policy names."""

_MAX_POLICIES = 16
"""Different ones of a page. What further ones forbid is left out: the page is judged too badly then, not too well."""

_MOST_WEAKNESSES = 200
"""Of one text, the worst; only a few are worded."""


class Evaluate(Protocol):
    """What finds the weaknesses of a text, the worst first; never raises.

    Of several policies with commas between, those that none of them makes up for; each says in which one it stands.
    """

    def __call__(
        self, text: str, /, *, delivery: Delivery = ..., disposition: Disposition = ...
    ) -> tuple[Weakness, ...]: ...


@dataclass(frozen=True, slots=True)
class SentPolicy:
    """One policy: a header value may hold several, with commas between."""

    text: str
    header: str
    """By which it came, `META` for a meta element."""

    policy: Policy


def enforced_policies(answer: Answer) -> tuple[SentPolicy, ...]:
    """Those that the browser obeys, of headers and of meta elements alike."""
    texts = [(value, ENFORCED) for value in answer.values(ENFORCED)]
    if answer.markup is not None:
        texts += [(meta.text, META) for meta in answer.markup.policies if meta.is_obeyed]
    return _members(texts, Disposition.ENFORCE)


def reported_policies(answer: Answer) -> tuple[SentPolicy, ...]:
    """Those that only report."""
    return _members([(value, REPORT_ONLY) for value in answer.values(REPORT_ONLY)], Disposition.REPORT)


def _members(texts: Iterable[tuple[str, str]], disposition: Disposition) -> tuple[SentPolicy, ...]:
    found: list[SentPolicy] = []
    tried: set[tuple[str, str]] = set()
    for value, header in texts:
        for text in value.split(","):
            member = text.strip(" \t\r\n\f")
            if not member or (member, header) in tried:
                continue
            tried.add((member, header))
            parsed = parse_serialized_policy_list(member, delivery=_delivery(header), disposition=disposition)
            if parsed.policies:
                found.append(SentPolicy(member, header, parsed.policies[0]))
            if len(tried) >= _MAX_POLICIES:
                return tuple(found)
    return tuple(found)


def _delivery(header: str) -> Delivery:
    return Delivery.META if header == META else Delivery.HEADER


@dataclass(frozen=True, slots=True)
class OpenWeakness:
    """A weakness, and the policy in which it stands."""

    weakness: Weakness
    sent: SentPolicy


def weaknesses_alone(sent: SentPolicy, evaluate: Evaluate) -> tuple[OpenWeakness, ...]:
    """The weaknesses that a policy would have without the others."""
    found = evaluate(sent.text, delivery=_delivery(sent.header))[:_MOST_WEAKNESSES]
    return tuple(OpenWeakness(weakness, sent) for weakness in found)


def weaknesses_together(sent: Sequence[SentPolicy], evaluate: Evaluate) -> tuple[OpenWeakness, ...]:
    """The weaknesses that are left where all policies must allow, the worst first."""
    if len({each.header for each in sent}) == 1:
        text, delivery = ", ".join(each.text for each in sent), _delivery(sent[0].header)
    else:
        # One text for both ways of delivery: what a meta element cannot say is left out of the parsed policy already.
        text = ", ".join(str(each.policy) if each.header == META else each.text for each in sent)
        delivery = Delivery.HEADER
    found = evaluate(text, delivery=delivery)[:_MOST_WEAKNESSES]
    return tuple(OpenWeakness(weakness, sent[weakness.policy]) for weakness in found if weakness.policy < len(sent))


def is_stopped(question: Question, policies: Iterable[Policy]) -> bool:
    """Whether one of the policies is certain to block it."""
    return any(decide(policy, question).verdict is Verdict.BLOCK for policy in policies)


def is_boxed(sent: SentPolicy) -> bool:
    """Whether a sandbox lets no scripts run; a meta element cannot make one.

    https://w3c.github.io/webappsec-csp/#directive-sandbox
    """
    box = sent.policy.directive("sandbox")
    return box is not None and "allow-scripts" not in map(str.lower, box.values)


def url_question(directive: str, url: str, page: str) -> Question:
    """Whether something that the attacker wrote into the markup may load, or lead to, `url`."""
    return Question(
        page=page,
        directive=directive,
        blocked=url,
        nonce="",
        integrity="",
        parser_inserted=True,
        browser=Browser.CHROMIUM,
    )


def inline_question(directive: str, page: str) -> Question:
    """Whether inline code that the attacker wrote into the markup may run or apply."""
    inline_type = {
        "script-src-attr": InlineType.SCRIPT_ATTRIBUTE,
        "style-src-elem": InlineType.STYLE,
        "style-src-attr": InlineType.STYLE_ATTRIBUTE,
    }.get(directive, InlineType.SCRIPT)
    return url_question(directive, "inline", page)._replace(
        sample="stranger()", sample_extent=SampleExtent.WHOLE, inline_type=inline_type
    )


def url_of(source: HostSource) -> str:
    """A URL that the expression admits, of a host that is a stranger's where the expression lets it be."""
    host = "stranger.example" if source.host_part == "*" else source.host_part.replace("*.", "stranger.", 1)
    port = "" if source.port_part in {None, "*"} else f":{source.port_part}"
    path = source.path_part or "/"
    return f"{source.scheme_part or 'https'}://{host}{port}{path}{'x.js' if path.endswith('/') else ''}"
