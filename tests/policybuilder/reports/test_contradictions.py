"""What no browser writes: each contradiction is named, and none is found in what browsers were seen to send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policybuilder.reports.contradictions import signs_of_forgery
from policybuilder.reports.normalization import NormalizedViolation, normalize
from policybuilder.reports.wire import ReportKind, WireReport, decode_each

POLICY = "default-src 'none'; script-src 'report-sample'; report-uri /csp"
MEMBERS = {
    "document-uri": "https://shop.example/cart",
    "effective-directive": "img-src",
    "violated-directive": "img-src",
    "original-policy": POLICY,
    "blocked-uri": "https://img.example/a.png",
}


def signs_of(envelope_url: str = "", **changes: Any) -> list[tuple[str, bool]]:
    members = {**MEMBERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    report = WireReport(ReportKind.VIOLATION, members, envelope_url=envelope_url)
    normalized = normalize(report)
    assert isinstance(normalized, NormalizedViolation)
    return [(sign.text, sign.is_proof) for sign in signs_of_forgery(report, normalized.violation)]


def directive(name: str, **changes: Any) -> dict[str, Any]:
    return {"effective_directive": name, "violated_directive": name, **changes}


# (what is changed, words of the one sign, whether it is proof)
SIGNS = [
    (directive("img-src", blocked_uri="inline"), "img-src never blocks inline", True),
    (directive("style-src", blocked_uri="eval"), "style-src never blocks eval", True),
    (directive("script-src-elem", blocked_uri="trusted-types-sink"), "never blocks trusted-types-sink", True),
    (directive("trusted-types", blocked_uri="https://a.example/"), "blocks trusted-types-policy alone", True),
    (
        {"violated_directive": "font-src"},
        "two directives that never stand in for each other: img-src and font-src",
        True,
    ),
    (directive("frame-ancestors"), "its policy has no frame-ancestors", True),
    ({"original_policy": "font-src 'self'; report-uri /csp"}, "its policy has no img-src or default-src", True),
    ({"envelope_url": "https://other.example/"}, "its envelope is of a page on https://other.example", True),
    ({"blocked_uri": "https://*.example/"}, "no machine is called *.example", True),
    ({"blocked_uri": "https://'self'/"}, "no machine is called 'self'", True),
    ({"effective_directive": "img-src *; object-src"}, "its effective directive is more than a name", True),
    ({"violated_directive": "img-src 'self'; object-src"}, "its violated directive is more than one", True),
    (directive("script-src-elem", blocked_uri="inline", script_sample="x" * 300), "has 300 characters", False),
    (directive("style-src-elem", blocked_uri="inline", script_sample="a{}"), "no 'report-sample'", False),
    ({"original_policy": "img-src 'self'"}, "neither report-uri nor report-to", False),
]


@pytest.mark.parametrize(("changes", "words", "is_proof"), SIGNS, ids=[words for _, words, _ in SIGNS])
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], words: str, *, is_proof: bool) -> None:
    found = signs_of(**changes)
    assert [proof for _, proof in found] == [is_proof]
    assert words in found[0][0]


NO_SIGNS: list[dict[str, Any]] = [
    {},
    {"violated_directive": "default-src 'none'"},
    {"violated_directive": ""},
    {"violated_directive": "x-src", "effective_directive": "x-src"},
    {"original_policy": ""},
    {"envelope_url": "https://shop.example/other"},
    {"envelope_url": "about:srcdoc"},
    {"document_uri": "about"},
    directive("script-src-elem", blocked_uri="inline", script_sample="x" * 40),
    directive("script-src", blocked_uri="eval"),
    directive("default-src", original_policy="img-src 'self'; report-to x"),
    directive("worker-src", blocked_uri="blob"),
    directive(
        "require-trusted-types-for", blocked_uri="trusted-types-sink", script_sample="Element innerHTML|" + "x" * 40
    ),
    {"blocked_uri": "https://a_b.example/"},
    {"blocked_uri": "https://[::1]:8443/"},
]


@pytest.mark.parametrize("changes", NO_SIGNS, ids=str)
def test_what_browsers_may_send_has_no_sign(changes: dict[str, Any]) -> None:
    assert signs_of(**changes) == []


RECORDED = Path(__file__).parents[2] / "data" / "reports"


@pytest.mark.parametrize("name", ["chromium", "firefox", "demo"])
def test_nothing_that_browsers_were_seen_to_send_contradicts_itself(name: str) -> None:
    looked_at = 0
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        post = json.loads(line)
        for item in decode_each(post["body"].encode()) if post["method"] == "POST" else ():
            assert isinstance(item, WireReport)
            normalized = normalize(item)
            if isinstance(normalized, NormalizedViolation):
                assert signs_of_forgery(item, normalized.violation) == ()
                looked_at += 1
    assert looked_at >= 200
