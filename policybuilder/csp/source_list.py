"""Source lists: the expressions of a directive, sorted so that a question meets only those that may answer it.

https://w3c.github.io/webappsec-csp/#framework-directive-source-list
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from policybuilder.csp.sources import (
    SELF,
    ExtendedHashSource,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    SchemeSource,
    SourceExpression,
    parse_source_expression,
)
from policybuilder.csp.urls import SECURE_UPGRADES, URL

Spelt = tuple[str, SourceExpression]
"""An expression with its own spelling."""


@dataclass(frozen=True, slots=True)
class SourceList:
    """A directive's values, read once for all the questions put to them."""

    expressions: tuple[Spelt, ...]
    """The valid expressions in order."""

    keywords: frozenset[Keyword] = field(init=False, repr=False, compare=False)
    nonces: dict[str, str] = field(init=False, repr=False, compare=False)
    """Spelling by nonce."""

    hashes: tuple[tuple[str, HashSource], ...] = field(init=False, repr=False, compare=False)
    extended_hashes: frozenset[str] = field(init=False, repr=False, compare=False)
    """Of which subjects there are digests: `url`, `eval`."""

    takes_credentials: bool = field(init=False, repr=False, compare=False)
    """Whether something may pass by a nonce, by a digest, or because a trusted script made it."""

    host_sources: dict[str, tuple[Spelt, ...]] = field(init=False, repr=False, compare=False)
    """Those that only URLs of one host can match, by that host: long lists consist of them."""

    wide_sources: tuple[Spelt, ...] = field(init=False, repr=False, compare=False)
    """The others that a URL can match, the most specific first: a domain's, the page's own, any host, schemes, `*`."""

    credentials_differ: bool = field(init=False, repr=False, compare=False)
    """Whether Chromium and Firefox may differ about nonces, digests and keywords, whatever the URL."""

    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether they may differ about anything."""

    _read_apart: frozenset[str] = field(init=False, repr=False, compare=False)
    """Hosts of host-sources that Chromium and Firefox may read differently; `*` stands for all patterns."""

    # The wide ones by what a URL has to be like.
    _by_domain: dict[str, tuple[Spelt, ...]] = field(init=False, repr=False, compare=False)
    """By the end of the host, such as `.example.com`."""

    _domain_lengths: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """How long these ends are, the longest first; together no longer than the list, which bounds the search."""

    _own: tuple[Spelt, ...] = field(init=False, repr=False, compare=False)
    _of_any_host: tuple[Spelt, ...] = field(init=False, repr=False, compare=False)
    _by_scheme: dict[str, tuple[Spelt, ...]] = field(init=False, repr=False, compare=False)
    """By the scheme of the URL: an insecure one stands under its upgrade too."""

    _schemes: tuple[Spelt, ...] = field(init=False, repr=False, compare=False)
    _stars: tuple[Spelt, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_host: dict[str, list[Spelt]] = {}
        by_domain: dict[str, list[Spelt]] = {}
        by_scheme: dict[str, list[Spelt]] = {}
        own: list[Spelt] = []
        of_any_host: list[Spelt] = []
        schemes: list[Spelt] = []
        stars: list[Spelt] = []
        for spelt in self.expressions:
            source = spelt[1]
            if isinstance(source, HostSource):
                host = source.host_part
                if source.is_star:
                    stars.append(spelt)
                elif host == "*":
                    of_any_host.append(spelt)
                elif host.startswith("*"):
                    by_domain.setdefault(host[1:], []).append(spelt)
                else:
                    by_host.setdefault(host, []).append(spelt)
            elif isinstance(source, SchemeSource):
                schemes.append(spelt)
                # https://w3c.github.io/webappsec-csp/#match-schemes
                for scheme in {source.scheme, SECURE_UPGRADES.get(source.scheme, source.scheme)}:
                    by_scheme.setdefault(scheme, []).append(spelt)
            elif source == SELF:
                own.append(spelt)
        domains = sorted(by_domain, key=len, reverse=True)
        keywords = frozenset(source.keyword for _, source in self.expressions if isinstance(source, KeywordSource))
        nonces = {source.value: text for text, source in self.expressions if isinstance(source, NonceSource)}
        hashes = tuple((text, source) for text, source in self.expressions if isinstance(source, HashSource))
        extended = frozenset(s.subject for _, s in self.expressions if isinstance(s, ExtendedHashSource))
        read_apart = frozenset(
            "*" if source.host_part.startswith("*") else source.host_part
            for _, source in self.expressions
            if isinstance(source, HostSource) and source.browsers_differ
        )
        credentials_differ = (
            {Keyword.UNSAFE_INLINE, Keyword.STRICT_DYNAMIC} <= keywords
            or bool(extended)
            or any(source.browsers_differ for _, source in hashes)
        )
        derived: dict[str, object] = {
            "keywords": keywords,
            "nonces": nonces,
            "hashes": hashes,
            "extended_hashes": extended,
            "takes_credentials": bool(nonces or hashes or Keyword.STRICT_DYNAMIC in keywords),
            "host_sources": {host: tuple(spelt) for host, spelt in by_host.items()},
            "wide_sources": (
                *(spelt for domain in domains for spelt in by_domain[domain]),
                *own,
                *of_any_host,
                *schemes,
                *stars,
            ),
            "credentials_differ": credentials_differ,
            "browsers_differ": credentials_differ or bool(read_apart),
            "_read_apart": read_apart,
            "_by_domain": {domain: tuple(spelt) for domain, spelt in by_domain.items()},
            "_domain_lengths": tuple(dict.fromkeys(map(len, domains))),
            "_own": tuple(own),
            "_of_any_host": tuple(of_any_host),
            "_by_scheme": {scheme: tuple(spelt) for scheme, spelt in by_scheme.items()},
            "_schemes": tuple(schemes),
            "_stars": tuple(stars),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __contains__(self, keyword: Keyword) -> bool:
        return keyword in self.keywords

    def is_read_apart(self, host: str) -> bool:
        """Whether browsers may read an expression differently that may cover URLs of `host`."""
        return host in self._read_apart or "*" in self._read_apart

    @property
    def url_sources(self) -> tuple[Spelt, ...]:
        """Those that a URL can match, the most specific first."""
        return (*itertools.chain.from_iterable(self.host_sources.values()), *self.wide_sources)

    def of_host(self, host: str) -> tuple[Spelt, ...]:
        """The expressions that may cover URLs of `host`, whatever their scheme and the page."""
        found = self.host_sources.get(host, ())
        for length in self._domain_lengths:
            found += self._by_domain.get(host[-length:], ())
        return found + self._own + self._of_any_host + self._schemes + self._stars

    def concerning(self, url: URL, page: URL | None) -> tuple[Spelt, ...]:
        """The expressions that may cover `url` on `page`, the most specific first; no other does."""
        host = url.host
        found = self.host_sources.get(host, ())
        for length in self._domain_lengths:
            found += self._by_domain.get(host[-length:], ())
        if page is None or page.host == host:
            found += self._own
        return found + self._of_any_host + self._by_scheme.get(url.scheme, ()) + self._stars


def parse_source_list(values: Iterable[str]) -> SourceList:
    """The valid expressions of `values`; others are ignored one by one, `'none'` too.

    A list without any valid expression matches nothing, like `'none'`.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-list
    """
    parsed = ((value, parse_source_expression(value)) for value in values)
    return SourceList(tuple((text, source) for text, source in parsed if source is not None))
