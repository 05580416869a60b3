"""Wildcards: one expression for hosts that are numbered, of which the next visitor meets another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from policybuilder.csp import is_csp_host, parse_url
from policybuilder.domains import registrable_domain
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.candidates import PARENTS, SCRIPT_LIKE
from policybuilder.suggestion.variation import is_numbered

SCRIPT_LIKE_SOURCES = SCRIPT_LIKE | {"connect-src", "default-src", "child-src", "fenced-frame-src"}
"""Directives in which a host of a third party may run code or take data away, with those that stand in for them."""

_MIN_SIBLINGS = 3


@dataclass(frozen=True, slots=True)
class Wildcard:
    """An expression that stands for several origins seen, and for more."""

    source: str
    """Such as `https://*.cdn.example`, which does not cover `https://cdn.example`."""

    origins: tuple[str, ...]
    """Those seen that it covers."""

    reason: str
    newly_admits: str


def wildcards(directive: str, origins: Collection[str], *, script_wildcards: bool = False) -> tuple[Wildcard, ...]:
    """What may stand for those of the origins that are numbered or generated, by their text.

    Three siblings under one name, on one scheme and port, make a wildcard below that name, the widest where they are
    nested. It never stands below a public suffix, nor where anybody publishes, and for what is like script only if
    `script_wildcards`. More siblings never change a wildcard.
    """
    if PARENTS.get(directive, directive) in SCRIPT_LIKE_SOURCES and not script_wildcards:
        return ()
    hosts: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for origin in origins:
        url = parse_url(origin)
        if url is not None and url.origin == origin and url.is_network and is_csp_host(url.host):
            port = "" if url.has_default_port else f":{url.port}"
            hosts[url.scheme, port][url.host] = origin
    found = (
        Wildcard(
            f"{scheme}://*.{parent}{port}",
            tuple(sorted(seen[host] for host in covered)),
            _reason(parent, labels),
            f"every other host below {parent}, whatever it is for",
        )
        for (scheme, port), seen in hosts.items()
        for parent, labels, covered in _families(seen)
    )
    return tuple(sorted(found, key=lambda wildcard: wildcard.source))


def may_stand_for(parent: str) -> bool:
    """Whether all below `parent` belongs to one party, as far as is known: it is no public suffix, nor open hosting."""
    return registrable_domain(parent) is not None and hosting_of(parent) is None


def _siblings(hosts: Iterable[str]) -> dict[str, set[str]]:
    """By the name that they are under, the numbered labels of one party's hosts."""
    found: dict[str, set[str]] = defaultdict(set)
    for host in hosts:
        domain = registrable_domain(host)
        if domain is None or hosting_of(host) is not None:
            continue
        labels = host.removesuffix(domain).split(".")[:-1]
        parent = domain
        for label in reversed(labels):
            if is_numbered(label):
                found[parent].add(label)
            parent = f"{label}.{parent}"
    return found


def _families(hosts: Collection[str]) -> Iterator[tuple[str, set[str], list[str]]]:
    """The names that many siblings are under, the siblings' labels, and all hosts below."""
    siblings = _siblings(hosts)
    many = {parent for parent, labels in siblings.items() if len(labels) >= _MIN_SIBLINGS and may_stand_for(parent)}
    covered: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        above = [parent for parent in _names_above(host) if parent in many]
        if above:
            covered[above[-1]].append(host)
    for parent, members in covered.items():
        yield parent, siblings[parent], members


def _names_above(host: str) -> Iterator[str]:
    """`b.example` and `example` of `a.b.example`."""
    while host := host.partition(".")[2]:
        yield host


def _reason(parent: str, labels: Collection[str]) -> str:
    some = ", ".join(sorted(labels)[:_MIN_SIBLINGS])
    return f"{len(labels)} numbered or generated names below {parent} were seen, as {some}: the next visitor meets more"
