"""Values: what the peer makes of one token of a directive, whichever directive it stands in."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from policybuilder.evaluation.csp_evaluator import findings, vocabulary
from policybuilder.evaluation.csp_evaluator.findings import Flaw
from policybuilder.evaluation.csp_evaluator.locations import Location, is_address, read_location


class Value(NamedTuple):
    """One token, read; a tuple, since those of strangers are all new and have to be made."""

    text: str
    """Keywords and bare schemes in lower case, everything else as spelt."""

    location: Location | None
    """Where it points, as the URL parser has it; None where the parser refuses it and the peer throws."""

    flaws: tuple[Flaw, ...]
    """What is wrong with it in any directive."""

    keyword_flaw: Flaw | None
    """What is wrong with it as a keyword, where no other keywords than those of source lists are known."""

    is_nonce: bool
    is_hash: bool
    """Of a digest of any length: the peer does not count."""

    is_scheme: bool
    """A scheme alone, such as `https:`."""

    is_odd: bool
    """Whether there may be something to say of it, whichever directive it is in."""

    @property
    def is_quoted(self) -> bool:
        return self.text.startswith("'")

    @property
    def is_dotted_host(self) -> bool:
        """Whether the peer takes it for a host that may be in its lists."""
        return "." in self.text and not self.is_scheme and not self.is_quoted


SourceList = dict[str, Value]
"""Values by their text, in order; a text that is repeated counts once."""


def read_value(token: str) -> Value:
    """What the peer makes of `token`."""
    # Policies have most of their tokens in common. Long ones come from strangers, who must not own the cache.
    return _read_cached(token) if len(token) <= _MAX_CACHED_LENGTH else _read(token)


_MAX_CACHED_LENGTH = 256


def _read(token: str) -> Value:
    is_quoted = token.startswith("'")
    is_scheme = not is_quoted and vocabulary.SCHEME.fullmatch(token) is not None
    lowered = token.lower()
    text = lowered if is_scheme or lowered in vocabulary.KEYWORDS else token
    location = read_location(text)
    is_nonce = is_quoted and vocabulary.NONCE.fullmatch(text) is not None
    is_hash = is_quoted and vocabulary.HASH.fullmatch(text) is not None
    flaws = tuple(_flaws(text, location))
    flaw_as_keyword = None if is_nonce or is_hash else keyword_flaw(text, vocabulary.KEYWORDS)
    return Value(
        text=text,
        location=location,
        flaws=flaws,
        keyword_flaw=flaw_as_keyword,
        is_nonce=is_nonce,
        is_hash=is_hash,
        is_scheme=is_scheme,
        is_odd=bool(flaws or flaw_as_keyword or is_hash or location is None or text in vocabulary.NEWER_DIRECTIVES),
    )


_read_cached = functools.lru_cache(maxsize=4096)(_read)


def _flaws(text: str, location: Location | None) -> Iterator[Flaw]:
    if is_address(text, location):
        is_loopback = location is not None and location.host == "127.0.0.1"
        yield findings.LOOPBACK_SOURCE if is_loopback else findings.IP_SOURCE
    if text.startswith("'nonce-") and text.endswith("'"):
        yield from _nonce_flaws(text)
    if text.startswith("http://"):
        yield findings.SRC_HTTP
    if text in vocabulary.DIRECTIVES:
        yield findings.MISSING_SEMICOLON


def _nonce_flaws(text: str) -> Iterator[Flaw]:
    nonce = text[len("'nonce-") : -1]
    # JavaScript counts in units of UTF-16.
    length = len(nonce.encode("utf-16-le", "surrogatepass")) // 2
    if 0 < length < 8:
        yield findings.NONCE_LENGTH
    if nonce and vocabulary.NONCE.fullmatch(text) is None:
        yield findings.NONCE_CHARSET


def keyword_flaw(text: str, keywords: frozenset[str]) -> Flaw | None:
    """What is wrong with `text` as a keyword where `keywords` are all there are."""
    if text.startswith("'"):
        return None if text in keywords else findings.INVALID_KEYWORD
    if text in vocabulary.UNQUOTED_KEYWORDS or vocabulary.UNQUOTED_NONCE_OR_HASH.match(text):
        return findings.UNQUOTED_KEYWORD
    return None
