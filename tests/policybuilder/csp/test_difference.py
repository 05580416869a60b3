"""Tests of differences: a table for each way in which texts and meanings part."""

from __future__ import annotations

import time

import pytest

from policybuilder.csp import (
    Change,
    ChangeKind,
    Difference,
    Relation,
    diff,
    hash_source,
    parse_serialized_policy,
    parse_serialized_policy_list,
    subsumes,
)

SAME, TIGHTER, LOOSER, INCOMPARABLE = Relation.SAME, Relation.TIGHTER, Relation.LOOSER, Relation.INCOMPARABLE
DIGEST = hash_source("go()")
OTHER_DIGEST = hash_source("stop()")

# Columns: old, new, what they have in common although their texts differ.
SAME_MEANING = [
    ("", "report-uri /csp; report-to csp", "reporting directives"),
    ("script-src 'self'", "script-src 'self' 'report-sample' 'report-sha256'", "keywords for reports"),
    ("", "nonsense x; prefetch-src 'none'; block-all-mixed-content", "what browsers ignore"),
    ("img-src a b; font-src c", "FONT-SRC c; img-src B a b", "order, case and repetition"),
    ("img-src 'none'", "img-src", "an empty list"),
    ("img-src 'none'", "img-src nonsense!", "a list without a valid expression"),
    ("img-src 'none' a", "img-src a", "'none' beside something"),
    ("img-src https:", "img-src https://a.example https:", "a source that a scheme covers"),
    ("img-src a", "img-src a https://a", "a scheme that a schemeless source covers"),
    ("img-src http://a", "img-src http://a a https://a", "an insecure source, which covers its upgrades"),
    ("img-src *", "img-src * 'self' https: wss: a:8443", "the star"),
    ("img-src *", "img-src http: ws:", "the star, spelt out"),
    ("img-src *.a.example", "img-src *.a.example b.a.example *.b.a.example", "subdomains"),
    ("img-src https://a:*", "img-src https://a:* https://a https://a:8443", "ports"),
    ("img-src https://a", "img-src https://a:443", "the default port"),
    ("img-src https://a/js/", "img-src https://a/js/ https://a/js/app.js", "paths"),
    ("img-src https://a/js%2Fapp", "img-src https://a/js/app", "escapes in paths"),
    ("img-src https://a/x?y", "img-src https://a/x", "a query, which is cut off"),
    ("default-src 'self'; img-src 'self'", "default-src 'self'", "a directive that says what its fallback says"),
    ("style-src-elem a; style-src-attr b; style-src c", "style-src-elem a; style-src-attr b", "a parent never asked"),
    ("script-src 'nonce-a'", "script-src 'nonce-a' 'unsafe-inline'", "'unsafe-inline' beside a nonce"),
    (f"style-src {DIGEST}", f"style-src {DIGEST} 'unsafe-inline'", "'unsafe-inline' beside a digest"),
    (
        "script-src 'nonce-a' 'strict-dynamic'; worker-src 'self'",
        "script-src 'nonce-a' 'strict-dynamic' 'self' https:; worker-src 'self'",
        "hosts beside 'strict-dynamic'",
    ),
    ("img-src 'nonce-a'", "img-src 'none'", "a nonce where nothing has nonces"),
    ("script-src-attr https://a", "script-src-attr 'none'", "URLs of attributes, which have none"),
    ("script-src-attr 'nonce-a'", "script-src-attr 'none'", "nonces of attributes, which have none"),
    (f"script-src-attr {DIGEST}", "script-src-attr 'none'", "digests of attributes without 'unsafe-hashes'"),
    ("script-src 'sha256-ab_-'", "script-src 'SHA256-ab/+'", "the alphabets of base64"),
    ("script-src 'unsafe-eval'", "script-src 'unsafe-eval' 'wasm-unsafe-eval'", "what eval covers"),
    ("img-src a b, img-src b c", "img-src b", "lists that all have to allow"),
    ("img-src a, img-src a b", "img-src a", "a wider list beside a narrower one"),
    ("img-src https:, img-src a", "img-src a, img-src https:", "the order of policies"),
    ("img-src a:8080, img-src b", "img-src 'none'", "policies with nothing in common"),
    ("sandbox allow-forms", "sandbox ALLOW-FORMS allow-nonsense", "what a sandbox does not know"),
    ("sandbox allow-top-navigation", "sandbox allow-top-navigation allow-top-navigation-by-user-activation", "implied"),
    ("trusted-types 'none'", "trusted-types", "no names"),
    ("trusted-types *", "trusted-types * one", "names that a star covers"),
    ("require-trusted-types-for script", "", "what is not quoted"),
    ("webrtc 'block'", "webrtc", "all but 'allow'"),
    ("webrtc 'allow'", "", "what is allowed by name"),
    ("frame-ancestors https://a/app/", "frame-ancestors 'none'", "ancestors have the path /"),
    ("frame-ancestors https://a", "frame-ancestors https://a/", "ancestors have the path /"),
    (
        "child-src a; frame-src b; worker-src c; default-src a",
        "frame-src b; worker-src c; default-src a",
        "another parent never asked",
    ),
]


