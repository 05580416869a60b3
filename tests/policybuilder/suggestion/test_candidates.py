"""Tests of candidates: what one violation group asks of a policy."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import is_valid_source_expression
from policybuilder.csp.urls import parse_blocked
from policybuilder.suggestion.candidates import PARENTS, Admit, Exclude, Hold, Unresolved, _of_url, candidate
from tests.support.evidence import ORIGIN, make_group

ORIGINS = (ORIGIN,)
HTTP_SHOP = {"document_origin": "http://shop.example"}
LOCAL = {"document_origin": "http://localhost:8000"}

# Columns: directive, blocked URI, what else is known; directive, source and rule of the answer.
ADMITTED: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    ("script-src-elem", f"{ORIGIN}/app.js", {}, "script-src", "'self'", "same-origin"),
    ("style-src-elem", f"{ORIGIN}/site.css", {}, "style-src", "'self'", "same-origin"),
    ("worker-src", f"{ORIGIN}/worker.js", {}, "worker-src", "'self'", "same-origin"),
    ("manifest-src", f"{ORIGIN}/site.webmanifest", {}, "manifest-src", "'self'", "same-origin"),
    ("base-uri", f"{ORIGIN}/app/", {}, "base-uri", "'self'", "same-origin"),
    ("form-action", f"{ORIGIN}/buy", {}, "form-action", "'self'", "same-origin"),
    ("connect-src", "wss://shop.example/live", {}, "connect-src", "'self'", "same-origin"),
    ("connect-src", "ws://shop.example/live", HTTP_SHOP, "connect-src", "'self'", "same-origin"),
    ("img-src", f"{ORIGIN}/a.png", HTTP_SHOP, "img-src", "'self'", "same-origin"),
    ("connect-src", "ws://localhost:8000/live", LOCAL, "connect-src", "'self'", "same-origin"),
    ("connect-src", "http://localhost:9000/api", LOCAL, "connect-src", "http://localhost:9000", "other-origin"),
    ("img-src", f"{ORIGIN}:8443/a.png", {}, "img-src", f"{ORIGIN}:8443", "other-origin"),
    ("img-src", "https://img.example/a/b.png", {}, "img-src", "https://img.example", "other-origin"),
    ("img-src", "https://www.shop.example/a.png", {}, "img-src", "https://www.shop.example", "other-origin"),
    ("img-src", "http://img.example/a.png", {}, "img-src", "http://img.example", "insecure-origin"),
    ("media-src", "http://img.example/a.mp4", {}, "media-src", "http://img.example", "insecure-origin"),
    ("img-src", "http://img.example/a.png", HTTP_SHOP, "img-src", "http://img.example", "other-origin"),
    ("script-src-elem", "https://cdn.example/v1/a.js", {}, "script-src", "https://cdn.example", "other-origin"),
    ("frame-src", "https://pay.example", {}, "frame-src", "https://pay.example", "other-origin"),
    ("form-action", "https://pay.example/go", {}, "form-action", "https://pay.example", "other-origin"),
    ("connect-src", "wss://rt.example/s", {}, "connect-src", "wss://rt.example", "other-origin"),
    ("object-src", "https://old.example/a.swf", {}, "object-src", "https://old.example", "other-origin"),
    ("img-src", "data", {}, "img-src", "data:", "data-passive"),
    ("media-src", "data", {}, "media-src", "data:", "data-passive"),
    ("img-src", "blob", {}, "img-src", "blob:", "blob-passive"),
    ("media-src", f"blob:{ORIGIN}/1", {}, "media-src", "blob:", "blob-passive"),
    (
        "script-src",
        "wasm-eval",
        {"source_file": f"{ORIGIN}/app.js"},
        "script-src",
        "'wasm-unsafe-eval'",
        "wasm-first-party",
    ),
    # A frame without an origin of its own has that of the site.
    ("img-src", f"{ORIGIN}/a.png", {"document_origin": "about"}, "img-src", "'self'", "same-origin"),
]


@pytest.mark.parametrize(("directive", "blocked", "known", "into", "source", "rule"), ADMITTED)
def test_a_resource_that_a_source_answers_is_admitted(
    *, directive: str, blocked: str, known: dict[str, Any], into: str, source: str, rule: str
) -> None:
    outcome = candidate(make_group(directive, blocked, **known), ORIGINS)
    assert isinstance(outcome, Admit)
    assert (outcome.directive, outcome.source, outcome.rule) == (into, source, rule)
    assert is_valid_source_expression(outcome.source)


# Columns: directive, blocked URI, what else is known; directive and source held, words of the reason.
HELD: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    ("script-src", "eval", {}, "script-src", "'unsafe-eval'", "helps attackers too"),
    (
        "script-src",
        "eval",
        {"source_file": f"{ORIGIN}/app.js", "line_number": 7},
        "script-src",
        "'unsafe-eval'",
        f"at {ORIGIN}/app.js:7",
    ),
    ("script-src", "wasm-eval", {}, "script-src", "'wasm-unsafe-eval'", "third party"),
    (
        "script-src",
        "wasm-eval",
        {"source_file": "https://cdn.example/a.js"},
        "script-src",
        "'wasm-unsafe-eval'",
        "third party",
    ),
    ("script-src-elem", "inline", {}, "script-src", "'unsafe-inline'", "inline <script>"),
    ("script-src-attr", "inline", {}, "script-src-attr", "'unsafe-inline'", "event handlers"),
    ("script-src-elem", "inline", {"sample": "javascript:go()"}, "script-src", "'unsafe-inline'", "javascript: URLs"),
    ("script-src", "", {}, "script-src", "'unsafe-inline'", "inline <script>"),
    ("script-src", "self", {}, "script-src", "'unsafe-inline'", "inline <script>"),
    ("style-src-elem", "inline", {}, "style-src", "'unsafe-inline'", "inline <style>"),
    ("style-src-attr", "inline", {}, "style-src-attr", "'unsafe-inline'", "style attributes"),
    ("font-src", "data", {}, "font-src", "data:", "no server of yours"),
    ("style-src-elem", "data", {}, "style-src", "data:", "no server of yours"),
    ("connect-src", "data", {}, "connect-src", "data:", "no server of yours"),
    ("script-src-elem", "data", {}, "script-src", "data:", "its own script"),
    ("script-src-elem", "blob", {}, "script-src", "blob:", "make a script"),
    ("worker-src", "blob", {}, "worker-src", "blob:", "make a worker"),
    ("frame-src", "blob", {}, "frame-src", "blob:", "no server of yours"),
    ("media-src", "mediastream", {}, "media-src", "mediastream:", "camera"),
    ("script-src-elem", "http://cdn.example/a.js", {}, "script-src", "https://cdn.example", "on an https page"),
    ("connect-src", "ws://rt.example/s", {}, "connect-src", "wss://rt.example", "on an https page"),
    ("connect-src", "ws://shop.example/s", {}, "connect-src", "wss://shop.example", "on an https page"),
    ("base-uri", "https://evil.example/", {}, "base-uri", "https://evil.example", "relative URL"),
]


@pytest.mark.parametrize(("directive", "blocked", "known", "into", "source", "why"), HELD)
def test_a_source_with_a_price_is_held(
    *, directive: str, blocked: str, known: dict[str, Any], into: str, source: str, why: str
) -> None:
    outcome = candidate(make_group(directive, blocked, **known), ORIGINS)
    assert isinstance(outcome, Hold)
    assert (outcome.directive, outcome.source) == (into, source)
    assert why in outcome.why
    assert is_valid_source_expression(outcome.source)


@pytest.mark.parametrize(
    "blocked",
    [
        *("about", "javascript", "filesystem", "chrome", "chrome-extension", "moz-extension", "view-source"),
        *("webkit-masked-url", "android-app", "file", "chrome-extension://abc/x.js", "mediastream"),
    ],
)
@pytest.mark.parametrize("directive", ["script-src-elem", "img-src", "frame-src", "connect-src"])
def test_schemes_that_no_server_answers_are_never_emitted(directive: str, blocked: str) -> None:
    assert candidate(make_group(directive, blocked), ORIGINS) == Exclude("scheme-never-emitted")


# Columns: directive, blocked URI, what else is known; words of the reason.
UNRESOLVED: list[tuple[str, str, dict[str, Any], str]] = [
    ("frame-ancestors", ORIGIN, {}, "which site framed the page"),
    ("default-src", "https://cdn.example/a", {}, "what kind of resource"),
    ("child-src", "https://cdn.example/a", {}, "what kind of resource"),
    ("prefetch-src", "https://cdn.example/a", {}, "what kind of resource"),
    ("fenced-frame-src", "https://cdn.example", {}, "what kind of resource"),
    ("require-trusted-types-for", "trusted-types-sink", {"sample": "Element innerHTML|<b>"}, "Element innerHTML"),
    ("require-trusted-types-for", "trusted-types-sink", {}, "a sink"),
    ("trusted-types", "trusted-types-policy", {"sample": "goog#html"}, "'goog#html'"),
    ("sandbox", "", {}, "no source list"),
    ("upgrade-insecure-requests", "", {}, "no source list"),
    ("no-such-directive", "https://cdn.example/a", {}, "no source list"),
    ("img-src", "eval", {}, "only script-src"),
    ("style-src", "wasm-eval", {"source_file": f"{ORIGIN}/app.js"}, "only script-src"),
    ("img-src", "", {}, "what was loaded"),
    ("frame-src", "", {}, "what was loaded"),
    ("img-src", "https://[", {}, "cannot be read"),
    ("img-src", "https://[::1]/a.png", {}, "'[::1]'"),
    ("img-src", "https://a_b.example/a.png", {}, "'a_b.example'"),
    ("img-src", "https://a..b/a.png", {}, "'a..b'"),
]


@pytest.mark.parametrize(("directive", "blocked", "known", "why"), UNRESOLVED)
def test_what_no_source_can_answer_is_unresolved(directive: str, blocked: str, known: dict[str, Any], why: str) -> None:
    outcome = candidate(make_group(directive, blocked, **known), ORIGINS)
    assert isinstance(outcome, Unresolved)
    assert outcome.directive == directive
    assert why in outcome.why
    assert outcome.todo


def test_self_is_what_matches_on_the_groups_own_documents_not_on_another_of_the_site() -> None:
    group = make_group("img-src", "https://blog.shop.example/a.png")
    outcome = candidate(group, (ORIGIN, "https://blog.shop.example"))
    assert isinstance(outcome, Admit)
    assert outcome.source == "https://blog.shop.example"


def test_a_document_without_an_origin_on_no_known_site_gets_the_origin_spelt_out() -> None:
    outcome = candidate(make_group("img-src", f"{ORIGIN}/a.png", document_origin="about"), ())
    assert isinstance(outcome, Admit)
    assert outcome.source == ORIGIN


ODD_URLS = [
    "https://cdn.example",
    "https://cdn.example/",
    "https://cdn.example/a/../b.js?c",
    "https://cdn.example:443/a.js",
    "https://cdn.example:8443/a.js",
    "https://cdn.example:99999/a.js",
    "http://cdn.example/a.js",
    "wss://cdn.example/socket",
    "https://shop.example/a.js",
    "https://shop.example:443",
    "https:///cdn.example/a.js",
    "https://cdn.example\\@other.example/a.js",
    "https://user@cdn.example/a.js",
    "https://CDN.example/a.js",
    "https://xn--bcher-kva.example/a.js",
    "https://xn--a/a.js",
    "https://127.1/a.js",
    "https://a..b/a.js",
    "https://-/a.js",
    "https://cdn.example\n/a.js",
    f"https://{'a' * 300}.example/a.js",
    "https://[::1]/a.js",
]


@pytest.mark.parametrize("directive", ["img-src", "script-src-elem", "connect-src", "base-uri"])
@pytest.mark.parametrize("blocked", ODD_URLS)
def test_only_the_origin_of_a_url_counts(directive: str, blocked: str) -> None:
    """What is remembered of an origin is what its whole URL asks for."""
    group = make_group(directive, blocked)
    printed = PARENTS.get(directive, directive)
    assert candidate(group, (ORIGIN,)) == _of_url(parse_blocked(blocked), group.document_origin, printed, (ORIGIN,))
