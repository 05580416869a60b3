"""Laws of subsumption and difference: they agree with asking the matching engine every question there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policybuilder.csp import (
    ChangeKind,
    Difference,
    PolicyList,
    Relation,
    Verdict,
    diff,
    hash_source,
    match,
    parse_serialized_policy_list,
    subsumes,
)
from policybuilder.csp.subsumption import losses

# Policies over a small vocabulary, so that questions over the same one can tell them apart.

URL_SOURCES = [
    *("'self'", "*", "http:", "https:", "ws:", "wss:", "data:", "'none'", "nonsense!"),
    *("a.example", "http://a.example", "https://a.example", "wss://a.example", "https://a.example:*"),
    *("a.example:8080", "http://a.example:8080", "http://a.example:80", "https://a.example:443"),
    *("https://*.a.example", "*.a.example", "b.a.example", "http://b.a.example:*", "https://*", "http://*:8080"),
    *("a.example/js/", "https://a.example/js/", "https://a.example/js/app.js", "https://a.example/JS/", "*:*"),
    *("http://localhost:*", "localhost"),
]
CODE = ["go()", "stop()"]
NONCES = ["abc", "def"]
SCRIPT_SOURCES = [
    *("'unsafe-inline'", "'unsafe-eval'", "'wasm-unsafe-eval'", "'strict-dynamic'", "'unsafe-hashes'"),
    *("'trusted-types-eval'", "'report-sample'"),
    *(f"'nonce-{nonce}'" for nonce in NONCES),
    *map(hash_source, CODE),
]
NAMES = ["one", "two", "*", "'allow-duplicates'", "'none'"]

Member = list[tuple[str, list[str]]]

urls = st.lists(st.sampled_from(URL_SOURCES), max_size=4)
sources = st.lists(st.one_of(st.sampled_from(URL_SOURCES), st.sampled_from(SCRIPT_SOURCES)), max_size=5)
directives = st.one_of(
    st.tuples(
        st.sampled_from(["default-src", "script-src", "script-src-elem", "script-src-attr", "style-src"]), sources
    ),
    st.tuples(
        st.sampled_from(
            [
                *("default-src", "img-src", "connect-src", "child-src", "frame-src", "worker-src"),
                *("base-uri", "form-action", "frame-ancestors"),
            ]
        ),
        urls,
    ),
    st.tuples(st.just("trusted-types"), st.lists(st.sampled_from(NAMES), max_size=3)),
    st.sampled_from(
        [
            ("require-trusted-types-for", ["'script'"]),
            ("upgrade-insecure-requests", []),
            ("webrtc", ["'block'"]),
            ("webrtc", ["'allow'"]),
            ("report-uri", ["/csp"]),
        ]
    ),
)
member_lists = st.lists(directives, max_size=4, unique_by=lambda directive: directive[0])


def policies(most_members: int) -> st.SearchStrategy[list[Member]]:
    return st.lists(member_lists, min_size=1, max_size=most_members)


def written(policy: list[Member]) -> PolicyList:
    return parse_serialized_policy_list(
        ", ".join("; ".join(" ".join([name, *values]) for name, values in member) for member in policy)
    )


@st.composite
def pairs(draw: st.DrawFn, *, most_members: int = 2) -> tuple[PolicyList, PolicyList]:
    """Two policies, the second often the first with a few values or a directive more or less."""
    first = draw(policies(most_members))
    if draw(st.booleans()):
        return written(first), written(draw(policies(most_members)))
    second = [
        [(name, [value for value in values if draw(st.integers(0, 3))]) for name, values in member]
        for member in first
        if draw(st.integers(0, 4))
    ]
    return (written(first), written(second)) if draw(st.booleans()) else (written(second), written(first))


# Questions

ORIGINS = ["a.example", "b.a.example", "c.a.example", "c.example", "localhost"]
PAGES = [
    *("https://a.example/", "http://a.example/", "https://c.example/", "http://c.example/", "http://a.example:8080/"),
    *("https://c.a.example:9090/", "http://localhost:9090/", "http://c.example:9090/"),
]
PORTS = ["", ":8080", ":9090"]
PLACES = [
    *map("".join, itertools.product(("http://", "https://"), ORIGINS, PORTS, ("/", "/js/", "/js/app.js", "/JS/"))),
    *map("".join, itertools.product(("ws://", "wss://"), ORIGINS, PORTS, ("/",))),
    *("http://a.example:443/", "https://a.example:80/", "ws://a.example:443/", "wss://a.example:80/"),
    *("data:text/plain,x", "blob:https://a.example/1"),
]
INTEGRITY = [hash_source(code).strip("'") for code in CODE]

Asked = dict[str, Any]

FETCHED = [
    *("img-src", "connect-src", "font-src", "media-src", "manifest-src", "object-src", "frame-src", "worker-src"),
    *("fenced-frame-src", "form-action"),
]

# What may accompany a URL, and how inline code may present itself, by effective directive.
ACCOMPANIED: dict[str, list[Asked]] = {
    "script-src-elem": [
        {"nonce": nonce, "integrity": integrity, "parser_inserted": parser_inserted, "redirected": redirected}
        for nonce, integrity, parser_inserted, redirected in [
            *((None, None, True, False), (None, None, True, True), (None, None, False, False)),
            *(("abc", None, True, False), (None, INTEGRITY[0], True, False)),
        ]
    ],
    "style-src-elem": [{}, {"nonce": "abc"}, {"redirected": True}],
    "default-src": [{"hint": "prefetch"}],
    "base-uri": [{}],
    "frame-ancestors": [{}],
    **{directive: [{}, {"redirected": True}] for directive in FETCHED},
}
INLINE = {
    "script-src-elem": ["script", "navigation"],
    "script-src-attr": ["script attribute"],
    "style-src-elem": ["style"],
    "style-src-attr": ["style attribute"],
}
CALLS: dict[str, list[Asked]] = {
    "script-src": [{"blocked": "eval"}, {"blocked": "wasm-eval"}],
    "trusted-types": [{"blocked": "trusted-types-policy", "sample": name} for name in ("one", "two", "three")],
    "require-trusted-types-for": [{"blocked": "trusted-types-sink"}],
    "webrtc": [{"blocked": "x:"}],
}
ASKED_ABOUT = sorted({*ACCOMPANIED, *INLINE, *CALLS})


def questions(directive: str) -> Iterator[Asked]:
    """Every question about an effective directive: all that policies over the vocabulary can tell apart."""
    for page, place, more in itertools.product(PAGES, PLACES, ACCOMPANIED.get(directive, ())):
        yield {"page": page, "directive": directive, "blocked": place, **more}
    inline = itertools.product(INLINE.get(directive, ()), (*CODE, "other()"), (None, *NONCES), (True, False))
    for inline_type, sample, nonce, parser_inserted in inline:
        more = {"inline_type": inline_type, "sample": sample, "nonce": nonce, "parser_inserted": parser_inserted}
        yield {"page": PAGES[0], "directive": directive, "blocked": "inline", **more}
    for call in CALLS.get(directive, ()):
        yield {"page": PAGES[0], "directive": directive, **call}


def admits(policy: PolicyList, question: Asked) -> bool:
    return match(policy, **question).verdict is Verdict.ALLOW


def first_refused(wide: PolicyList, narrow: PolicyList, directive: str) -> Asked | None:
    """A question that `narrow` answers with yes and `wide` does not."""
    asked = questions(directive)
    return next((each for each in asked if admits(narrow, each) and not admits(wide, each)), None)


# Laws


@settings(max_examples=100, deadline=None)
@given(pair=pairs(), directive=st.sampled_from(ASKED_ABOUT))
def test_what_subsumes_admits_all_that_the_other_does(pair: tuple[PolicyList, PolicyList], directive: str) -> None:
    narrow, wide = pair
    told = {loss.kind.directive for loss in losses(narrow, wide)}
    assert directive in told or first_refused(wide, narrow, directive) is None
    assert subsumes(wide, narrow) is not bool(told)


@settings(max_examples=100, deadline=None)
@given(pair=pairs(most_members=1))
def test_every_loss_can_be_shown_by_a_question(pair: tuple[PolicyList, PolicyList]) -> None:
    """But for a second Trusted Types policy of a name, which no question is about."""
    old, new = pair
    told = {loss.kind.directive for loss in losses(old, new) if not loss.kind.subject.startswith("second ")}
    assert [directive for directive in sorted(told) if first_refused(new, old, directive) is None] == []


@settings(deadline=None)
@given(policy=policies(3).map(written))
def test_every_policy_subsumes_itself(policy: PolicyList) -> None:
    assert subsumes(policy, policy)
    assert diff(policy, policy) == Difference(Relation.SAME, ())


@settings(deadline=None)
@given(pair=pairs(), another=policies(2).map(written))
def test_subsumption_is_transitive(pair: tuple[PolicyList, PolicyList], another: PolicyList) -> None:
    for wide, middle, narrow in itertools.permutations((*pair, another)):
        if subsumes(wide, middle) and subsumes(middle, narrow):
            assert subsumes(wide, narrow)


@settings(deadline=None)
@given(pair=pairs())
def test_both_policies_subsume_the_two_together(pair: tuple[PolicyList, PolicyList]) -> None:
    """Unless one of them upgrades requests, which lets the other admit more."""
    together = PolicyList((*pair[0].policies, *pair[1].policies))
    for policy in pair:
        upgrades = {any(member.setting.upgrades_requests for member in each.policies) for each in (policy, together)}
        assert len(upgrades) == 2 or subsumes(policy, together)


RELATIONS = {
    (True, True): Relation.SAME,
    (True, False): Relation.TIGHTER,
    (False, True): Relation.LOOSER,
    (False, False): Relation.INCOMPARABLE,
}


@settings(deadline=None)
@given(pair=pairs())
def test_the_relation_is_subsumption_both_ways(pair: tuple[PolicyList, PolicyList]) -> None:
    old, new = pair
    assert diff(old, new).relation is RELATIONS[subsumes(old, new), subsumes(new, old)]


MIRRORED = {
    ChangeKind.ADDED: ChangeKind.REMOVED,
    ChangeKind.REMOVED: ChangeKind.ADDED,
    ChangeKind.WIDENED: ChangeKind.NARROWED,
    ChangeKind.NARROWED: ChangeKind.WIDENED,
    ChangeKind.MOVED: ChangeKind.MOVED,
}


@settings(deadline=None)
@given(pair=pairs())
def test_the_way_back_mirrors_the_way_there(pair: tuple[PolicyList, PolicyList]) -> None:
    old, new = pair
    there = {(change.kind, change.directive, change.source) for change in diff(old, new).changes}
    back = {(MIRRORED[change.kind], change.directive, change.source) for change in diff(new, old).changes}
    assert there == back


@settings(deadline=None)
@given(pair=pairs())
def test_every_change_counts_for_the_relation(pair: tuple[PolicyList, PolicyList]) -> None:
    difference = diff(*pair)
    kinds = {change.kind for change in difference.changes}
    has_lost = bool(kinds & {ChangeKind.REMOVED, ChangeKind.NARROWED})
    has_gained = bool(kinds & {ChangeKind.ADDED, ChangeKind.WIDENED})
    assert difference.relation is RELATIONS[not has_gained, not has_lost]
    assert len({(change.kind, change.directive, change.source) for change in difference.changes}) == len(
        difference.changes
    )


@settings(deadline=None)
@given(policy=policies(2), seed=st.randoms(use_true_random=False))
def test_order_repetition_and_case_make_no_difference(policy: list[Member], seed: Random) -> None:
    shuffled = [
        [
            (name.upper(), seed.sample([*values, *values[:1]], len([*values, *values[:1]])))
            for name, values in seed.sample(member, len(member))
            if name != "webrtc"  # which takes one value alone
        ]
        for member in seed.sample(policy, len(policy))
    ]
    policy = [[directive for directive in member if directive[0] != "webrtc"] for member in policy]
    assert diff(written(policy), written(shuffled)) == Difference(Relation.SAME, ())


TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            [
                *("img-src", "script-src", "default-src", "sandbox", "trusted-types", "webrtc", "frame-ancestors"),
                *(" ", " ", ";", ",", "\x00", "é", "x" * 300, "https://x:" + "9" * 5000, "'nonce-{NONCE}'", "h:0"),
                *("https://[::1]", "//x", "*.", "*.*", "h/%ff/", "h/%", "app://h/", "'sha256-abc'", "*.0.0.1", "h."),
            ]
        ),
        max_size=12,
    ).map("".join),
)


@settings(max_examples=300, deadline=None)
@given(old=TEXTS, new=TEXTS)
def test_no_text_makes_it_raise(old: str, new: str) -> None:
    difference = diff(old, new)
    assert all(change.effect and change.effect.isprintable() for change in difference.changes)
    assert diff(old, old).relation is Relation.SAME
