"""Domains: where the names begin that one party holds.

https://publicsuffix.org/
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=2)
def _suffixes(*, only_icann: bool) -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415  (takes a twentieth of a second)

    return PublicSuffixList(only_icann=only_icann)


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str | None:
    """The domain of one party that `host` belongs to: `shop.example`, or `me.github.io`, where everybody has a name.

    None for addresses, for a single label, and for what is itself a public suffix.
    """
    return None if is_address(host) else _suffixes(only_icann=False).privatesuffix(host)


@lru_cache(maxsize=4096)
def registered_domain(host: str) -> str | None:
    """The domain under which `host` is registered: github.io for `me.github.io`, whoever has names there.

    None for addresses, for a single label, and for what is itself a registry's suffix.
    """
    return None if is_address(host) else _suffixes(only_icann=True).privatesuffix(host)


@lru_cache(maxsize=4096)
def private_suffix(host: str) -> str | None:
    """The domain in which somebody who is no registry lets others have names, such as `github.io`; else None.

    https://publicsuffix.org/list/public_suffix_list.dat, its second half
    """
    if is_address(host):
        return None
    suffix = _suffixes(only_icann=False).publicsuffix(host)
    if suffix is None or "." not in suffix:
        # A top-level domain is a registry's: no need to read the list once more.
        return None
    return suffix if suffix != _suffixes(only_icann=True).publicsuffix(host) else None


def is_address(host: str) -> bool:
    """Whether `host`, as URLs have it, is an IP address."""
    return host.startswith("[") or host.replace(".", "").isdigit()


_NOBODYS_REGISTRY = frozenset(
    {"corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "test"}
)
"""Top-level names of one's own network. https://www.rfc-editor.org/rfc/rfc6762#appendix-G and RFC 2606"""


@lru_cache(maxsize=4096)
def is_registry(name: str) -> bool:
    """Whether names directly below `name` are registered by whoever wants one: `com`, `co.uk`, `github.io`."""
    if is_address(name) or name.rpartition(".")[2] in _NOBODYS_REGISTRY:
        return False
    return registrable_domain(name) is None
