"""Representatives: a few URLs on a few pages that stand for all, as far as some source lists can tell them apart.

An expression looks at a URL through few tests: is the scheme this one, the host that one or below it, the port that,
the path this or below it, is it the page's own origin. URLs that pass the same tests get the same answers, so one of
each kind is enough to compare lists, and none is compared by its text.

Pages are those of the network, `http` and `https`. Kinds that no browser can meet (a host such as `0x7f`, a path with
`/../`) count as well: a difference in them alone is a difference here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import SELF, HostSource, SchemeSource, SourceExpression
from policybuilder.csp.url_matching import Candidate, admitted_urls, host_part_matches, path_part_matches
from policybuilder.csp.urls import DEFAULT_PORTS, NETWORK_SCHEMES, SECURE_UPGRADES, URL

# Outside the grammar, so that no policy names them: a label and a port that stand for all the others.
_OTHER_LABEL = "_"
_OTHER_PORT = "_"
_OTHER_PAGE_PORT = "__"

_LOOPBACK_HOST = "localhost"
"""A kind of its own: it is not upgraded."""


class Reading(NamedTuple):
    """A source list as the page reads URLs with it."""

    sources: SourceList
    upgrades: bool
    """Whether requests are upgraded before they are matched."""

    navigates: bool = False
    """Whether documents are requested."""

    submits: bool = False
    """Whether forms ask for them, which are not upgraded again when they are redirected."""

    def admits(self, candidate: Candidate) -> bool:
        """Whether the list covers the URL, as Chromium reads it."""
        url = candidate.url
        if url is not None and self.upgrades and not (self.submits and candidate.redirected):
            url = url.upgraded()
        candidate = candidate._replace(url=url, navigates=self.navigates)
        return admitted_urls(self.sources, [candidate]) is not None


class Scope(NamedTuple):
    """Which URLs and pages are in question."""

    has_path: bool = True
    """Whether paths differ; otherwise every URL has the path `/`."""

    may_redirect: bool = False
    """Whether the URL may also have been reached by a redirect, so that its path does not count."""

    on_named_pages: bool = True
    """Whether the page may be on a host that the lists name, so that it and `'self'` have URLs in common."""


def read_alone(source: SourceExpression, like: Reading) -> Reading:
    """A list of `source` alone, read like another."""
    return like._replace(sources=SourceList(((str(source), source),)))


def find_url(
    source: SourceExpression,
    like: Reading,
    *,
    admitting: Sequence[Reading] = (),
    refusing: Reading | None = None,
    scope: Scope,
) -> Candidate | None:
    """A URL that `source`, read like another list, and all of `admitting` admit and `refusing` does not, if any."""
    asked = (read_alone(source, like), *admitting)
    lists = [reading.sources for reading in (asked if refusing is None else (*asked, refusing))]
    for candidate in _candidates(source, lists, scope):
        if all(reading.admits(candidate) for reading in asked) and not (
            refusing is not None and refusing.admits(candidate)
        ):
            return candidate
    return None


def _candidates(source: SourceExpression, lists: Sequence[SourceList], scope: Scope) -> Iterator[Candidate]:
    for host in _hosts(source, lists):
        relevant = [other for sources in lists for _, other in sources.of_host(host)]
        has_self = SELF in relevant and (scope.on_named_pages or host == _OTHER_LABEL)
        for origin in _origins(host, source, relevant):
            for page in _pages(origin, has_self=has_self):
                for path in _paths(source, relevant, origin) if scope.has_path else ["/"]:
                    yield Candidate(origin._replace(path=path), page)
                if scope.may_redirect:
                    yield Candidate(origin, page, redirected=True)


def _hosts(source: SourceExpression, lists: Sequence[SourceList]) -> Iterable[str]:
    """Every host that `source` may cover, once for each set of patterns that cover it."""
    pattern = source.host_part if isinstance(source, HostSource) else "*"
    if not pattern.startswith("*"):
        return [pattern]
    hosts = [_OTHER_LABEL]
    for sources in lists:
        wide = (s.host_part for _, s in sources.wide_sources if isinstance(s, HostSource))
        hosts.extend(_OTHER_LABEL + part[1:] for part in wide if part != "*")
        hosts.extend(sources.host_sources)
    hosts.append(_LOOPBACK_HOST)
    if isinstance(source, SchemeSource):
        # URLs such as `data:` have no host.
        hosts.append("")
    return (host for host in dict.fromkeys(hosts) if host == "" or host_part_matches(pattern, host))


def _origins(host: str, source: SourceExpression, relevant: Iterable[SourceExpression]) -> Iterator[URL]:
    """A URL of each origin on `host` that `source` may cover, with the path `/`."""
    for scheme in _schemes(source):
        default = DEFAULT_PORTS.get(scheme)
        if host:
            for port in dict.fromkeys((default, *_ports(source, relevant))):
                yield URL(scheme, host, port, "/")
        elif scheme not in NETWORK_SCHEMES:
            yield URL(scheme, "", None, "")


def _schemes(source: SourceExpression) -> list[str]:
    """Those of the URLs that `source` may cover, upgraded or not."""
    match source:
        case SchemeSource(scheme) | HostSource(scheme_part=str(scheme)):
            secure = SECURE_UPGRADES.get(scheme, scheme)
            insecure = next((below for below, above in SECURE_UPGRADES.items() if above == scheme), scheme)
            return sorted({scheme, secure, insecure})
        case HostSource() if not source.is_star:
            return ["http", "https"]
        case _:
            return sorted(NETWORK_SCHEMES)


def _ports(source: SourceExpression, relevant: Iterable[SourceExpression]) -> list[str]:
    """Those of the URLs that `source` may cover; besides the defaults one that stands for all that nobody names."""
    if isinstance(source, HostSource) and not source.is_star and source.port_part != "*":
        return ["80", "443", *([source.port_part] if source.port_part else [])]
    named = {other.port_part for other in relevant if isinstance(other, HostSource)} - {None, "*"}
    return sorted({"80", "443", _OTHER_PORT, *filter(None, named)})


def _paths(source: SourceExpression, relevant: Iterable[SourceExpression], origin: URL) -> list[str]:
    """The named paths that `source` may cover, and one longer than all of them, which stands for the others.

    A path that ends with a slash stands for all below it that nobody names.
    """
    if not origin.host:
        return [""]
    named = {other.decoded_path for other in relevant if isinstance(other, HostSource) and other.decoded_path}
    others = ["/" + "_" * (1 + max(map(len, named), default=0)), *sorted(named)]
    own = source.decoded_path if isinstance(source, HostSource) else None
    covered = [quote(path) for path in others if own is None or path_part_matches(own, path)]
    return covered if origin.scheme in NETWORK_SCHEMES else [*covered, ""]


def _pages(url: URL, *, has_self: bool) -> Iterator[URL]:
    for scheme in ("https", "http"):
        default = DEFAULT_PORTS[scheme]
        yield URL(scheme, f"{_OTHER_LABEL}.{url.host}", default, "/")
        if has_self:
            ports = (default, url.port, url.upgraded().port, _OTHER_PAGE_PORT)
            yield from (URL(scheme, url.host, port, "/") for port in dict.fromkeys(ports))
