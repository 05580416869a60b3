"""Tests of decisions: their reasons, what browsers do apart, and several policies together."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import (
    Browser,
    Question,
    SampleExtent,
    Verdict,
    decide,
    decide_all,
    hash_source,
    parse_serialized_policy,
    parse_serialized_policy_list,
)
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.question import Hint, InlineType

ALLOW, BLOCK, UNKNOWN = Verdict.ALLOW, Verdict.BLOCK, Verdict.UNKNOWN
CHROMIUM, FIREFOX = Browser.CHROMIUM, Browser.FIREFOX
PAGE = "https://page.example/doc"
LIB = "https://cdn.example/app/lib.js"
VIA = "https://page.example/r"
PLAIN = "http://cdn.example/app/lib.js"
CODE = "go()"
DIGEST = hash_source(CODE)
OTHER = hash_source("other")
SHA512 = hash_source(CODE, "sha512")
UPPER = DIGEST.replace("sha256", "SHA256")
UNPADDED = DIGEST.replace("=", "")
URL_DIGEST = "'url-sha256-abcd'"
EVAL_DIGEST = "'eval-sha256-abcd'"
WHOLE = {"sample": CODE, "sample_extent": SampleExtent.WHOLE}


def make_question(directive: str = "img-src", blocked: str | None = LIB, **known: Any) -> Question:
    """A question with nothing left open but what is said."""
    known = {"page": PAGE, "nonce": "", "integrity": "", "parser_inserted": True, **known}
    return Question(directive=directive, blocked=blocked, **known)


SCRIPT = make_question("script-src-elem")
INLINE = make_question("script-src-elem", "inline", **WHOLE)
HANDLER = make_question("script-src-attr", "inline", **WHOLE)
EVAL = make_question("script-src", "eval")

# Columns: policy, question; verdict, reason.
REASONS = [
    ("img-src x", make_question("x-src"), UNKNOWN, "not a directive that browsers are known to check"),
    ("font-src x", make_question(), ALLOW, "the policy has no img-src or default-src"),
    ("font-src x", make_question("base-uri"), ALLOW, "the policy has no base-uri"),
    ("font-src x", make_question("form-action"), ALLOW, "the policy has no form-action"),
    ("font-src x", make_question("frame-ancestors"), ALLOW, "the policy has no frame-ancestors"),
    ("font-src x", make_question("default-src", hint=Hint.PREFETCH), ALLOW, "the policy has no default-src"),
    ("img-src x", EVAL, ALLOW, "the policy has no script-src or default-src"),
    ("img-src x", make_question("webrtc", ""), ALLOW, "the policy has no webrtc"),
    ("img-src x", make_question("sandbox", ""), ALLOW, "the policy has no sandbox"),
    ("sandbox", make_question("sandbox", ""), UNKNOWN, "what a sandbox withholds is not reported"),
    ("webrtc 'block'", make_question("webrtc", ""), BLOCK, "only the single value 'allow' allows connections"),
    ("webrtc 'Allow'", make_question("webrtc", ""), ALLOW, "it allows connections"),
    ("report-uri /r", make_question("report-uri", ""), ALLOW, "browsers block nothing by report-uri"),
    (
        "img-src x",
        make_question("upgrade-insecure-requests", ""),
        ALLOW,
        "browsers block nothing by upgrade-insecure-requests",
    ),
    ("img-src *", make_question(), ALLOW, "it matches the URL"),
    # why no URL
    ("img-src", make_question(), BLOCK, "img-src admits nothing"),
    ("img-src x", make_question(), BLOCK, "no source of img-src matches the URL"),
    ("img-src 'strict-dynamic'", make_question(), BLOCK, "no source of img-src matches the URL"),
    ("script-src x", SCRIPT, BLOCK, "no source of script-src matches the URL"),
    (
        "script-src 'strict-dynamic' cdn.example",
        SCRIPT,
        BLOCK,
        "under 'strict-dynamic' a script in the markup needs a nonce or a digest",
    ),
    (
        f"script-src cdn.example {URL_DIGEST}",
        SCRIPT._replace(browser=CHROMIUM),
        BLOCK,
        "a URL digest switches the other sources off, and outside the origin trial it admits nothing itself",
    ),
    (f"script-src x {URL_DIGEST}", SCRIPT._replace(browser=FIREFOX), BLOCK, "no source of script-src matches the URL"),
    (
        f"script-src x {EVAL_DIGEST}",
        SCRIPT._replace(browser=CHROMIUM),
        BLOCK,
        "no source of script-src matches the URL",
    ),
    (
        f"frame-src x {URL_DIGEST}",
        make_question("frame-src", browser=CHROMIUM),
        BLOCK,
        "no source of frame-src matches the URL",
    ),
    (
        "default-src 'none'",
        make_question("default-src", hint=Hint.PREFETCH),
        BLOCK,
        "no fetch directive admits the URL of the hint",
    ),
    (
        "default-src 'none'; worker-src 'strict-dynamic'",
        make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM),
        ALLOW,
        "it admits any worker, so any resource that may be one",
    ),
    # what is not known of a URL
    ("img-src 'self'", make_question(blocked=None), UNKNOWN, "'self' may admit it, but the URL is not reported"),
    (
        "img-src 'self'",
        make_question(blocked=None, redirected=True),
        UNKNOWN,
        "'self' may admit it, but the target of the redirect is not reported",
    ),
    (
        "img-src cdn.example",
        make_question(blocked=None, via=LIB),
        UNKNOWN,
        "cdn.example may admit it, but the target of the redirect is not reported",
    ),
    (
        "img-src cdn.example/app/",
        make_question(origin_only=True),
        UNKNOWN,
        "cdn.example/app/ may admit it, but the report cuts the URL to its origin",
    ),
    (
        "img-src cdn.example",
        make_question(page=None),
        UNKNOWN,
        "cdn.example may admit it, but the origin of the page is not known",
    ),
    (
        "img-src cdn.example",
        make_question(blocked=None),
        UNKNOWN,
        "cdn.example may admit it, but the URL is not reported",
    ),
    *(
        (
            "default-src data:",
            make_question(name, ""),
            UNKNOWN,
            "data: may admit it, but of a URL without an origin no report tells the scheme",
        )
        for name in ("fenced-frame-src", "frame-src", "object-src")
    ),
    ("frame-src * https: 'self'", make_question("frame-src", ""), BLOCK, "no source of frame-src matches the URL"),
    ("img-src", make_question(blocked="::", origin_only=True), BLOCK, "img-src admits nothing"),
    ("frame-src * 'self'", make_question("frame-src", "", page=None), BLOCK, "no source of frame-src matches the URL"),
    # what is not asked
    *(
        (
            "default-src 'none'",
            make_question(name, "about:blank"),
            ALLOW,
            "nothing is requested for about:, so nothing is checked",
        )
        for name in ("fenced-frame-src", "frame-src", "object-src")
    ),
    ("img-src 'none'", make_question("img-src", "about:blank"), BLOCK, "img-src admits nothing"),
    # nonces, digests and inserters
    ("script-src 'nonce-a'", SCRIPT._replace(nonce="a"), ALLOW, "the nonce is the same"),
    (
        "script-src 'nonce-a'",
        SCRIPT._replace(nonce=None),
        UNKNOWN,
        "'nonce-a' may admit it, but reports do not tell the nonce",
    ),
    ("script-src 'strict-dynamic'", SCRIPT._replace(parser_inserted=False), ALLOW, "another script inserted it"),
    (
        "script-src 'strict-dynamic'",
        SCRIPT._replace(parser_inserted=None),
        UNKNOWN,
        "'strict-dynamic' may admit it, but its inserter is not reported",
    ),
    (
        f"script-src {UPPER} {OTHER}",
        SCRIPT._replace(integrity=None),
        UNKNOWN,
        f"{UPPER} may admit it, but reports do not tell the integrity attribute",
    ),
    (
        f"script-src {DIGEST}",
        SCRIPT._replace(integrity=DIGEST.strip("'")),
        ALLOW,
        "its integrity attribute names no other digest",
    ),
    (
        "script-src 'strict-dynamic'",
        SCRIPT._replace(nonce=None),
        BLOCK,
        "under 'strict-dynamic' a script in the markup needs a nonce or a digest",
    ),
    ("script-src 'strict-dynamic'", INLINE._replace(parser_inserted=False), ALLOW, "another script inserted it"),
    (
        "script-src 'strict-dynamic'",
        INLINE._replace(parser_inserted=None),
        UNKNOWN,
        "'strict-dynamic' may admit it, but its inserter is not reported",
    ),
    (f"script-src {DIGEST}", INLINE, ALLOW, "the digest is the same"),
    ("script-src 'nonce-{NONCE}'", INLINE._replace(nonce=None), ALLOW, "the site's own inline code carries the nonce"),
    (
        f"script-src {UPPER} {OTHER}",
        INLINE._replace(sample_extent=SampleExtent.PREFIX),
        UNKNOWN,
        f"{UPPER} may admit it, but the report does not hold the whole code",
    ),
    (
        f"script-src {UPPER} {SHA512}",
        INLINE._replace(sample="other", sample_extent=SampleExtent.TRIMMED),
        UNKNOWN,
        f"{UPPER} may admit it, but white space around the code is not reported",
    ),
    (
        f"script-src {UPPER} {OTHER}",
        INLINE._replace(sample=None, sample_extent=SampleExtent.WHOLE),
        UNKNOWN,
        f"{UPPER} may admit it, but the report does not hold the whole code",
    ),
    (
        f"script-src {UPPER} {OTHER}",
        INLINE._replace(sample=None, sample_extent=SampleExtent.TRIMMED),
        UNKNOWN,
        f"{UPPER} may admit it, but the report does not hold the whole code",
    ),
    # why no inline code
    ("script-src 'unsafe-inline'", INLINE, ALLOW, "it allows all inline code"),
    (
        "script-src 'unsafe-inline' 'nonce-a'",
        INLINE,
        BLOCK,
        "'unsafe-inline' is switched off by a nonce, a digest or 'strict-dynamic', and none of them matches",
    ),
    (f"script-src {DIGEST}", HANDLER, BLOCK, "without 'unsafe-hashes' digests admit elements only"),
    ("script-src 'self'", HANDLER, BLOCK, "no nonce, digest or keyword of script-src admits this inline code"),
    (
        f"script-src {DIGEST}",
        INLINE._replace(sample="other"),
        BLOCK,
        "no nonce, digest or keyword of script-src admits this inline code",
    ),
    (
        f"script-src {DIGEST} 'unsafe-hashes'",
        HANDLER._replace(sample="other"),
        BLOCK,
        "no nonce, digest or keyword of script-src admits this inline code",
    ),
    # code made from strings
    ("script-src 'self'", EVAL, BLOCK, "script-src has no 'unsafe-eval'"),
    (
        "script-src 'self'",
        EVAL._replace(blocked="wasm-eval"),
        BLOCK,
        "script-src has no 'unsafe-eval' or 'wasm-unsafe-eval'",
    ),
    (
        "script-src 'self'; require-trusted-types-for 'script'",
        EVAL,
        BLOCK,
        "script-src has no 'unsafe-eval' or 'trusted-types-eval'",
    ),
    ("script-src 'unsafe-eval'", EVAL, ALLOW, "it allows code made from strings"),
    (
        f"script-src 'unsafe-eval' {EVAL_DIGEST}",
        EVAL._replace(browser=CHROMIUM),
        BLOCK,
        "an eval digest switches 'unsafe-eval' off",
    ),
    (
        f"script-src 'unsafe-eval' {EVAL_DIGEST}",
        EVAL._replace(browser=FIREFOX),
        ALLOW,
        "it allows code made from strings",
    ),
    (
        f"script-src 'unsafe-eval' {EVAL_DIGEST}",
        EVAL._replace(browser=CHROMIUM, blocked="wasm-eval"),
        ALLOW,
        "it allows code made from strings",
    ),
    (
        "script-src 'unsafe-eval'; require-trusted-types-for 'script'",
        EVAL._replace(reaches_sink=True),
        BLOCK,
        "sinks are locked, unless a default policy of the page converts the string",
    ),
    ("script-src 'unsafe-eval'", EVAL._replace(reaches_sink=True), ALLOW, "it allows code made from strings"),
    (
        "script-src 'unsafe-eval'; require-trusted-types-for 'script'",
        EVAL._replace(reaches_sink=True, blocked="wasm-eval"),
        ALLOW,
        "it allows code made from strings",
    ),
    # Firefox alone
    (
        "script-src 'none'",
        INLINE._replace(inline_type=InlineType.SPECULATION_RULES, browser=FIREFOX),
        ALLOW,
        "Firefox takes speculation rules for data",
    ),
    (
        "form-action 'self'",
        make_question("form-action", redirected=True, browser=FIREFOX),
        ALLOW,
        "Firefox does not check where a form is redirected to",
    ),
]


@pytest.mark.parametrize(("policy", "question", "verdict", "reason"), REASONS)
def test_a_decision_tells_its_reason(policy: str, question: Question, verdict: Verdict, reason: str) -> None:
    decision = decide(parse_serialized_policy(policy), question)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert decision.directive is None or f"{decision.directive} " in f"{policy} "


# Columns: policy, question; the expression that matched.
MATCHED = [
    (
        "script-src 'self' 'inline-speculation-rules'",
        INLINE._replace(inline_type=InlineType.SPECULATION_RULES, browser=CHROMIUM),
        "'inline-speculation-rules'",
    ),
    (
        "default-src 'inline-speculation-rules'",
        INLINE._replace(inline_type=InlineType.SPECULATION_RULES, browser=CHROMIUM),
        None,
    ),
    (
        "default-src https://go.example; script-src https://cdn.example; img-src 'none'",
        make_question("default-src", via="https://go.example/a", hint=Hint.PREFETCH, browser=CHROMIUM),
        "https://cdn.example",
    ),
    (
        "default-src 'none'; script-src https://cdn.example",
        make_question("default-src", via="https://go.example/a", hint=Hint.PREFETCH, browser=CHROMIUM),
        None,
    ),
    (
        "default-src 'none'; worker-src 'strict-dynamic'",
        make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM),
        "'strict-dynamic'",
    ),
    (
        "default-src 'none'; script-src 'strict-dynamic'",
        make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM),
        "'strict-dynamic'",
    ),
    (
        "default-src 'none'; script-src-elem 'strict-dynamic'",
        make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM),
        None,
    ),
    (
        "default-src 'none'; script-src 'strict-dynamic'; worker-src 'none'",
        make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM),
        None,
    ),
    ("img-src * https: cdn.example", make_question(), "cdn.example"),
    ("img-src cdn.example https://cdn.example", make_question(), "cdn.example"),
    ("img-src * https: *.example cdn.example/app/ 'self'", make_question(), "cdn.example/app/"),
    # integrity
    (f"script-src {UNPADDED} {DIGEST}", SCRIPT._replace(integrity=DIGEST[1:-1], browser=CHROMIUM), UNPADDED),
    (f"script-src {SHA512} {DIGEST}", SCRIPT._replace(integrity=f"{DIGEST[1:-1]} {SHA512[1:-1]}"), DIGEST),
    ("script-src 'sha256-abcd'", SCRIPT._replace(integrity="sha256-abcd"), "'sha256-abcd'"),
    ("script-src 'sha256-abcd'", SCRIPT._replace(integrity="sha384-abcd"), None),
    ("script-src 'sha256-eA=='", SCRIPT._replace(integrity="sha256-x"), None),
    ("script-src 'ed25519-abcd'", SCRIPT._replace(integrity="ed25519-abcd", browser=CHROMIUM), "'ed25519-abcd'"),
    ("script-src 'ed25519-abcd'", SCRIPT._replace(integrity="ed25519-abcd", browser=FIREFOX), None),
]


@pytest.mark.parametrize(("policy", "question", "matched_by"), MATCHED)
def test_a_decision_names_the_expression_that_matched(policy: str, question: Question, matched_by: str | None) -> None:
    decision = decide(parse_serialized_policy(policy), question)
    assert (decision.verdict, decision.matched_by) == (BLOCK if matched_by is None else ALLOW, matched_by)


@pytest.mark.parametrize("directive", sorted(FALLBACKS))
def test_chromium_asks_about_a_hint_whatever_may_load_it(directive: str) -> None:
    """Nothing that is loaded is fenced, a handler or a style attribute."""
    policy = parse_serialized_policy(f"{directive} cdn.example; default-src 'none'")
    verdict = decide(policy, make_question("default-src", hint=Hint.PREFETCH, browser=CHROMIUM)).verdict
    assert verdict is (BLOCK if directive in {"fenced-frame-src", "script-src-attr", "style-src-attr"} else ALLOW)


def test_a_hint_without_url_is_in_doubt() -> None:
    decision = decide(
        parse_serialized_policy("default-src 'self'"), make_question("default-src", None, hint=Hint.PREFETCH)
    )
    assert decision == (UNKNOWN, "default-src", None, "'self' may admit it, but the URL is not reported")


UPGRADE = "upgrade-insecure-requests"

# Columns: policy, question; verdict in Chromium.
HOPS = [
    ("img-src https://cdn.example/x/ 'self'", make_question(via=VIA), ALLOW),
    ("img-src https://cdn.example/x/ https://page.example/x/", make_question(via=VIA), BLOCK),
    ("frame-src 'self' cdn.example", make_question("frame-src", via=VIA), ALLOW),
    (
        "frame-src 'self' https:",
        make_question("frame-src", "https://page.example:8443/", page="http://page.example:8443/"),
        ALLOW,
    ),
    (
        "frame-src 'self' https://cdn.example",
        make_question("frame-src", via="https://page.example:8443/", page="http://page.example:8443/"),
        BLOCK,
    ),
    (
        "object-src 'self' https://cdn.example",
        make_question("object-src", via="https://page.example:8443/", page="http://page.example:8443/"),
        ALLOW,
    ),
    # upgrades
    (f"{UPGRADE}; img-src https:", make_question(blocked=PLAIN, redirected=True), ALLOW),
    (f"{UPGRADE}; font-src https:", make_question("font-src", PLAIN, redirected=True), ALLOW),
    (f"{UPGRADE}; font-src https:", make_question("font-src", via=PLAIN), ALLOW),
    (f"{UPGRADE}; img-src https:", make_question(via=PLAIN), ALLOW),
    (f"{UPGRADE}; img-src https:", make_question(blocked=None), UNKNOWN),
    (f"{UPGRADE}; form-action https:", make_question("form-action", PLAIN), ALLOW),
    (f"{UPGRADE}; form-action https:", make_question("form-action", PLAIN, redirected=True), BLOCK),
    (f"{UPGRADE}; form-action https:", make_question("form-action", via=PLAIN), ALLOW),
    # what is not known
    ("base-uri https:", make_question("base-uri", page=None), ALLOW),
    ("base-uri cdn.example", make_question("base-uri", page=None), UNKNOWN),
    ("base-uri 'self'", make_question("base-uri", None), UNKNOWN),
    ("frame-ancestors https:", make_question("frame-ancestors", page=None), ALLOW),
    ("frame-ancestors 'self'", make_question("frame-ancestors", page=None), UNKNOWN),
]


@pytest.mark.parametrize(("policy", "question", "verdict"), HOPS)
def test_each_url_on_the_way_must_be_covered(policy: str, question: Question, verdict: Verdict) -> None:
    assert decide(parse_serialized_policy(policy), question._replace(browser=CHROMIUM)).verdict is verdict


# Columns: policy, question; what Chromium does, what Firefox does.
APART = [
    (f"script-src cdn.example {URL_DIGEST}", SCRIPT, BLOCK, ALLOW),
    (f"frame-src cdn.example {URL_DIGEST}", make_question("frame-src"), ALLOW, ALLOW),
    (f"script-src 'unsafe-eval' {EVAL_DIGEST}", EVAL, BLOCK, ALLOW),
    (f"script-src 'wasm-unsafe-eval' {EVAL_DIGEST}", EVAL._replace(blocked="wasm-eval"), ALLOW, ALLOW),
    ("script-src 'none'", INLINE._replace(inline_type=InlineType.SPECULATION_RULES), BLOCK, ALLOW),
    ("form-action 'self'", make_question("form-action", redirected=True), BLOCK, ALLOW),
    ("form-action 'self'", make_question("form-action", redirected=True, via=LIB), BLOCK, BLOCK),
    ("frame-ancestors cdn.example/app/", make_question("frame-ancestors"), BLOCK, ALLOW),
    ("frame-ancestors cdn.example/x", make_question("frame-ancestors"), BLOCK, ALLOW),
    (
        "frame-ancestors 'self'",
        make_question("frame-ancestors", "https://page.example:8443/", page="http://page.example:8443/"),
        BLOCK,
        ALLOW,
    ),
    ("img-src cdn.example:80", make_question(), BLOCK, ALLOW),
    ("img-src é; img-src 'none'", make_question(), ALLOW, BLOCK),
    (
        "frame-src 'self'",
        make_question("frame-src", "https://page.example:8443/", page="http://page.example:8443/"),
        BLOCK,
        ALLOW,
    ),
    # a port that is the default of the other scheme
    (
        "font-src 'self'",
        make_question("font-src", "http://page.example:443/", page="http://page.example/"),
        BLOCK,
        ALLOW,
    ),
    ("font-src x.example", make_question("font-src", "http://x.example:443/", page="http://x.example/"), BLOCK, ALLOW),
    (
        "font-src 'self'",
        make_question("font-src", "https://page.example/", page="https://page.example:80/"),
        BLOCK,
        ALLOW,
    ),
    (
        "font-src 'self'",
        make_question("font-src", "https://page.example:81/", page="https://page.example:80/"),
        BLOCK,
        BLOCK,
    ),
    ("frame-src cdn.example", make_question("frame-src", None), UNKNOWN, UNKNOWN),
    # insecure pictures on a secure page
    ("img-src https:", make_question(blocked=PLAIN), ALLOW, BLOCK),
    ("img-src https:", make_question(blocked=PLAIN, is_upgradeable=False), BLOCK, BLOCK),
    ("img-src https:", make_question(blocked=PLAIN, page="http://page.example/"), BLOCK, BLOCK),
    ("img-src https:", make_question(blocked="http://10.0.0.1/"), BLOCK, BLOCK),
    ("img-src https:", make_question(blocked="http://[::1]/"), BLOCK, BLOCK),
    ("img-src https:", make_question(via=PLAIN), ALLOW, BLOCK),
    ("img-src https:", make_question(via=VIA), ALLOW, ALLOW),
    ("img-src https: http://10.0.0.1", make_question(blocked=PLAIN, via="http://10.0.0.1/"), BLOCK, BLOCK),
    ("font-src https:", make_question("font-src", PLAIN), BLOCK, BLOCK),
    ("img-src https://cdn.example:80 'self'", make_question(page=None), UNKNOWN, ALLOW),
    ("img-src https://cdn.example:0443 'self'", make_question(page=None), ALLOW, UNKNOWN),
    ("font-src https://cdn.example:80", make_question("font-src", None), UNKNOWN, UNKNOWN),
    ("default-src 'none'; img-src cdn.example", make_question("default-src", hint=Hint.PREFETCH), ALLOW, BLOCK),
    (
        "trusted-types *",
        make_question("trusted-types", "", sample="a b", sample_extent=SampleExtent.WHOLE),
        BLOCK,
        ALLOW,
    ),
]


@pytest.mark.parametrize(("policy", "question", "chromium", "firefox"), APART)
def test_each_browser_has_its_answer_and_both_have_what_they_share(
    policy: str, question: Question, chromium: Verdict, firefox: Verdict
) -> None:
    parsed = parse_serialized_policy(policy)
    assert decide(parsed, question._replace(browser=CHROMIUM)).verdict is chromium
    assert decide(parsed, question._replace(browser=FIREFOX)).verdict is firefox
    assert decide(parsed, question).verdict is (chromium if chromium is firefox else UNKNOWN)


def test_a_verdict_that_browsers_do_not_share_names_both() -> None:
    decision = decide(parse_serialized_policy("img-src cdn.example:80"), make_question())
    assert decision == (
        UNKNOWN,
        "img-src",
        None,
        "Chromium would block, Firefox allow: no source of img-src matches the URL",
    )


@pytest.mark.parametrize("port", [80, "0443"])
def test_what_one_browser_leaves_open_nobody_can_tell(port: int | str) -> None:
    decision = decide(parse_serialized_policy(f"img-src https://cdn.example:{port} 'self'"), make_question(page=None))
    assert decision == (UNKNOWN, "img-src", None, "'self' may admit it, but the origin of the page is not known")


# Columns: directive, whether its inline code is taken for an element's, as no inline type is told.
INLINE_TYPES = [
    ("default-src", True),
    ("script-src", True),
    ("script-src-attr", False),
    ("script-src-elem", True),
    ("style-src", True),
    ("style-src-attr", False),
    ("style-src-elem", True),
]


@pytest.mark.parametrize(("directive", "is_element"), INLINE_TYPES)
def test_a_directive_suggests_what_its_inline_code_is(directive: str, is_element: bool) -> None:  # noqa: FBT001 - a column
    """Digests admit elements, and handlers and style attributes under 'unsafe-hashes' alone."""
    question = make_question(directive, "inline", **WHOLE)
    policy = parse_serialized_policy(f"{directive} {DIGEST}")
    assert decide(policy, question).verdict is (ALLOW if is_element else BLOCK)
    assert decide(policy, question._replace(inline_type=InlineType.STYLE_ATTRIBUTE)).verdict is BLOCK


@pytest.mark.parametrize(("directive", "is_style"), [(name, name.startswith("style")) for name, _ in INLINE_TYPES])
def test_what_is_taken_for_a_style_is_inline_beside_strict_dynamic(directive: str, is_style: bool) -> None:  # noqa: FBT001 - a column
    policy = parse_serialized_policy(f"{directive} 'unsafe-inline' 'strict-dynamic'")
    assert decide(policy, make_question(directive, "inline")).verdict is (ALLOW if is_style else BLOCK)


# Columns: policy, question; verdict.
NOT_INLINE = [
    ("img-src *", make_question(blocked="inline"), BLOCK),
    ("style-src 'unsafe-inline'", make_question("style-src", "javascript:x"), BLOCK),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", "jar:x"), BLOCK),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", "javascripts:x"), BLOCK),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", "JAVASCRIPT:x"), ALLOW),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", "javascript"), ALLOW),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", "data:x"), BLOCK),
    ("script-src 'unsafe-inline'", make_question("script-src-elem", None), BLOCK),
]


@pytest.mark.parametrize(("policy", "question", "verdict"), NOT_INLINE)
def test_only_javascript_urls_are_inline_code(policy: str, question: Question, verdict: Verdict) -> None:
    assert decide(parse_serialized_policy(policy), question).verdict is verdict


# Columns: policy, question, what else it may mean; verdict, reason.
MEANINGS = [
    (
        "script-src-attr 'unsafe-inline'; script-src 'self'",
        INLINE._replace(inline_type=InlineType.SCRIPT),
        HANDLER._replace(inline_type=InlineType.SCRIPT_ATTRIBUTE),
        UNKNOWN,
        "the report may mean script (inline) or script attribute (inline), which the policy treats apart",
    ),
    (
        "script-src 'unsafe-inline'",
        INLINE._replace(inline_type=InlineType.SCRIPT),
        EVAL,
        UNKNOWN,
        "the report may mean script (inline) or script-src (eval), which the policy treats apart",
    ),
    (
        "default-src 'none'; img-src cdn.example",
        make_question("default-src", hint=Hint.PREFETCH, browser=FIREFOX),
        make_question(browser=FIREFOX),
        UNKNOWN,
        "the report may mean prefetch or img-src, which the policy treats apart",
    ),
    ("img-src *", make_question(), make_question("font-src"), ALLOW, "it matches the URL"),
    (
        "img-src *; font-src 'self'",
        make_question(),
        make_question("font-src", None),
        UNKNOWN,
        "'self' may admit it, but the URL is not reported",
    ),
    (
        "img-src 'self'; font-src 'none'",
        make_question(blocked=None),
        make_question("font-src"),
        UNKNOWN,
        "'self' may admit it, but the URL is not reported",
    ),
]


@pytest.mark.parametrize(("policy", "question", "other", "verdict", "reason"), MEANINGS)
def test_all_meanings_must_get_one_answer(
    policy: str, question: Question, other: Question, verdict: Verdict, reason: str
) -> None:
    decision = decide(parse_serialized_policy(policy), question._replace(alternatives=(other,)))
    assert (decision.verdict, decision.reason) == (verdict, reason)


LOCKED = "require-trusted-types-for 'script'"

# Columns: policies, question; verdict, expression that matched, reason.
TOGETHER = [
    ("", make_question(), ALLOW, None, "there is no policy"),
    ("img-src *", make_question(), ALLOW, "*", "it matches the URL"),
    ("img-src *, font-src x", make_question(), ALLOW, "*", "it matches the URL"),
    ("font-src x, img-src *", make_question(), ALLOW, "*", "it matches the URL"),
    (
        "img-src *, img-src 'self', font-src x",
        make_question(blocked=None),
        UNKNOWN,
        None,
        "'self' may admit it, but the URL is not reported",
    ),
    ("img-src 'self', img-src 'none'", make_question(blocked=None), BLOCK, None, "img-src admits nothing"),
    (f"script-src 'self', {LOCKED}", EVAL, BLOCK, None, "script-src has no 'unsafe-eval' or 'trusted-types-eval'"),
    (
        f"script-src 'trusted-types-eval'; {LOCKED}, script-src 'self'",
        EVAL._replace(browser=CHROMIUM),
        ALLOW,
        "'trusted-types-eval'",
        "it allows code made from strings",
    ),
    (
        f"script-src 'self', script-src 'trusted-types-eval'; {LOCKED}",
        EVAL._replace(browser=CHROMIUM),
        ALLOW,
        "'trusted-types-eval'",
        "another policy of the page allows code made from strings under Trusted Types",
    ),
    (
        f"script-src 'self', script-src 'trusted-types-eval'; {LOCKED}",
        EVAL._replace(browser=FIREFOX),
        BLOCK,
        None,
        "script-src has no 'unsafe-eval' or 'trusted-types-eval'",
    ),
    (
        "script-src 'self', script-src 'trusted-types-eval'",
        EVAL._replace(browser=CHROMIUM),
        BLOCK,
        None,
        "script-src has no 'unsafe-eval'",
    ),
    (
        f"script-src 'self', script-src 'trusted-types-eval'; {LOCKED}",
        EVAL._replace(browser=CHROMIUM, blocked="wasm-eval"),
        BLOCK,
        None,
        "script-src has no 'unsafe-eval' or 'wasm-unsafe-eval'",
    ),
]


@pytest.mark.parametrize(("policies", "question", "verdict", "matched_by", "reason"), TOGETHER)
def test_several_policies_have_one_answer(
    policies: str, question: Question, verdict: Verdict, matched_by: str | None, reason: str
) -> None:
    decision = decide_all(parse_serialized_policy_list(policies).policies, question)
    assert (decision.verdict, decision.matched_by, decision.reason) == (verdict, matched_by, reason)


def test_all_meanings_are_judged_in_the_setting_of_the_page() -> None:
    policies = parse_serialized_policy_list("media-src https:; font-src https:, upgrade-insecure-requests").policies
    http = make_question(directive="media-src", blocked="http://cdn.example/")
    question = http._replace(alternatives=(http._replace(directive="font-src"),))
    assert decide_all(policies, question).verdict is ALLOW
    assert decide(policies[0], question).verdict is BLOCK
