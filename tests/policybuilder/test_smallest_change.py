"""The smallest change: what is proposed for each kind of thing, and where a source cannot help."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import SampleExtent, Violation, hash_source, parse_serialized_policy
from policybuilder.matching_step import likeliest_question
from policybuilder.smallest_change import SmallestChange, smallest_change

LIB = "https://cdn.example/app/lib.js"
DIGEST = hash_source("go()")
WHOLE = {"sample": "go()", "sample_extent": SampleExtent.WHOLE}
NONCE = "'nonce-{NONCE}'"


def change_for(policy: str | None, directive: str, blocked: str = LIB, **known: Any) -> SmallestChange:
    violation = Violation(
        **{"document_uri": "https://shop.example/cart", **known}, effective_directive=directive, blocked_uri=blocked
    )
    parsed = None if policy is None else parse_serialized_policy(policy)
    return smallest_change(parsed, likeliest_question(violation, ""))


def asked(directive: str, blocked: str = LIB, **known: Any) -> dict[str, Any]:
    return {"directive": directive, "blocked": blocked, **known}


# (policy, what was blocked; the changed policy)
CHANGES = [
    ("img-src 'none'", asked("img-src"), "img-src https://cdn.example"),
    ("img-src 'self'", asked("img-src"), "img-src 'self' https://cdn.example"),
    ("script-src 'self'", asked("script-src-elem"), f"script-src 'self' {LIB}"),
    ("script-src-elem 'self'", asked("script-src-elem"), f"script-src-elem 'self' {LIB}"),
    ("script-src 'self'", asked("script-src-elem", "https://cdn.example"), "script-src 'self' https://cdn.example"),
    ("script-src 'none'", asked("script-src-elem", "https://shop.example/a.js"), "script-src 'self'"),
    ("default-src 'self'", asked("font-src"), "default-src 'self'; font-src 'self' https://cdn.example"),
    (
        f"default-src 'self' 'unsafe-eval' {DIGEST} x!",
        asked("img-src"),
        f"default-src 'self' 'unsafe-eval' {DIGEST} x!; img-src 'self' https://cdn.example",
    ),
    (
        "default-src 'self' 'unsafe-eval'",
        asked("script-src-elem"),
        f"default-src 'self' 'unsafe-eval'; script-src 'self' 'unsafe-eval' {LIB}",
    ),
    ("script-src 'self'", asked("worker-src"), f"script-src 'self'; worker-src 'self' {LIB}"),
    ("img-src 'self'", asked("img-src", "data"), "img-src 'self' data:"),
    ("worker-src 'self'", asked("worker-src", "blob"), "worker-src 'self' blob:"),
    ("connect-src 'self'", asked("connect-src", "wss://rt.example/x"), "connect-src 'self' wss://rt.example"),
    ("img-src https:", asked("img-src", "http://a.example/b.png"), "img-src https: http://a.example"),
    ("form-action 'none'", asked("form-action"), "form-action https://cdn.example"),
    ("script-src 'self'", asked("script-src-elem", "inline", **WHOLE), f"script-src 'self' {DIGEST}"),
    ("script-src 'self'", asked("script-src-attr", "inline", **WHOLE), f"script-src 'self' {DIGEST} 'unsafe-hashes'"),
    ("script-src 'self'", asked("script-src-elem", "inline"), f"script-src 'self' {NONCE}"),
    ("script-src 'self'", asked("script-src-attr", "inline"), "script-src 'self' 'unsafe-inline'"),
    ("style-src 'self'", asked("style-src-attr", "inline"), "style-src 'self' 'unsafe-inline'"),
    ("script-src 'strict-dynamic'", asked("script-src-elem"), f"script-src 'strict-dynamic' {NONCE}"),
    ("script-src 'self'", asked("script-src", "eval"), "script-src 'self' 'unsafe-eval'"),
    ("script-src 'self'", asked("script-src", "wasm-eval"), "script-src 'self' 'wasm-unsafe-eval'"),
    (
        "trusted-types 'none'",
        asked("trusted-types", "trusted-types-policy", sample="shop", sample_extent=SampleExtent.WHOLE),
        "trusted-types shop",
    ),
]


@pytest.mark.parametrize(("policy", "question", "changed"), CHANGES)
def test_the_least_is_added_where_it_admits_nothing_else(policy: str, question: dict[str, Any], changed: str) -> None:
    assert str(change_for(policy, **question).policy) == changed


def test_a_nonce_that_the_policy_has_goes_onto_the_element() -> None:
    change = change_for("script-src 'nonce-abc'", "script-src-elem", "inline")
    assert (change.sources, change.nonce, str(change.policy)) == ((), "abc", "script-src 'nonce-abc'")
    assert "the policy stays as it is" in change.todo


def test_a_digest_of_trimmed_code_says_what_it_assumes() -> None:
    change = change_for(
        "script-src 'self'", "script-src-elem", "inline", sample="go()", sample_extent=SampleExtent.TRIMMED
    )
    assert change.sources == (DIGEST,)
    assert change.is_exact_code_assumed
    assert "white space" in change.todo


@pytest.mark.parametrize("path", ["/u/(e-mail)/a.js", "/t/(token)/a.js"])
def test_a_path_without_what_was_personal_is_not_proposed(path: str) -> None:
    assert change_for("script-src 'self'", "script-src-elem", f"https://cdn.example{path}").sources == (
        "https://cdn.example",
    )


def test_without_a_policy_the_source_alone_is_named() -> None:
    change = change_for(None, "img-src")
    assert (change.directive, change.sources, change.policy) == ("img-src", ("https://cdn.example",), None)


# (policy, what was blocked, words of what to do instead)
WITHOUT_A_SOURCE = [
    ("frame-ancestors 'none'", asked("frame-ancestors", "https://shop.example/"), "list the sites that may"),
    (
        "require-trusted-types-for 'script'",
        asked("require-trusted-types-for", "trusted-types-sink"),
        "rewrite the code",
    ),
    ("default-src 'none'", asked("default-src"), "find out what was loaded"),
    ("script-src 'nonce-abc'", asked("script-src-attr", "inline"), "the digest of all of it"),
    ("img-src 'none'", asked("img-src", "https://a..b/x.png"), "a host with a plain name"),
    ("img-src 'none'", asked("img-src", "https://[::1]/x.png"), "a host with a plain name"),
    ("x-src 'self'", asked("x-src"), "no directive that browsers are known to check"),
    ("img-src 'none'", asked("prefetch-src"), "a hint names no kind"),
    ("sandbox", asked("sandbox", ""), "sandbox has no source list"),
    (
        "script-src 'self'; require-trusted-types-for 'script'",
        asked("script-src", "eval"),
        "no source of this policy",
    ),
]


@pytest.mark.parametrize(("policy", "question", "words"), WITHOUT_A_SOURCE)
def test_where_no_source_helps_it_says_what_does(policy: str, question: dict[str, Any], words: str) -> None:
    change = change_for(policy, **question)
    assert (change.sources, change.policy) == ((), None)
    assert words in change.todo
