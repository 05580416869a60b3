"""An approximation of the grade that securityheaders.com would give.

Its rules are not published. What follows is what its users found out: six headers, looked at for being there, of which
each further pair lifts the grade; what is wrong with them keeps a site from A+, and costs no more.

https://github.com/securityheaders/securityheaders-bugs/issues (#10, #42, #70, #73, #100)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policybuilder.csp.parsing import parse_serialized_policy_list
from policybuilder.csp.urls import parse_url
from policybuilder.grading.material import Material
from policybuilder.scanner.pages import Response

HEADERS = (
    *("Strict-Transport-Security", "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"),
    *("Referrer-Policy", "Permissions-Policy"),
)
"""All that it looks at. Strict-Transport-Security means nothing over plain http, and is not missed there."""

GRADES = ("A+", "A", "B", "C", "D", "F", "R")
"""The best first; R is no grade but an answer that redirects."""

_UNSAFE = frozenset({"'unsafe-inline'", "'unsafe-eval'"})
_WILDCARDS = frozenset({"*", "http://*", "https://*"})
_WEAK_REFERRER_POLICIES = frozenset({"unsafe-url", "origin", "origin-when-cross-origin", "no-referrer-when-downgrade"})

# How many of the headers are there, and what that comes to; all of them are more than the most.
_LEAST_PRESENT = ((4, "B"), (2, "C"), (1, "D"), (0, "F"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHeadersGrade:
    """What it would probably say."""

    grade: str
    """One of `GRADES`."""

    missing: tuple[str, ...]
    """Names of headers that it looks for in vain."""

    warnings: tuple[str, ...]
    """What keeps the grade from A+, each in a sentence's part that begins with the header's name."""

    approximation: bool = True
    """Always: nobody but its makers knows the rules."""


def approximate(material: Material) -> SecurityHeadersGrade:
    """Of the page's headers alone: its markup is not looked at. Raises ValueError for material without an answer."""
    response = material.page.response
    if response is None:
        raise ValueError(f"no answer of {material.url} to grade")
    url = parse_url(response.url)
    is_https = url is not None and url.scheme == "https"
    wanted = HEADERS if is_https else HEADERS[1:]
    missing = tuple(name for name in wanted if not any(map(str.strip, response.header_values(name))))
    warnings = tuple(dict.fromkeys(_warnings(response)))
    if 300 <= response.status < 400:
        grade = "R"
    elif missing:
        present = len(wanted) - len(missing)
        grade = next(grade for least, grade in _LEAST_PRESENT if present >= least)
    else:
        grade = "A" if warnings else "A+"
    return SecurityHeadersGrade(grade=grade, missing=missing, warnings=warnings)


def _warnings(response: Response) -> Iterator[str]:
    for text in response.header_values("Content-Security-Policy"):
        for policy in parse_serialized_policy_list(text):
            for directive in policy.directives:
                for value in map(str.lower, directive.values):
                    if value in _UNSAFE or value in _WILDCARDS:
                        yield f"Content-Security-Policy: {directive.name[:40]} allows {value}"
    for word in ",".join(response.header_values("Referrer-Policy")).lower().split(","):
        if (name := word.strip()) in _WEAK_REFERRER_POLICIES:
            yield f"Referrer-Policy: {name} tells other sites more than they need"
