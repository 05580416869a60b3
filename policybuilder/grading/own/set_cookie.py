"""Set-Cookie as browsers read it: what becomes of it, or why it is dropped.

https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from policybuilder.csp.urls import URL, parse_url
from policybuilder.domains import is_address, registrable_domain

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_MOST_BYTES = 4096
"""Of name and value together."""

_MOST_ATTRIBUTE_BYTES = 1024
_WHITE_SPACE = " \t"
_LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
_FLAGS = frozenset({"", "0", "1", "no", "yes", "true", "false", "on", "off"})
_NO_END = 10**9
"""Seconds; more digits than these mean no other thing."""


class SameSite(enum.StrEnum):
    """With which requests from other sites the cookie goes along."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie that a browser keeps."""

    name: str
    shown: str
    """The header without the value, which is nobody's business."""

    is_flag: bool
    """Whether its value says yes or no, or nothing: no secret has room in it."""

    is_secure: bool
    is_http_only: bool
    same_site: SameSite | None
    """None where nothing that is known is said."""

    domain: str | None
    """Whose hosts it is for; None where for its own host alone."""

    max_age_seconds: int | None
    """None for as long as the browser is open, and where an end is given by date."""

    expires_at: datetime | None
    """By date, where no other end is given."""

    def lasts_seconds(self, now: datetime | None) -> float | None:
        """From `now` on; None where it ends with the browser, or where nobody knows what time it is."""
        if self.max_age_seconds is not None:
            return self.max_age_seconds
        if self.expires_at is None or now is None:
            return None
        return (self.expires_at - now).total_seconds()

    def is_deleted(self, now: datetime | None) -> bool:
        """Whether it is sent to be forgotten; without a clock, by a date of long ago, as servers write it then."""
        if self.max_age_seconds is not None:
            return self.max_age_seconds <= 0
        return self.expires_at is not None and self.expires_at <= (now or _LONG_AGO)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedCookie:
    """A cookie that no browser keeps."""

    name: str
    shown: str
    why: str
    """Completes the sentence "browsers drop it, since …"."""


def read_cookie(text: str, url: str) -> Cookie | DroppedCookie:
    """What a browser makes of a Set-Cookie header that came with the answer at `url`.

    https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-set-cookie-header-field
    """
    pair, _, rest = text.partition(";")
    before, equals, after = pair.partition("=")
    name, value = (before, after) if equals else ("", before)
    name, value = name.strip(_WHITE_SPACE), value.strip(_WHITE_SPACE)
    kept = f"{name}=…" if name else "…"
    shown = f"{kept};{rest}" if rest.strip(_WHITE_SPACE) else kept

    def dropped(why: str) -> DroppedCookie:
        return DroppedCookie(name=name, shown=shown, why=why)

    if _CONTROL.search(text):
        return dropped("there is a control character in it")
    if not name and not value:
        return dropped("it has neither name nor value")
    if len(name) + len(value) > _MOST_BYTES:
        return dropped("name and value are longer than 4096 bytes")
    attributes = _attributes(rest)
    page = parse_url(url)
    cookie = _cookie(name, value, shown, attributes, page)
    why = _why_dropped(cookie, value, attributes, page)
    return cookie if why is None else dropped(why)


def _attributes(rest: str) -> dict[str, str]:
    """By lower-case name; the last one counts."""
    found: dict[str, str] = {}
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        value = value.strip(_WHITE_SPACE)
        if len(value) <= _MOST_ATTRIBUTE_BYTES:
            found[name.strip(_WHITE_SPACE).lower()] = value
    return found


def _cookie(name: str, value: str, shown: str, attributes: dict[str, str], page: URL | None) -> Cookie:
    domain = attributes.get("domain", "").removeprefix(".").lower()
    host = "" if page is None else page.host
    # On a public suffix it is for the host itself alone.
    is_own = domain == host and (is_address(host) or registrable_domain(host) is None)
    return Cookie(
        name=name,
        shown=shown,
        is_flag=value.strip('"').lower() in _FLAGS,
        is_secure="secure" in attributes,
        is_http_only="httponly" in attributes,
        same_site=_SAME_SITE.get(attributes.get("samesite", "").lower()),
        domain=None if not domain or is_own else domain,
        max_age_seconds=_seconds(attributes.get("max-age", "")),
        expires_at=_date(attributes.get("expires", "")),
    )


_SAME_SITE = {each.value.lower(): each for each in SameSite}


def _why_dropped(cookie: Cookie, value: str, attributes: dict[str, str], page: URL | None) -> str | None:
    """https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model"""
    is_trusted = page is None or page.scheme == "https" or page.is_loopback
    if cookie.domain is not None and page is not None and (why := _of_domain(cookie.domain, page.host)):
        return why
    if cookie.is_secure and not is_trusted:
        return "it is Secure and came over plain http"
    if cookie.same_site is SameSite.NONE and not cookie.is_secure:
        return "SameSite=None needs Secure"
    if "partitioned" in attributes and not cookie.is_secure:
        return "Partitioned needs Secure"
    if not cookie.name:
        is_prefixed = value.lower().startswith(("__secure-", "__host-", "__http-"))
        return "its value looks like a name with a prefix" if is_prefixed else None
    return _of_prefix(cookie, attributes)


def _of_domain(domain: str, host: str) -> str | None:
    if domain != host and (is_address(host) or not host.endswith(f".{domain}")):
        return "Domain names a host that is not above its own"
    if domain != host and registrable_domain(domain) is None:
        return "Domain names a suffix under which strangers have hosts"
    return None


def _of_prefix(cookie: Cookie, attributes: dict[str, str]) -> str | None:
    name = cookie.name.lower()
    prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
    if prefix is None:
        return None
    spelt, for_host, hidden = _PREFIXES[prefix]
    if not cookie.is_secure:
        return f"{spelt} needs Secure"
    if hidden and not cookie.is_http_only:
        return f"{spelt} needs HttpOnly"
    if for_host and attributes.get("domain"):
        return f"{spelt} forbids Domain"
    if for_host and attributes.get("path") != "/":
        return f"{spelt} needs Path=/"
    return None


_PREFIXES = {
    "__host-http-": ("__Host-Http-", True, True),
    "__host-": ("__Host-", True, False),
    "__http-": ("__Http-", False, True),
    "__secure-": ("__Secure-", False, False),
}
"""By lower-case prefix, its spelling, whether it binds to the host, and whether it hides from scripts."""


def _seconds(text: str) -> int | None:
    """https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-max-age-attribute"""
    match = re.fullmatch(r"(-?)([0-9]+)", text)
    if match is None:
        return None
    seconds = int(match[2]) if len(match[2]) <= 9 else _NO_END
    return -seconds if match[1] else seconds


# https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-dates
_DELIMITERS = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY_OF_MONTH = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _date(text: str) -> datetime | None:
    time = day = month = year = None
    for token in _DELIMITERS.split(text):
        if time is None and (match := _TIME.match(token)):
            time = (int(match[1]), int(match[2]), int(match[3]))
        elif day is None and (match := _DAY_OF_MONTH.match(token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := _YEAR.match(token)):
            year = int(match[1])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    try:
        return datetime(year, month, day, time[0], time[1], time[2], tzinfo=UTC) if year >= 1601 else None
    except ValueError:
        return None
