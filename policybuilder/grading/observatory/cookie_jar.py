"""The cookies that stay of those that were sent, by the rules of a browser's jar as tough-cookie applies them.

https://www.rfc-editor.org/rfc/rfc6265#section-5.3
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from policybuilder.csp.urls import parse_url
from policybuilder.domains import is_address, registrable_domain
from policybuilder.grading.material import SentCookie
from policybuilder.grading.observatory.javascript import trim

# Where a jar stops reading the pair of name and value: as Chromium does.
_TERMINATOR = re.compile("[\n\r\0]")
_CONTROL = re.compile("[\0-\x1f]")

# https://www.rfc-editor.org/rfc/rfc6761: names without a registry, under which any second label is a domain.
_SPECIAL_SUFFIXES = frozenset({"local", "example", "invalid", "localhost", "test"})
_SPECIAL_HOSTS = frozenset({"localhost", "invalid"})


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as a browser keeps it."""

    name: str
    is_secure: bool
    is_http_only: bool
    same_site: str | None
    """`strict`, `lax` or `none`; None where it says nothing that counts."""


@dataclass(slots=True)
class _Attributes:
    domain: str | None = None
    path: str | None = None
    is_secure: bool = False
    is_http_only: bool = False
    same_site: str | None = None


def cookies_kept(sent: Iterable[SentCookie]) -> tuple[Cookie, ...]:
    """Of cookies with the same name, domain and path the last one. Cookies that have expired are kept, too."""
    jar: dict[tuple[str, str, str], Cookie] = {}
    for each in sent:
        if (kept := _kept(each)) is not None:
            key, cookie = kept
            jar[key] = cookie
    return tuple(jar.values())


def _kept(sent: SentCookie) -> tuple[tuple[str, str, str], Cookie] | None:
    """The cookie and what it is known by; None for one that a jar refuses."""
    url = parse_url(sent.url)
    if url is None:
        return None
    pair, _, rest = trim(sent.text).partition(";")
    name = _name_of(pair)
    if name is None:
        return None
    attributes = _attributes(rest)
    domain = url.host.strip("[]")
    if attributes.domain is not None:
        if not _may_be_set(attributes.domain, domain):
            return None
        domain = attributes.domain
    path = attributes.path or _default_path(url.path or "/")
    if name.startswith("__Secure-") and not attributes.is_secure:
        return None
    if name.startswith("__Host-") and not (attributes.is_secure and attributes.domain is None and path == "/"):
        return None
    cookie = Cookie(name, attributes.is_secure, attributes.is_http_only, attributes.same_site)
    return (domain, path, name), cookie


def _name_of(pair: str) -> str | None:
    pair = _TERMINATOR.split(pair, maxsplit=1)[0]
    name, equals, value = pair.partition("=")
    name, value = trim(name), trim(value)
    if not equals or not name or _CONTROL.search(name) or _CONTROL.search(value):
        return None
    return name


def _attributes(text: str) -> _Attributes:
    """https://www.rfc-editor.org/rfc/rfc6265#section-5.2: of each, the last one that is well-formed."""
    found = _Attributes()
    for part in trim(text).split(";"):
        name, _, value = trim(part).partition("=")
        value = trim(value)
        match trim(name).lower():
            case "domain":
                if domain := value.removeprefix("."):
                    found.domain = domain.lower()
            case "path":
                found.path = value if value.startswith("/") else None
            case "secure":
                found.is_secure = True
            case "httponly":
                found.is_http_only = True
            case "samesite":
                found.same_site = value.lower() if value.lower() in {"strict", "lax", "none"} else None
    return found


def _may_be_set(domain: str, host: str) -> bool:
    """Whether a cookie of `host` may be for all of `domain`: its own or one above it, but no registry's."""
    domain = trim(domain).removeprefix(".").lower()
    if domain != host and (is_address(host) or ":" in host or not host.endswith(f".{domain}")):
        return False
    if ":" in host:
        return True
    labels = domain.split(".")
    if labels[-1] in _SPECIAL_SUFFIXES and (len(labels) > 1 or domain in _SPECIAL_HOSTS):
        return True
    return registrable_domain(domain) is not None


def _default_path(path: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc6265#section-5.1.4"""
    return path.rpartition("/")[0] or "/"
