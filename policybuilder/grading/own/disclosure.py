"""Disclosure: what headers tell of the machine behind the site, and those that nobody reads any more.

https://owasp.org/www-project-secure-headers/#prevent-information-disclosure-via-http-headers
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, shown

_PRODUCT_HEADERS = ("Server", "X-Powered-By", "X-Generator", "X-Powered-CMS", "Via")
_VERSION_HEADERS = (
    "X-AspNet-Version",
    "X-AspNetMvc-Version",
    "X-Drupal-Version",
    "X-Rack-Version",
    "X-Runtime-Version",
)
# A product with its release; the protocol's stands in Via.
_RELEASE = re.compile(r"(?!HTTP/)\b[A-Za-z][A-Za-z0-9._-]{0,40}(?:/v?|[ ]v?)[0-9]{1,6}(?:\.[0-9]{1,6}){1,4}")

_DEBUGGING = {
    "x-debug-token": "Symfony's profiler",
    "x-debug-token-link": "Symfony's profiler",
    "x-debug-exception": "a framework's debugging",
    "x-sourcefiles": "Visual Studio's debugging",
    "x-clockwork-id": "Clockwork",
    "x-clockwork-version": "Clockwork",
    "phpdebugbar-id": "PHP Debug Bar",
    "x-chromelogger-data": "ChromeLogger",
    "x-chromephp-data": "ChromePHP",
    "x-wf-protocol-1": "FirePHP",
    "x-miniprofiler-ids": "MiniProfiler",
}
"""By header, what sends it."""

_DEVELOPMENT_SERVER = re.compile(r"werkzeug/|wsgiserver/|webrick/|php cli server", re.IGNORECASE)

_PLACE = re.compile(r"[^\w.\-]+")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\]")
_INTERNAL_ENDINGS = (".internal", ".local", ".lan", ".corp", ".intranet", ".localdomain", ".svc.cluster.local")
# Those of RFC 1918, RFC 6598 and RFC 4193, and what means the machine or its wire.
_INTERNAL_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)
_NO_PLACES = ("content-security-policy", "content-security-policy-report-only", "set-cookie", "date", "etag")
_MAX_LENGTH = 8192

_OBSOLETE = {
    "x-xss-protection": "X-XSS-Protection",
    "expect-ct": "Expect-CT",
    "public-key-pins": "Public-Key-Pins",
    "public-key-pins-report-only": "Public-Key-Pins-Report-Only",
    "feature-policy": "Feature-Policy",
    "x-content-security-policy": "X-Content-Security-Policy",
    "x-webkit-csp": "X-WebKit-CSP",
}
_HEIRS = {
    "Feature-Policy": "Permissions-Policy",
    "X-Content-Security-Policy": "Content-Security-Policy",
    "X-WebKit-CSP": "Content-Security-Policy",
    "X-XSS-Protection": "Content-Security-Policy",
}


def judge_disclosure(answer: Answer) -> Iterator[Judgement]:
    """Debugging, internal addresses and versions in the headers."""
    found = [*_debugging(answer), *_internal_addresses(answer), *_versions(answer)]
    if found:
        yield from found
    else:
        yield judged("disclosure", "nothing", "The headers name no versions, debugging tools or internal addresses.")


def _debugging(answer: Answer) -> Iterator[Judgement]:
    for name, value in answer.response.headers:
        tool = _DEBUGGING.get(name.lower())
        if tool is not None:
            message = f"{tool} answers for visitors: it shows how the program works inside."
            yield judged("disclosure", "debugging", message, header=name, value=value, fix="Switch debugging off.")
            return
    for value in answer.values("Server"):
        if _DEVELOPMENT_SERVER.search(value[:_MAX_LENGTH]):
            message = f"{shown(value)} is a server for development, which is not made to withstand strangers."
            fix = "Put a production server in its place."
            yield judged("disclosure", "debugging", message, header="Server", value=value, fix=fix)
            return


def _internal_addresses(answer: Answer) -> Iterator[Judgement]:
    if _is_internal(answer.host.strip("[]")) or answer.host == "localhost":
        return
    headers = [(name, value) for name, value in answer.response.headers if name.lower() not in _NO_PLACES]
    headers += [("Location", redirect.location) for redirect in answer.response.redirects]
    for name, value in headers:
        if "version" in name.lower():
            continue
        text = value[:_MAX_LENGTH]
        places = [*_PLACE.split(text), *_IPV6.findall(text)]
        place = next((place for place in places if _is_internal(place)), None)
        if place is not None:
            message = f"The header names {shown(place)}, an address inside the network behind the site."
            fix = "Leave the header out, or the address."
            yield judged("disclosure", "internal-address", message, header=name, value=value, fix=fix)
            return


def _is_internal(place: str) -> bool:
    """Whether a name or an address is of no use outside of its own network."""
    place = place.strip(".-").lower()
    if place.endswith(_INTERNAL_ENDINGS):
        return True
    if place.count(".") != 3 and ":" not in place:
        return False
    try:
        address = ipaddress.ip_address(place)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in _INTERNAL_NETWORKS)


def _versions(answer: Answer) -> Iterator[Judgement]:
    found = [
        (header, value)
        for header in _PRODUCT_HEADERS
        for value in answer.values(header)
        if _RELEASE.search(value[:_MAX_LENGTH])
    ]
    found += [(header, value) for header in _VERSION_HEADERS for value in answer.values(header)]
    if found:
        header, value = found[0]
        releases = []
        for _, each in found:
            release = _RELEASE.search(each[:_MAX_LENGTH])
            releases.append(release[0] if release is not None else each)
        message = f"The headers tell which release runs: {named(releases)}; known holes are looked up by that."
        headers = named([header for header, _ in found])
        yield judged(
            "disclosure", "version", message, header=header, value=value, fix=f"Leave the version out of {headers}."
        )


def judge_obsolete_headers(answer: Answer) -> Iterator[Judgement]:
    """Headers without effect that somebody may count on."""
    names = [known for name, known in _OBSOLETE.items() if _counts_on(answer, name)]
    if not names:
        return
    heirs = list(dict.fromkeys(_HEIRS[name] for name in names if name in _HEIRS))
    missing = [heir for heir in heirs if not answer.values(heir)]
    verb = "is" if len(names) == 1 else "are"
    instead = f", and send {named(missing)} instead" if missing else ""
    value = answer.joined(names[0])
    message = f"{named(names, most=7)} {verb} read by no browser of today."
    yield judged("obsolete-headers", "obsolete", message, header=names[0], value=value, fix=f"Leave it out{instead}.")


def _counts_on(answer: Answer, name: str) -> bool:
    """To switch off what has been a danger is no mistake: `X-XSS-Protection: 0`."""
    values = answer.values(name)
    return bool(values) and not (
        name == "x-xss-protection" and all(value.split(";")[0].strip() == "0" for value in values)
    )
