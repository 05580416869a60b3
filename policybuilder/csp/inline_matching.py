"""Inline matching: which inline code a source list admits.

https://w3c.github.io/webappsec-csp/#match-element-to-source-list
"""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.csp.admission import Admission
from policybuilder.csp.policy import Directive
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.sources import NONCE_PLACEHOLDER, HashSource, Keyword, SourceList, digest, standard_base64
from policybuilder.csp.violation import SampleExtent

_ELEMENTS = frozenset({InlineType.SCRIPT, InlineType.STYLE})
_STYLES = frozenset({InlineType.STYLE, InlineType.STYLE_ATTRIBUTE})


def allows_all_inline(directive: Directive, inline_type: InlineType, browser: Browser) -> bool:
    """Whether `'unsafe-inline'` stands in the list and nothing there switches it off.

    https://w3c.github.io/webappsec-csp/#allow-all-inline
    """
    sources = directive.sources
    if Keyword.UNSAFE_INLINE not in sources or sources.nonces:
        return False
    if any(browser is Browser.CHROMIUM or not _refused_by_firefox(text) for text, _ in sources.hashes):
        return False
    # Differs from the spec: 'strict-dynamic' in default-src switches it off for styles too; because Chromium takes
    # every default-src for a script directive; see https://w3c.github.io/webappsec-csp/#allow-all-inline.
    spares_styles = directive.name != "default-src" or browser is Browser.FIREFOX
    return Keyword.STRICT_DYNAMIC not in sources or (inline_type in _STYLES and spares_styles)


def admitted_inline(
    directive: Directive, question: Question, inline_type: InlineType, *, browser: Browser, optimistic: bool
) -> Admission | None:
    """What in the directive admits the inline code of `question`.

    https://w3c.github.io/webappsec-csp/#match-element-to-source-list
    """
    sources = directive.sources
    if allows_all_inline(directive, inline_type, browser):
        return Admission("'unsafe-inline'", "it allows all inline code")
    if inline_type in _ELEMENTS and (admission := _by_nonce_of_inline(sources, question, optimistic=optimistic)):
        return admission
    if (
        inline_type is InlineType.SCRIPT
        and Keyword.STRICT_DYNAMIC in sources
        and (question.parser_inserted is False or (question.parser_inserted is None and optimistic))
    ):
        reason = "another script inserted it" if question.parser_inserted is False else "its inserter is not reported"
        return Admission("'strict-dynamic'", reason)
    if inline_type in _ELEMENTS or Keyword.UNSAFE_HASHES in sources:
        return _by_digest(sources, question, browser=browser, optimistic=optimistic)
    return None


def _by_nonce_of_inline(sources: SourceList, question: Question, *, optimistic: bool) -> Admission | None:
    if question.nonce is None and (placeholder := sources.nonces.get(NONCE_PLACEHOLDER)):
        return Admission(placeholder, "the site's own inline code carries the nonce")
    return admitted_by_nonce(sources, question, optimistic=optimistic)


def admitted_by_nonce(sources: SourceList, question: Question, *, optimistic: bool) -> Admission | None:
    """The nonce-source with the element's very nonce.

    https://w3c.github.io/webappsec-csp/#match-nonce-to-source-list
    """
    if question.nonce is not None:
        text = sources.nonces.get(question.nonce)
        return None if text is None else Admission(text, "the nonce is the same")
    if optimistic and sources.nonces:
        return Admission(next(iter(sources.nonces.values())), "reports do not tell the nonce")
    return None


def _by_digest(sources: SourceList, question: Question, *, browser: Browser, optimistic: bool) -> Admission | None:
    if not sources.hashes:
        return None
    if question.sample is not None and question.sample_extent is SampleExtent.WHOLE:
        text = _matching_hash(sources, question.sample, browser)
        return None if text is None else Admission(text, "the digest is the same")
    if not optimistic:
        return None
    if question.sample is not None and question.sample_extent is SampleExtent.TRIMMED:
        text = _matching_hash(sources, question.sample, browser)
        if text is not None:
            return Admission(text, "the digest is the same if no white space surrounds the code")
        return Admission(sources.hashes[0][0], "white space around the code is not reported")
    return Admission(sources.hashes[0][0], "the report does not hold the whole code")


def _matching_hash(sources: SourceList, code: str, browser: Browser) -> str | None:
    digests: dict[str, str] = {}
    for text, source in _readable(sources, browser):
        if source.algorithm not in digests:
            digests[source.algorithm] = digest(code, source.algorithm)
        if same_digest(source.value, digests[source.algorithm], browser):
            return text
    return None


def _readable(sources: SourceList, browser: Browser) -> Iterator[tuple[str, HashSource]]:
    for text, source in sources.hashes:
        if browser is Browser.CHROMIUM or not _refused_by_firefox(text):
            yield text, source


def _refused_by_firefox(text: str) -> bool:
    # `'sha-256-…'`; the digest without padding is valid there, it only matches nothing.
    return text[4:5] == "-"


def same_digest(listed: str, actual: str, browser: Browser) -> bool:
    """Whether two base64 digests in the standard alphabet are the same."""
    # Differs from the spec: padding may be left out; because Chromium compares the decoded bytes; see
    # https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
    return listed == actual or (browser is Browser.CHROMIUM and listed.rstrip("=") == actual.rstrip("="))


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
        return Admission(first, "reports do not tell the integrity attribute") if optimistic else None
    matched: list[str] = []
    for algorithm, value in _integrity_digests(integrity):
        listed = [
            text
            for text, source in _readable(sources, browser)
            if source.algorithm == algorithm and same_digest(source.value, value, browser)
        ]
        if not listed:
            return None
        matched.append(listed[0])
    return Admission(matched[0], "its integrity attribute names no other digest") if matched else None


def _integrity_digests(integrity: str) -> Iterator[tuple[str, str]]:
    """https://w3c.github.io/webappsec-subresource-integrity/#parse-metadata"""
    for token in integrity.split():
        algorithm, _, value = token.partition("?")[0].partition("-")
        if value and algorithm.lower() in {"sha256", "sha384", "sha512"}:
            yield algorithm.lower(), standard_base64(value)
