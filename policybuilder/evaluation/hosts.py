"""Hosts: what is known of those that a source expression covers, worked out once for each expression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from policybuilder.csp import HostSource
from policybuilder.domains import is_address, private_suffix
from policybuilder.evaluation.gadgets import Gadget, GadgetKind, frameworks_by_package, gadgets_of
from policybuilder.hosting import Hosting, HostingKind, gives_names_away, hosting_of, hosting_within


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of the hosts of one expression."""

    is_registry_wildcard: bool = False
    """`*.com`, `*.github.io`: whoever wants one has a name there."""

    is_of_company: bool = False
    """Of such a wildcard, whether it is no registry, but somebody who lets others have names."""

    is_wildcard: bool = False
    hosting: Hosting | None = None
    """What strangers publish under the URLs that the expression covers; None where its path keeps them out."""

    gadgets: tuple[Gadget, ...] = ()
    is_address: bool = False
    is_loopback: bool = False


def facts_of(source: HostSource) -> HostFacts:
    """What is known of the hosts that `source` covers; nothing for `*`, which covers all."""
    if source.host_part == "*" or len(source.host_part) > _MAX_HOST_LENGTH:
        return _NOTHING
    # Policies have most of their sources in common. Long ones come from strangers, who must not own the cache.
    return _facts_cached(source) if len(source.path_part or "") <= _MAX_CACHED_LENGTH else _facts(source)


_NOTHING = HostFacts()
_MAX_CACHED_LENGTH = 256
_MAX_HOST_LENGTH = 255
"""https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4, with a wildcard"""


def _facts(source: HostSource) -> HostFacts:
    pattern = source.host_part.removesuffix(".")
    is_wildcard = pattern.startswith("*.")
    host = pattern.removeprefix("*.")
    if is_wildcard and gives_names_away(host):
        is_private = private_suffix(host) is not None
        hosting = hosting_within(host)
        return HostFacts(is_registry_wildcard=True, is_of_company=is_private, is_wildcard=True, hosting=hosting)
    return HostFacts(
        is_wildcard=is_wildcard,
        hosting=hosting_within(host) if is_wildcard else _open_hosting(host, source.decoded_path),
        gadgets=(*gadgets_of(source), *_packaged(host, source.decoded_path)),
        is_address=is_address(host),
        is_loopback=host == "localhost" or host.endswith(".localhost") or (is_address(host) and host[:4] == "127."),
    )


_facts_cached = lru_cache(maxsize=4096)(_facts)


def _open_hosting(host: str, path: str | None) -> Hosting | None:
    """What strangers publish at the host, and the path does not keep out."""
    hosting = hosting_of(host)
    if hosting is None or not hosting.is_shared:
        return None
    if path is None or path == "/":
        return hosting
    directory = hosting.tenant_directory(path)
    if directory is not None and path.startswith(directory.removesuffix("/")):
        return None
    # A whole file is its publisher's alone, also where directories are not.
    return hosting if path.endswith("/") else None


def _packaged(host: str, path: str | None) -> tuple[Gadget, ...]:
    """The framework that a path of a package host names."""
    hosting = hosting_of(host) if path else None
    if path is None or hosting is None or hosting.kind is not HostingKind.PACKAGE_CDN:
        return ()
    known = frameworks_by_package()
    names = (segment.partition("@")[0].lower() for segment in path.split("/"))
    return tuple(dict.fromkeys(known[name] for name in names if name in known))


def redirects_anywhere(source: HostSource) -> bool:
    """Whether some URL that `source` covers leads on to any other that somebody wants."""
    return any(gadget.kind is GadgetKind.REDIRECTOR for gadget in facts_of(source).gadgets)
