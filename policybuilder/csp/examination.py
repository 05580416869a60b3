"""Examination: what each expression of the governing list says to one question, and why it does not admit it.

For people. A decision asks only the expressions that may answer; this goes through all of them, in their order.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from policybuilder.csp.directives import (
    FETCH_DIRECTIVES,
    INLINE_DIRECTIVES,
    NAVIGATION_DIRECTIVES,
    SCRIPT_DIRECTIVES,
    SOURCE_LIST_DIRECTIVES,
    STYLE_DIRECTIVES,
)
from policybuilder.csp.grammar import TRUSTED_TYPE_NAME
from policybuilder.csp.inline_matching import ELEMENTS, blanket_keyword, same_digest
from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.request_matching import trusts_workers
from policybuilder.csp.sources import (
    HASH_ALGORITHMS,
    ExtendedHashSource,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    SchemeSource,
    SourceExpression,
    digest,
    parse_source_expression,
)
from policybuilder.csp.trusted_types import listed_names
from policybuilder.csp.url_matching import (
    Candidate,
    expression_matches,
    host_part_matches,
    port_part_matches,
    scheme_part_matches,
)
from policybuilder.csp.urls import DEFAULT_PORTS, OPAQUE, URL, parse_blocked, parse_page
from policybuilder.csp.verdict import Verdict
from policybuilder.csp.violation import SampleExtent

SPECIFICATION = "https://w3c.github.io/webappsec-csp/"
_TRUSTED_TYPES = "https://w3c.github.io/trusted-types/dist/spec/"


class Part(enum.StrEnum):
    """The part of a URL at which an expression stops to match; those before it matched."""

    HOST = "host"
    SCHEME = "scheme"
    PORT = "port"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Examined:
    """One value of a directive, and what it says to the question."""

    source: str
    """As spelt in the policy."""

    verdict: Verdict
    """Whether it admits; `unknown` where that depends on what is not known."""

    why: str
    """A clause for people."""

    specification: str
    """Where that is written."""

    misses: Part | None = None
    """Of an expression that could cover a URL, the first part that does not match."""


def examined_directive(policy: Policy, question: Question) -> Directive | None:
    """The directive whose values answer the question; None where none governs.

    https://w3c.github.io/webappsec-csp/#directive-fallback-list
    """
    if question.browser is not Browser.FIREFOX:
        policy = policy.as_chromium_reads_it()
    if question.hint is not None:
        return policy.directive("default-src")
    if question.directive in FETCH_DIRECTIVES and question.blocked in {"eval", "wasm-eval"}:
        governing = policy.governing("script-src")
        if governing and question.blocked == "eval" and question.reaches_sink and policy.setting.locks_sinks:
            return policy.directive("require-trusted-types-for")
        return governing
    return policy.governing(question.directive)


def examine(policy: Policy, question: Question) -> tuple[Examined, ...]:
    """Every value of the governing directive, in order, as Chromium reads it unless the question names Firefox.

    Alternatives of the question are not looked at.
    """
    directive = examined_directive(policy, question)
    if directive is None:
        return ()
    if directive.name == "trusted-types":
        return tuple(_examine_name(value, directive, question) for value in directive.values)
    if directive.name not in SOURCE_LIST_DIRECTIVES:
        return tuple(_examine_value(value, directive) for value in directive.values)
    return tuple(_examine_list(directive, policy, question))


def _examine_list(directive: Directive, policy: Policy, question: Question) -> Iterator[Examined]:
    inline_type = inline_type_of(question)
    candidate = _candidate(policy, question)
    for text in directive.values:
        source = parse_source_expression(text)
        if source is None:
            yield _ignored(text, directive)
        elif question.blocked in {"eval", "wasm-eval"} and question.directive in FETCH_DIRECTIVES:
            yield _examine_for_eval(text, source, directive, policy, question)
        elif inline_type is not None:
            yield _examine_for_inline(text, source, directive, question, inline_type)
        else:
            yield _examine_for_url(text, source, directive, question, candidate)


def inline_type_of(question: Question) -> InlineType | None:
    """What kind of inline code the question is about; None where it is about something else."""
    if question.directive not in INLINE_DIRECTIVES:
        return None
    if question.blocked == "inline":
        return question.inline_type or _INLINE_TYPES.get(question.directive, InlineType.SCRIPT)
    is_javascript = (question.blocked or "").partition(":")[0].lower() == "javascript"
    return InlineType.NAVIGATION if is_javascript and question.directive in SCRIPT_DIRECTIVES else None


_INLINE_TYPES = {
    "script-src-attr": InlineType.SCRIPT_ATTRIBUTE,
    "style-src": InlineType.STYLE,
    "style-src-attr": InlineType.STYLE_ATTRIBUTE,
    "style-src-elem": InlineType.STYLE,
}


def _ignored(text: str, directive: Directive) -> Examined:
    if text.lower() == "'none'":
        is_alone = not directive.sources.expressions
        why = "it admits nothing" if is_alone else "it means nothing beside other expressions"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-url-to-source-list")
    why = "it is no source expression, so browsers ignore it"
    return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#framework-directive-source-list")


# URLs


def _candidate(policy: Policy, question: Question) -> Candidate:
    """The URL as it is matched: upgraded where it would be, without a path where the report has none."""
    browser = question.browser or Browser.CHROMIUM
    page = None if question.page is None else parse_page(question.page)
    url = None if question.blocked is None else parse_blocked(question.blocked)
    name = question.directive
    if name == "frame-ancestors":
        origin = url and URL(url.scheme, url.host, url.port, "/")
        return Candidate(origin, page, redirected=browser is Browser.FIREFOX, navigates=True, browser=browser)
    if question.blocked == "" and name in _FRAMING:
        url = OPAQUE
    elif url is not None and question.origin_only:
        url = url.without_path()
    if url is not None and name != "base-uri":
        if policy.setting.upgrades_requests and not (question.redirected and name == "form-action"):
            url = url.upgraded()
        if name == "img-src" and question.is_upgradeable and browser is Browser.CHROMIUM:
            url = url.as_picture_of(page)
    navigates = name in NAVIGATION_DIRECTIVES
    return Candidate(url, page, redirected=question.redirected, navigates=navigates, browser=browser)


_FRAMING = frozenset({"fenced-frame-src", "frame-src", "object-src"})


def _examine_for_url(
    text: str, source: SourceExpression, directive: Directive, question: Question, candidate: Candidate
) -> Examined:
    match source:
        case NonceSource():
            return _examine_nonce(text, source, question, takes_nonces=question.directive in _WITH_ELEMENTS)
        case HashSource():
            is_script = question.directive in SCRIPT_DIRECTIVES
            why = "the script has no integrity attribute with this digest alone" if is_script else _FOR_CODE
            is_open = is_script and question.integrity is None
            return Examined(
                text,
                Verdict.UNKNOWN if is_open else Verdict.BLOCK,
                "reports do not tell the integrity attribute, which would have to name it" if is_open else why,
                f"{SPECIFICATION}#script-pre-request",
            )
        case KeywordSource(keyword) if keyword is not Keyword.SELF:
            return _examine_keyword_for_url(text, keyword, directive, question)
        case ExtendedHashSource():
            return _trial(text)
        case _:
            return _examine_url_source(text, source, directive, question, candidate)


_FOR_CODE = "digests admit code only"
_WITH_ELEMENTS = (SCRIPT_DIRECTIVES | STYLE_DIRECTIVES) - {"script-src-attr", "style-src-attr"}


def _trial(text: str) -> Examined:
    why = "Chromium tries it out: on other sites it admits nothing"
    return Examined(text, Verdict.BLOCK, why, "https://github.com/explainers-by-googlers/script-src-v2")


def _examine_nonce(text: str, source: NonceSource, question: Question, *, takes_nonces: bool) -> Examined:
    specification = f"{SPECIFICATION}#match-nonce-to-source-list"
    if not takes_nonces:
        return Examined(text, Verdict.BLOCK, "nonces admit <script>, <style> and stylesheet links only", specification)
    if question.nonce is None:
        return Examined(text, Verdict.UNKNOWN, "reports do not tell the nonce of the element", specification)
    if question.nonce == source.value:
        return Examined(text, Verdict.ALLOW, "the element carries the nonce", specification)
    return Examined(text, Verdict.BLOCK, "the element does not carry this nonce", specification)


def _examine_keyword_for_url(text: str, keyword: Keyword, directive: Directive, question: Question) -> Examined:
    if keyword is Keyword.STRICT_DYNAMIC:
        specification = f"{SPECIFICATION}#strict-dynamic-usage"
        if question.directive == "worker-src" and trusts_workers(directive):
            return Examined(text, Verdict.ALLOW, "a trusted script made the worker", specification)
        if question.directive in SCRIPT_DIRECTIVES:
            return _by_inserter(text, question)
        return Examined(text, Verdict.BLOCK, "it concerns scripts only", specification)
    return Examined(text, Verdict.BLOCK, _purpose(keyword), _purpose_link(keyword))


def _by_inserter(text: str, question: Question) -> Examined:
    specification = f"{SPECIFICATION}#strict-dynamic-usage"
    match question.parser_inserted:
        case False:
            return Examined(text, Verdict.ALLOW, "another script inserted it", specification)
        case True:
            why = "it admits what a trusted script inserts, and this stood in the markup"
            return Examined(text, Verdict.BLOCK, why, specification)
        case _:
            return Examined(text, Verdict.UNKNOWN, "reports do not tell who inserted the script", specification)


def _examine_url_source(
    text: str,
    source: HostSource | SchemeSource | KeywordSource,
    directive: Directive,
    question: Question,
    candidate: Candidate,
) -> Examined:
    sources = directive.sources
    general = f"{SPECIFICATION}#match-url-to-source-expression"
    if Keyword.STRICT_DYNAMIC in sources and question.directive in SCRIPT_DIRECTIVES:
        why = "not consulted: 'strict-dynamic' switches hosts and schemes off for scripts"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#strict-dynamic-usage")
    if "url" in sources.extended_hashes and candidate.browser is Browser.CHROMIUM and not candidate.navigates:
        return Examined(text, Verdict.BLOCK, "not consulted: a URL digest switches it off in Chromium", general)
    if expression_matches(source, candidate):
        return Examined(text, Verdict.ALLOW, "it covers the URL", general)
    if expression_matches(source, candidate._replace(optimistic=True)):
        return Examined(text, Verdict.UNKNOWN, _missing_fact(candidate), general)
    url = candidate.url
    if url is None or url is OPAQUE:
        return Examined(text, Verdict.BLOCK, "the report names no URL that it could cover", general)
    match source:
        case HostSource():
            return _host_source_misses(text, source, url, candidate)
        case SchemeSource(scheme):
            why = f"it covers {scheme}: and the URL is {url.scheme}:"
            return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-schemes", Part.SCHEME)
        case _:
            return _self_misses(text, url, candidate)


def _missing_fact(candidate: Candidate) -> str:
    if candidate.url is None:
        return "the report does not tell the URL"
    if candidate.url is OPAQUE:
        return "the report does not tell the scheme of the URL"
    if candidate.url.path is None:
        return "the report cuts the URL to its origin, and the path decides"
    return "the origin of the page is not known"


def _host_source_misses(text: str, source: HostSource, url: URL, candidate: Candidate) -> Examined:
    if source.is_star:
        why = f"* covers the schemes of the network and the page's own, not {url.scheme}:"
        link = f"{SPECIFICATION}#match-url-to-source-expression"
        return Examined(text, Verdict.BLOCK, why, link, Part.SCHEME)
    if not host_part_matches(source.host_part, url.host):
        why = f"the host is {url.host}" if url.host else f"a {url.scheme}: URL has no host"
        if source.host_part == f"*.{url.host}":
            why = f"{source.host_part} covers the hosts below {url.host}, not {url.host} itself"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-hosts", Part.HOST)
    if source.only_chromium and candidate.browser is Browser.FIREFOX:
        link = f"{SPECIFICATION}#grammardef-host-source"
        return Examined(text, Verdict.BLOCK, "Firefox refuses its spelling", link)
    page_scheme = candidate.page.scheme if candidate.page is not None else None
    scheme = source.scheme_part or page_scheme
    if scheme is not None and not scheme_part_matches(scheme, url.scheme):
        origin = "it says" if source.scheme_part else "it takes the page's scheme,"
        why = f"{origin} {scheme}: and the URL is {url.scheme}:"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-schemes", Part.SCHEME)
    if scheme is not None and not port_part_matches(
        source.port_part, url, scheme, candidate.browser, navigates=candidate.navigates
    ):
        said = f"it says port {source.port_part}" if source.port_part else "it means the default port"
        why = f"{said} and the URL has port {url.port}"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-ports", Part.PORT)
    pattern = source.path_part or ""
    relation = "below" if pattern.endswith("/") else "equal to"
    why = f"the path {url.path} is not {relation} {pattern}"
    return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#match-paths", Part.PATH)


def _self_misses(text: str, url: URL, candidate: Candidate) -> Examined:
    link = f"{SPECIFICATION}#match-url-to-source-expression"
    page = candidate.page
    if not url.host or page is None:
        why = f"a {url.scheme}: URL has no origin to share with the page" if not url.host else "the page has no origin"
        return Examined(text, Verdict.BLOCK, why, link, Part.HOST)
    if url.host != page.host:
        return Examined(text, Verdict.BLOCK, f"the page is on {page.host}, the URL on {url.host}", link, Part.HOST)
    if url.scheme != page.scheme and not scheme_part_matches(page.scheme, url.scheme):
        why = f"the page is {page.scheme}: and the URL {url.scheme}:"
        return Examined(text, Verdict.BLOCK, why, link, Part.SCHEME)
    ports = [f"{each.port or DEFAULT_PORTS.get(each.scheme, 'none')}" for each in (page, url)]
    return Examined(text, Verdict.BLOCK, f"the page has port {ports[0]}, the URL {ports[1]}", link, Part.PORT)


# Inline code


def _examine_for_inline(
    text: str, source: SourceExpression, directive: Directive, question: Question, inline_type: InlineType
) -> Examined:
    browser = question.browser or Browser.CHROMIUM
    match source:
        case HostSource() | SchemeSource() | KeywordSource(Keyword.SELF):
            link = f"{SPECIFICATION}#match-element-to-source-list"
            return Examined(text, Verdict.BLOCK, "it covers URLs, and inline code has none", link)
        case NonceSource():
            return _examine_nonce(text, source, question, takes_nonces=inline_type in ELEMENTS)
        case HashSource():
            return _examine_digest(text, source, directive, question, inline_type)
        case ExtendedHashSource():
            return _trial(text)
        case _:
            if source.keyword is blanket_keyword(directive, inline_type, browser):
                link = f"{SPECIFICATION}#allow-all-inline"
                return Examined(text, Verdict.ALLOW, "it allows all inline code", link)
            return _examine_keyword_for_inline(text, source.keyword, directive, question, inline_type)


def _examine_keyword_for_inline(
    text: str, keyword: Keyword, directive: Directive, question: Question, inline_type: InlineType
) -> Examined:
    sources = directive.sources
    if keyword in {Keyword.UNSAFE_INLINE, Keyword.INLINE_SPECULATION_RULES}:
        if keyword is Keyword.INLINE_SPECULATION_RULES and inline_type is not InlineType.SPECULATION_RULES:
            return Examined(text, Verdict.BLOCK, _purpose(keyword), _purpose_link(keyword))
        culprit = "a nonce" if sources.nonces else "a digest" if sources.hashes else "'strict-dynamic'"
        if keyword is Keyword.INLINE_SPECULATION_RULES and Keyword.UNSAFE_INLINE in sources:
            culprit = "what switches 'unsafe-inline' off"
        link = f"{SPECIFICATION}#allow-all-inline"
        return Examined(text, Verdict.BLOCK, f"switched off by {culprit} in the same list", link)
    if keyword is Keyword.UNSAFE_HASHES:
        why = "it lets digests admit handlers, style attributes and javascript: URLs; none is this code's"
        if not sources.hashes:
            why = "it lets digests admit handlers, style attributes and javascript: URLs, and there is no digest"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#unsafe-hashes-usage")
    if keyword is Keyword.STRICT_DYNAMIC and inline_type in {InlineType.SCRIPT, InlineType.SPECULATION_RULES}:
        return _by_inserter(text, question)
    return Examined(text, Verdict.BLOCK, _purpose(keyword), _purpose_link(keyword))


def _examine_digest(
    text: str, source: HashSource, directive: Directive, question: Question, inline_type: InlineType
) -> Examined:
    browser = question.browser or Browser.CHROMIUM
    link = f"{SPECIFICATION}#match-element-to-source-list"
    if inline_type not in ELEMENTS and Keyword.UNSAFE_HASHES not in directive.sources:
        why = f"it admits a {inline_type} only beside 'unsafe-hashes'"
        return Examined(text, Verdict.BLOCK, why, f"{SPECIFICATION}#unsafe-hashes-usage")
    if source.refused_by is browser or source.algorithm not in HASH_ALGORITHMS:
        return Examined(text, Verdict.BLOCK, "it is no digest of inline code", link)
    if question.sample is None or question.sample_extent in {SampleExtent.NONE, SampleExtent.PREFIX}:
        return Examined(text, Verdict.UNKNOWN, "the report shows too little of the code to compare digests", link)
    is_same = same_digest(source, digest(question.sample, source.algorithm), browser)
    if question.sample_extent is SampleExtent.TRIMMED:
        why = "the digest of the reported code" if is_same else "not the digest of the reported code"
        return Examined(text, Verdict.UNKNOWN, f"{why}, around which white space may be missing", link)
    if is_same:
        return Examined(text, Verdict.ALLOW, "the digest is that of the code", link)
    return Examined(text, Verdict.BLOCK, "the digest of other code", link)


# Code made from text


def _examine_for_eval(
    text: str, source: SourceExpression, directive: Directive, policy: Policy, question: Question
) -> Examined:
    browser = question.browser or Browser.CHROMIUM
    is_string = question.blocked == "eval"
    link = f"{SPECIFICATION}#can-compile-strings" if is_string else f"{SPECIFICATION}#can-compile-wasm-bytes"
    what = "code made from text" if is_string else "WebAssembly"
    if not isinstance(source, KeywordSource):
        return Examined(text, Verdict.BLOCK, f"it says nothing of {what}", link)
    keyword = source.keyword
    is_off = is_string and browser is Browser.CHROMIUM and "eval" in directive.sources.extended_hashes
    if keyword is Keyword.UNSAFE_EVAL:
        if is_off:
            return Examined(text, Verdict.BLOCK, "switched off by an eval digest in the same list", link)
        return Examined(text, Verdict.ALLOW, f"it allows {what}", link)
    if keyword is Keyword.WASM_UNSAFE_EVAL and not is_string:
        return Examined(text, Verdict.ALLOW, f"it allows {what}", link)
    if keyword is Keyword.TRUSTED_TYPES_EVAL and is_string and policy.setting.locks_sinks:
        return Examined(text, Verdict.ALLOW, f"it allows {what} under Trusted Types", link)
    if keyword is Keyword.TRUSTED_TYPES_EVAL and is_string:
        return Examined(text, Verdict.BLOCK, "it counts only where Trusted Types are required", link)
    return Examined(text, Verdict.BLOCK, f"it says nothing of {what}", link)


# Keywords that never answer, by what they are for.
_PURPOSES: dict[Keyword, tuple[str, str]] = {
    Keyword.UNSAFE_INLINE: ("it concerns inline code only", "#allow-all-inline"),
    Keyword.UNSAFE_EVAL: ("it concerns code made from text only", "#can-compile-strings"),
    Keyword.WASM_UNSAFE_EVAL: ("it concerns WebAssembly only", "#can-compile-wasm-bytes"),
    Keyword.TRUSTED_TYPES_EVAL: ("it concerns code made from text only", "#can-compile-strings"),
    Keyword.UNSAFE_HASHES: ("it concerns handlers and style attributes only", "#unsafe-hashes-usage"),
    Keyword.STRICT_DYNAMIC: ("it concerns scripts that scripts insert only", "#strict-dynamic-usage"),
    Keyword.REPORT_SAMPLE: ("it asks for samples in reports, and admits nothing", "#violation-sample"),
    Keyword.INLINE_SPECULATION_RULES: ("it concerns speculation rules only", "#allow-all-inline"),
}


def _purpose(keyword: Keyword) -> str:
    return _PURPOSES.get(keyword, ("it admits nothing by itself", ""))[0]


def _purpose_link(keyword: Keyword) -> str:
    anchor = _PURPOSES.get(keyword, ("", "#grammardef-keyword-source"))[1]
    return f"{SPECIFICATION}{anchor}"


# Directives without a source list


def _examine_name(value: str, directive: Directive, question: Question) -> Examined:
    """https://w3c.github.io/trusted-types/dist/spec/#should-block-create-policy"""
    link = f"{_TRUSTED_TYPES}#should-block-create-policy"
    if value not in listed_names(directive):
        known = {"'none'": "it allows no name", "'allow-duplicates'": "it lets a name be taken twice"}
        return Examined(value, Verdict.BLOCK, known.get(value.lower(), "it is no name"), link)
    duplicates = any(each.lower() == "'allow-duplicates'" for each in directive.values)
    is_taken = question.name_taken is not False and not duplicates
    name = question.sample
    if value == "*":
        is_odd = name and question.browser is not Browser.FIREFOX and TRUSTED_TYPE_NAME.fullmatch(name) is None
        if is_odd:
            return Examined(value, Verdict.BLOCK, "the name has a character that no name may have", link)
        is_listed: bool | None = True
    elif name is None or question.sample_extent is SampleExtent.NONE:
        is_listed = None
    elif question.sample_extent is SampleExtent.PREFIX:
        is_listed = None if value.startswith(name) else False
    else:
        is_listed = value == name
    if is_listed is False:
        return Examined(value, Verdict.BLOCK, "another name", link)
    if is_taken:
        verdict = Verdict.BLOCK if question.name_taken else Verdict.UNKNOWN
        return Examined(value, verdict, "the name is taken already, and there is no 'allow-duplicates'", link)
    if is_listed is None:
        return Examined(value, Verdict.UNKNOWN, "the report does not tell the name", link)
    return Examined(value, Verdict.ALLOW, "it allows the name", link)


def _examine_value(value: str, directive: Directive) -> Examined:
    if directive.name == "require-trusted-types-for":
        link = f"{_TRUSTED_TYPES}#should-block-sink-type-mismatch"
        if value == "'script'":
            return Examined(value, Verdict.BLOCK, "it locks the sinks of scripts against plain text", link)
        return Examined(value, Verdict.BLOCK, "it means nothing: only 'script' does", link)
    return Examined(value, Verdict.UNKNOWN, f"{directive.name} has no source list", f"{SPECIFICATION}#csp-directives")
