"""The policies that a page is under, each read once, and what of their weaknesses is left where several must agree.

https://w3c.github.io/webappsec-csp/#enforced
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from policybuilder.csp.decision import decide
from policybuilder.csp.parsing import Delivery, parse_serialized_policy_list
from policybuilder.csp.policy import Policy
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.sources import HostSource, Keyword, KeywordSource, SchemeSource, parse_source_expression
from policybuilder.csp.verdict import Verdict
from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.evaluation.weakness import Weakness
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.surfaces import asked_directive

ENFORCED = "Content-Security-Policy"
REPORT_ONLY = "Content-Security-Policy-Report-Only"
META = '<meta http-equiv="Content-Security-Policy">'

STRANGER = "https://stranger.example"
"""An origin that no policy names."""

_MAX_POLICIES = 16
"""Different ones of a page. What further ones forbid is left out: the page is judged too badly then, not too well."""

_MOST_WEAKNESSES = 200
"""Of one policy, the worst; a few are worded, and each is asked of all other policies."""


class Evaluate(Protocol):
    """What finds the weaknesses of a policy's text, the worst first; never raises."""

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


def weaknesses_together(sent: Sequence[SentPolicy], page: str, evaluate: Evaluate) -> tuple[OpenWeakness, ...]:
    """The weaknesses that are left where all policies must allow, the worst first."""
    if len({each.header for each in sent}) == 1:
        text, delivery = ", ".join(each.text for each in sent), _delivery(sent[0].header)
    else:
        # One text for both ways of delivery: what a meta element cannot say is left out of the parsed policy already.
        text = ", ".join(str(each.policy) if each.header == META else each.text for each in sent)
        delivery = Delivery.HEADER
    policies = [each.policy for each in sent]
    found = (
        (weakness, weakness.policy)
        for weakness in evaluate(text, delivery=delivery)[:_MOST_WEAKNESSES]
        if weakness.policy < len(sent)
    )
    return tuple(
        OpenWeakness(weakness, sent[index])
        for weakness, index in found
        if not _is_made_up_for(weakness, [*policies[:index], *policies[index + 1 :]], page)
    )


def _is_made_up_for(weakness: Weakness, others: Sequence[Policy], page: str) -> bool:
    """Whether each thing that the weakness lets happen is stopped by one of the others."""
    questions = tuple(_questions(weakness, page)) if others else ()
    return bool(questions) and all(is_stopped(question, others) for question in questions)


def is_stopped(question: Question, policies: Iterable[Policy]) -> bool:
    """Whether one of the policies is certain to block it."""
    return any(decide(policy, question).verdict is Verdict.BLOCK for policy in policies)


def _questions(weakness: Weakness, page: str) -> Iterator[Question]:
    """What an attacker would do with it; nothing where no single load says it."""
    asked = asked_directive(weakness)
    if asked is None:
        return
    if weakness.value is None:
        # The directive is missing, or all of it is meant: whatever a stranger has is let in.
        yield url_question(asked, f"{STRANGER}/x.js", page)
        if asked.startswith("script-src"):
            yield from (inline_question("script-src-elem", page), eval_question(page))
        elif asked.startswith("style-src"):
            yield inline_question(asked, page)
        return
    question = _question_of(weakness.value, asked, page)
    if question is not None:
        yield question


def _question_of(value: str, asked: str, page: str) -> Question | None:
    """The load that one expression lets pass."""
    match parse_source_expression(value):
        case KeywordSource(Keyword.UNSAFE_INLINE):
            return inline_question(asked, page)
        case KeywordSource(Keyword.UNSAFE_EVAL):
            return eval_question(page)
        case KeywordSource(Keyword.WASM_UNSAFE_EVAL):
            return eval_question(page, "wasm-eval")
        case KeywordSource(Keyword.SELF):
            return url_question(asked, page, page)
        case HostSource() as source:
            return url_question(asked, _url_of(source), page)
        case SchemeSource(scheme) if scheme in {"http", "https", "ws", "wss"}:
            return url_question(asked, f"{scheme}://stranger.example/x.js", page)
        case SchemeSource(scheme):
            return url_question(asked, scheme, page)
        case _:
            return None


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


def eval_question(page: str, kind: str = "eval") -> Question:
    """Whether strings may be compiled."""
    return url_question("script-src", kind, page)


def _url_of(source: HostSource) -> str:
    """A URL that the expression admits."""
    host = "stranger.example" if source.host_part == "*" else source.host_part.replace("*.", "stranger.", 1)
    port = "" if source.port_part in {None, "*"} else f":{source.port_part}"
    path = source.path_part or "/"
    return f"{source.scheme_part or 'https'}://{host}{port}{path}{'x.js' if path.endswith('/') else ''}"