@pytest.mark.parametrize(("old", "new"), [row[:2] for row in SAME_MEANING], ids=[row[2] for row in SAME_MEANING])
def test_texts_that_mean_the_same_do_not_differ(old: str, new: str) -> None:
    assert diff(old, new) == diff(new, old) == Difference(SAME, ())


# Columns: old, new, relation. Each row read backwards is a row as well.
RELATIONS = [
    ("", "img-src *", TIGHTER),
    ("", "default-src 'none'", TIGHTER),
    ("default-src 'self'", "default-src 'self'; base-uri 'none'", TIGHTER),
    ("default-src 'self'", "default-src 'self'; form-action 'self'", TIGHTER),
    ("default-src 'self'", "default-src 'self'; frame-ancestors *", TIGHTER),
    ("default-src 'none'", "default-src 'none'; img-src 'self'", LOOSER),
    ("img-src https://a b", "img-src b", TIGHTER),
    ("img-src a", "img-src https://a", TIGHTER),
    ("img-src http://a", "img-src a", TIGHTER),
    ("img-src http:", "img-src https:", TIGHTER),
    ("img-src *", "img-src * data:", LOOSER),
    ("img-src *", "img-src *:*", TIGHTER),
    ("img-src 'self'", "img-src https://a", INCOMPARABLE),
    ("img-src https:", "img-src 'self'", INCOMPARABLE),
    ("img-src *", "img-src 'self'", TIGHTER),
    ("img-src *.a.example", "img-src a.example", INCOMPARABLE),
    ("img-src *.example", "img-src *.a.example", TIGHTER),
    ("img-src https://a", "img-src https://a:8443", INCOMPARABLE),
    ("img-src https://a:*", "img-src https://a:8443", TIGHTER),
    ("img-src https://a", "img-src https://a/js/", TIGHTER),
    ("img-src https://a/js/", "img-src https://a/js", INCOMPARABLE),
    ("img-src https://a/js", "img-src https://a/JS", INCOMPARABLE),
    ("img-src https:", "img-src wss:", INCOMPARABLE),
    # Fallbacks
    ("default-src 'self' a", "default-src 'self'; img-src 'self' a", TIGHTER),
    ("script-src a", "script-src a; worker-src a b", LOOSER),
    ("child-src a; default-src *", "frame-src a; default-src *", LOOSER),
    ("child-src a; script-src b", "script-src b", INCOMPARABLE),
    ("script-src 'self'", "script-src-elem 'self'", LOOSER),
    # Switches
    ("script-src-elem 'unsafe-inline'", "script-src-elem 'unsafe-inline' 'nonce-a'", INCOMPARABLE),
    ("style-src-attr 'unsafe-inline'", f"style-src-attr 'unsafe-inline' {DIGEST}", TIGHTER),
    ("script-src-attr 'unsafe-inline'", "script-src-attr 'unsafe-inline' 'strict-dynamic'", TIGHTER),
    ("style-src-attr 'unsafe-inline'", "style-src-attr 'unsafe-inline' 'strict-dynamic'", SAME),
    ("script-src 'nonce-a'", "script-src 'nonce-a' 'strict-dynamic'", LOOSER),
    ("script-src 'nonce-a' a", "script-src 'nonce-a' a 'strict-dynamic'", INCOMPARABLE),
    ("script-src-elem 'strict-dynamic' 'nonce-a' b", "script-src-elem 'nonce-a' b", INCOMPARABLE),
    ("script-src 'nonce-a'", "script-src 'nonce-b'", INCOMPARABLE),
    ("script-src 'nonce-a' 'nonce-b'", "script-src 'nonce-b'", TIGHTER),
    ("script-src-attr 'unsafe-hashes' " + DIGEST, "script-src-attr " + DIGEST, TIGHTER),
    ("script-src 'unsafe-eval'", "script-src 'wasm-unsafe-eval'", TIGHTER),
    ("script-src 'trusted-types-eval'", "script-src 'trusted-types-eval'; trusted-types *", TIGHTER),
    # Requiring Trusted Types is what 'trusted-types-eval' asks for.
    (
        "script-src 'trusted-types-eval'",
        "script-src 'trusted-types-eval'; require-trusted-types-for 'script'",
        INCOMPARABLE,
    ),
    # Upgrades
    ("img-src https:", "img-src https:; upgrade-insecure-requests", LOOSER),
    ("img-src https:", "img-src https:, upgrade-insecure-requests", LOOSER),
    ("img-src http://a:8080", "img-src http://a:8080; upgrade-insecure-requests", TIGHTER),
    ("base-uri https:", "base-uri https:; upgrade-insecure-requests", SAME),
    ("img-src *", "img-src *; upgrade-insecure-requests", SAME),
    # Several policies
    ("img-src a b", "img-src a b, img-src b c", TIGHTER),
    ("script-src 'nonce-a', script-src 'self'", "script-src 'nonce-a'", LOOSER),
    (f"script-src 'nonce-a', script-src {DIGEST}", "script-src 'none'", TIGHTER),
    (f"style-src {DIGEST}, style-src {OTHER_DIGEST}", "style-src 'none'", SAME),
    # After a redirect, paths do not count: both admit what neither admits directly.
    ("img-src https://a/x, img-src https://a/y", "img-src 'none'", TIGHTER),
    # Neither source lists nor fetching
    ("sandbox", "", LOOSER),
    ("sandbox allow-forms", "sandbox allow-scripts", INCOMPARABLE),
    ("sandbox allow-forms allow-popups, sandbox allow-popups", "sandbox allow-popups", SAME),
    ("trusted-types one two", "trusted-types one", TIGHTER),
    ("trusted-types one", "trusted-types ONE", INCOMPARABLE),
    ("trusted-types one 'allow-duplicates'", "trusted-types one", TIGHTER),
    ("", "require-trusted-types-for 'script'", TIGHTER),
    ("webrtc 'allow'", "webrtc 'block'", TIGHTER),
]
REVERSED = {SAME: SAME, INCOMPARABLE: INCOMPARABLE, TIGHTER: LOOSER, LOOSER: TIGHTER}


