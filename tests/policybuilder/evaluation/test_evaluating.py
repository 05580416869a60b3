"""Tests of what an evaluation finds, as tables of texts and weaknesses."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from collector.security_headers import STRICT_POLICY
from policybuilder.csp import Delivery, canonical, parse_serialized_policy
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.codes import CODES
from policybuilder.evaluation.evaluating import Circumstances, evaluate, evaluate_in
from policybuilder.evaluation.weakness import Certainty, Severity, Weakness
from policybuilder.presets import PRESETS

N = "'nonce-bm90IGEgc2VjcmV0IGF0IGFsbA=='"
SHA256 = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

# The text, the code, its severity, its directive, and the value.
FOUND = [
    # scripts: what governs decides
    ("default-src 'unsafe-inline'", "script-unsafe-inline", "high", "default-src", "'unsafe-inline'"),
    ("script-src 'UNSAFE-inline'", "script-unsafe-inline", "high", "script-src", "'UNSAFE-inline'"),
    (
        "script-src-attr 'unsafe-inline'; default-src 'none'",
        "script-unsafe-inline",
        "high",
        "script-src-attr",
        "'unsafe-inline'",
    ),
    (
        "script-src-elem 'none'; script-src 'unsafe-inline'",
        "script-unsafe-inline",
        "high",
        "script-src",
        "'unsafe-inline'",
    ),
    ("script-src-elem * 'unsafe-inline'; default-src 'self'", "script-any-host", "high", "script-src-elem", "*"),
    ("script-src 'unsafe-eval'", "script-unsafe-eval", "medium", "script-src", "'unsafe-eval'"),
    (
        "script-src 'unsafe-eval'; require-trusted-types-for 'script'",
        "script-unsafe-eval",
        "info",
        "script-src",
        "'unsafe-eval'",
    ),
    (f"script-src 'unsafe-hashes' {SHA256}", "script-unsafe-hashes", "low", "script-src", "'unsafe-hashes'"),
    ("script-src https:", "script-any-host", "high", "script-src", "https:"),
    ("script-src http://*", "script-any-host", "high", "script-src", "http://*"),
    ("script-src https://*:*", "script-any-host", "high", "script-src", "https://*:*"),
    ("script-src data:", "script-data", "high", "script-src", "data:"),
    ("script-src blob:", "script-blob", "medium", "script-src", "blob:"),
    ("script-src filesystem:", "script-blob", "medium", "script-src", "filesystem:"),
    ("script-src https://*.com", "script-registry-wildcard", "high", "script-src", "https://*.com"),
    ("script-src *.br.com", "script-registry-wildcard", "high", "script-src", "*.br.com"),
    ("script-src *.co.uk", "script-registry-wildcard", "high", "script-src", "*.co.uk"),
    ("script-src *.github.io", "script-registry-wildcard", "high", "script-src", "*.github.io"),
    ("script-src https://cdn.jsdelivr.net", "script-open-hosting", "high", "script-src", "https://cdn.jsdelivr.net"),
    (
        "script-src https://cdn.jsdelivr.net/npm/",
        "script-open-hosting",
        "high",
        "script-src",
        "https://cdn.jsdelivr.net/npm/",
    ),
    ("script-src *.jsdelivr.net", "script-open-hosting", "high", "script-src", "*.jsdelivr.net"),
    ("script-src https://www.googleapis.com", "script-jsonp", "high", "script-src", "https://www.googleapis.com"),
    ("script-src https://en.wikipedia.org/w/", "script-jsonp", "high", "script-src", "https://en.wikipedia.org/w/"),
    ("script-src https://code.angularjs.org", "script-framework", "high", "script-src", "https://code.angularjs.org"),
    (
        "script-src https://cdn.jsdelivr.net/npm/angular@1.8.3/",
        "script-framework",
        "high",
        "script-src",
        "https://cdn.jsdelivr.net/npm/angular@1.8.3/",
    ),
    (
        "script-src 'unsafe-eval' https://unpkg.com/vue@3.4.0/",
        "script-framework",
        "high",
        "script-src",
        "https://unpkg.com/vue@3.4.0/",
    ),
    (
        "script-src https://www.googletagmanager.com",
        "script-tag-manager",
        "medium",
        "script-src",
        "https://www.googletagmanager.com",
    ),
    (
        "script-src https://cdn.example.net/app/ https://bit.ly",
        "script-redirector",
        "medium",
        "script-src",
        "https://cdn.example.net/app/",
    ),
    ("script-src *.shop.example", "script-wildcard-host", "low", "script-src", "*.shop.example"),
    ("script-src https://cdn.example.net", "script-allowlist", "low", "script-src", None),
    ("script-src 'strict-dynamic'", "strict-dynamic-alone", "low", "script-src", "'strict-dynamic'"),
    ("script-src 'self'; worker-src blob:", "worker-local-url", "low", "worker-src", "blob:"),
    ("img-src 'self'", "script-unrestricted", "high", "script-src", None),
    ("script-src-elem 'self'", "script-unrestricted", "high", "script-src", None),
    ("script-src-elem 'self'; script-src-attr 'none'", "eval-unrestricted", "medium", "script-src", None),
    ("script-src-elem 'self'; script-src-attr 'none'", "worker-unrestricted", "low", "worker-src", None),
    # what may leave, and what may come in
    ("default-src 'none'; connect-src *", "exfiltration-any-host", "low", "connect-src", "*"),
    ("default-src 'self'; connect-src *", "exfiltration-any-host", "medium", "connect-src", "*"),
    ("default-src 'self'; connect-src wss:", "exfiltration-any-host", "medium", "connect-src", "wss:"),
    ("default-src 'self'; img-src https:", "exfiltration-any-host", "low", "img-src", "https:"),
    ("default-src 'self'; form-action *", "exfiltration-any-host", "medium", "form-action", "*"),
    ("default-src 'self'; frame-src *.com", "exfiltration-any-host", "low", "frame-src", "*.com"),
    (
        "default-src 'self'; connect-src https://www.google-analytics.com",
        "exfiltration-recorder",
        "low",
        "connect-src",
        "https://www.google-analytics.com",
    ),
    ("default-src 'self'; style-src *", "style-any-host", "low", "style-src", "*"),
    ("default-src 'self'; style-src 'unsafe-inline'", "style-unsafe-inline", "low", "style-src", "'unsafe-inline'"),
    (
        "default-src 'self'; style-src-attr 'unsafe-inline'",
        "style-unsafe-inline",
        "low",
        "style-src-attr",
        "'unsafe-inline'",
    ),
    ("default-src 'self'; object-src data:", "object-any-source", "low", "object-src", "data:"),
    ("default-src 'self'; base-uri *", "base-uri-any-host", "low", "base-uri", "*"),
    (f"script-src {N}; base-uri https:", "base-uri-any-host", "high", "base-uri", "https:"),
    ("default-src 'self'; frame-ancestors *", "frame-ancestors-any-host", "low", "frame-ancestors", "*"),
    (
        "default-src 'self'; frame-src *.netlify.app https://sites.google.com",
        "open-hosting",
        "low",
        "frame-src",
        "https://sites.google.com",
    ),
    ("default-src 'self' http://cdn.example.net", "insecure-scheme", "medium", "default-src", "http://cdn.example.net"),
    ("img-src http:", "insecure-scheme", "low", "img-src", "http:"),
    ("script-src https://cdn.example.net:*", "any-port", "low", "script-src", "https://cdn.example.net:*"),
    ("img-src 192.0.2.7", "address-host", "info", "img-src", "192.0.2.7"),
    ("connect-src http://localhost:3000", "loopback-host", "info", "connect-src", "http://localhost:3000"),
    ("script-src 127.0.0.1", "loopback-host", "low", "script-src", "127.0.0.1"),
    # what is missing
    ("default-src 'self'", "base-uri-missing", "low", "base-uri", None),
    (f"default-src 'self'; script-src {N}", "base-uri-missing", "high", "base-uri", None),
    (f"script-src {SHA256} 'strict-dynamic'", "base-uri-missing", "high", "base-uri", None),
    (f"script-src {SHA256}", "base-uri-missing", "low", "base-uri", None),
    ("script-src 'self'", "object-src-missing", "low", "object-src", None),
    ("default-src 'self'", "form-action-missing", "medium", "form-action", None),
    ("default-src 'self'", "frame-ancestors-missing", "low", "frame-ancestors", None),
    ("script-src 'self'", "fetch-unrestricted", "medium", "default-src", None),
    ("script-src 'none'", "fetch-unrestricted", "low", "default-src", None),
    # nonces and digests
    ("script-src 'nonce-abc'", "nonce-short", "medium", "script-src", "'nonce-abc'"),
    ("script-src 'nonce-YWJjZGVmZ2hp'", "nonce-short", "low", "script-src", "'nonce-YWJjZGVmZ2hp'"),
    ("script-src 'sha256-YWJj'", "dead-hash", "low", "script-src", "'sha256-YWJj'"),
    (
        SHA256.join(("script-src ", "")).replace("sha256", "sha512"),
        "dead-hash",
        "low",
        "script-src",
        SHA256.replace("sha256", "sha512"),
    ),
    (f"script-src 'url-{SHA256[1:]}", "experimental-hash", "info", "script-src", f"'url-{SHA256[1:]}"),
    # Trusted Types
    ("script-src 'self'", "trusted-types-missing", "info", "require-trusted-types-for", None),
    (
        "script-src 'self'; require-trusted-types-for script",
        "trusted-types-missing",
        "info",
        "require-trusted-types-for",
        None,
    ),
    (
        "script-src 'self'; require-trusted-types-for script",
        "unknown-value",
        "low",
        "require-trusted-types-for",
        "script",
    ),
    ("trusted-types *", "trusted-types-any-name", "low", "trusted-types", "*"),
    ("trusted-types a!b", "unknown-value", "low", "trusted-types", "a!b"),
    # reporting
    ("report-to csp", "report-to-unusable", "info", "report-to", None),
    ("report-uri http://r.example/csp", "insecure-scheme", "low", "report-uri", "http://r.example/csp"),
    ("report-uri /csp; report-to csp", "report-uri-ignored", "info", "report-uri", None),
    # what does nothing
    (
        "img-src https: cdn.example.net https://img.example",
        "redundant-source",
        "info",
        "img-src",
        "https://img.example",
    ),
    (
        "img-src *.example.net https://a.example.net *.b.example.net",
        "redundant-source",
        "info",
        "img-src",
        "*.b.example.net",
    ),
    (
        "img-src https://a.example/js/ https://a.example/js/x.js",
        "redundant-source",
        "info",
        "img-src",
        "https://a.example/js/x.js",
    ),
    ("img-src 'self' SELF 'SELF'", "redundant-source", "info", "img-src", "'SELF'"),
    ("img-src * 'self'", "redundant-source", "info", "img-src", "'self'"),
    ("img-src 'unsafe-inline'", "source-without-effect", "info", "img-src", "'unsafe-inline'"),
    ("script-src 'unsafe-hashes'", "source-without-effect", "info", "script-src", "'unsafe-hashes'"),
    ("script-src-attr 'self' 'unsafe-hashes'", "source-without-effect", "info", "script-src-attr", "'self'"),
    ("script-src-elem 'unsafe-eval'", "source-without-effect", "info", "script-src-elem", "'unsafe-eval'"),
    ("style-src 'strict-dynamic'", "source-without-effect", "info", "style-src", "'strict-dynamic'"),
    (f"connect-src {N}", "source-without-effect", "info", "connect-src", N),
    (
        f"script-src {N} 'strict-dynamic' https: cdn.example.net",
        "ignored-host",
        "info",
        "script-src",
        "cdn.example.net",
    ),
    ("sandbox allow-script", "unknown-value", "low", "sandbox", "allow-script"),
    # what browsers leave out
    ("img-src 'self' object-src 'none'", "directive-as-source", "medium", "img-src", "object-src"),
    ("img-src 'self'; img-src *", "duplicate-directive", "low", "img-src", None),
    ("img-src 'sefl'", "invalid-source", "low", "img-src", "'sefl'"),
    ("script-src [::1]:foo", "invalid-source", "low", "script-src", "[::1]:foo"),
    ("default-src ‘self’", "non-ascii", "medium", None, None),
    ("img-src 'self' 'none'", "none-ignored", "low", "img-src", "'none'"),
    ("img-src https://a.example/x?y", "query-ignored", "info", "img-src", "https://a.example/x?y"),
    ("referrer origin", "removed-directive", "info", "referrer", None),
    ("disown-opener", "removed-directive", "info", "disown-opener", None),
    ("report-to a b", "unexpected-value", "info", "report-to", "b"),
    ("scirpt-src 'self'", "unknown-directive", "low", "scirpt-src", None),
    ("script-src unsafe-inline", "unquoted-keyword", "low", "script-src", "unsafe-inline"),
    # the whole text
    ("default-src 'self', img-src 'none'", "several-policies", "info", None, None),
    (f"img-src {' '.join(f'https://h{number}.example' for number in range(150))}", "size", "info", None, None),
    (f"img-src {' '.join(f'https://h{number}.example' for number in range(450))}", "size", "low", None, None),
]


@pytest.mark.parametrize(("text", "code", "severity", "directive", "value"), FOUND, ids=lambda each: str(each)[:60])
def test_finds_the_weakness(text: str, code: str, severity: str, directive: str | None, value: str | None) -> None:
    found = [(each.code, each.severity.value, each.directive, each.value) for each in evaluate(text)]
    assert found.count((code, severity, directive, value)) == 1


def test_every_code_is_shown_by_a_row_or_by_a_test_of_its_own() -> None:
    shown = {code for _, code, *_ in FOUND}
    apart = {"nonce-repeated", "lookalike-host", "ignored-in-meta", "ignored-in-report-only", "comma"}
    assert CODES.keys() - apart == shown


# Texts of which these codes must not be said.
NOT_FOUND = [
    (f"script-src {N} 'unsafe-inline'", "script-unsafe-inline"),
    (f"script-src {SHA256} 'unsafe-inline'", "script-unsafe-inline"),
    (f"script-src {N} 'strict-dynamic' https: 'unsafe-inline'", "script-unsafe-inline"),
    (f"script-src {N} 'strict-dynamic' https: *", "script-any-host"),
    (f"script-src {N} 'strict-dynamic' https://cdn.jsdelivr.net", "script-open-hosting"),
    ("script-src 'self'; default-src *", "script-any-host"),
    ("script-src-elem 'self'; script-src https:", "script-any-host"),
    ("script-src 'self'", "script-allowlist"),
    ("script-src https://cdn.jsdelivr.net/npm/jquery@3.7.1/", "script-open-hosting"),
    ("script-src https://me.github.io", "script-open-hosting"),
    ("script-src https://cdn.jsdelivr.net/npm/vue@3.4.0/", "script-framework"),
    ("script-src https://en.wikipedia.org/static/", "script-jsonp"),
    ("script-src *.internal", "script-registry-wildcard"),
    ("sandbox; script-src *", "script-any-host"),
    ("sandbox allow-forms", "script-unrestricted"),
    ("sandbox allow-scripts", "form-action-missing"),
    (f"script-src {N} 'strict-dynamic' https: http:", "insecure-scheme"),
    (f"script-src {N} 'strict-dynamic' https: http:", "redundant-source"),
    ("script-src *.googleapis.com", "script-registry-wildcard"),
    ("connect-src https://raw.githubusercontent.com", "open-hosting"),
    ("sandbox allow-scripts; form-action *", "exfiltration-any-host"),
    ("default-src 'none'", "trusted-types-missing"),
    ("default-src 'none'; script-src 'report-sample'", "trusted-types-missing"),
    ("script-src 'nonce-{NONCE}'", "nonce-short"),
    ("img-src http://a.example; upgrade-insecure-requests", "insecure-scheme"),
    ("img-src 'none'", "none-ignored"),
    ("img-src 'self' *.example.net example.net", "redundant-source"),
    ("img-src a.example/x a.example/y", "redundant-source"),
    ("worker-src 'strict-dynamic'", "source-without-effect"),
    ("script-src 'report-sha256' 'trusted-types-eval' 'inline-speculation-rules'", "invalid-source"),
    ("fenced-frame-src 'self'", "unknown-directive"),
    ("script-src-elem 'self'; script-src-attr 'none'; script-src 'self'", "eval-unrestricted"),
    ("default-src 'self'; object-src 'none'", "object-src-missing"),
    ("object-src 'self' data.example", "object-any-source"),
]


@pytest.mark.parametrize(("text", "code"), NOT_FOUND)
def test_does_not_find_what_is_none(text: str, code: str) -> None:
    assert code not in {weakness.code for weakness in evaluate(text)}


# What one policy of a text opens another closes: (text, codes that are said, codes that are not)
STACKED = [
    ("script-src *, script-src 'self'", set(), {"script-any-host", "script-unrestricted"}),
    ("script-src *, script-src https:", {"script-any-host"}, set()),
    ("script-src *, img-src 'self'", {"script-any-host"}, set()),
    ("script-src 'unsafe-inline', script-src 'self'", set(), {"script-unsafe-inline"}),
    (f"script-src 'unsafe-inline', script-src 'unsafe-inline' {N}", set(), {"script-unsafe-inline"}),
    (f"script-src *, script-src {N} 'strict-dynamic' https:", set(), {"script-any-host"}),
    ("script-src 'unsafe-eval', default-src 'self'", set(), {"script-unsafe-eval"}),
    ("script-src https://cdn.jsdelivr.net, script-src https://cdn.jsdelivr.net", {"script-open-hosting"}, set()),
    (
        "script-src https://cdn.jsdelivr.net, script-src https://cdn.jsdelivr.net/npm/jquery@3.7.1/",
        set(),
        {"script-open-hosting"},
    ),
    ("script-src *.jsdelivr.net, script-src https:", {"script-open-hosting"}, set()),
    (
        "default-src 'self', base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        set(),
        {"base-uri-missing", "form-action-missing", "frame-ancestors-missing"},
    ),
    ("style-src 'unsafe-inline', style-src 'self'", set(), {"style-unsafe-inline"}),
    ("img-src *, img-src 'self'", set(), {"exfiltration-any-host"}),
    ("sandbox, script-src *", set(), {"script-any-host"}),
]


@pytest.mark.parametrize(("text", "said", "not_said"), STACKED)
def test_counts_only_what_every_policy_leaves_open(text: str, said: set[str], not_said: set[str]) -> None:
    found = {weakness.code for weakness in evaluate(text)}
    assert said <= found
    assert not found & not_said
    assert "several-policies" in found


def test_tells_in_which_policy_a_weakness_stands() -> None:
    (found,) = [
        each
        for each in evaluate("img-src 'self',, script-src *, default-src *")
        if each.value == "*" and each.directive == "script-src"
    ]
    assert found.policy == 2


# The fourteen defects of csp_evaluator 1.1.8 that are known: what it does not see, or sees wrongly.
DEFECTS = [
    (
        1,
        "script-src 'self' 'report-sha256' 'trusted-types-eval'; fenced-frame-src 'none'",
        None,
        {"invalid-source", "unknown-directive"},
    ),
    (2, "default-src 'none', script-src *", "several-policies", {"script-any-host"}),
    (3, "script-src 'self'; script-src *", "duplicate-directive", {"script-any-host"}),
    (4, "script-src *:443", "script-any-host", set()),
    (5, "script-src blob: filesystem:", "script-blob", set()),
    (6, "script-src 'none' https://cdn.jsdelivr.net", "none-ignored", set()),
    (6, "script-src 'none' https://cdn.jsdelivr.net", "script-open-hosting", set()),
    (7, "default-src 'self'; style-src *", "style-any-host", set()),
    (8, "default-src 'self'; form-action *", "exfiltration-any-host", {"form-action-missing"}),
    (8, "default-src 'self'", "frame-ancestors-missing", set()),
    (9, "script-src 'sha256-abcd'", "dead-hash", set()),
    (10, "trusted-types *; require-trusted-types-for 'script'", "trusted-types-any-name", {"trusted-types-missing"}),
    (11, "script-src-elem 'self'; script-src-attr 'none'", "eval-unrestricted", {"script-unrestricted"}),
    (12, f"script-src {N} 'strict-dynamic' https: cdn.example.net", "ignored-host", set()),
    (13, "script-src [::1]:foo *", "script-any-host", set()),
]


@pytest.mark.parametrize(("number", "text", "code", "not_said"), DEFECTS)
def test_is_right_where_the_peer_is_wrong(number: int, text: str, code: str | None, not_said: set[str]) -> None:
    found = [weakness.code for weakness in evaluate(text)]
    assert code is None or code in found
    assert not not_said & set(found)
    if number == 12:
        assert found.count("ignored-host") == 1


def test_every_weakness_has_a_place_and_says_why() -> None:
    """The fourteenth defect."""
    text = "script-src 'self' 'unsafe-inline'; img-src data:"
    (found,) = [each for each in evaluate(text) if each.code == "script-unsafe-inline"]
    assert text[found.start : found.end] == "'unsafe-inline'"
    assert found.fix == "script-src 'self'; img-src data:"
    assert found.certainty is Certainty.CERTAIN
    assert found.why


# (text, code, better text)
FIXES = [
    ("default-src * 'unsafe-inline'", "script-unsafe-inline", "default-src * 'unsafe-inline'; script-src *"),
    ("default-src *;", "script-any-host", "default-src *; script-src 'self'"),
    ("img-src data: https: http:", "exfiltration-any-host", "img-src data: 'self'"),
    ("default-src 'unsafe-eval' *", "script-any-host", "default-src 'unsafe-eval' *; script-src 'unsafe-eval' 'self'"),
    ("script-src data: 'unsafe-eval'", "script-data", "script-src 'unsafe-eval'"),
    ("img-src https: a.example *.com", "exfiltration-any-host", "img-src a.example"),
    ("default-src *; style-src 'none'", "exfiltration-any-host", "default-src 'self'; style-src 'none'"),
    ("script-src 'unsafe-inline'", "script-unsafe-inline", "script-src 'none'"),
    ("script-src 'self'  'unsafe-eval'\ta.example", "script-unsafe-eval", "script-src 'self'\ta.example"),
    ("img-src https: https://a.example", "redundant-source", "img-src https:"),
    ("img-src 'self' 'none'", "none-ignored", "img-src 'self'"),
    ("img-src 'none' 'NONE'", "none-ignored", "img-src 'none'"),
    ("script-src unsafe-inline 'self'", "unquoted-keyword", "script-src 'self'"),
    ("script-src self", "unquoted-keyword", "script-src 'self'"),
    ("img-src 'sefl'", "invalid-source", "img-src 'self'"),
    ("img-src self'", "invalid-source", "img-src 'self'"),
    ('img-src "self"', "invalid-source", "img-src 'self'"),
    ("img-src 'self' object-src 'none'", "directive-as-source", "img-src 'self'; object-src 'none'"),
    # 'unsafe-inline' would begin to count, or scripts of every host, so that goes unmended.
    ("script-src 'unsafe-inlnie' 'self'", "invalid-source", "script-src 'self'"),
    ("default-src 'self'; img-src x script-src *", "directive-as-source", "default-src 'self'; img-src x *"),
    ("default-src 'none'; scirpt-src *", "unknown-directive", "default-src 'none'"),
    ("scirpt-src 'self'; img-src *", "unknown-directive", "script-src 'self'; img-src *"),
    (" referrer x ; img-src 'self'", "removed-directive", " img-src 'self'"),
    ("img-src 'self'; referrer x", "removed-directive", "img-src 'self'"),
    ("img-src 'self' ; img-src *;", "duplicate-directive", "img-src 'self' ; "),
    ("default-src ‘self’", "non-ascii", "default-src 'self'"),
    ("default-src 'self'; img-src é", "non-ascii", "default-src 'self'"),
    ("img-src https://a.example/x?y#z", "query-ignored", "img-src https://a.example/x"),
    ("img-src http://a.example:80/x", "insecure-scheme", "img-src https://a.example/x"),
    ("img-src https://a.example:*/x", "any-port", "img-src https://a.example/x"),
    ("script-src 'sha256-YWJj' 'unsafe-inline'", "dead-hash", "script-src 'none'"),
    ("script-src 'nonce-abc'", "nonce-short", "script-src 'nonce-{NONCE}'"),
    ("default-src 'none'; require-trusted-types-for", "trusted-types-missing", None),
    (
        "script-src 'self'; require-trusted-types-for",
        "trusted-types-missing",
        "script-src 'self'; require-trusted-types-for 'script'",
    ),
    ("trusted-types *", "trusted-types-any-name", "trusted-types 'none'"),
    ("report-to a b c", "unexpected-value", "report-to a"),
    ("img-src 'self', style-src 'self'", "form-action-missing", "img-src 'self'; form-action 'self', style-src 'self'"),
]


@pytest.mark.parametrize(("text", "code", "better"), FIXES)
def test_writes_the_text_better_by_one_change(text: str, code: str, better: str | None) -> None:
    assert next((each.fix for each in evaluate(text) if each.code == code), None) == better


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_have_no_grave_weakness(name: str) -> None:
    assert {each.severity for each in evaluate(PRESETS[name].policy)} <= {Severity.LOW, Severity.INFO}


def test_nothing_is_weak_in_a_policy_that_allows_nothing() -> None:
    assert evaluate(f"{STRICT_POLICY}; frame-ancestors 'none'") == ()


def test_an_empty_text_has_no_policy_and_no_weakness() -> None:
    for text in ("", " \t\n", ";", " ;, ;"):
        assert evaluate(text) == ()


def test_in_a_document_some_directives_do_nothing() -> None:
    text = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; report-uri /r"
    found = evaluate(text, delivery=Delivery.META)
    assert [each.directive for each in found if each.code == "ignored-in-meta"] == ["frame-ancestors", "report-uri"]
    (missing,) = [each for each in found if each.code == "frame-ancestors-missing"]
    assert missing.fix is None
    assert missing.advice is not None
    assert "header" in missing.advice


def test_a_document_cannot_hold_a_policy_that_only_reports() -> None:
    (found,) = evaluate("script-src *", delivery=Delivery.META, disposition=Disposition.REPORT)
    assert (found.code, found.fix) == ("ignored-in-meta", None)


def test_a_policy_that_only_reports_is_judged_like_another() -> None:
    text = "script-src *; sandbox; upgrade-insecure-requests"
    found = [each.code for each in evaluate(text, disposition=Disposition.REPORT)]
    assert "script-any-host" in found
    assert found.count("ignored-in-report-only") == 2


@pytest.mark.parametrize(
    ("header", "severity"),
    [
        ('csp="https://r.example/csp"', None),
        ('other="https://a.example", csp="/csp"', None),
        ('csp="http://r.example/csp"', Severity.LOW),
        ('csp="//r.example/csp"', Severity.LOW),
        ('other="https://r.example"', Severity.LOW),
        ("csp=https://r.example", Severity.LOW),
        ('csp="https://r.example/csp" other="https://r.example"', Severity.LOW),
        ('csp="https://r.example/csp",', Severity.LOW),
        ("", Severity.LOW),
        (None, Severity.INFO),
    ],
)
def test_report_to_reaches_what_the_response_defines(header: str | None, severity: Severity | None) -> None:
    found = evaluate("report-to csp", reporting_endpoints=header)
    assert next((each.severity for each in found if each.code == "report-to-unusable"), None) == severity


def test_report_uri_works_again_without_a_report_to_that_reaches_nobody() -> None:
    found = evaluate("img-src 'self'; report-to csp; report-uri /csp", reporting_endpoints="")
    assert next(each.fix for each in found if each.code == "report-to-unusable") == "img-src 'self'; report-uri /csp"


def test_a_nonce_of_another_response_is_known_to_whoever_saw_that() -> None:
    text = f"script-src {N}"
    found = evaluate(text, earlier=[f"default-src 'self'; script-src {N}"])
    assert [(each.severity, each.value) for each in found if each.code == "nonce-repeated"] == [(Severity.HIGH, N)]
    assert "nonce-repeated" not in {each.code for each in evaluate(text, earlier=[text])}, "one response, told twice"
    assert "nonce-repeated" not in {each.code for each in evaluate(text, earlier=["script-src 'nonce-b3RoZXI='"])}


def test_a_nonce_that_visitors_reported_as_the_same_for_many_is_no_secret() -> None:
    known = Circumstances(reused=(str(canonical(parse_serialized_policy(f"script-src 'self' {N}"))),))
    for nonce in (N, "'nonce-{NONCE}'"):
        found = [each for each in evaluate_in(known, f"script-src {nonce} 'self'") if each.code == "nonce-repeated"]
        assert [(each.severity, each.certainty) for each in found] == [(Severity.HIGH, Certainty.LIKELY)]
        assert all(each.fix or each.advice for each in found)
    assert "nonce-repeated" not in {each.code for each in evaluate_in(known, f"script-src {N}")}, "another policy"


# (text, the site's own hosts, what looks like another)
LOOKALIKES = [
    ("img-src https://cdn.paypa1.com", ("paypal.com",), "https://cdn.paypa1.com"),
    ("img-src google-shop.com; style-src https://goggle-shop.com google-shop.com", (), "https://goggle-shop.com"),
]


@pytest.mark.parametrize(("text", "own", "value"), LOOKALIKES)
def test_a_host_that_looks_like_another_is_told_of(text: str, own: Sequence[str], value: str) -> None:
    assert [each.value for each in evaluate(text, first_party=own) if each.code == "lookalike-host"] == [value]


def test_the_sites_own_hosts_are_nobodys_lookalikes() -> None:
    text = "img-src https://goggle-shop.com https://google-shop.com"
    found = evaluate(text, first_party=["goggle-shop.com", "google-shop.com"])
    assert "lookalike-host" not in {each.code for each in found}


# Texts that are hard to read: nothing is raised, and places are in the text.
HOSTILE = [
    "\x00",
    "script-src \x00 'self'",
    "\ud800 'self'",
    "script-src '\udfff'",
    "img-src \x1b[31mred",
    "img-src \u202eevil",
    ";" * 1000,
    "," * 1000,
    "a" * 10_000,
    "script-src " + "'" * 5_000,
    "script-src https://" + "a." * 3_000 + "com",
    "script-src https://a/" + "%61" * 5_000,
    "script-src *." * 50,
    "sandbox " + "allow-" * 500,
    "script-src 'nonce-" + "=" * 500 + "'",
    "script-src 'sha256-" + "A" * 5_001 + "'",
    "report-to " + '"' * 100,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("delivery", list(Delivery))
def test_a_text_of_any_kind_is_evaluated(text: str, delivery: Delivery) -> None:
    for weakness in evaluate(text, delivery=delivery, first_party=["shop.example"], reporting_endpoints=text):
        assert 0 <= weakness.start <= weakness.end <= len(text)


LONG = {
    "hosts": " ".join(f"https://h{number}.example.com" for number in range(2_200)),
    "wildcards": " ".join(f"*.g{number}.com" for number in range(5_000)),
    "ports": " ".join(f"a.b:{number}" for number in range(7_000)),
    "schemes": " ".join(f"s{number}:" for number in range(8_000)),
    "keywords": " ".join(f"nonce-{number}" for number in range(5_000)),
    "policies": ", script-src *.github.io".join(["x"] * 2_000),
    "two policies": " ".join(f"*.g{n}.com" for n in range(2_500))
    + ", script-src "
    + " ".join(f"*.g{n}.com" for n in range(2_500)),
    "directives": "; ".join(f"scirpt-src{number} a" for number in range(3_000)),
}


@pytest.mark.parametrize("name", list(LONG))
def test_as_much_as_a_header_holds_is_evaluated_soon(name: str) -> None:
    """A second or two on an idle machine; what grows with the square of the text takes minutes."""
    started = time.monotonic()
    found = evaluate(f"script-src {LONG[name]}")
    assert time.monotonic() - started < 20
    assert sum(len(weakness.fix or "") for weakness in found) < 8 * 1024 * 1024


def test_nothing_is_said_of_a_text_that_no_browser_takes_but_that() -> None:
    (found,) = evaluate("script-src " + "a" * 1024 * 1024)
    assert (found.code, found.severity) == ("size", Severity.HIGH)


def weakness_names(found: Sequence[Weakness]) -> list[str]:
    return [weakness.code for weakness in found]


def test_the_worst_stands_first_and_then_what_stands_first() -> None:
    found = evaluate("img-src *; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:")
    order = [(list(Severity).index(each.severity), each.start) for each in found]
    assert order == sorted(order)
    assert weakness_names(found)[:2] == ["script-unsafe-inline", "script-data"]
