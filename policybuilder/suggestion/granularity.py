"""Granularity: how much of a URL goes into a policy, its path, its directory or its origin alone."""

from __future__ import annotations

import enum
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from types import MappingProxyType
from urllib.parse import quote

from policybuilder.csp import HostSource, is_valid_source_expression, parse_source_expression, parse_url
from policybuilder.hosting import PACKAGE_MIRROR, Hosting, HostingKind, hosting_of, names_releases
from policybuilder.reports.redaction import E_MAIL, TOKEN
from policybuilder.suggestion.candidates import PARENTS, SCRIPT_LIKE
from policybuilder.suggestion.variation import is_version, varies


class Granularity(enum.StrEnum):
    """What a source expression names of the URLs that were seen."""

    PATH = "path"
    DIRECTORY = "directory"
    ORIGIN = "origin"


DEFAULT_GRANULARITY: Mapping[str, Granularity] = MappingProxyType(
    {
        "script-src": Granularity.DIRECTORY,
        "style-src": Granularity.DIRECTORY,
        "worker-src": Granularity.DIRECTORY,
        "manifest-src": Granularity.DIRECTORY,
        # What these load is named by content, user or time, or comes from anywhere on the host.
        "connect-src": Granularity.ORIGIN,
        "font-src": Granularity.ORIGIN,
        "img-src": Granularity.ORIGIN,
        "media-src": Granularity.ORIGIN,
        "object-src": Granularity.ORIGIN,
        # Browsers report frames by their origin, and forms end where the other site sends them.
        "frame-src": Granularity.ORIGIN,
        "form-action": Granularity.ORIGIN,
        "base-uri": Granularity.ORIGIN,
    }
)
"""For third parties, by the directive as it is printed."""

_CODE = SCRIPT_LIKE - {"frame-src", "form-action"}
"""Where a stranger's file would run in the page, or decide what does; frames and forms lead to pages of their own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A URL that was loaded or blocked."""

    url: str
    """Without its query."""

    is_cut: bool = False
    """Whether the report showed only the origin, or the load was redirected: no path is known to match then."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A source expression for URLs of one origin."""

    source: str
    rule: str
    reason: str
    urls: tuple[str, ...]
    """Those seen that it is there for."""


def parse_granularity(text: str) -> tuple[str, Granularity]:
    """`img-src=path` as a directive and its granularity. Raises ValueError for what is no such pair."""
    name, separator, value = (part.strip().lower() for part in text.partition("="))
    if not separator:
        raise ValueError(f"{text!r} is no granularity; write it like  img-src=path")
    if name in PARENTS:
        raise ValueError(f"{name} is printed as part of {PARENTS[name]}; write  {PARENTS[name]}={value or 'path'}")
    if name not in DEFAULT_GRANULARITY:
        raise ValueError(f"{name!r} has no granularity; choose from {', '.join(sorted(DEFAULT_GRANULARITY))}")
    try:
        return name, Granularity(value)
    except ValueError:
        raise ValueError(f"{value!r} is no granularity; choose from {', '.join(Granularity)}") from None


def narrow(
    directive: str, origin: str, seen: Sequence[Seen], granularity: Granularity | None = None
) -> tuple[Narrowed, ...]:
    """The source expressions that together admit every URL that was seen of a third party's origin, by their text.

    A `granularity` that was asked for is obeyed as far as the paths are known. The order of what was seen changes
    nothing, and neither does more that differs only in what varies by itself, but where single files are named.
    """
    if not seen:
        return ()
    site = _Site.at(origin, is_code=PARENTS.get(directive, directive) in _CODE)
    urls = tuple(sorted({each.url for each in seen}))
    paths = _paths(origin, seen)
    wanted = granularity or DEFAULT_GRANULARITY.get(PARENTS.get(directive, directive), Granularity.ORIGIN)
    if paths is None:
        in_vain = (
            "" if granularity in {None, Granularity.ORIGIN} else f", so the {granularity} asked for could block it"
        )
        return (site.whole("cut-to-origin", f"{_CUT}{in_vain}", urls),)
    if site.hosting is None and site.is_code and any(map(names_releases, paths.values())):
        site = replace(site, hosting=PACKAGE_MIRROR)
    if granularity is Granularity.ORIGIN:
        return (site.whole("asked-origin", "the origin was asked for", urls),)
    if granularity is Granularity.PATH:
        return site.named({url: _file(path, "asked-path", "the path was asked for") for url, path in paths.items()})
    if site.hosting is not None and (site.is_code or site.hosting.is_shared) and (site.is_code or granularity):
        return site.named(_by_publisher(paths, site.hosting, whole_directories=granularity is not None))
    if wanted is Granularity.ORIGIN or (site.hosting is not None and granularity is None):
        return (site.whole("other-origin", "loaded from another origin", urls),)
    directory = _shared_directory(paths.values())
    if directory == "/":
        return (site.whole("other-origin", _NO_DIRECTORY, urls),)
    place = _Place(directory, "third-party-directory", _DIRECTORY)
    return site.named(dict.fromkeys(urls, place))


