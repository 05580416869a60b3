"""URL matching, in the order of the specification.

https://w3c.github.io/webappsec-csp/#match-url-to-source-expression
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from policybuilder.csp.admission import Admission
from policybuilder.csp.question import Browser
from policybuilder.csp.sources import SELF, HostSource, SchemeSource, SourceExpression, SourceList
from policybuilder.csp.urls import SECURE_UPGRADES, URL


class Candidate(NamedTuple):
    """A URL put to a source list."""

    url: URL | None
    """None is some http or https URL that no report names."""

    page: URL | None
    """Its origin is the self-origin; None when it is not known."""

    redirected: bool = False


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


def port_part_matches(pattern: str | None, url: URL, *, upgraded: bool, browser: Browser) -> bool:
    """Whether a port-part covers the port of `url`; `upgraded` when only an upgrade of the scheme matched.

    https://w3c.github.io/webappsec-csp/#match-ports
    """
    if pattern is None:
        return url.has_default_port
    if pattern == "*":
        return True
    # Differs from the spec: an upgraded scheme moves port 80 to 443, leaves https on 443, and matches no other port
    # given; because Chromium reads http://h:80 as an upgrade and http://h:8080 as none, where Firefox accepts both; see
    # https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
    if upgraded and url.port == "443" and (pattern == "80" or (pattern == "443" and url.scheme == "https")):
        return True
    return pattern == url.port and (not upgraded or browser is Browser.FIREFOX)


def path_part_matches(pattern: bytes, path: str) -> bool:
    """Whether a percent-decoded path-part covers a URL's `path`: a prefix if it ends with a slash, else the whole.

    https://w3c.github.io/webappsec-csp/#match-paths
    """
    # Differs from the spec: both are decoded before they are split, so that %2F is a slash; because Chromium and
    # Firefox compare so; see https://w3c.github.io/webappsec-csp/#match-paths.
    decoded = unquote_to_bytes(path) if "%" in path else path.encode()
    return decoded.startswith(pattern) if pattern.endswith(b"/") else decoded == pattern


def _matches_star(candidate: Candidate, *, optimistic: bool) -> bool:
    """Whether the lone `*` covers the URL: any network scheme, and the page's own."""
    url, page = candidate.url, candidate.page
    if url is None or url.is_network:
        return True
    # A page without a host of its own does not have the scheme of a URL without one: it would be an opaque origin.
    return url.host != "" and (optimistic if page is None else page.scheme == url.scheme)


def _matches_scheme(source: SchemeSource, candidate: Candidate, *, optimistic: bool) -> bool:
    if candidate.url is None:
        # Redirects end at http or https, and `http:` covers both.
        return source.scheme == "http" or (optimistic and source.scheme == "https")
    return scheme_part_matches(source.scheme, candidate.url.scheme)


def _matches_host(source: HostSource, candidate: Candidate, *, browser: Browser, optimistic: bool) -> bool:
    url = candidate.url
    if source.is_star:
        return _matches_star(candidate, optimistic=optimistic)
    if url is None:
        return optimistic
    if not host_part_matches(source.host_part, url.host) or (source.only_chromium and browser is Browser.FIREFOX):
        return False
    return _matches_scheme_and_port(
        source, url, candidate.page, browser=browser, optimistic=optimistic
    ) and _matches_path(source, candidate, url, optimistic=optimistic)


def _matches_scheme_and_port(
    source: HostSource, url: URL, page: URL | None, *, browser: Browser, optimistic: bool
) -> bool:
    scheme = source.scheme_part or (page.scheme if page else None)
    if scheme is None:
        # Schemeless, on a page whose scheme is not known.
        return optimistic
    return scheme_part_matches(scheme, url.scheme) and port_part_matches(
        source.port_part, url, upgraded=scheme != url.scheme, browser=browser
    )


def _matches_path(source: HostSource, candidate: Candidate, url: URL, *, optimistic: bool) -> bool:
    if source.decoded_path is None or candidate.redirected:
        return True
    return optimistic if url.path is None else path_part_matches(source.decoded_path, url.path)


def _matches_self(candidate: Candidate, *, optimistic: bool) -> bool:
    """Whether `'self'` covers the URL: the page's origin, and the same host over something at least as secure."""
    url, page = candidate.url, candidate.page
    if url is None:
        return optimistic
    if not url.host:
        return False
    if page is None:
        return optimistic
    if url.host != page.host:
        return False
    if url.scheme == page.scheme:
        return url.port == page.port
    same_port = url.port == page.port or (url.has_default_port and page.has_default_port)
    is_secure = url.scheme in {"https", "wss"}
    return same_port and (is_secure or (page.scheme == "http" and url.scheme == "ws"))


def expression_matches(
    source: SourceExpression, candidate: Candidate, *, browser: Browser = Browser.CHROMIUM, optimistic: bool = False
) -> bool:
    """Whether one source expression covers the URL; nonces, digests and keywords but `'self'` never do.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-expression
    """
    if isinstance(source, HostSource):
        return _matches_host(source, candidate, browser=browser, optimistic=optimistic)
    if isinstance(source, SchemeSource):
        return _matches_scheme(source, candidate, optimistic=optimistic)
    return source == SELF and _matches_self(candidate, optimistic=optimistic)


def admitted_url(
    sources: SourceList, candidate: Candidate, *, browser: Browser, optimistic: bool = False
) -> Admission | None:
    """An expression that covers the URL: one that names its host if there is one, else the first.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-list
    """
    for text, host_source in _naming_the_host(sources, candidate.url):
        if _matches_host(host_source, candidate, browser=browser, optimistic=optimistic):
            return Admission(text, _missing_fact(candidate) if optimistic else "it matches the URL")
    for text, source in sources.url_sources:
        if expression_matches(source, candidate, browser=browser, optimistic=optimistic):
            return Admission(text, _missing_fact(candidate) if optimistic else "it matches the URL")
    return None


def _naming_the_host(sources: SourceList, url: URL | None) -> Iterable[tuple[str, HostSource]]:
    if url is not None:
        return sources.host_sources.get(url.host, ())
    return itertools.chain.from_iterable(sources.host_sources.values())


def _missing_fact(candidate: Candidate) -> str:
    if candidate.url is None:
        return f"{'the target of the redirect' if candidate.redirected else 'the URL'} is not reported"
    if candidate.url.path is None:
        return "the report cuts the URL to its origin"
    return "the origin of the page is not known"