@pytest.mark.parametrize(("old", "new", "relation"), RELATIONS)
def test_policies_have_a_relation_that_reverses_with_them(old: str, new: str, relation: Relation) -> None:
    assert (diff(old, new).relation, diff(new, old).relation) == (relation, REVERSED[relation])


ONLY_INSERTED = (
    "inline scripts are admitted only when other scripts insert them now, "
    "because 'strict-dynamic' switches 'unsafe-inline' off"
)
NO_LINKS = "javascript: URLs are no longer admitted, because 'strict-dynamic' switches 'unsafe-inline' off"
NO_HASHED_HANDLERS = (
    "event handlers in attributes with 'sha256-abcd' are no longer admitted, because 'unsafe-hashes' is missing"
)
OTHERS = "script-src b; style-src b; font-src b; media-src b; connect-src b; frame-src b; manifest-src b; object-src b"

# Columns: old, new; the changes, in order.
CHANGES: list[tuple[str, str, list[tuple[str, str, str | None, str]]]] = [
    (
        "script-src-elem 'self' https://cdn.example",
        "script-src-elem 'self'",
        [
            (
                "removed",
                "script-src-elem",
                "https://cdn.example",
                "scripts from https://cdn.example are no longer admitted",
            )
        ],
    ),
    (
        "connect-src 'self'",
        "connect-src 'self' wss://rt.example",
        [("added", "connect-src", "wss://rt.example", "connections to wss://rt.example are newly admitted")],
    ),
    (
        "img-src https:",
        "img-src https://a https://b",
        [("narrowed", "img-src", "https:", "images from https: are admitted only from https://a or https://b now")],
    ),
    (
        "img-src https://a https://b",
        "img-src https:",
        [
            (
                "widened",
                "img-src",
                "https:",
                "images from https: are newly admitted, not only those from https://a or https://b",
            )
        ],
    ),
    ("", "font-src 'self'", [("narrowed", "font-src", None, "fonts are admitted only from 'self' now")]),
    ("object-src 'none'", "", [("added", "object-src", None, "plugins are newly admitted")]),
    (
        "style-src-attr 'unsafe-inline'",
        "style-src-attr 'unsafe-inline' 'nonce-a'",
        [
            (
                "removed",
                "style-src-attr",
                "'unsafe-inline'",
                "style attributes are no longer admitted, because a nonce switches 'unsafe-inline' off",
            )
        ],
    ),
    (
        "script-src-elem 'unsafe-inline'",
        "script-src-elem 'unsafe-inline' 'strict-dynamic'",
        [
            ("narrowed", "script-src-elem", "'unsafe-inline'", ONLY_INSERTED),
            ("removed", "script-src-elem", "'unsafe-inline'", NO_LINKS),
            (
                "added",
                "script-src-elem",
                "'strict-dynamic'",
                "scripts that other scripts insert are newly admitted",
            ),
        ],
    ),
    (
        "script-src-attr 'unsafe-hashes' 'sha256-abcd'",
        "script-src-attr 'sha256-abcd'",
        [
            (
                "removed",
                "script-src-attr",
                "'sha256-abcd'",
                NO_HASHED_HANDLERS,
            )
        ],
    ),
    # A source that moves makes a difference only where its reach changes.
    (
        f"default-src b; {OTHERS}",
        f"default-src 'none'; {OTHERS}",
        [("removed", "img-src", "b", "images from b are no longer admitted")],
    ),
    (
        "default-src 'none'; frame-src b",
        "default-src 'none'; frame-src b; child-src a",
        [
            (
                "added",
                "worker-src",
                "a",
                "workers from a are newly admitted, because default-src governs them no longer",
            ),
        ],
    ),
    (
        "img-src *",
        "img-src *; upgrade-insecure-requests",
        [
            (
                "moved",
                "upgrade-insecure-requests",
                None,
                "requests for http URLs are sent over https instead now, before anything is matched",
            )
        ],
    ),
    (
        "img-src https:",
        "img-src https:; upgrade-insecure-requests",
        [
            (
                "widened",
                "img-src",
                "https:",
                "images from https: requested by http URLs are newly admitted, because they are upgraded now",
            ),
            (
                "moved",
                "upgrade-insecure-requests",
                None,
                "requests for http URLs are sent over https instead now, before anything is matched",
            ),
        ],
    ),
    (
        "style-src-elem 'nonce-a', style-src-elem 'nonce-a' 'nonce-b'",
        "style-src-elem 'none'",
        [
            (
                "removed",
                "style-src-elem",
                "'nonce-a'",
                "style sheets and inline style sheets with 'nonce-a' are no longer admitted",
            )
        ],
    ),
    (
        "img-src 'none'",
        "img-src a b c d e",
        [("added", "img-src", each, f"images from {each} are newly admitted") for each in "abcde"],
    ),
    (
        "img-src *",
        "img-src a b c d e",
        [("narrowed", "img-src", "*", "images from * are admitted only from a, b, c or 2 more now")],
    ),
    (
        "sandbox allow-forms",
        "sandbox",
        [("removed", "sandbox", "allow-forms", "capabilities of the page under allow-forms are no longer admitted")],
    ),
    (
        "trusted-types *",
        "trusted-types one",
        [("narrowed", "trusted-types", "*", "Trusted Types policies are admitted only named one now")],
    ),
]


