"""The wire: every shape that browsers post is taken apart, and what is none is refused by a named reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policybuilder.reports.wire import Reason, RejectedReportError, ReportKind, WireReport, decode_body, decode_each

KEBAB = {"document-uri": "https://shop.example/", "effective-directive": "img-src", "blocked-uri": "data"}
CAMEL = {"documentURL": "https://shop.example/", "effectiveDirective": "img-src", "blockedURL": "data"}
HASH = {"documentURL": "https://shop.example/", "subresourceURL": "https://shop.example/a.js", "hash": "sha256-AAAA"}
SNAKE_HASH = {"document_url": "https://shop.example/", "subresource_url": "https://shop.example/a.js", "hash": ""}


def envelope(body: Any, kind: Any = "csp-violation", **more: Any) -> dict[str, Any]:
    return {"age": 7, "type": kind, "url": "https://shop.example/", "user_agent": "Browser", "body": body, **more}


# (what is posted, the kinds read from it)
SHAPES = [
    pytest.param({"csp-report": KEBAB}, [ReportKind.VIOLATION], id="report-uri"),
    pytest.param({"csp-report": CAMEL}, [ReportKind.VIOLATION], id="report-uri with camelCase members"),
    pytest.param(
        {"type": "csp-violation", "url": "https://shop.example/", "csp-report": KEBAB},
        [ReportKind.VIOLATION],
        id="type and url beside csp-report [W]",
    ),
    pytest.param([envelope(CAMEL)], [ReportKind.VIOLATION], id="report-to"),
    pytest.param([envelope(CAMEL), envelope(CAMEL)], [ReportKind.VIOLATION] * 2, id="report-to, a batch"),
    pytest.param(envelope(CAMEL), [ReportKind.VIOLATION], id="an envelope without its array [W]"),
    pytest.param([envelope(KEBAB)], [ReportKind.VIOLATION], id="an envelope with kebab-case members [W]"),
    pytest.param(
        [envelope({"csp-report": KEBAB})], [ReportKind.VIOLATION], id="an envelope around a whole report-uri object"
    ),
    pytest.param(
        [envelope(CAMEL, destination="default", attempts=1)], [ReportKind.VIOLATION], id="an envelope with more [W]"
    ),
    pytest.param([envelope(CAMEL, "CSP-Violation")], [ReportKind.VIOLATION], id="a type in capitals"),
    pytest.param([envelope(CAMEL, None)], [ReportKind.VIOLATION], id="no type, members of a violation"),
    pytest.param([envelope(HASH, None)], [ReportKind.HASH], id="no type, members of a hash report"),
    pytest.param([envelope(HASH, "csp-hash")], [ReportKind.HASH], id="csp-hash"),
    pytest.param([envelope(SNAKE_HASH, "csp-hash")], [ReportKind.HASH], id="csp-hash as the specification spells it"),
    pytest.param(
        [envelope(CAMEL), envelope(HASH, "csp-hash")],
        [ReportKind.VIOLATION, ReportKind.HASH],
        id="violations and hashes in one batch",
    ),
    pytest.param({"csp-report": KEBAB, "eval-hash": "x", "unheard-of": {}}, [ReportKind.VIOLATION], id="unknown keys"),
    pytest.param([{"csp-report": KEBAB}, envelope(CAMEL)], [ReportKind.VIOLATION] * 2, id="both formats in one array"),
    pytest.param(KEBAB, [ReportKind.VIOLATION], id="the bare members"),
    pytest.param([], [], id="an empty batch"),
]


@pytest.mark.parametrize(("value", "kinds"), SHAPES)
def test_every_shape_is_read_by_its_content(value: Any, kinds: list[ReportKind]) -> None:
    decoded = decode_body(json.dumps(value).encode())
    assert [report.kind for report in decoded.reports] == kinds
    assert not decoded.ignored


REFUSED = [
    (b"", Reason.EMPTY_BODY),
    (b" \r\n\t", Reason.EMPTY_BODY),
    (b"\xef\xbb\xbf", Reason.EMPTY_BODY),
    (b"{", Reason.MALFORMED_JSON),
    (b"not json", Reason.MALFORMED_JSON),
    (b'{"csp-report": {}} {}', Reason.MALFORMED_JSON),
    (b"\xff\xfe\x00", Reason.MALFORMED_JSON),
    (b"[" * 100_000, Reason.MALFORMED_JSON),
    (b'{"a":' * 100_000, Reason.MALFORMED_JSON),
    (b"1", Reason.NOT_A_REPORT),
    (b"1e999", Reason.NOT_A_REPORT),
    (b"null", Reason.NOT_A_REPORT),
    (b"true", Reason.NOT_A_REPORT),
    (b'"csp-report"', Reason.NOT_A_REPORT),
    (b"{}", Reason.NOT_A_REPORT),
    (b'{"csp-report": null}', Reason.NOT_A_REPORT),
    (b'{"csp-report": []}', Reason.NOT_A_REPORT),
    (b'{"csp-report": "text"}', Reason.NOT_A_REPORT),
    (b'{"type": 3, "body": {"blockedURL": ""}}', Reason.NOT_A_REPORT),
    (b'{"hello": "world"}', Reason.NOT_A_REPORT),
    (b'{"csp-report": {}}', Reason.EMPTY_REPORT),
    (b'{"type": "csp-violation", "body": {}}', Reason.EMPTY_REPORT),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_what_is_no_report_is_refused_by_a_named_reason(body: bytes, reason: Reason) -> None:
    with pytest.raises(RejectedReportError) as refused:
        decode_body(body)
    assert (refused.value.reason, refused.value.status_code) == (reason, 400)


# Types that browsers deliver to the same endpoint, when a site's Reporting-Endpoints names it as the default.
@pytest.mark.parametrize(
    "kind",
    ["deprecation", "intervention", "crash", "network-error", "coep", "coop", "integrity-violation", "permissions", ""],
)
def test_a_report_of_another_type_is_counted_and_no_error(kind: str) -> None:
    for body in (envelope({"id": "x"}, kind), [envelope({"id": "x"}, kind)]):
        decoded = decode_body(json.dumps(body).encode())
        assert decoded.reports == []
        assert decoded.ignored == {Reason.UNKNOWN_TYPE: 1}


def test_one_bad_item_never_sinks_its_batch() -> None:
    items: list[Any] = [
        envelope(CAMEL),
        None,
        3,
        "x",
        [],
        {},
        envelope({}),
        envelope(None),
        envelope({"a": 1}, "coep"),
        KEBAB,
    ]
    decoded = decode_body(json.dumps(items).encode())
    assert [report.members for report in decoded.reports] == [CAMEL, KEBAB]
    assert decoded.ignored == {Reason.NOT_A_REPORT: 5, Reason.EMPTY_REPORT: 1, Reason.UNKNOWN_TYPE: 2}


def test_an_envelope_tells_age_page_and_browser() -> None:
    (report,) = decode_body(json.dumps([envelope(CAMEL)]).encode()).reports
    assert (report.age_ms, report.envelope_url, report.user_agent) == (7, "https://shop.example/", "Browser")
    assert report.is_reporting_api


# (age on the wire, milliseconds)
AGES = [(0, 0), (59_999, 59_999), (1.9, 1), (-1, 0), (-1e300, 0), ("7", 0), (None, 0), (True, 0), (2**53, 0), ([], 0)]


@pytest.mark.parametrize(("age", "age_ms"), AGES)
def test_an_age_that_is_no_sane_number_is_none(age: Any, age_ms: int) -> None:
    (report,) = decode_body(json.dumps([envelope(CAMEL, age=age)]).encode()).reports
    assert report.age_ms == age_ms


@pytest.mark.parametrize("age", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_numbers_that_json_does_not_have_are_no_age(age: bytes) -> None:
    body = json.dumps([envelope(CAMEL, age="AGE")]).encode().replace(b'"AGE"', age)
    (report,) = decode_body(body).reports
    assert report.age_ms == 0


# (bytes of the sample in the body, the text read)
SPELLINGS = [
    pytest.param(rb"\ud83d", "\ud83d", id="a surrogate pair cut in the middle"),
    pytest.param(b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}", id="a page in another encoding"),
    pytest.param(rb"a\u0000b", "a\0b", id="NUL"),
    pytest.param("é".encode(), "é", id="UTF-8"),
]


@pytest.mark.parametrize(("sample", "text"), SPELLINGS)
def test_a_body_of_odd_characters_is_still_a_browsers_report(sample: bytes, text: str) -> None:
    body = b'\xef\xbb\xbf {"csp-report": {"effective-directive": "script-src", "script-sample": "' + sample + b'"}} \n'
    (report,) = decode_body(body).reports
    assert report.members["script-sample"] == text


def test_each_report_of_a_batch_stays_in_its_place() -> None:
    batch = [envelope(CAMEL), 7, envelope({}), envelope({"x": 1}, "deprecation"), {"csp-report": KEBAB}]
    found = [item.kind if isinstance(item, WireReport) else item for item in decode_each(json.dumps(batch).encode())]
    assert found == [
        ReportKind.VIOLATION,
        Reason.NOT_A_REPORT,
        Reason.EMPTY_REPORT,
        Reason.UNKNOWN_TYPE,
        ReportKind.VIOLATION,
    ]


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", Reason.EMPTY_BODY), (b"{", Reason.MALFORMED_JSON), (b"[]", Reason.EMPTY_REPORT)]
)
def test_what_holds_no_report_at_all_is_taken_apart_by_nobody(body: bytes, reason: Reason) -> None:
    with pytest.raises(RejectedReportError) as refused:
        decode_each(body)
    assert refused.value.reason is reason
