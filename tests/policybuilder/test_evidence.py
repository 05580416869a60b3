"""Evidence: what one violation of a group is."""

from __future__ import annotations

from policybuilder.evidence import OVER_BUDGET
from tests.support.evidence import make_group


def test_what_is_beyond_the_budget_is_replayed_as_an_origin() -> None:
    group = make_group("img-src", "https://cdn.example/(other)", rule=OVER_BUDGET)
    assert group.violation().blocked_uri == "https://cdn.example"
