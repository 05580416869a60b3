"""Groups as values: on which page they are seen, and which policies somebody vouches for."""

from __future__ import annotations

import pytest

from policybuilder.csp import parse_serialized_policy
from policybuilder.evidence import OTHER, OVER_BUDGET, PageCount
from policybuilder.replay import replay
from tests.support.evidence import ORIGIN, make_group, replace

# (pages, most reports first; the page the group is seen on)
PAGES = [
    ([f"{ORIGIN}/a", f"{ORIGIN}/b"], f"{ORIGIN}/a"),
    ([OTHER, f"{ORIGIN}/b"], f"{ORIGIN}/b"),
    ([OTHER], ORIGIN),
    ([], ORIGIN),
]


@pytest.mark.parametrize(("pages", "expected"), PAGES)
def test_a_group_is_seen_on_its_busiest_page_that_is_one(pages: list[str], expected: str) -> None:
    group = replace(make_group(), pages=tuple(PageCount(url, 1) for url in pages))
    assert group.document_uri == expected
    assert group.violation().document_uri == expected


def test_self_covers_what_the_pages_beyond_a_full_list_load() -> None:
    group = replace(make_group(blocked=f"{ORIGIN}/a.png"), pages=(PageCount(OTHER, 9),))
    assert replay([group], [parse_serialized_policy("img-src 'self'")]).genuine.allow == 1


def test_nobody_vouches_for_the_policies_of_a_group_that_nobody_vouches_for() -> None:
    policy = "img-src 'none'"
    vouched = make_group(policies=[policy])
    assert vouched.vouched_policies == (policy,)
    assert replace(vouched, trusted_reports=0).vouched_policies == ()
    assert make_group(policies=[policy], trusted=False).vouched_policies == ()


def test_what_is_beyond_the_budget_is_replayed_as_an_origin() -> None:
    group = make_group("img-src", "https://cdn.example/(other)", rule=OVER_BUDGET)
    assert group.violation().blocked_uri == "https://cdn.example"