_CUT = "some reports show no more of it than the origin, or it was redirected: no path is known to match"
_NO_DIRECTORY = (
    "loaded from another origin; no directory holds all of it and stays as it is, and single files would block the next"
)
_DIRECTORY = (
    "the directory that holds all that was loaded from there, up to where names change by themselves (releases, "
    "hashes, languages, customers)"
)
_NO_NAME = "loaded from another origin, under a path that no expression can name alone"
_INTEGRITY = "add integrity (SRI) to its tag"


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of an origin, and why that part."""

    path: str
    """Ends with a slash where everything below it is meant; `/` is the whole origin."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Site:
    """An origin, in one directive."""

    origin: str
    hosting: Hosting | None
    is_code: bool

    @classmethod
    def at(cls, origin: str, *, is_code: bool) -> _Site:
        url = parse_url(origin)
        return cls(origin, None if url is None else hosting_of(url.host), is_code)

    def whole(self, rule: str, reason: str, urls: Iterable[str]) -> Narrowed:
        """The origin itself."""
        if self.hosting is not None:
            rule = "open-hosting-origin" if rule == "other-origin" else rule
            price = "any of that may run in the page" if self.is_code else "all of that is let in"
            reason = f"{reason}; beware: this host {self.hosting.reason}, and {price}"
        return Narrowed(self.origin, rule, reason, tuple(urls))

    def named(self, places: Mapping[str, _Place]) -> tuple[Narrowed, ...]:
        """The places of the URLs, without those that another one holds; or the origin, where one cannot be written."""
        by_path = {place.path: place for place in sorted(set(places.values()), key=lambda place: place.reason)}
        if any(_source(self.origin, path) is None for path in by_path):
            return (self.whole("other-origin", _NO_NAME, sorted(places)),)
        urls: dict[str, list[str]] = defaultdict(list)
        for url in sorted(places):
            path = places[url].path
            urls[next((directory for directory in _directories(path) if directory in by_path), path)].append(url)
        return tuple(
            Narrowed(f"{self.origin}{path}", by_path[path].rule, by_path[path].reason, tuple(urls[path]))
            for path in sorted(urls)
        )


def _paths(origin: str, seen: Iterable[Seen]) -> dict[str, str] | None:
    """The path of each URL as a policy has to write it; None where that of one is not known."""
    paths = {}
    own = parse_url(origin)
    for each in seen:
        url = parse_url(each.url)
        is_known = url is not None and own is not None and url.origin == own.origin and each.url != origin
        if each.is_cut or not is_known or url is None:
            return None
        paths[each.url] = _escaped(url.path or "/")
    return paths


def _by_publisher(paths: Mapping[str, str], hosting: Hosting, *, whole_directories: bool) -> dict[str, _Place]:
    """Each file by its path, or several of one publisher's by their directory: never what strangers have beside it."""
    directories = {path: _publishers_directory(path, hosting) for path in paths.values()}
    files = Counter(directories.values())
    places = {}
    for url, path in paths.items():
        directory = directories[path]
        if directory is None or not (whole_directories or files[directory] > 1):
            reason = f"this file alone, since this host {hosting.reason}; {_advice(path, hosting)}"
            places[url] = _file(path, "open-hosting-path", reason)
        else:
            what = "the directory was asked for" if whole_directories else "several files of one release or directory"
            reason = f"{what}; nothing wider, since this host {hosting.reason}; {_advice(directory, hosting)}"
            places[url] = _Place(directory, "open-hosting-directory", reason)
    return places


def _advice(path: str, hosting: Hosting) -> str:
    if hosting.kind is HostingKind.PACKAGE_CDN and not any(map(is_version, path.split("/"))):
        return f"the URL names no release, so the next one arrives unseen: name one, and {_INTEGRITY}"
    return _INTEGRITY


def _publishers_directory(path: str, hosting: Hosting) -> str | None:
    """The directory of one release or, where the host does not know releases, the one that the file is in."""
    tenant = hosting.tenant_directory(path)
    if tenant is None or not path.startswith(tenant):
        return None
    if hosting.kind is HostingKind.PACKAGE_CDN:
        return tenant
    below = path.removeprefix(tenant).split("/")[:-1]
    until_release = next((at for at, segment in enumerate(below, 1) if is_version(segment)), len(below))
    directory = "".join([tenant, *(f"{segment}/" for segment in below[:until_release])])
    return None if directory == "/" or any(map(_is_blanked, directory.split("/"))) else directory


def _file(path: str, rule: str, reason: str) -> _Place:
    """The path itself; if parts of it were blanked for privacy, the directory above them."""
    segments = path.split("/")
    blank = next((at for at, segment in enumerate(segments) if _is_blanked(segment)), None)
    if blank is not None:
        above = "/".join([*segments[:blank], ""])
        return _Place(above, rule, f"{reason}, but below this directory it holds what is not kept of visitors")
    if path.endswith("/"):
        return _Place(path, rule, f"{reason}; it ends with a slash, so all below it matches")
    return _Place(path, rule, reason)


def _shared_directory(paths: Iterable[str]) -> str:
    """The longest directory that holds all of them, no part of which varies."""
    directories = [path.split("/")[:-1] for path in paths]
    # What the first and the last have in common, those between them have too.
    pairs = zip(min(directories), max(directories), strict=False)
    common = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    lasting = takewhile(lambda pair: pair[1] != "" and not _changes(*pair), pairwise(common))
    return "".join(["/", *(f"{segment}/" for _, segment in lasting)])


def _changes(parent: str, segment: str) -> bool:
    return varies(segment, parent) or _is_blanked(segment)


def _is_blanked(segment: str) -> bool:
    return TOKEN in segment or E_MAIL in segment


def _directories(path: str) -> Iterator[str]:
    """Those that hold the path, the widest first; one that ends with a slash holds itself."""
    return (path[: slash.end()] for slash in re.finditer("/", path))


# A percent sign that begins no escape, and what neither directive nor browsers let stand in a path.
_UNWRITABLE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+=:@/%-]")


def _escaped(path: str) -> str:
    return _UNWRITABLE.sub(lambda found: quote(found[0], safe=""), path)


def _source(origin: str, path: str) -> str | None:
    """The expression for a path; None where only the origin can be named, or browsers would read the path apart."""
    source = f"{origin}{path}"
    match parse_source_expression(source):
        case HostSource(only_chromium=False) if path != "/" and is_valid_source_expression(source):
            return source
        case _:
            return None
