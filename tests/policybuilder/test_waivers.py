"""Which waivers hold, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.waivers import Waiver, standing
from tests.support.evidence import SEEN_AT

HOUR = timedelta(hours=1)


def waiver(number: int = 1, **known: Any) -> Waiver:
    return Waiver(**{"number": number, "criterion": "window", "note": "why", "waived_at": SEEN_AT, **known})


# (waivers, number of the one that holds at SEEN_AT)
CASES: list[tuple[list[Waiver], int | None]] = [
    ([], None),
    ([waiver()], 1),
    ([waiver(waived_at=SEEN_AT + HOUR)], 1),
    ([waiver(until=SEEN_AT + HOUR)], 1),
    ([waiver(until=SEEN_AT)], 1),
    ([waiver(until=SEEN_AT - HOUR)], None),
    ([waiver(undone_at=SEEN_AT + HOUR)], None),
    ([waiver(2, note="again"), waiver(1)], 2),
    ([waiver(2, undone_at=SEEN_AT), waiver(1)], 1),
]


@pytest.mark.parametrize(("waivers", "number"), CASES)
def test_a_waiver_holds_until_it_ends_or_is_taken_back(waivers: list[Waiver], number: int | None) -> None:
    found = standing(waivers, SEEN_AT).get("window")
    assert (found.number if found else None) == number
