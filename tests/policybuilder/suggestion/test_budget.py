"""Tests of the budget: what a policy gives up to fit."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import Directive, HostSource, Policy, is_valid_source_expression, parse_source_expression
from policybuilder.csp.subsumption import expression_covers
from policybuilder.domains import registrable_domain
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.budget import PROTECTED, Fit, Step, fit, size_of

IMG = "https://img.shop.example"


def smallest(directive: str, *sources: str) -> list[str]:
    """What a list becomes when nothing is small enough."""
    return list(fit({directive: sources}, limit_bytes=0).directives[directive])


# A list of pictures, and what it becomes.
SMALLEST = [
    ([f"{IMG}/a/b/c.png"], [IMG]),
    ([f"{IMG}/a/", f"{IMG}/b/"], [IMG]),
    ([IMG, f"{IMG}/a/"], [IMG]),
    ([IMG, "https://pics.shop.example"], ["https://*.shop.example"]),
    ([IMG, "https://shop.example", "https://pics.shop.example"], ["https://*.shop.example", "https://shop.example"]),
    ([f"{IMG}:8443", "https://pics.shop.example:8443"], ["https://*.shop.example:8443"]),
    (["https://*.a.shop.example", "https://*.b.shop.example"], ["https://*.shop.example"]),
    (["img.shop.example", "pics.shop.example"], ["*.shop.example"]),
    # A wildcard for one host would let in others and save little.
    ([IMG], [IMG]),
    # Not across schemes, ports or parties, nor below a public suffix.
    ([IMG, "http://pics.shop.example"], [IMG, "http://pics.shop.example"]),
    ([IMG, "https://pics.shop.example:8443"], [IMG, "https://pics.shop.example:8443"]),
    (["https://a.example", "https://b.example"], ["https://a.example", "https://b.example"]),
    (["https://a.co.uk", "https://b.co.uk"], ["https://a.co.uk", "https://b.co.uk"]),
    (["https://10.0.0.1", "https://10.0.0.2"], ["https://10.0.0.1", "https://10.0.0.2"]),
    # Never all of what anybody publishes.
    (["https://a.github.io", "https://b.github.io"], ["https://a.github.io", "https://b.github.io"]),
    (["https://a.me.github.io", "https://b.me.github.io"], ["https://a.me.github.io", "https://b.me.github.io"]),
    (["https://cdn.jsdelivr.net/npm/a@1/x/y.png"], ["https://cdn.jsdelivr.net/npm/a@1/"]),
    (["https://cdn.jsdelivr.net/x.png"], ["https://cdn.jsdelivr.net/x.png"]),
    (["https://me.github.io/a/b.png"], ["https://me.github.io"]),
    # What is no host is none of our business.
    (
        ["'self'", "data:", "https:", "*", "*:8443", "'nonce-abc'"],
        ["'self'", "data:", "https:", "*", "*:8443", "'nonce-abc'"],
    ),
    # Firefox refuses these: wider, they would match there what they never did.
    (["https://img.shop.example//a/b.png"], ["https://img.shop.example//a/b.png"]),
]


@pytest.mark.parametrize(("sources", "become"), SMALLEST)
def test_a_list_becomes_no_wider_than_one_partys_hosts(sources: list[str], become: list[str]) -> None:
    assert smallest("img-src", *sources) == become


@pytest.mark.parametrize("directive", sorted(PROTECTED))
def test_what_may_run_code_or_take_data_away_is_not_widened(directive: str) -> None:
    sources = [IMG, f"{IMG}/a/b.js", "https://pics.shop.example"]
    assert smallest(directive, *sources) == sources


def test_which_directives_are_protected_can_be_said() -> None:
    found = fit({"img-src": [f"{IMG}/a.png"], "script-src": [f"{IMG}/a.js"]}, limit_bytes=0, protected=["img-src"])
    assert found.directives == {"img-src": (f"{IMG}/a.png",), "script-src": (IMG,)}


def test_directives_without_a_source_list_are_left_alone() -> None:
    policy = {"report-uri": ["https://a.shop.example/r/1", "https://b.shop.example/r/2"], "sandbox": [], "x": [IMG]}
    found = fit(policy, limit_bytes=0)
    assert found.directives == {name: tuple(values) for name, values in policy.items()}
    assert not found.is_within


def test_a_policy_that_fits_stays_as_it_is() -> None:
    policy = {"img-src": [IMG, f"{IMG}/a/"], "upgrade-insecure-requests": []}
    found = fit(policy, limit_bytes=size_of(policy) + 100, other_bytes=100)
    unchanged = {"img-src": (IMG, f"{IMG}/a/"), "upgrade-insecure-requests": ()}
    assert found == Fit(unchanged, size_of(policy), is_within=True, steps=())
    assert fit(policy, limit_bytes=size_of(policy) + 99, other_bytes=100).steps != ()


def test_narrow_steps_that_let_in_no_host_come_first_and_no_more_than_needed_are_taken() -> None:
    policy = {
        "img-src": [f"{IMG}/a/b/1.png", f"{IMG}/a/b/2.png", "https://pics.shop.example", "https://*.far.example"],
        "font-src": ["https://x.far.example", "https://y.far.example", f"{IMG}/fonts/a.woff2"],
        "media-src": ["https://*.far.example", "https://z.far.example"],
    }
    everything = fit(policy, limit_bytes=0)
    assert everything.steps == (
        Step(
            *("media-src", ("https://z.far.example",), "https://*.far.example", 22),
            "nothing: it was listed already",
        ),
        Step(
            *("img-src", (f"{IMG}/a/b/1.png", f"{IMG}/a/b/2.png"), f"{IMG}/a/b/", 40),
            "every other file below /a/b/ on img.shop.example",
        ),
        Step(
            *("font-src", (f"{IMG}/fonts/a.woff2",), f"{IMG}/fonts/", 7),
            "every other file below /fonts/ on img.shop.example",
        ),
        Step("img-src", (f"{IMG}/a/b/",), f"{IMG}/a/", 2, "every other file below /a/ on img.shop.example"),
        Step("font-src", (f"{IMG}/fonts/",), IMG, 7, "every other path on img.shop.example"),
        Step("img-src", (f"{IMG}/a/",), IMG, 3, "every other path on img.shop.example"),
        Step(
            *("img-src", (IMG, "https://pics.shop.example"), "https://*.shop.example", 28),
            "every other host below shop.example",
        ),
        Step(
            *("font-src", ("https://x.far.example", "https://y.far.example"), "https://*.far.example", 22),
            "every other host below far.example",
        ),
    )
    assert not everything.is_within
    for taken in range(len(everything.steps) + 1):
        saved = sum(step.saved_bytes for step in everything.steps[:taken])
        found = fit(policy, limit_bytes=size_of(policy) - saved)
        assert found.is_within
        assert found.steps == everything.steps[:taken]


def test_a_narrower_domain_comes_before_a_wider_one() -> None:
    sources = ["https://a.img.shop.example", "https://b.img.shop.example", "https://c.shop.example"]
    first, second = fit({"img-src": sources}, limit_bytes=0).steps
    assert first.after == "https://*.img.shop.example"
    assert second.after == "https://*.shop.example"


@pytest.mark.parametrize("parties", [1, 500])
def test_a_large_policy_is_fitted_at_once(parties: int) -> None:
    sources = [f"https://s{n}.d{n % 50}.shop{n % parties}.example/a{n % 7}/b{n}/c.png" for n in range(2_000)]
    start = time.perf_counter()
    found = fit({"img-src": sources}, limit_bytes=0)
    assert time.perf_counter() - start < 20
    assert len(found.directives["img-src"]) == parties


def test_what_stands_twice_is_counted_once() -> None:
    found = fit({"img-src": [IMG, IMG], "script-src": ["'self'", "'self'"]}, limit_bytes=1_000)
    assert found.directives == {"img-src": (IMG,), "script-src": ("'self'",)}
    assert found.size_bytes == size_of(found.directives)


# --- Laws -------------------------------------------------------------------------------------------------------------

HOSTS = st.sampled_from(
    [
        *(
            "shop.example",
            "a.shop.example",
            "b.shop.example",
            "x.a.shop.example",
            "y.a.shop.example",
            "*.a.shop.example",
        ),
        *("*.shop.example", "cdn.jsdelivr.net", "me.github.io", "you.github.io", "a.co.uk", "b.co.uk", "10.0.0.1"),
        *("localhost", "s3.amazonaws.com", "d1.cloudfront.net", "d2.cloudfront.net", "*"),
    ]
)
SOURCES = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["https://", "http://", "", "wss://"]),
        HOSTS,
        st.sampled_from(["", "", ":8443", ":*"]),
        st.sampled_from(
            ["", "/", "/a.js", "/a/", "/a/b/", "/a/b/c.png", "/npm/a@1/x/y.js", "//a/b", "/%C3%A4/", "/(x)/b"]
        ),
    ),
    st.sampled_from(
        ["'self'", "'none'", "data:", "https:", "'unsafe-inline'", "nonsense!", "HTTPS://A.Shop.Example/X"]
    ),
)
LISTS = st.lists(SOURCES, max_size=8, unique=True)
NAMES = st.sampled_from(["img-src", "font-src", "style-src", "media-src", "script-src", "connect-src", "report-uri"])
POLICIES = st.dictionaries(NAMES, LISTS, max_size=4)
LIMITS = st.integers(0, 500)


def covers(list_: Sequence[str], source: str) -> bool:
    expression = parse_source_expression(source)
    if source in list_ or expression is None:
        return source in list_
    parsed = [found for each in list_ if (found := parse_source_expression(each)) is not None]
    return any(expression_covers(wide, expression) for wide in parsed)


@given(policy=POLICIES, limit=LIMITS)
def test_a_fitted_policy_admits_all_that_the_policy_did(policy: Mapping[str, list[str]], limit: int) -> None:
    found = fit(policy, limit_bytes=limit)
    assert list(found.directives) == list(policy)
    for name, values in policy.items():
        assert [value for value in values if not covers(found.directives[name], value)] == []
        if name in PROTECTED or name == "report-uri":
            assert found.directives[name] == tuple(values)


@given(policy=POLICIES, limit=LIMITS, other=st.integers(0, 100))
def test_the_size_is_what_is_sent_and_every_step_accounts_for_its_bytes(
    policy: Mapping[str, list[str]], limit: int, other: int
) -> None:
    found = fit(policy, limit_bytes=limit, other_bytes=other)
    assert found.size_bytes == size_of(found.directives)
    sent = str(Policy(tuple(Directive(name, values) for name, values in found.directives.items())))
    assert found.size_bytes == len(sent)
    assert found.is_within == (found.size_bytes + other <= limit)
    assert size_of(policy) - sum(step.saved_bytes for step in found.steps) == found.size_bytes
    assert all(step.saved_bytes > 0 for step in found.steps)


@given(policy=POLICIES)
def test_each_step_names_what_it_replaced_and_is_taken_once(policy: Mapping[str, list[str]]) -> None:
    found = fit(policy, limit_bytes=0)
    lists = {name: set(values) for name, values in policy.items()}
    for step in found.steps:
        assert set(step.before) <= lists[step.directive]
        assert step.after not in step.before
        assert all(covers([step.after], each) for each in step.before)
        assert (step.after in lists[step.directive]) == (step.newly_admits == "nothing: it was listed already")
        lists[step.directive] = lists[step.directive] - set(step.before) | {step.after}
    assert lists == {name: set(values) for name, values in found.directives.items()}


@given(policy=POLICIES)
def test_no_step_ends_at_more_than_one_party(policy: Mapping[str, list[str]]) -> None:
    for step in fit(policy, limit_bytes=0).steps:
        if step.newly_admits.startswith("nothing"):
            continue
        assert is_valid_source_expression(step.after)
        source = parse_source_expression(step.after)
        assert isinstance(source, HostSource)
        name = source.host_part.removeprefix("*.")
        hosting = hosting_of(name)
        if source.host_part.startswith("*.") and step.newly_admits.startswith("every other host"):
            assert registrable_domain(name) is not None
            assert hosting is None
        elif hosting is not None and hosting.is_shared:
            assert hosting.tenant_directory(source.path_part or "/") is not None


@given(policy=POLICIES, limit=LIMITS, seed=st.integers())
# The wildcard is wider than a path of its own, and than another host.
@example(policy={"img-src": ["wss://x.a.shop.example", "wss://*.a.shop.example/"]}, limit=0, seed=0)
def test_the_order_of_a_policy_changes_no_step(policy: dict[str, list[str]], limit: int, seed: int) -> None:
    shuffle = random.Random(seed)  # noqa: S311  (no secret)
    shuffled = {
        name: shuffle.sample(policy[name], len(policy[name])) for name in shuffle.sample([*policy], len(policy))
    }
    found, again = fit(policy, limit_bytes=limit), fit(shuffled, limit_bytes=limit)
    assert found.steps == again.steps
    assert {name: set(values) for name, values in found.directives.items()} == {
        name: set(values) for name, values in again.directives.items()
    }


@given(policy=POLICIES, limit=LIMITS, more=st.integers(0, 100))
def test_more_room_takes_no_further_step(policy: Mapping[str, list[str]], limit: int, more: int) -> None:
    few, many = fit(policy, limit_bytes=limit + more).steps, fit(policy, limit_bytes=limit).steps
    assert many[: len(few)] == few
