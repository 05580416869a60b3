"""Tests of matching: fully known questions, which never get `unknown` for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import Verdict, hash_source, match, match_batch_item, parse_serialized_policy_list

ALLOW, BLOCK = Verdict.ALLOW, Verdict.BLOCK
PAGE = "https://page.example/dir/doc"
CODE = "alert(1)"
DIGEST = hash_source(CODE)
SHA512 = hash_source(CODE, "sha512")
LINK = "javascript:alert(1)"
STRICT = "script-src 'nonce-abc' 'strict-dynamic' 'self' https:"
LIB = "https://cdn.example/lib.js"

Case = tuple[str, str, str, dict[str, Any], Verdict, str | None, str | None]

# Columns: policy, directive, blocked, what else is known; verdict, directive consulted, expression that matched.
FETCH: list[Case] = [
    ("", "img-src", LIB, {}, ALLOW, None, None),
    ("font-src 'none'", "img-src", LIB, {}, ALLOW, None, None),
    ("img-src", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("img-src 'none'", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("img-src 'none' 'none'", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("img-src 'none' *", "img-src", LIB, {}, ALLOW, "img-src", "*"),
    ("img-src cdn.example_bad", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("default-src *; img-src 'none'", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("default-src 'none'; img-src *", "img-src", LIB, {}, ALLOW, "img-src", "*"),
    ("default-src *, img-src 'none'", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("font-src x, default-src https://CDN.example", "img-src", LIB, {}, ALLOW, "default-src", "https://CDN.example"),
    ("child-src 'none'; default-src *", "worker-src", LIB, {}, BLOCK, "child-src", None),
    ("script-src-elem *; script-src 'none'", "worker-src", LIB, {}, BLOCK, "script-src", None),
    ("img-src data:", "img-src", "data:image/png;base64,AA", {}, ALLOW, "img-src", "data:"),
    ("img-src * blob:", "img-src", "data", {}, BLOCK, "img-src", None),
    ("img-src cdn.example", "IMG-SRC", "https://user:pw@CDN.example:443/a/../b", {}, ALLOW, "img-src", "cdn.example"),
    ("img-src https://xn--bcher-kva.example", "img-src", "https://BÜCHER.example/", {}, ALLOW, "img-src", None),
    # redirects: both hops must pass, and the path counts for the first alone
    ("img-src https://cdn.example/a/", "img-src", LIB, {"redirected": True}, ALLOW, "img-src", None),
    ("img-src https://cdn.example/a/", "img-src", LIB, {}, BLOCK, "img-src", None),
    ("img-src 'self' cdn.example/a/", "img-src", LIB, {"via": "https://page.example/r"}, ALLOW, "img-src", None),
    ("img-src cdn.example", "img-src", LIB, {"via": "https://page.example/r"}, BLOCK, "img-src", None),
    ("img-src 'self'/ 'self'", "img-src", LIB, {"via": "https://page.example/r"}, BLOCK, "img-src", None),
    ("form-action 'self'", "form-action", LIB, {"via": "https://page.example/r"}, BLOCK, "form-action", None),
    # upgrades come before matching
    ("upgrade-insecure-requests; img-src https:", "img-src", "http://x.example/", {}, ALLOW, "img-src", "https:"),
    ("media-src https:", "media-src", "http://x.example/", {}, BLOCK, "media-src", None),
    # insecure pictures are upgraded on secure pages, but not those of an address
    ("img-src https:", "img-src", "http://x.example/", {}, ALLOW, "img-src", "https:"),
    ("img-src https://x.example:8080", "img-src", "http://x.example:8080/", {}, ALLOW, "img-src", None),
    ("img-src https:", "img-src", "http://192.0.2.9/", {}, BLOCK, "img-src", None),
    ("img-src https:", "img-src", "http://[2001:db8::1]/", {}, BLOCK, "img-src", None),
    ("img-src https:", "img-src", "http://localhost/", {}, BLOCK, "img-src", None),
    # nothing is requested for about:
    ("frame-src 'none'", "frame-src", "about:blank", {}, ALLOW, None, None),
    ("object-src 'none'", "object-src", "about:blank", {}, ALLOW, None, None),
    ("upgrade-insecure-requests; connect-src wss://x.example", "connect-src", "ws://x.example/", {}, ALLOW, None, None),
    ("upgrade-insecure-requests; base-uri https:", "base-uri", "http://x.example/", {}, BLOCK, "base-uri", None),
    # directives without fallback
    ("default-src 'none'", "base-uri", LIB, {}, ALLOW, None, None),
    ("base-uri 'self'", "base-uri", LIB, {}, BLOCK, "base-uri", None),
    ("base-uri 'self'", "base-uri", "https://page.example/x/", {}, ALLOW, "base-uri", "'self'"),
    ("form-action 'none'", "form-action", LIB, {}, BLOCK, "form-action", None),
    ("form-action https://cdn.example/lib.js", "form-action", LIB, {}, ALLOW, "form-action", None),
    ("default-src 'none'", "frame-ancestors", LIB, {}, ALLOW, None, None),
    ("frame-ancestors 'self'", "frame-ancestors", "https://page.example/other", {}, ALLOW, None, "'self'"),
    ("frame-ancestors 'none'", "frame-ancestors", "https://page.example/", {}, BLOCK, "frame-ancestors", None),
    ("frame-ancestors https://x.example", "frame-ancestors", "https://x.example/a/b", {}, ALLOW, None, None),
    ("frame-ancestors https://x.example/a/", "frame-ancestors", "https://x.example/a/b", {}, BLOCK, None, None),
    ("frame-ancestors *", "frame-ancestors", "data:text/html,x", {}, BLOCK, None, None),
    # hints: any fetch directive may match
    ("img-src 'none'", "default-src", LIB, {"hint": "prefetch"}, ALLOW, None, None),
    ("default-src 'none'; img-src 'self'", "default-src", LIB, {"hint": "prefetch"}, BLOCK, "default-src", None),
    ("default-src 'none'; font-src https:", "default-src", LIB, {"hint": "prefetch"}, ALLOW, "font-src", "https:"),
    ("default-src 'none'; form-action *", "default-src", LIB, {"hint": "Prerender"}, BLOCK, "default-src", None),
]

SCRIPTS: list[Case] = [
    ("script-src 'self'", "script-src-elem", LIB, {}, BLOCK, "script-src", None),
    ("script-src 'nonce-abc'", "script-src-elem", LIB, {"nonce": "abc"}, ALLOW, None, "'nonce-abc'"),
    ("script-src 'nonce-abc'", "script-src-elem", "data:,x", {"nonce": "abc"}, ALLOW, None, "'nonce-abc'"),
    ("script-src 'NONCE-abc'", "script-src-elem", LIB, {"nonce": "abc"}, ALLOW, None, "'NONCE-abc'"),
    ("script-src 'nonce-abc'", "script-src-elem", LIB, {"nonce": "ABC"}, BLOCK, None, None),
    ("script-src 'nonce-ab-_'", "script-src-elem", LIB, {"nonce": "ab+/"}, BLOCK, None, None),
    ("script-src 'nonce-abc='", "script-src-elem", LIB, {"nonce": "abc"}, BLOCK, None, None),
    ("script-src 'nonce-'", "script-src-elem", LIB, {"nonce": ""}, BLOCK, None, None),
    (
        "style-src 'nonce-abc'",
        "style-src-elem",
        "https://x.example/s.css",
        {"nonce": "abc"},
        ALLOW,
        None,
        "'nonce-abc'",
    ),
    ("style-src x.example", "style-src-elem", "https://x.example/s.css", {"nonce": "abc"}, ALLOW, None, "x.example"),
    ("style-src y.example", "style-src-elem", "https://x.example/s.css", {}, BLOCK, None, None),
    ("img-src 'nonce-abc'", "img-src", LIB, {"nonce": "abc"}, BLOCK, None, None),
    # integrity: every digest must be listed
    (f"script-src {DIGEST}", "script-src-elem", LIB, {"integrity": DIGEST.strip("'")}, ALLOW, None, DIGEST),
    (f"script-src {DIGEST}", "script-src-elem", LIB, {"integrity": "sha256-other="}, BLOCK, None, None),
    (f"script-src {DIGEST}", "script-src-elem", LIB, {"integrity": f"{DIGEST[1:-1]} sha384-x"}, BLOCK, None, None),
    (f"script-src {DIGEST}", "script-src-elem", LIB, {"integrity": f"{DIGEST[1:-1]}?ct md5-x"}, ALLOW, None, DIGEST),
    (
        f"script-src {DIGEST} {SHA512}",
        "script-src-elem",
        LIB,
        {"integrity": f"{SHA512[1:-1]} {DIGEST[1:-1]}"},
        ALLOW,
        None,
        None,
    ),
    (f"script-src {DIGEST}", "script-src-elem", LIB, {"integrity": "nonsense"}, BLOCK, None, None),
    (f"script-src {DIGEST}", "script-src-elem", LIB, {}, BLOCK, None, None),
    # 'strict-dynamic'
    (STRICT, "script-src-elem", LIB, {}, BLOCK, "script-src", None),
    (STRICT, "script-src-elem", LIB, {"parser_inserted": False}, ALLOW, "script-src", "'strict-dynamic'"),
    (STRICT, "script-src-elem", LIB, {"nonce": "abc"}, ALLOW, "script-src", "'nonce-abc'"),
    (STRICT, "script-src-elem", "data:,x", {"parser_inserted": False}, ALLOW, None, "'strict-dynamic'"),
    (STRICT, "script-src-elem", "inline", {"sample": CODE, "parser_inserted": False}, ALLOW, None, "'strict-dynamic'"),
    (STRICT, "script-src-elem", "inline", {"sample": CODE}, BLOCK, None, None),
    (STRICT, "worker-src", "https://x.example/w.js", {}, ALLOW, "script-src", "'strict-dynamic'"),
    # for workers whichever directive governs them
    ("worker-src 'strict-dynamic'", "worker-src", LIB, {}, ALLOW, "worker-src", "'strict-dynamic'"),
    ("default-src 'strict-dynamic'", "worker-src", LIB, {}, ALLOW, "default-src", "'strict-dynamic'"),
    ("script-src 'self'", "worker-src", "https://page.example/w.js", {}, ALLOW, "script-src", "'self'"),
    ("default-src 'strict-dynamic' 'self'", "img-src", "https://page.example/x", {}, ALLOW, "default-src", "'self'"),
    ("style-src 'strict-dynamic' 'self'", "style-src-elem", "https://page.example/x", {}, ALLOW, None, "'self'"),
]

INLINE: list[Case] = [
    ("img-src x", "script-src-elem", "inline", {}, ALLOW, None, None),
    ("default-src 'self'", "script-src-elem", "inline", {}, BLOCK, "default-src", None),
    ("script-src 'unsafe-inline'", "script-src-elem", "inline", {}, ALLOW, "script-src", "'unsafe-inline'"),
    ("script-src 'unsafe-inline'", "script-src-attr", "inline", {}, ALLOW, "script-src", "'unsafe-inline'"),
    ("script-src 'unsafe-inline' 'nonce-x'", "script-src-attr", "inline", {}, BLOCK, None, None),
    ("script-src 'unsafe-inline' 'nonce-{NONCE}'", "script-src-elem", "inline", {}, BLOCK, None, None),
    (f"script-src 'unsafe-inline' {DIGEST}", "script-src-elem", "inline", {"sample": "other"}, BLOCK, None, None),
    ("script-src 'unsafe-inline' 'strict-dynamic'", "script-src-elem", "inline", {}, BLOCK, None, None),
    ("style-src 'unsafe-inline' 'strict-dynamic'", "style-src-elem", "inline", {}, ALLOW, None, "'unsafe-inline'"),
    ("default-src 'unsafe-inline' 'strict-dynamic'", "style-src-elem", "inline", {}, BLOCK, "default-src", None),
    ("script-src 'unsafe-inline' 'unsafe-hashes' 'report-sample'", "script-src-attr", "inline", {}, ALLOW, None, None),
    # what is malformed does not switch 'unsafe-inline' off
    *(
        (f"script-src 'unsafe-inline' {token}", "script-src-elem", "inline", {}, ALLOW, None, "'unsafe-inline'")
        for token in ("'nonce-'", "'nonce-a!b'", "'nonce-a==='", "'sha1-abcd'", "'md5-abcd'", "'sha256-'", "nonce-abc")
    ),
    # nonces
    ("script-src 'nonce-abc'", "script-src-elem", "inline", {"nonce": "abc"}, ALLOW, None, "'nonce-abc'"),
    ("script-src 'nonce-abc'", "script-src-attr", "inline", {"nonce": "abc"}, BLOCK, None, None),
    ("style-src 'nonce-abc'", "style-src-elem", "inline", {"nonce": "abc"}, ALLOW, None, "'nonce-abc'"),
    ("style-src 'nonce-abc'", "style-src-attr", "inline", {"nonce": "abc"}, BLOCK, None, None),
    ("script-src 'nonce-abc'", "script-src-elem", LINK, {"nonce": "abc"}, BLOCK, None, None),
    ("script-src 'nonce-{NONCE}'", "script-src-elem", "inline", {"nonce": "{NONCE}"}, ALLOW, None, None),
    # digests
    (f"script-src {DIGEST}", "script-src-elem", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    (f"script-src {SHA512} 'sha384-x'", "script-src-elem", "inline", {"sample": CODE}, ALLOW, None, SHA512),
    (f"script-src 'sha256-x' {DIGEST}", "script-src-elem", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    (f"script-src {DIGEST}", "script-src-elem", "inline", {"sample": CODE + " "}, BLOCK, None, None),
    (
        f"script-src {DIGEST.replace('+', '-').replace('/', '_')}",
        "script-src-elem",
        "inline",
        {"sample": CODE},
        ALLOW,
        None,
        None,
    ),
    (f"script-src {DIGEST.replace('=', '')}", "script-src-elem", "inline", {"sample": CODE}, ALLOW, None, None),
    (
        f"script-src {DIGEST.replace('sha256', 'sha-256')}",
        "script-src-elem",
        "inline",
        {"sample": CODE},
        ALLOW,
        None,
        None,
    ),
    (f"script-src {DIGEST}", "script-src-attr", "inline", {"sample": CODE}, BLOCK, None, None),
    (f"script-src {DIGEST} 'unsafe-hashes'", "script-src-attr", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    (f"style-src {DIGEST}", "style-src-elem", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    (f"style-src {DIGEST} 'unsafe-hashes'", "style-src-attr", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    # javascript: URLs, whose digest includes the scheme
    (f"script-src {hash_source(LINK)} 'unsafe-hashes'", "script-src-elem", LINK, {}, ALLOW, None, hash_source(LINK)),
    (f"script-src {hash_source(LINK)}", "script-src-elem", LINK, {}, BLOCK, None, None),
    (f"script-src {DIGEST} 'unsafe-hashes'", "script-src-elem", LINK, {}, BLOCK, None, None),
    (
        f"script-src {hash_source(LINK)} 'unsafe-hashes'",
        "script-src-elem",
        "inline",
        {"sample": LINK, "inline_type": "navigation"},
        ALLOW,
        None,
        None,
    ),
    ("script-src 'unsafe-inline'", "script-src-elem", "JavaScript:x()", {}, ALLOW, None, "'unsafe-inline'"),
    ("script-src 'strict-dynamic'", "script-src-elem", LINK, {"parser_inserted": False}, BLOCK, None, None),
    ("script-src 'unsafe-inline'", "script-src-elem", "javascript", {}, ALLOW, None, "'unsafe-inline'"),
    # parents name the element
    (f"script-src {DIGEST}", "script-src", "inline", {"sample": CODE}, ALLOW, None, DIGEST),
    (
        f"script-src {DIGEST}",
        "script-src",
        "inline",
        {"sample": CODE, "inline_type": "script-attribute"},
        BLOCK,
        None,
        None,
    ),
]

OTHERS: list[Case] = [
    ("default-src 'self'", "script-src", "eval", {"sample": "1+1"}, BLOCK, "default-src", None),
    ("script-src 'unsafe-eval'", "script-src", "eval", {}, ALLOW, "script-src", "'unsafe-eval'"),
    ("script-src-elem 'unsafe-eval'; default-src x", "script-src", "eval", {}, BLOCK, "default-src", None),
    ("script-src-elem x", "script-src-elem", "eval", {}, ALLOW, None, None),
    ("script-src 'wasm-unsafe-eval'", "script-src", "eval", {}, BLOCK, "script-src", None),
    ("script-src 'wasm-unsafe-eval'", "script-src", "wasm-eval", {}, ALLOW, None, "'wasm-unsafe-eval'"),
    ("script-src 'unsafe-eval'", "script-src", "wasm-eval", {}, ALLOW, None, "'unsafe-eval'"),
    ("script-src 'wasm-eval'", "script-src", "wasm-eval", {}, BLOCK, None, None),
    ("script-src 'nonce-a' 'strict-dynamic'", "script-src", "eval", {"nonce": "a"}, BLOCK, None, None),
    ("script-src 'trusted-types-eval'", "script-src", "eval", {}, BLOCK, None, None),
    (
        "script-src 'trusted-types-eval'; require-trusted-types-for 'script'",
        *("script-src", "eval", {}, ALLOW, "script-src", "'trusted-types-eval'"),
    ),
    ("webrtc 'allow'", "webrtc", "", {}, ALLOW, "webrtc", "'allow'"),
    ("webrtc 'allow' 'block'", "webrtc", "", {}, BLOCK, "webrtc", None),
    ("webrtc", "webrtc", "", {}, BLOCK, "webrtc", None),
    ("default-src 'none'", "webrtc", "", {}, ALLOW, None, None),
    ("img-src x", "sandbox", "", {}, ALLOW, None, None),
    ("report-uri /x", "report-uri", "", {}, ALLOW, "report-uri", None),
    ("img-src x", "block-all-mixed-content", LIB, {}, ALLOW, None, None),
]


@pytest.mark.parametrize(
    "case", [*FETCH, *SCRIPTS, *INLINE, *OTHERS], ids=lambda case: " | ".join(map(str, case[:4]))[:90]
)
def test_a_known_question_has_an_answer(case: Case) -> None:
    policy, directive, blocked, known, verdict, consulted, matched_by = case
    decision = match(policy, page=PAGE, directive=directive, blocked=blocked, **known)
    assert decision.verdict is verdict
    assert consulted in {None, decision.directive}
    assert matched_by in {None, decision.matched_by}
    assert (decision.matched_by is None) == (
        verdict is BLOCK or decision.directive is None or directive == "report-uri"
    )
    assert decision.reason
    assert "\n" not in decision.reason


TYPES = "trusted-types app 'allow-duplicates'"

# Columns: policy, directive, blocked, sample; verdict.
TRUSTED_TYPES = [
    ("img-src x", "trusted-types", "trusted-types-policy", "app", ALLOW),
    ("trusted-types app", "trusted-types", "trusted-types-policy", "app", ALLOW),
    ("trusted-types app", "trusted-types", "trusted-types-policy", "App", BLOCK),
    ("trusted-types *", "trusted-types", "trusted-types-policy", "app", ALLOW),
    ("trusted-types", "trusted-types", "trusted-types-policy", "app", BLOCK),
    ("trusted-types 'none'", "trusted-types", "trusted-types-policy", "app", BLOCK),
    ("trusted-types 'none' app", "trusted-types", "trusted-types-policy", "app", ALLOW),
    (TYPES, "trusted-types", "trusted-types-policy", "app", ALLOW),
    ("img-src x", "require-trusted-types-for", "trusted-types-sink", "Element innerHTML|x", ALLOW),
    ("require-trusted-types-for 'script'", "require-trusted-types-for", "trusted-types-sink", None, BLOCK),
    ("require-trusted-types-for script", "require-trusted-types-for", "trusted-types-sink", None, ALLOW),
    ("require-trusted-types-for 'Script'", "require-trusted-types-for", "trusted-types-sink", None, ALLOW),
]


@pytest.mark.parametrize(("policy", "directive", "blocked", "sample", "verdict"), TRUSTED_TYPES)
def test_trusted_types_are_named_or_locked(
    policy: str, directive: str, blocked: str, sample: str | None, verdict: Verdict
) -> None:
    assert match(policy, page=PAGE, directive=directive, blocked=blocked, sample=sample).verdict is verdict


@pytest.mark.parametrize(("page", "blocked", "verdict"), [
    ("data:text/html,x", "data:text/html,x", BLOCK),
    ("about:blank", "https://page.example/", BLOCK),
    ("blob:https://page.example/u", "https://page.example/", ALLOW),
])  # fmt: skip
def test_an_opaque_page_has_no_self(page: str, blocked: str, verdict: Verdict) -> None:
    assert match("img-src 'self'", page=page, directive="img-src", blocked=blocked).verdict is verdict


def test_what_nobody_can_answer_is_unknown() -> None:
    """The sandbox has no reports, and inline code may be withheld."""
    assert match("sandbox", page=PAGE, directive="sandbox", blocked="").verdict is Verdict.UNKNOWN
    decision = match(f"script-src {DIGEST}", page=PAGE, directive="script-src-elem", blocked="inline")
    assert decision.verdict is Verdict.UNKNOWN


# Columns: the URL as it stands in the markup, the code whose digest the policy lists; what happens.
LINKS = [
    ("javascript:f('%41')", "javascript:f('A')", ALLOW),
    ("javascript:f('%41')", "javascript:f('%41')", BLOCK),
    (" JavaScript:f() ", "javascript:f()", ALLOW),
    ("java\tscript:f()", "javascript:f()", ALLOW),
    ("javascript:f('ä')", "javascript:f('ä')", ALLOW),
]


@pytest.mark.parametrize(("link", "code", "verdict"), LINKS)
def test_a_javascript_url_is_hashed_as_the_browser_runs_it(link: str, code: str, verdict: Verdict) -> None:
    policy = f"script-src 'unsafe-hashes' {hash_source(code)}"
    assert match(policy, page=PAGE, directive="script-src-elem", blocked=link).verdict is verdict


def test_policies_may_come_parsed() -> None:
    parsed = parse_serialized_policy_list("img-src *, img-src https:")
    decision = match(parsed, page=PAGE, directive="img-src", blocked=LIB)
    assert (decision.verdict, decision.matched_by) == (ALLOW, "*")
    for form in (parsed.policies[0], "img-src *"):
        assert match(form, page=PAGE, directive="img-src", blocked=LIB) == decision
    with pytest.raises(TypeError, match="text, a Policy or a PolicyList, not NoneType"):
        match(None, page=PAGE, directive="img-src", blocked=LIB)  # type: ignore[arg-type]


@pytest.mark.parametrize(("known", "message"), [
    ({"page": "nope"}, "not a URL of a page: 'nope'"),
    ({"directive": "script-scr"}, "no directive that browsers ask: 'script-scr'; did you mean script-src?"),
    ({"directive": "x"}, "no directive that browsers ask: 'x'$"),
    ({"blocked": "//cdn.example/"}, "neither a URL nor a keyword"),
    ({"via": "cdn.example/"}, "not a URL that redirects"),
    ({"inline_type": "poem"}, "no inline type: 'poem'; use script, script attribute,"),
    ({"hint": "preload"}, "no resource hint: 'preload'; use prefetch, prerender"),
])  # fmt: skip
def test_what_no_browser_could_ask_is_refused(known: dict[str, str], message: str) -> None:
    question: dict[str, Any] = {"page": PAGE, "directive": "img-src", "blocked": LIB, **known}
    with pytest.raises(ValueError, match=message):
        match("img-src *", **question)


ITEM = {"policy": "img-src *", "self": PAGE, "directive": "img-src", "blocked": LIB}


def test_a_batch_item_is_answered_under_its_id() -> None:
    answer = match_batch_item({**ITEM, "id": 7, "comment": ["ignored"], "nonce": None, "redirected": None})
    assert answer == {
        "id": 7,
        "verdict": "allow",
        "directive": "img-src",
        "matched_by": "*",
        "reason": "it matches the URL",
    }
    assert json.loads(json.dumps(answer)) == answer


def test_a_batch_item_takes_every_key() -> None:
    item = {
        "policy": "img-src 'self' cdn.example/a/",
        "self": PAGE,
        "directive": "img-src",
        "blocked": LIB,
        "redirected": True,
        "via": "https://page.example/r",
        "sample": "",
        "nonce": "",
        "integrity": "",
        "parser_inserted": False,
        "inline_type": "script",
        "hint": None,
    }
    assert match_batch_item(item)["verdict"] == "allow"
    assert "id" not in match_batch_item(item)


@pytest.mark.parametrize(("change", "message"), [
    ({"policy": None}, "the key 'policy' is missing"),
    ({"self": 1}, "the value of 'self' is not text: 1"),
    ({"redirected": "yes"}, "the value of 'redirected' is neither true nor false: 'yes'"),
    ({"blocked": ["x" * 500]}, "the value of 'blocked' is not text"),
])  # fmt: skip
def test_a_batch_item_of_another_shape_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        match_batch_item({**ITEM, **change})
    assert len(str(raised.value)) < 150


HOSTS = st.sampled_from(["a.example", "b.a.example", "page.example", "127.0.0.1"])
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "ws", "wss"]),
    HOSTS,
    st.sampled_from(["", ":80", ":443", ":8443"]),
    st.sampled_from(["", "/", "/a/b", "/a%2Fb"]),
) | st.sampled_from(["data:x", "blob:https://page.example/1", "about:blank"])
TOKENS = st.sampled_from(
    [
        *("'self'", "*", "https:", "http:", "data:", "'none'", "*.a.example", "http://a.example:80", "a.example/a/"),
        *("'nonce-abc'", "'strict-dynamic'", "'unsafe-inline'", DIGEST, "'unsafe-hashes'", "'wat'", "page.example."),
        "*:8443",
    ]
)
LISTS = st.lists(TOKENS, max_size=4)
DIRECTIVES = st.sampled_from(
    [
        *("img-src", "script-src-elem", "script-src-attr", "style-src-elem", "worker-src", "frame-src", "connect-src"),
        *("base-uri", "form-action", "frame-ancestors"),
    ]
)


@given(
    sources=LISTS,
    more=TOKENS,
    name=DIRECTIVES,
    url=URLS,
    nonce=st.sampled_from([None, "abc"]),
    redirected=st.booleans(),
)
def test_another_source_never_blocks_more(
    *,
    sources: list[str],
    more: str,
    name: str,
    url: str,
    nonce: str | None,
    redirected: bool,
) -> None:
    """A longer list admits at least what the shorter one does.

    Not so for 'strict-dynamic', which switches other sources off for scripts.
    """
    if more == "'strict-dynamic'":
        return
    before, after = (
        match(
            f"{name} {' '.join(values)}", page=PAGE, directive=name, blocked=url, nonce=nonce, redirected=redirected
        ).verdict
        for values in (sources, [*sources, more])
    )
    assert before is BLOCK or after is ALLOW


@given(policy=LISTS, another=LISTS, name=DIRECTIVES, url=URLS)
def test_another_policy_never_allows_more(policy: list[str], another: list[str], name: str, url: str) -> None:
    one, two = f"default-src {' '.join(policy)}", f"{name} {' '.join(another)}"
    verdicts = [match(text, page=PAGE, directive=name, blocked=url).verdict for text in (one, two, f"{one}, {two}")]
    assert verdicts[2] is (BLOCK if BLOCK in verdicts[:2] else ALLOW)


@pytest.mark.parametrize(
    ("policies", "verdict"),
    [
        ("font-src https:", BLOCK),
        ("font-src https:, upgrade-insecure-requests", ALLOW),
        ("upgrade-insecure-requests, font-src https:", ALLOW),
        ("upgrade-insecure-requests; font-src 'none', font-src https:", BLOCK),
    ],
)
def test_one_policy_upgrades_requests_for_all(policies: str, verdict: Verdict) -> None:
    """The flag is the page's, not the policy's."""
    assert match(policies, page=PAGE, directive="font-src", blocked="http://cdn.example/a.woff").verdict is verdict
