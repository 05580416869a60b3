"""Tests of the examination: each value's answer, and that together they say what the decision says."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import (
    Browser,
    Question,
    SampleExtent,
    Verdict,
    decide,
    hash_source,
    parse_serialized_policy,
)
from policybuilder.csp.examination import Part, examine
from policybuilder.csp.question import Hint, InlineType
from tests.oracle.recording import Item, browser_of, read

ALLOW, BLOCK, UNKNOWN = Verdict.ALLOW, Verdict.BLOCK, Verdict.UNKNOWN
PAGE = "https://shop.example/cart"
LIB = "https://cdn.example/app/lib.js"
CODE = "go()"
DIGEST, OTHER = hash_source(CODE), hash_source("other")
WHOLE = {"sample": CODE, "sample_extent": SampleExtent.WHOLE}


def asked(directive: str = "img-src", blocked: str | None = LIB, **known: Any) -> Question:
    """A question with nothing left open but what is said."""
    known = {"page": PAGE, "nonce": "", "integrity": "", "parser_inserted": True, **known}
    return Question(directive=directive, blocked=blocked, **known)


SCRIPT = asked("script-src-elem")
INLINE = asked("script-src-elem", "inline", inline_type=InlineType.SCRIPT, **WHOLE)
HANDLER = asked("script-src-attr", "inline", inline_type=InlineType.SCRIPT_ATTRIBUTE, **WHOLE)
CUT = asked("script-src-elem", "inline", sample=CODE, sample_extent=SampleExtent.PREFIX)
TRIMMED = asked("script-src-elem", "inline", sample=CODE, sample_extent=SampleExtent.TRIMMED)
EVAL, WASM = asked("script-src", "eval"), asked("script-src", "wasm-eval")
NAME = asked("trusted-types", "trusted-types-policy", **{**WHOLE, "sample": "shop"})

# Columns: policy, question; the first value's verdict, the part it misses, words of its reason.
VALUES = [
    ("img-src https://other.example", asked(), BLOCK, Part.HOST, "the host is cdn.example"),
    ("img-src *.cdn.example", asked(), BLOCK, Part.HOST, "below cdn.example, not cdn.example itself"),
    ("img-src *.cdn.example", asked(blocked="data"), BLOCK, Part.HOST, "a data: URL has no host"),
    ("img-src http://cdn.example", asked(), ALLOW, None, "it covers the URL"),
    ("img-src wss://cdn.example", asked(), BLOCK, Part.SCHEME, "it says wss: and the URL is https:"),
    ("connect-src cdn.example", asked("connect-src", "http://cdn.example/"), BLOCK, Part.SCHEME, "the page's scheme"),
    ("img-src https://cdn.example:8443", asked(), BLOCK, Part.PORT, "it says port 8443 and the URL has port 443"),
    ("img-src https://cdn.example", asked(blocked="https://cdn.example:8443/"), BLOCK, Part.PORT, "the default port"),
    ("img-src https://cdn.example/web/", asked(), BLOCK, Part.PATH, "/app/lib.js is not below /web/"),
    ("img-src https://cdn.example/app", asked(), BLOCK, Part.PATH, "/app/lib.js is not equal to /app"),
    ("img-src https://cdn.example/app/", asked(origin_only=True), UNKNOWN, None, "cuts the URL to its origin"),
    ("img-src data:", asked(), BLOCK, Part.SCHEME, "it covers data: and the URL is https:"),
    ("img-src *", asked(blocked="data"), BLOCK, Part.SCHEME, "not data:"),
    ("img-src *", asked(), ALLOW, None, "it covers the URL"),
    ("img-src 'self'", asked(), BLOCK, Part.HOST, "the page is on shop.example, the URL on cdn.example"),
    ("img-src 'self'", asked(blocked="data"), BLOCK, Part.HOST, "no origin to share"),
    ("img-src 'self'", asked(blocked="https://shop.example:8443/a"), BLOCK, Part.PORT, "the page has port 443"),
    ("connect-src 'self'", asked("connect-src", "http://shop.example/"), BLOCK, Part.SCHEME, "the page is https:"),
    ("img-src 'none'", asked(), BLOCK, None, "it admits nothing"),
    ("img-src 'none' data:", asked(), BLOCK, None, "it means nothing beside other expressions"),
    ("img-src self", asked(), BLOCK, Part.HOST, "the host is cdn.example"),
    ("img-src 'slef'", asked(), BLOCK, None, "browsers ignore it"),
    ("img-src 'nonce-abc'", asked(), BLOCK, None, "nonces admit <script>"),
    ("script-src 'nonce-abc'", SCRIPT, BLOCK, None, "does not carry this nonce"),
    ("script-src 'nonce-abc'", SCRIPT._replace(nonce="abc"), ALLOW, None, "carries the nonce"),
    ("script-src 'nonce-abc'", SCRIPT._replace(nonce=None), UNKNOWN, None, "do not tell the nonce"),
    (f"script-src {DIGEST}", SCRIPT, BLOCK, None, "no integrity attribute"),
    (f"img-src {DIGEST}", asked(), BLOCK, None, "digests admit code only"),
    (f"script-src {LIB} 'strict-dynamic'", SCRIPT, BLOCK, None, "not consulted: 'strict-dynamic'"),
    ("script-src 'strict-dynamic'", SCRIPT, BLOCK, None, "this stood in the markup"),
    ("script-src 'strict-dynamic'", SCRIPT._replace(parser_inserted=False), ALLOW, None, "another script inserted it"),
    ("worker-src 'strict-dynamic'", asked("worker-src"), ALLOW, None, "a trusted script made the worker"),
    ("img-src 'strict-dynamic'", asked(), BLOCK, None, "it concerns scripts only"),
    ("script-src 'unsafe-inline'", SCRIPT, BLOCK, None, "inline code only"),
    ("script-src 'unsafe-inline'", INLINE, ALLOW, None, "all inline code"),
    ("script-src 'unsafe-inline' 'nonce-abc'", INLINE, BLOCK, None, "switched off by a nonce"),
    (f"script-src 'unsafe-inline' {OTHER}", INLINE, BLOCK, None, "switched off by a digest"),
    ("script-src 'unsafe-inline' 'strict-dynamic'", INLINE, BLOCK, None, "switched off by 'strict-dynamic'"),
    ("script-src 'self'", INLINE, BLOCK, None, "inline code has none"),
    (f"script-src {DIGEST}", INLINE, ALLOW, None, "that of the code"),
    (f"script-src {OTHER}", INLINE, BLOCK, None, "the digest of other code"),
    (f"script-src {DIGEST}", CUT, UNKNOWN, None, "too little of the code"),
    (f"script-src {DIGEST}", TRIMMED, UNKNOWN, None, "white space may be missing"),
    (f"script-src {DIGEST}", HANDLER, BLOCK, None, "only beside 'unsafe-hashes'"),
    (f"script-src {DIGEST} 'unsafe-hashes'", HANDLER, ALLOW, None, "that of the code"),
    ("script-src 'unsafe-hashes'", HANDLER, BLOCK, None, "there is no digest"),
    ("script-src 'nonce-abc'", HANDLER, BLOCK, None, "nonces admit <script>"),
    ("script-src 'report-sample'", INLINE, BLOCK, None, "asks for samples"),
    ("script-src 'unsafe-eval'", EVAL, ALLOW, None, "code made from text"),
    ("script-src 'wasm-unsafe-eval'", EVAL, BLOCK, None, "says nothing of code made from text"),
    ("script-src 'wasm-unsafe-eval'", WASM, ALLOW, None, "it allows WebAssembly"),
    ("default-src 'self'", EVAL, BLOCK, None, "says nothing of code made from text"),
    ("trusted-types shop", NAME, ALLOW, None, "it allows the name"),
    ("trusted-types cart", NAME, BLOCK, None, "another name"),
    ("trusted-types *", NAME, ALLOW, None, "it allows the name"),
    ("trusted-types shop", NAME._replace(name_taken=True), BLOCK, None, "taken already"),
    ("trusted-types 'none'", NAME, BLOCK, None, "it allows no name"),
    ("require-trusted-types-for 'script'", asked("require-trusted-types-for"), BLOCK, None, "locks the sinks"),
    ("frame-ancestors https://a.example", asked("frame-ancestors", None), UNKNOWN, None, "does not tell the URL"),
    ("script-src 'strict-dynamic'", SCRIPT._replace(parser_inserted=None), UNKNOWN, None, "do not tell who inserted"),
    ("img-src 'self'", asked(page=None), UNKNOWN, None, "the origin of the page is not known"),
    ("default-src 'self'; script-src *", SCRIPT._replace(hint=Hint.PREFETCH), BLOCK, Part.HOST, "on cdn.example"),
    ("frame-src https://cdn.example", asked("frame-src", ""), BLOCK, None, "names no URL that it could cover"),
    ("frame-src data:", asked("frame-src", ""), UNKNOWN, None, "does not tell the scheme"),
    (
        "script-src 'unsafe-eval' 'eval-sha256-AAAA'",
        EVAL._replace(browser=Browser.CHROMIUM),
        BLOCK,
        None,
        "eval digest",
    ),
    ("trusted-types *", NAME._replace(sample="a b"), BLOCK, None, "no name may have"),
    ("trusted-types shop", NAME._replace(sample=None), UNKNOWN, None, "does not tell the name"),
    ("trusted-types shop-cart", NAME._replace(sample_extent=SampleExtent.PREFIX), UNKNOWN, None, "not tell the name"),
    ("trusted-types cart", NAME._replace(sample_extent=SampleExtent.PREFIX), BLOCK, None, "another name"),
    ("trusted-types shop", NAME._replace(name_taken=None), UNKNOWN, None, "taken already"),
    ("require-trusted-types-for script", asked("require-trusted-types-for"), BLOCK, None, "it means nothing"),
    ("sandbox allow-forms", asked("sandbox"), UNKNOWN, None, "has no source list"),
]


@pytest.mark.parametrize(("policy", "question", "verdict", "misses", "words"), VALUES)
def test_each_value_says_why(
    policy: str, question: Question, verdict: Verdict, misses: Part | None, words: str
) -> None:
    first = examine(parse_serialized_policy(policy), question)[0]
    assert (first.verdict, first.misses) == (verdict, misses)
    assert words in first.why
    assert first.specification.startswith("https://")


def test_values_come_in_the_order_and_spelling_of_the_policy() -> None:
    policy = parse_serialized_policy("IMG-SRC 'NONE' HTTPS://Other.Example data: 'self' nonsense!")
    found = examine(policy, asked())
    assert [each.source for each in found] == ["'NONE'", "HTTPS://Other.Example", "data:", "'self'", "nonsense!"]


def test_nothing_is_examined_where_nothing_governs() -> None:
    assert examine(parse_serialized_policy("font-src 'self'"), asked()) == ()


def test_locked_sinks_answer_for_eval_before_any_source() -> None:
    policy = parse_serialized_policy("script-src 'unsafe-eval'; require-trusted-types-for 'script'")
    (only,) = examine(policy, EVAL._replace(reaches_sink=True))
    assert (only.source, only.verdict) == ("'script'", BLOCK)


# Redirects, hints and integrity are more than one value can answer; several policies are the decision's business.
RECORDED = [item for item in read() if not {"via", "hint", "integrity"} & item.keys() and "," not in item["policy"]]


def question_in(item: Item) -> Question:
    return asked(
        item["directive"],
        item["blocked"],
        page=item["self"],
        sample=item.get("sample"),
        sample_extent=SampleExtent.WHOLE if "sample" in item else SampleExtent.NONE,
        nonce=item.get("nonce", ""),
        parser_inserted=item.get("parser_inserted", True),
        inline_type=InlineType(item["inline_type"]) if "inline_type" in item else None,
        name_taken=item.get("name_taken", False),
        browser=browser_of(item),
    )


@pytest.mark.parametrize("browser", [Browser.CHROMIUM, Browser.FIREFOX])
def test_a_list_admits_when_one_of_its_values_does(browser: Browser) -> None:
    """In every page that the browsers were shown: the examination is the decision, taken apart."""
    admitted = 0
    for item in RECORDED:
        if browser_of(item) is browser:
            policy, question = parse_serialized_policy(item["policy"]), question_in(item)
            decision = decide(policy, question)
            says = any(each.verdict is ALLOW for each in examine(policy, question))
            assert says is (decision.verdict is ALLOW and decision.matched_by is not None), item
            admitted += says
    assert admitted >= 300
