"""Self-test: a report of our own that proves the way to the database, and is never evidence of anything.

It is told from others by what no browser writes: a document on a host that cannot be. A name below `.invalid` is
nobody's: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
"""

from __future__ import annotations

import json

from policybuilder.csp.violation import Disposition, Violation

HOST = "test-report.invalid"
ORIGIN = f"https://{HOST}"
RULE = "test-report"
"""Id of the rule that tells it, in `rules.toml`."""

VIOLATION = Violation(
    document_uri=f"{ORIGIN}/",
    effective_directive="img-src",
    blocked_uri=f"{ORIGIN}/picture.png",
    disposition=Disposition.REPORT,
)
"""As it is read; it names no policy, so that none is noticed for it."""

CONTENT_TYPE = "application/csp-report"
API_CONTENT_TYPE = "application/reports+json"


def body() -> bytes:
    """The report as a browser would post it by `report-uri`."""
    report = {
        "document-uri": VIOLATION.document_uri,
        "violated-directive": VIOLATION.effective_directive,
        "effective-directive": VIOLATION.effective_directive,
        "disposition": VIOLATION.disposition.value,
        "blocked-uri": VIOLATION.blocked_uri,
    }
    return json.dumps({"csp-report": report}).encode()


def api_body() -> bytes:
    """The same report as a browser would post it by `report-to`."""
    report = {
        "documentURL": VIOLATION.document_uri,
        "effectiveDirective": VIOLATION.effective_directive,
        "disposition": VIOLATION.disposition.value,
        "blockedURL": VIOLATION.blocked_uri,
    }
    return json.dumps([{"age": 0, "type": "csp-violation", "url": VIOLATION.document_uri, "body": report}]).encode()


def is_alike(violation: Violation) -> bool:
    """Whether a violation, of the group that the test's own falls into, is the test's own or its very likeness.

    Anybody can post one: it adds to that one group, and to nothing else.
    """
    return violation.document_uri == VIOLATION.document_uri and not violation.original_policy