@pytest.mark.parametrize(("old", "new", "changes"), CHANGES)
def test_changes_say_what_they_do(old: str, new: str, changes: list[tuple[str, str, str | None, str]]) -> None:
    found = diff(old, new).changes
    assert [(change.kind.value, change.directive, change.source, change.effect) for change in found] == changes


def test_one_expression_in_default_src_changes_each_directive_it_governs() -> None:
    changes = diff("default-src 'self' a; img-src 'self'", "default-src 'self'; img-src 'self'").changes
    assert {change.kind for change in changes} == {ChangeKind.REMOVED}
    assert [change.directive for change in changes] == [
        *("script-src-elem", "style-src-elem", "font-src", "media-src", "connect-src", "frame-src", "worker-src"),
        *("manifest-src", "object-src"),
    ]


def test_policies_are_texts_or_parsed() -> None:
    text = "img-src a"
    expected = Difference(
        TIGHTER, (Change(ChangeKind.REMOVED, "img-src", "a", "images from a are no longer admitted"),)
    )
    for old in (text, parse_serialized_policy(text), parse_serialized_policy_list(text)):
        assert diff(old, "img-src") == expected


def test_a_path_is_compared_as_it_is_read() -> None:
    """One escape that is no UTF-8 makes the whole path Latin-1, and so another one."""
    assert not subsumes("img-src https://h/%C3%A4/", "img-src https://h/%C3%A4/%E4")
    assert subsumes("img-src https://h/%61/", "img-src https://h/a/b")


