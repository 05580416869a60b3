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
    weaknesses: tuple[Weakness, ...] = ()


def enforced_policies(answer: Answer, evaluate: Evaluate | None) -> tuple[SentPolicy, ...]:
    """Those that the browser obeys, of headers and of meta elements alike; with their weaknesses, if asked for."""
    texts = [(value, ENFORCED) for value in answer.values(ENFORCED)]
    if answer.markup is not None:
        texts += [(meta.text, META) for meta in answer.markup.policies if meta.is_obeyed]
    found: list[SentPolicy] = []
    for text, policy, header in _members(texts, Disposition.ENFORCE):
        delivery = Delivery.META if header == META else Delivery.HEADER
        weaknesses = () if evaluate is None else evaluate(text, delivery=delivery)
        found.append(SentPolicy(text, header, policy, weaknesses))
    return tuple(found)


def reported_policies(answer: Answer) -> tuple[SentPolicy, ...]:
    """Those that only report; their weaknesses are not looked for, since they keep nothing out anyway."""
    texts = [(value, REPORT_ONLY) for value in answer.values(REPORT_ONLY)]
    return tuple(SentPolicy(text, header, policy) for text, policy, header in _members(texts, Disposition.REPORT))


def _members(texts: Iterable[tuple[str, str]], disposition: Disposition) -> Iterator[tuple[str, Policy, str]]:
    seen: set[tuple[str, bool]] = set()
    for value, header in texts:
        delivery = Delivery.META if header == META else Delivery.HEADER
        for text in value.split(","):
            member = text.strip(" \t\r\n\f")
            key = (member, header == META)
            if not member or key in seen:
                continue
            parsed = parse_serialized_policy_list(member, delivery=delivery, disposition=disposition)
            seen.add(key)
            yield from ((member, policy, header) for policy in parsed.policies[:1])
            if len(seen) >= _MAX_POLICIES:
                return


@dataclass(frozen=True, slots=True)
class OpenWeakness:
    """A weakness that no other policy of the page makes up for."""

    weakness: Weakness
    sent: SentPolicy


def open_weaknesses(sent: Sequence[SentPolicy], page: str) -> tuple[OpenWeakness, ...]:
    """What of the policies' weaknesses is left: a browser does only what all of them allow."""
    return tuple(
        OpenWeakness(weakness, each)
        for index, each in enumerate(sent)
        for weakness in each.weaknesses
        if not _is_made_up_for(weakness, [other.policy for other in (*sent[:index], *sent[index + 1 :])], page)
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
