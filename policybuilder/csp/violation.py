"""A violation: what a browser says it blocked, or would have blocked, in the words of the specification.

https://w3c.github.io/webappsec-csp/#violation
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Disposition(enum.StrEnum):
    """Whether the violated policy was enforced or only reported.

    https://w3c.github.io/webappsec-csp/#policy-disposition
    """

    ENFORCE = "enforce"
    REPORT = "report"
    UNKNOWN = "unknown"
    """Old browsers do not say."""


class SampleExtent(enum.StrEnum):
    """How much of the inline code a sample is; browsers keep its first 40 UTF-16 units.

    https://w3c.github.io/webappsec-csp/#violation-sample
    """

    NONE = "none"
    """No sample: the governing list had no 'report-sample', or the browser sends none."""

    WHOLE = "whole"
    """The exact text: Firefox marks a cut, and this one has no mark."""

    TRIMMED = "trimmed"
    """Whole, but white space around it is lost: Chromium trims, and the text is shorter than the cut."""

    PREFIX = "prefix"
    """The beginning of a longer text (the white space before it may be lost)."""


KEYWORD_BLOCKED_URIS = frozenset(
    {
        "inline",
        "eval",
        "wasm-eval",
        "self",
        "",
        "trusted-types-policy",
        "trusted-types-sink",
    }
)
"""Values of `blocked_uri` that name no resource; `self` and the empty one come from old browsers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One report of any browser, normalised: no query, fragment or userinfo in any URL."""

    document_uri: str
    """The page's URL, or a bare scheme such as `about` where the page has none; `document-uri` on the wire."""

    effective_directive: str
    """Lower-case name of the directive that was violated; a bare parent from old browsers."""

    blocked_uri: str
    """The URL as requested, before redirects; or a bare scheme (`data`), or a keyword (`inline`)."""

    disposition: Disposition = Disposition.UNKNOWN

    original_policy: str = ""
    """The violated policy as the browser serialises it; browsers differ, so compare it parsed."""

    sample: str = ""
    """The first 40 UTF-16 units of inline code, or the Trusted Types sink and text; may be empty."""

    sample_extent: SampleExtent = SampleExtent.NONE

    source_file: str = ""
    """URL of the script at fault, or a bare scheme such as `chrome-extension`; empty when unknown."""

    line_number: int | None = None
    column_number: int | None = None

    referrer: str = ""
    status_code: int | None = None

    age_ms: int = 0
    """Milliseconds the browser held the report before sending it; `age` on the wire."""
