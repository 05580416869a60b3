"""Surfaces: which of our tests a weakness of a policy belongs to, by what an attacker would use it for."""

from __future__ import annotations

from policybuilder.csp.findings import FindingCode
from policybuilder.evaluation.weakness import Weakness

SURFACES = ("csp-scripts", "csp-plugins", "csp-base", "csp-forms", "csp-styles", "csp-requests")
"""In reading order; what is only odd in the text belongs to none of them."""

TEXT = "csp-text"

_BY_DIRECTIVE = {
    **dict.fromkeys(("script-src", "script-src-elem", "script-src-attr", "worker-src"), "csp-scripts"),
    "object-src": "csp-plugins",
    "base-uri": "csp-base",
    "form-action": "csp-forms",
    **dict.fromkeys(("style-src", "style-src-elem", "style-src-attr"), "csp-styles"),
    **dict.fromkeys(
        (
            *("connect-src", "img-src", "font-src", "media-src", "manifest-src"),
            *("frame-src", "child-src", "fenced-frame-src"),
        ),
        "csp-requests",
    ),
}

_IN_DEFAULT_SRC = {
    "script": "csp-scripts",
    "eval": "csp-scripts",
    "worker": "csp-scripts",
    "nonce": "csp-scripts",
    "style": "csp-styles",
    "object": "csp-plugins",
    "exfiltration": "csp-requests",
    "fetch": "csp-requests",
    "open": "csp-requests",
    **dict.fromkeys(("address", "any", "insecure", "lookalike", "loopback"), "csp-scripts"),
}
"""By the first word of the code, for the directive that stands in for all."""

_OF_THE_TEXT = frozenset(
    {
        *(code.value for code in FindingCode),
        *("dead-hash", "experimental-hash", "ignored-host", "redundant-source", "scheme-without-colon"),
        *("several-policies", "size", "source-without-effect", "star-in-path", "strict-dynamic-alone", "unknown-value"),
    }
)
"""Codes of what does nothing, wherever it stands."""

_ELSEWHERE = frozenset({"frame-ancestors", "report-to", "report-uri", "require-trusted-types-for", "trusted-types"})
"""Directives that tests of other names look at, together with other headers."""

ASKED_DIRECTIVES = {
    "csp-scripts": "script-src-elem",
    "csp-plugins": "object-src",
    "csp-base": "base-uri",
    "csp-forms": "form-action",
    "csp-styles": "style-src-elem",
    "csp-requests": "connect-src",
}
"""By surface, the effective directive that speaks for it."""


def _is_idle(weakness: Weakness) -> bool:
    """Whether it is about a host where none can be: attributes hold code, and load none."""
    is_of_attributes = weakness.directive in {"script-src-attr", "style-src-attr"}
    return is_of_attributes and weakness.code.partition("-")[0] not in {"script", "style", "nonce"}


def surface_of(weakness: Weakness) -> str | None:
    """The test that it belongs to; None for what other tests look at."""
    if weakness.directive in _ELSEWHERE:
        return None
    if weakness.code in _OF_THE_TEXT or _is_idle(weakness):
        return TEXT
    if weakness.directive == "default-src":
        return _IN_DEFAULT_SRC.get(weakness.code.partition("-")[0], TEXT)
    return _BY_DIRECTIVE.get(weakness.directive or "", TEXT)
