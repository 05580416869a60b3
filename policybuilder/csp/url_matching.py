"""URL matching, in the order of the specification.

https://w3c.github.io/webappsec-csp/#match-url-to-source-expression
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from policybuilder.csp.admission import Admission
from policybuilder.csp.question import Browser
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import (
    HostSource,
    Keyword,
    KeywordSource,
    SchemeSource,
    SourceExpression,
    decoded_path,
)
from policybuilder.csp.urls import DEFAULT_PORTS, NETWORK_SCHEMES, OPAQUE, SECURE_UPGRADES, URL


class Candidate(NamedTuple):
    """A URL put to a source list, and how it is read."""

    url: URL | None
    """None is some URL that no report names: of http or https, unless it is a document's."""

    page: URL | None
    """Its origin is the self-origin; None when it is not known."""

    redirected: bool = False
    navigates: bool = False
    """Whether a document is requested, in a frame or by a form: Chromium has code of its own for these."""

    browser: Browser = Browser.CHROMIUM
    optimistic: bool = False
    """Whether facts that are not known are taken to favour the URL."""


def scheme_part_matches(pattern: str, scheme: str) -> bool:
    """Whether a source expression's `pattern` covers a URL's `scheme`; both in lower case.

    Asymmetric: an insecure pattern covers its secure upgrade, never the reverse.

    https://w3c.github.io/webappsec-csp/#match-schemes
    """
    # Differs from the spec: http and https do not cover ws and wss, nor wss https; because no browser does so; see
    # https://wpt.fyi/results/content-security-policy/connect-src.
    return pattern == scheme or SECURE_UPGRADES.get(pattern) == scheme


def host_part_matches(pattern: str, host: str) -> bool:
    """Whether a host-part covers a URL's `host`; both in lower case. `*.x` does not cover `x`.

    https://w3c.github.io/webappsec-csp/#match-hosts
    """
    # Differs from the spec: IP addresses match like names; because Chromium and Firefox match them so; see
    # https://w3c.github.io/webappsec-csp/#match-hosts, whose note concedes 127.0.0.1.
    if pattern == "*":
        return host != ""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern == host


def port_part_matches(
    pattern: str | None, url: URL, scheme: str, browser: Browser = Browser.CHROMIUM, *, navigates: bool = False
) -> bool:
    """Whether a port-part covers the port of `url`; `scheme`, given or the page's, is known to cover the URL's.

    https://w3c.github.io/webappsec-csp/#match-ports
    """
    if pattern == "*":
        return True
    if browser is Browser.FIREFOX:
        # Differs from the spec: 80 covers 443 whatever the schemes, and an upgrade needs no other port; because Firefox
        # compares so; see https://searchfox.org/mozilla-central/source/dom/security/nsCSPUtils.cpp
        expected = pattern or DEFAULT_PORTS.get(scheme)
        return url.port == expected or (expected == "80" and url.port == "443")
    if pattern is None:
        return url.port == DEFAULT_PORTS.get(url.scheme)
    if scheme == url.scheme:
        return pattern == url.port
    # Differs from the spec: an upgrade moves 80 to 443, leaves https on 443, and matches no other port given; because
    # Chromium reads http://h:80 as an upgrade and http://h:8080 as none, and the code that it has for documents knows
    # the first of these cases alone; see
    # https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
    stays = pattern == "443" and url.scheme == "https" and not navigates
    return url.port == "443" and (pattern == "80" or stays)


def path_part_matches(pattern: str, path: str, browser: Browser = Browser.CHROMIUM) -> bool:
    """Whether a decoded path-part covers a URL's `path`: a prefix if it ends with a slash, else the whole.

    https://w3c.github.io/webappsec-csp/#match-paths
    """
    # Differs from the spec: both are decoded before they are split, so that %2F is a slash; because Chromium and
    # Firefox compare so; see https://w3c.github.io/webappsec-csp/#match-paths.
    if "%" in path:
        path = decoded_path(path, browser)
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern


def expression_matches(source: SourceExpression, candidate: Candidate) -> bool:
    """Whether one source expression covers the URL; nonces, digests and keywords but `'self'` never do.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-expression
    """
    if isinstance(source, HostSource):
        return _matches_host(source, candidate)
    if isinstance(source, SchemeSource):
        return _matches_scheme(source, candidate)
    return isinstance(source, KeywordSource) and source.keyword is Keyword.SELF and _matches_self(candidate)


def _matches_host(source: HostSource, candidate: Candidate) -> bool:
    if source.is_star:
        return _matches_star(candidate)
    url, page, redirected, navigates, browser, optimistic = candidate
    if url is None:
        return optimistic
    if source.host_part != url.host and not host_part_matches(source.host_part, url.host):
        return False
    if source.only_chromium and browser is Browser.FIREFOX:
        return False
    if source.path_part is not None and not redirected and not _matches_path(source, url, candidate):
        return False
    scheme = source.scheme_part or (page and page.scheme)
    if scheme is None:
        # Schemeless, on a page whose scheme is not known.
        return optimistic
    if scheme != url.scheme and not scheme_part_matches(scheme, url.scheme):
        return False
    return port_part_matches(source.port_part, url, scheme, browser, navigates=navigates)


