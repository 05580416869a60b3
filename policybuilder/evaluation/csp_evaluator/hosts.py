"""The peer's host facts: hosts of which it says that they serve what gets round a list of allowed hosts.

The file beside this one is written by `python -m tests.peers.hosts` from the peer's package, and says whose it is.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources

from policybuilder.evaluation.csp_evaluator.locations import WILDCARD, Location, read_location


@dataclass(frozen=True, slots=True)
class HostList:
    """Locations in the order of the peer's list, which decides where several match."""

    locations: tuple[Location, ...]
    _by_host: dict[str, tuple[Location, ...]] = field(init=False, repr=False, compare=False)
    """Under each host, and under each wildcard host that covers it."""

    def __post_init__(self) -> None:
        by_host: dict[str, tuple[Location, ...]] = {}
        for location in self.locations:
            for name in _names(location.host):
                by_host[name] = (*by_host.get(name, ()), location)
        object.__setattr__(self, "_by_host", by_host)

    def first_match(self, source: Location) -> Location | None:
        """The first location that the host-source at `source` admits, to the peer; None where it admits none."""
        candidates = self._by_host.get(source.host, ())
        return next((location for location in candidates if _path_admits(source.path, location.path)), None)


def _names(host: str) -> Iterable[str]:
    """`a.b.c` gives itself, `*.b.c` and `*.c`, with the peer's word for the star."""
    yield host
    while "." in host:
        host = host.partition(".")[2]
        yield f"{WILDCARD}.{host}"


def _path_admits(pattern: str, path: str) -> bool:
    if pattern == "/":
        return True
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """All of the peer's lists."""

    version: str
    """Of the peer's package."""

    jsonp: HostList
    angular: HostList
    flash: HostList
    needs_unsafe_eval: frozenset[str]
    """Hosts of `jsonp` that count only where `'unsafe-eval'` is allowed as well."""


@functools.cache
def host_facts() -> HostFacts:
    """The facts, read once."""
    text = resources.files("policybuilder.evaluation.csp_evaluator").joinpath("hosts.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return HostFacts(
        version=document["version"],
        jsonp=_read_list(document["jsonp"]),
        angular=_read_list(document["angular"]),
        flash=_read_list(document["flash"]),
        needs_unsafe_eval=frozenset(document["needs_unsafe_eval"]),
    )


def _read_list(urls: Iterable[str]) -> HostList:
    return HostList(tuple(location for url in urls if (location := read_location(url)) is not None))
