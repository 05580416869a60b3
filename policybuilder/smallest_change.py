"""The smallest change to a policy that would have let happen what one report names.

Found by trying: the engine is asked of each change that is proposed, so that none is told which would not help.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    URL,
    Directive,
    HashSource,
    HostSource,
    InlineType,
    Keyword,
    KeywordSource,
    NonceSource,
    Policy,
    Question,
    SampleExtent,
    SchemeSource,
    Verdict,
    decide,
    hash_source,
    is_csp_host,
    is_valid_source_expression,
    parse_source_expression,
)
from policybuilder.csp.decision import ASKED_DIRECTIVES
from policybuilder.csp.directives import SCRIPT_DIRECTIVES, SOURCE_LIST_DIRECTIVES, STYLE_DIRECTIVES
from policybuilder.csp.examination import examined_directive, inline_type_of
from policybuilder.csp.grammar import TRUSTED_TYPE_NAME
from policybuilder.csp.inline_matching import ELEMENTS
from policybuilder.csp.urls import OPAQUE, parse_blocked
from policybuilder.reports.redaction import E_MAIL, TOKEN
from policybuilder.suggestion.candidates import PARENTS

_BY_PATH = SCRIPT_DIRECTIVES | STYLE_DIRECTIVES | {"worker-src", "manifest-src", "object-src"}
"""Where one file of another's host is less than the host."""

_WITH_NONCES = (SCRIPT_DIRECTIVES | STYLE_DIRECTIVES) - {"script-src-attr", "style-src-attr"}

_ANY_KIND = frozenset({"default-src", "prefetch-src"})
"""What is named here may be of any kind, and to list it would admit it as every other kind, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestChange:
    """What to do so that the policy lets it happen; where no source can, `todo` says what does."""

    directive: str
    """The directive to change or to add."""

    sources: tuple[str, ...] = ()
    """What to add to it; empty where the policy stays, or no source helps."""

    policy: Policy | None = None
    """The changed policy, or None where there is none."""

    nonce: str | None = None
    """What the element has to carry; the placeholder where each response has its own."""

    is_exact_code_assumed: bool = False
    """The digest is right if no white space surrounds the code, which the report does not tell."""

    todo: str = ""
    """One sentence for people, about what is not in the policy."""


@dataclass(frozen=True, slots=True)
class _Proposal:
    sources: tuple[str, ...]
    nonce: str | None = None
    is_exact_code_assumed: bool = False


def smallest_change(policy: Policy | None, question: Question) -> SmallestChange:
    """The least that would make `policy` allow what `question` is about, its alternatives aside.

    Without a policy, as old browsers report, the source alone is named. The policy must not allow it already.
    """
    own = _own_directive(question)
    for proposal in _proposals(policy, question):
        if policy is None:
            return SmallestChange(directive=own, sources=proposal.sources, nonce=proposal.nonce, todo=_duty(proposal))
        changed, directive = _changed(policy, question, proposal.sources)
        if decide(changed, _asked(question, proposal)).verdict is Verdict.ALLOW:
            return SmallestChange(
                directive=directive,
                sources=proposal.sources,
                policy=changed,
                nonce=proposal.nonce,
                is_exact_code_assumed=proposal.is_exact_code_assumed,
                todo=_duty(proposal),
            )
    return SmallestChange(directive=own, todo=_without_a_source(question))


def _own_directive(question: Question) -> str:
    name = "script-src" if question.blocked in {"eval", "wasm-eval"} else question.directive
    return PARENTS.get(name, name)


def _asked(question: Question, proposal: _Proposal) -> Question:
    """The question once the page does its part."""
    asked = question._replace(alternatives=())
    if proposal.nonce is not None:
        asked = asked._replace(nonce=proposal.nonce)
    if proposal.is_exact_code_assumed:
        asked = asked._replace(sample_extent=SampleExtent.WHOLE)
    return asked


# What to try, the least first


def _proposals(policy: Policy | None, question: Question) -> Iterator[_Proposal]:
    governing = None if policy is None else examined_directive(policy, question)
    blocked = question.blocked
    if question.directive == "trusted-types":
        yield from _names(question)
    elif question.directive not in SOURCE_LIST_DIRECTIVES or question.hint is not None:
        return
    elif blocked == "eval":
        yield _Proposal((Keyword.UNSAFE_EVAL.value,))
    elif blocked == "wasm-eval":
        yield _Proposal((Keyword.WASM_UNSAFE_EVAL.value,))
    elif (inline_type := inline_type_of(question)) is not None:
        yield from _for_inline(question, inline_type, governing)
    elif question.directive not in _ANY_KIND:
        yield from _for_url(question)
        if question.directive in _WITH_NONCES:
            yield from _nonces(governing)


def _names(question: Question) -> Iterator[_Proposal]:
    """https://w3c.github.io/trusted-types/dist/spec/#trusted-types-csp-directive"""
    name = question.sample or ""
    if question.sample_extent is not SampleExtent.PREFIX and TRUSTED_TYPE_NAME.fullmatch(name):
        yield _Proposal((name,))
        yield _Proposal((name, "'allow-duplicates'"))


def _for_inline(question: Question, inline_type: InlineType, governing: Directive | None) -> Iterator[_Proposal]:
    is_element = inline_type in ELEMENTS
    if question.sample and question.sample_extent in {SampleExtent.WHOLE, SampleExtent.TRIMMED}:
        digest = hash_source(question.sample)
        sources = (digest,) if is_element else (digest, Keyword.UNSAFE_HASHES.value)
        yield _Proposal(sources, is_exact_code_assumed=question.sample_extent is SampleExtent.TRIMMED)
    if is_element:
        yield from _nonces(governing)
    yield _Proposal((Keyword.UNSAFE_INLINE.value,))