def _matches_path(source: HostSource, url: URL, candidate: Candidate) -> bool:
    if url.path is None:
        return candidate.optimistic
    pattern = source.decoded_path
    if pattern is None or (source.browsers_differ and candidate.browser is Browser.FIREFOX):
        pattern = decoded_path(source.path_part or "", candidate.browser)
    return path_part_matches(pattern, url.path, candidate.browser)


def _matches_star(candidate: Candidate) -> bool:
    """Whether the lone `*` covers the URL: any network scheme, and the page's own."""
    url, page = candidate.url, candidate.page
    if url is None:
        # Documents may be redirected to an app's scheme, and framed by what has no origin.
        return candidate.optimistic or not candidate.navigates
    if url.is_network:
        return True
    # A page without a host of its own does not have the scheme of a URL without one: it would be an opaque origin.
    has_origin = url.host != "" or url.scheme == "file"
    return has_origin and (candidate.optimistic if page is None else page.scheme == url.scheme)


def _matches_scheme(source: SchemeSource, candidate: Candidate) -> bool:
    url = candidate.url
    if url is None:
        if candidate.navigates:
            return candidate.optimistic
        # Redirects end at http or https, and `http:` covers both.
        return source.scheme == "http" or (candidate.optimistic and source.scheme == "https")
    if url is OPAQUE:
        return candidate.optimistic and source.scheme not in NETWORK_SCHEMES
    return scheme_part_matches(source.scheme, url.scheme)


def _matches_self(candidate: Candidate) -> bool:
    """Whether `'self'` covers the URL: the page's origin, and the same host over something at least as secure."""
    url, page, _, navigates, browser, optimistic = candidate
    if url is None:
        return optimistic
    if not url.host and url.scheme != "file":
        return False
    if page is None:
        return optimistic
    is_covered = url.scheme in {page.scheme, "https", "wss"} or (page.scheme, url.scheme) == ("http", "ws")
    if url.host != page.host or not is_covered:
        return False
    if browser is Browser.FIREFOX:
        return url.port == page.port or (page.port, url.port) == ("80", "443")
    if url.scheme == page.scheme:
        return url.port == page.port
    # Differs from the spec: documents match as by an expression with the page's scheme and port, and no other upgrade
    # takes a page's odd port for the default one; because Chromium asks it so; see
    # https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
    if navigates:
        return port_part_matches(page.port, url, page.scheme, navigates=True)
    return page.has_default_port if url.has_default_port else url.port == page.port


def admitted_urls(sources: SourceList, hops: Sequence[Candidate]) -> Admission | None:
    """The most specific expression that covers the last of `hops`, if each of them is covered.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-list
    """
    if sources.extended_hashes and _is_off(sources, hops):
        return None
    by: str | None = None
    for hop in hops:
        url, by = hop.url, None
        asked = sources.url_sources if url is None or url is OPAQUE else sources.concerning(url, hop.page)
        for text, source in asked:
            # As expression_matches(…), a call less for most.
            if _matches_host(source, hop) if isinstance(source, HostSource) else expression_matches(source, hop):
                by = text
                break
        if by is None:
            return None
    if by is None:
        return None
    return by, _missing_fact(hops[-1]) if hops[-1].optimistic else "it matches the URL"


def _is_off(sources: SourceList, hops: Sequence[Candidate]) -> bool:
    """Whether a URL digest switches the URLs of a list off: in Chromium, but in its code for documents."""
    return "url" in sources.extended_hashes and any(
        hop.browser is Browser.CHROMIUM and not hop.navigates for hop in hops
    )


def browsers_may_differ(sources: SourceList, hops: Sequence[Candidate], *, is_allowed: bool) -> bool:
    """Whether Firefox may not allow what Chromium does, or may allow it; `is_allowed` is what Chromium does."""
    if sources.browsers_differ:
        if sources.credentials_differ:
            return True
        for hop in hops:
            if hop.url is None or sources.is_read_apart(hop.url.host):
                return True
    if is_allowed:
        # By what both read alike, Firefox allows all that Chromium does.
        return False
    for hop in hops:
        url, page = hop.url, hop.page
        if hop.navigates and (url is None or page is None or url.scheme != page.scheme):
            return True
        # A port that is the default of the other scheme: over these they differ.
        if url is not None and url.port != DEFAULT_PORTS.get(url.scheme) and url.port in _DEFAULTS:
            return True
        if page is not None and page.port != DEFAULT_PORTS.get(page.scheme) and page.port in _DEFAULTS:
            return True
    return False


_DEFAULTS = frozenset({"80", "443"})


def _missing_fact(candidate: Candidate) -> str:
    if candidate.url is None:
        return f"{'the target of the redirect' if candidate.redirected else 'the URL'} is not reported"
    if candidate.url is OPAQUE:
        return "of a URL without an origin no report tells the scheme"
    if candidate.url.path is None:
        return "the report cuts the URL to its origin"
    return "the origin of the page is not known"
