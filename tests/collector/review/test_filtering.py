"""Filtering violations, and turning over their pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from collector.review.filtering import MAX_CHARACTERS, UNDECIDED, Filter, choices_of, portion
from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass
from policybuilder.summary import SummaryRow
from tests.support.evidence import SEEN_AT, make_group

SCRIPT = make_group(
    "script-src-elem",
    "https://cdn.example/App.js",
    pages=["https://shop.example/Cart", "https://shop.example/help"],
    source_file="https://tag.example/t.js",
    disposition=Disposition.ENFORCE,
    decision="allow",
)
INLINE = make_group("script-src-elem", "inline", sample="trackUser()", evidence_class=EvidenceClass.ATTACK_LIKE)
PICTURE = make_group("img-src", "https://img.example/a.png")
GROUPS = {"script": SCRIPT, "inline": INLINE, "picture": PICTURE}

CASES = [
    ({}, {"script", "inline", "picture"}),
    ({"q": "CDN.example/app"}, {"script"}),
    ({"q": "trackuser"}, {"inline"}),
    ({"q": "tag.example"}, {"script"}),
    ({"q": "/help"}, {"script"}),
    ({"q": "img-src"}, {"picture"}),
    ({"q": PICTURE.fingerprint}, {"picture"}),
    ({"q": "nowhere"}, set()),
    ({"directive": "script-src-elem"}, {"script", "inline"}),
    ({"directive": "script-src"}, set()),
    ({"kind": "attack-like"}, {"inline"}),
    ({"disposition": "enforce"}, {"script"}),
    ({"decision": "allow"}, {"script"}),
    ({"decision": UNDECIDED}, {"inline", "picture"}),
    ({"page": "/cart"}, {"script", "inline", "picture"}),
    ({"page": "/help"}, {"script"}),
    ({"page": "cdn.example"}, set()),
    ({"directive": "script-src-elem", "decision": UNDECIDED, "q": " track "}, {"inline"}),
]


@pytest.mark.parametrize(("asked", "found"), CASES)
def test_a_violation_is_found_by_what_it_is(asked: dict[str, str], found: set[str]) -> None:
    wanted = Filter(**asked)
    assert {name for name, group in GROUPS.items() if wanted.admits(group)} == found
    assert bool(wanted) == bool(asked)
    assert Filter(**wanted.query()) == wanted


def test_what_is_searched_for_is_bounded() -> None:
    assert len(Filter(q="x" * 10_000).q) == MAX_CHARACTERS


def row(number: int, reporters: int, reports: int) -> SummaryRow:
    return SummaryRow(
        key=f"{number:032x}",
        reports=reports,
        estimated_reports=reports,
        reporters=reporters,
        first_seen_at=SEEN_AT,
        last_seen_at=SEEN_AT,
        group=PICTURE,
    )


def in_order(rows: list[SummaryRow]) -> list[SummaryRow]:
    return sorted(rows, key=lambda each: (-each.reporters, -each.reports, each.key))


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30).map(
    lambda pairs: in_order([row(number, *pair) for number, pair in enumerate(pairs)])
)


@given(rows=ROWS, size=st.integers(1, 7))
def test_turning_the_pages_shows_every_row_once(rows: list[SummaryRow], size: int) -> None:
    seen: list[SummaryRow] = []
    after = ""
    while True:
        shown = portion(rows, after, size)
        seen += shown.rows
        assert shown.left == len(rows) - len(seen)
        after = shown.following
        if not after:
            break
    assert seen == rows


@given(rows=ROWS, gone=st.sets(st.integers(0, 29)), size=st.integers(1, 7))
def test_rows_that_come_or_go_move_no_other(rows: list[SummaryRow], gone: set[int], size: int) -> None:
    after = portion(rows, "", size).following
    if not after:
        return
    kept = [each for each in rows if int(each.key, 16) not in gone]
    expected = [each for each in rows[size:] if int(each.key, 16) not in gone]
    assert list(portion(kept, after, 100).rows) == expected


@pytest.mark.parametrize("after", ["nonsense", "1.2", "1.2.", "-1.2.a", "٣.2.a", ".."])
def test_a_place_that_is_none_is_the_beginning(after: str) -> None:
    rows = [row(1, 2, 3)]
    assert portion(rows, after, 5).rows == tuple(rows)


def test_a_place_beyond_all_numbers_is_a_place() -> None:
    assert portion([row(1, 2, 3)], f"{'9' * 5_000}.1.a", 5).rows == (row(1, 2, 3),)


def test_choices_are_those_that_there_are() -> None:
    first = row(1, 1, 1)
    choices = choices_of([first, structs.replace(first, group=SCRIPT)])
    assert choices.directives == ("img-src", "script-src-elem")
    assert choices.kinds == ("genuine",)
    assert choices.dispositions == ("enforce", "report")
    assert choices.decisions == (UNDECIDED, "allow")