def half(number: int) -> str:
    """A policy with half of many nonces and digests of each algorithm, another half for each `number`."""
    chosen = [n for n in range(40) if hash_source(f"{number}/{n}")[8] < "W"]
    digests = (hash_source(str(n), algorithm) for algorithm in ("sha256", "sha384", "sha512") for n in chosen)
    return " ".join(("script-src", *(f"'nonce-{n}'" for n in chosen), *digests))


HEAVY = {
    "credentials": (", ".join(map(half, range(8))), half(8)),
    "paths": (
        "img-src " + " ".join(f"https://cdn.example/p{n}/" for n in range(300)),
        "img-src " + " ".join(f"https://cdn.example/q{n}/" for n in range(300)),
    ),
    "nested paths": (
        "img-src " + " ".join(f"https://cdn.example/p{n}/" for n in range(300)),
        "img-src " + " ".join(f"https://cdn.example/p{n}/x/" for n in range(300)),
    ),
    "ports": (
        "img-src " + " ".join(f"https://cdn.example:{n}/p{n}/" for n in range(1, 300)),
        "img-src " + " ".join(f"https://cdn.example:{n}/q{n}/" for n in range(1, 300)),
    ),
    "domains": (
        "img-src " + " ".join(f"*.a{n}.example" for n in range(500)),
        "img-src " + " ".join(f"*.b{n}.example" for n in range(500)),
    ),
    "schemes": (
        "img-src " + " ".join(f"a{n}:" for n in range(300)),
        "img-src " + " ".join(f"b{n}:" for n in range(300)),
    ),
}


@pytest.mark.parametrize("heavy", HEAVY)
def test_lists_made_to_keep_us_busy_are_compared_in_time(heavy: str) -> None:
    """Thirty seconds are generous for what takes less than two, and too few for what grows with its cube."""
    began = time.monotonic()
    assert diff(*HEAVY[heavy]).relation is Relation.INCOMPARABLE or heavy == "nested paths"
    assert time.monotonic() - began < 30