def _nonces(governing: Directive | None) -> Iterator[_Proposal]:
    """The nonce that the list has already, or else one to be made for each response."""
    if governing is not None and governing.sources.nonces:
        yield _Proposal((), nonce=next(iter(governing.sources.nonces)))
    else:
        yield _Proposal((str(NonceSource(NONCE_PLACEHOLDER)),), nonce=NONCE_PLACEHOLDER)


def _for_url(question: Question) -> Iterator[_Proposal]:
    """https://w3c.github.io/webappsec-csp/#match-url-to-source-expression, read backwards."""
    url = None if question.blocked is None else parse_blocked(question.blocked)
    if url is None or url is OPAQUE:
        return
    if not url.is_network or not url.host:
        if (scheme := f"{url.scheme}:") and isinstance(parse_source_expression(scheme), SchemeSource):
            yield _Proposal((scheme,))
        return
    yield from _own_origin(question)
    if not is_csp_host(url.host):
        return
    for source in (_file(question, url), url.origin):
        if source and is_valid_source_expression(source):
            yield _Proposal((source,))


def _own_origin(question: Question) -> Iterator[_Proposal]:
    own = Directive(question.directive, (Keyword.SELF.value,))
    alone = question._replace(nonce="", integrity="", parser_inserted=True, alternatives=())
    if decide(Policy((own,)), alone).verdict is Verdict.ALLOW:
        yield _Proposal((Keyword.SELF.value,))


def _file(question: Question, url: URL) -> str:
    """The URL itself as a source, where that is less than its host and the path is known."""
    path = url.path or ""
    is_known = path not in {"", "/"} and not question.origin_only and E_MAIL not in path and TOKEN not in path
    return f"{url.origin}{path}" if question.directive in _BY_PATH and is_known else ""


# What it makes of the policy


def _changed(policy: Policy, question: Question, sources: tuple[str, ...]) -> tuple[Policy, str]:
    """The policy with the sources added, and the directive they are in.

    A list that only stood in is copied into a directive of the kind's own, so that nothing else is let in.
    """
    own = _own_directive(question)
    if not sources:
        governing = examined_directive(policy, question)
        return policy, governing.name if governing else own
    governing = examined_directive(policy, question)
    if governing is None:
        return _with(policy, Directive(own, sources)), own
    if governing.name in {question.directive, own}:
        return _with(policy, Directive(governing.name, _added(governing.values, sources))), governing.name
    inherited = tuple(value for value in governing.values if _is_inherited(value, own))
    return _with(policy, Directive(own, _added(inherited, sources))), own


def _with(policy: Policy, directive: Directive) -> Policy:
    if policy.directive(directive.name) is None:
        return replace(policy, directives=(*policy.directives, directive))
    return replace(
        policy, directives=tuple(directive if each.name == directive.name else each for each in policy.directives)
    )


def _added(values: tuple[str, ...], sources: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(value for value in values if value.lower() != "'none'")
    return (*kept, *(source for source in sources if source not in kept))


def _is_inherited(value: str, own: str) -> bool:
    """Whether a value of a list that stands in for others says anything of this kind."""
    match parse_source_expression(value):
        case NonceSource() | HashSource():
            return own in SCRIPT_DIRECTIVES | STYLE_DIRECTIVES
        case KeywordSource(keyword) if keyword is not Keyword.SELF:
            is_for_workers = own == "worker-src" and keyword is Keyword.STRICT_DYNAMIC
            return is_for_workers or own in SCRIPT_DIRECTIVES | STYLE_DIRECTIVES
        case HostSource() | SchemeSource() | KeywordSource():
            return True
        case _:
            return False


# Words


def _duty(proposal: _Proposal) -> str:
    if proposal.nonce == NONCE_PLACEHOLDER:
        return "make a nonce for each response, and put it into the policy and on the element"
    if proposal.nonce is not None:
        return "put the nonce of the response on the element; the policy stays as it is"
    if proposal.is_exact_code_assumed:
        return "the digest is of the code as reported: white space around it in the page would make another"
    return ""


_WHAT_TO_DO = {
    "frame-ancestors": "no browser says which site framed the page: list the sites that may",
    "require-trusted-types-for": "rewrite the code, or have a Trusted Types policy make the value; no source helps",
    "trusted-types": "the report does not hold the whole name of the policy; find it in the code, then list it",
}


def _without_a_source(question: Question) -> str:
    """What to do where no source expression answers."""
    name = question.directive
    if name in _WHAT_TO_DO:
        return _WHAT_TO_DO[name]
    if question.hint is not None:
        return "a hint names no kind: list the URL under the directive of what it is loaded as"
    if name not in SOURCE_LIST_DIRECTIVES:
        is_asked = name in ASKED_DIRECTIVES
        return f"{name} {'has no source list' if is_asked else 'is no directive that browsers are known to check'}"
    if inline_type_of(question) is not None:
        return (
            "the report does not hold the whole code: move it into a file, or add the digest of all of it"
            " (with 'unsafe-hashes', as it is no element)"
        )
    if question.blocked in {"eval", "wasm-eval"}:
        return "rewrite the code: no source of this policy would let it make code from text"
    if name in _ANY_KIND:
        return f"{name} stands in for other directives: find out what was loaded, and list it under its own kind"
    return "no source expression can name what was blocked; serve it from a host with a plain name"
