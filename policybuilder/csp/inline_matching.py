"""Inline matching: which inline code a source list admits.

https://w3c.github.io/webappsec-csp/#match-element-to-source-list
"""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.csp.admission import Admission
from policybuilder.csp.directives import SCRIPT_DIRECTIVES
from policybuilder.csp.grammar import INTEGRITY, TOKEN
from policybuilder.csp.policy import Directive
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import (
    HASH_ALGORITHMS,
    NONCE_PLACEHOLDER,
    HashSource,
    Keyword,
    decoded_base64,
    digest,
    standard_base64,
)
from policybuilder.csp.violation import SampleExtent

ELEMENTS = frozenset({InlineType.SCRIPT, InlineType.SPECULATION_RULES, InlineType.STYLE})
"""What has a nonce, and needs no `'unsafe-hashes'`."""

_STYLES = frozenset({InlineType.STYLE, InlineType.STYLE_ATTRIBUTE})
_SCRIPTS = frozenset({InlineType.SCRIPT, InlineType.SPECULATION_RULES})


def blanket_keyword(directive: Directive, inline_type: InlineType, browser: Browser) -> Keyword | None:
    """The keyword that admits all inline code of the type, if one stands in the list and nothing switches it off.

    https://w3c.github.io/webappsec-csp/#allow-all-inline
    """
    sources = directive.sources
    keyword = _listed_keyword(directive, inline_type)
    if keyword is None or sources.nonces or any(True for _ in _digests(sources, browser)):
        return None
    # Differs from the spec: 'strict-dynamic' in default-src switches it off for styles too; because Chromium takes
    # every default-src for a script directive; see https://w3c.github.io/webappsec-csp/#allow-all-inline.
    spares_styles = directive.name != "default-src" or browser is Browser.FIREFOX
    if Keyword.STRICT_DYNAMIC in sources and not (inline_type in _STYLES and spares_styles):
        return None
    return keyword


def _listed_keyword(directive: Directive, inline_type: InlineType) -> Keyword | None:
    if Keyword.UNSAFE_INLINE in directive.sources:
        return Keyword.UNSAFE_INLINE
    # https://wicg.github.io/nav-speculation/speculation-rules.html#content-security-policy; not in default-src.
    if (
        inline_type is InlineType.SPECULATION_RULES
        and directive.name in SCRIPT_DIRECTIVES
        and Keyword.INLINE_SPECULATION_RULES in directive.sources
    ):
        return Keyword.INLINE_SPECULATION_RULES
    return None


def admitted_inline(
    directive: Directive, question: Question, inline_type: InlineType, *, browser: Browser, optimistic: bool
) -> Admission | None:
    """What in the directive admits the inline code of `question`.

    https://w3c.github.io/webappsec-csp/#match-element-to-source-list
    """
    sources = directive.sources
    if keyword := blanket_keyword(directive, inline_type, browser):
        return (keyword.value, "it allows all inline code")
    if inline_type in ELEMENTS and (admission := _by_nonce_of_inline(sources, question, optimistic=optimistic)):
        return admission
    if (
        inline_type in _SCRIPTS
        and Keyword.STRICT_DYNAMIC in sources
        and (question.parser_inserted is False or (question.parser_inserted is None and optimistic))
    ):
        reason = "another script inserted it" if question.parser_inserted is False else "its inserter is not reported"
        return ("'strict-dynamic'", reason)
    if inline_type in ELEMENTS or Keyword.UNSAFE_HASHES in sources:
        return _by_digest(sources, question, browser=browser, optimistic=optimistic)
    return None


def _by_nonce_of_inline(sources: SourceList, question: Question, *, optimistic: bool) -> Admission | None:
    if question.nonce is None and (placeholder := sources.nonces.get(NONCE_PLACEHOLDER)):
        return (placeholder, "the site's own inline code carries the nonce")
    return admitted_by_nonce(sources, question, optimistic=optimistic)


def admitted_by_nonce(sources: SourceList, question: Question, *, optimistic: bool) -> Admission | None:
    """The nonce-source with the element's very nonce.

    https://w3c.github.io/webappsec-csp/#match-nonce-to-source-list
    """
    if question.nonce is not None:
        text = sources.nonces.get(question.nonce)
        return None if text is None else (text, "the nonce is the same")
    if optimistic and sources.nonces:
        return (next(iter(sources.nonces.values())), "reports do not tell the nonce")
    return None


def _by_digest(sources: SourceList, question: Question, *, browser: Browser, optimistic: bool) -> Admission | None:
    if not sources.hashes:
        return None
    if question.sample is not None and question.sample_extent is SampleExtent.WHOLE:
        text = _matching_hash(sources, question.sample, browser)
        return None if text is None else (text, "the digest is the same")
    if not optimistic:
        return None
    if question.sample is not None and question.sample_extent is SampleExtent.TRIMMED:
        text = _matching_hash(sources, question.sample, browser)
        if text is not None:
            return (text, "the digest is the same if no white space surrounds the code")
        return (sources.hashes[0][0], "white space around the code is not reported")
    return (sources.hashes[0][0], "the report does not hold the whole code")


def _matching_hash(sources: SourceList, code: str, browser: Browser) -> str | None:
    digests: dict[str, bytes] = {}
    for text, source in _digests(sources, browser):
        if source.algorithm not in HASH_ALGORITHMS:
            continue
        if source.algorithm not in digests:
            digests[source.algorithm] = digest(code, source.algorithm)
        if same_digest(source, digests[source.algorithm], browser):
            return text
    return None


def _digests(sources: SourceList, browser: Browser) -> Iterator[tuple[str, HashSource]]:
    return ((text, source) for text, source in sources.hashes if source.refused_by is not browser)


def same_digest(listed: HashSource, actual: bytes, browser: Browser) -> bool:
    """Whether a hash-source has the digest `actual`."""
    # Differs from the spec: padding may be left out; because Chromium compares the decoded bytes; see
    # https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
    return listed.digest == actual and (browser is Browser.CHROMIUM or not listed.browsers_differ)


def admitted_by_integrity(
    sources: SourceList, integrity: str | None, *, browser: Browser, optimistic: bool
) -> Admission | None:
    """The digests of an external script's integrity attribute, all of which the list must name.

    https://w3c.github.io/webappsec-csp/#script-pre-request
    """
    if not sources.hashes:
        return None
    if integrity is None:
        first = sources.hashes[0][0]
        return (first, "reports do not tell the integrity attribute") if optimistic else None
    matched: list[str] = []
    for algorithm, value in _integrity_digests(integrity):
        listed = [
            text
            for text, source in _digests(sources, browser)
            if source.algorithm == algorithm and same_digest(source, value, browser)
        ]
        if not listed:
            return None
        matched.append(listed[0])
    return (matched[0], "its integrity attribute names no other digest") if matched else None


def _integrity_digests(integrity: str) -> Iterator[tuple[str, bytes]]:
    """https://w3c.github.io/webappsec-subresource-integrity/#parse-metadata"""
    for token in TOKEN.findall(integrity):
        if match := INTEGRITY.fullmatch(token):
            algorithm = f"sha{match['bits']}" if match["bits"] else "ed25519"
            # What stands for no bytes still has to be listed, and never is.
            yield algorithm, decoded_base64(standard_base64(match["value"])) or b""
