"""The wire: what browsers post, taken apart into single reports, whatever its shape.

Shapes are told by content, never by content type: browsers and proxies mislabel.
https://w3c.github.io/webappsec-csp/#deprecated-serialize-violation
https://w3c.github.io/reporting/#serialize-reports
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec


class Reason(enum.StrEnum):
    """Why a body or a report in it was not stored; seen in answers, counters and tests."""

    EMPTY_BODY = "empty-body"
    MALFORMED_JSON = "malformed-json"
    NOT_A_REPORT = "not-a-report"
    EMPTY_REPORT = "empty-report"
    MISSING_DIRECTIVE = "missing-directive"
    MISSING_DOCUMENT = "missing-document"
    MALFORMED_HASH = "malformed-hash-report"
    UNKNOWN_TYPE = "unknown-type"
    TOO_LARGE = "body-too-large"
    CONTENT_TYPE = "unsupported-content-type"
    CONTENT_ENCODING = "unsupported-content-encoding"
    UNKNOWN_SITE = "unknown-site"
    UNKNOWN_HOST = "unknown-host"
    METHOD = "method-not-allowed"
    RATE_LIMITED = "rate-limited"
    QUEUE_FULL = "queue-full"
    STORE_UNREACHABLE = "store-unreachable"
    CLIENT_GONE = "client-gone"


class RejectedReportError(Exception):
    """A body or report that cannot be used."""

    def __init__(self, reason: Reason, status_code: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status_code = status_code


class ReportKind(enum.StrEnum):
    """The report types we know, by their names in the Reporting API."""

    VIOLATION = "csp-violation"
    HASH = "csp-hash"


class WireReport(msgspec.Struct, frozen=True, gc=False):
    """One report as it was sent. A struct, as the body is, since both are made for each post."""

    kind: ReportKind
    members: Mapping[str, Any]
    """The report's own members, kebab-case or camelCase."""

    age_ms: int = 0
    envelope_url: str = ""
    is_reporting_api: bool = False
    user_agent: str = ""
    """From the envelope, to tell the browser by; never stored."""


class WireBody(msgspec.Struct, gc=False):
    """The reports of a body, and what was left out of it, by reason."""

    reports: list[WireReport] = msgspec.field(default_factory=list)
    ignored: Counter[Reason] = msgspec.field(default_factory=Counter)
    is_batch: bool = False
    """It came as an array, however many reports are in it."""


_VIOLATION_MEMBERS = frozenset(
    {
        "effective-directive",
        "effectiveDirective",
        "violated-directive",
        "violatedDirective",
        "blocked-uri",
        "blockedURL",
    }
)
_HASH_MEMBERS = frozenset({"subresourceURL", "subresource_url"})

_decoder = msgspec.json.Decoder()


def decode_body(body: bytes) -> WireBody:
    """The reports of one posted body.

    A batch never fails for one bad item: that is counted in `ignored`. Raises RejectedReportError when the body as a
    whole is no report.
    """
    value = _decode_json(body)
    if isinstance(value, list):
        return _decode_batch(value)
    decoded = WireBody()
    report = _decode_one(value)
    if isinstance(report, Reason):
        if report is Reason.UNKNOWN_TYPE:
            decoded.ignored[report] += 1
            return decoded
        raise RejectedReportError(report)
    decoded.reports.append(report)
    return decoded


def decode_each(body: bytes) -> list[WireReport | Reason]:
    """The reports of a body in their order, each one that cannot be read as the reason why.

    Raises RejectedReportError for a body that holds nothing to take apart: none, no JSON, or an empty list.
    """
    value = _decode_json(body)
    if not isinstance(value, list):
        return [_decode_one(value)]
    if not value:
        raise RejectedReportError(Reason.EMPTY_REPORT)
    return [_decode_one(item) for item in value]


def _decode_json(body: bytes) -> Any:
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise RejectedReportError(Reason.EMPTY_BODY)
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # A sample cut in the middle of a surrogate pair, or a page in another encoding, is a real browser's report:
    # the standard library reads the one, and replacing bytes the other.
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise RejectedReportError(Reason.MALFORMED_JSON) from None


def _decode_batch(items: list[Any]) -> WireBody:
    decoded = WireBody(is_batch=True)
    for item in items:
        report = _decode_one(item)
        if isinstance(report, Reason):
            decoded.ignored[report] += 1
        else:
            decoded.reports.append(report)
    return decoded


def _decode_one(value: Any) -> WireReport | Reason:
    """One report object: an envelope of the Reporting API, `{"csp-report": …}`, or the bare members."""
    if not isinstance(value, dict):
        return Reason.NOT_A_REPORT
    wrapped = value.get("csp-report")
    if isinstance(wrapped, dict):
        return _checked(ReportKind.VIOLATION, wrapped)
    body, kind = value.get("body"), value.get("type")
    if isinstance(body, dict) and (kind is None or isinstance(kind, str)):
        inner = body.get("csp-report")
        members = inner if isinstance(inner, dict) else body
        return _checked(
            _kind_of(kind, members),
            members,
            age_ms=_age(value.get("age")),
            envelope_url=_text(value.get("url")),
            user_agent=_text(value.get("user_agent")),
            is_reporting_api=True,
        )
    if not _VIOLATION_MEMBERS.isdisjoint(value):
        return _checked(ReportKind.VIOLATION, value)
    return Reason.UNKNOWN_TYPE if isinstance(kind, str) and "body" in value else Reason.NOT_A_REPORT


def _kind_of(kind: str | None, members: Mapping[str, Any]) -> ReportKind | None:
    if kind is None:
        if not _HASH_MEMBERS.isdisjoint(members):
            return ReportKind.HASH
        return ReportKind.VIOLATION if not _VIOLATION_MEMBERS.isdisjoint(members) else None
    try:
        return ReportKind(kind.lower())
    except ValueError:
        return None


def _checked(kind: ReportKind | None, members: Mapping[str, Any], **envelope: Any) -> WireReport | Reason:
    if kind is None:
        return Reason.UNKNOWN_TYPE
    if not members:
        return Reason.EMPTY_REPORT
    return WireReport(kind, members, **envelope)


def _age(value: Any) -> int:
    """Milliseconds; what is no sane number is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**53:
        return int(value)
    return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def text_of(members: Mapping[str, Any], *names: str) -> str:
    """The first member that is a text; null, absent and empty mean the same: [C] sends "", [F] null or nothing."""
    for name in names:
        value = members.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
