"""Tests of the summary: groups folded into rows, most reporters first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.summary import NO_INITIATOR, DayCount, Figures, Summary, SummaryBy, source_of, summarize
from policybuilder.times import Window
from tests.support.evidence import ORIGIN, SEEN_AT, make_group, replace

LATER = SEEN_AT + timedelta(days=2)
WINDOW = Window(None, LATER)
OTHER_PAGE = f"{ORIGIN}/checkout"

PICTURE = make_group("img-src", "https://img.example/a.png", reports=5, reporters=2)
OTHER_PICTURE = make_group(
    "img-src",
    "https://img.example/b.png",
    reports=2,
    reporters=3,
    pages=[OTHER_PAGE],
    first_seen_at=LATER,
    last_seen_at=LATER,
)
SCRIPT = make_group("script-src-elem", "inline", reports=9, reporters=1)
NOISE = make_group("script-src-elem", "chrome-extension", reports=40, evidence_class=EvidenceClass.EXTENSION)
GROUPS = (PICTURE, OTHER_PICTURE, SCRIPT, NOISE)


def summary_of(groups: Sequence[ViolationGroup] = GROUPS, **options: Any) -> Summary:
    """The summary of a window, with the figures of `options` that are none of its own."""
    names = {each.name for each in dataclasses.fields(Figures)}
    figures = Figures(**{"reporters": {"": 4}, **{name: options.pop(name) for name in names & options.keys()}})
    return summarize(groups, **{"site": "shop", "window": WINDOW, "figures": figures, **options})


def test_totals_count_every_group_noise_included() -> None:
    totals = summary_of().totals
    assert (totals.reports, totals.groups, totals.reporters, totals.noise_reports) == (56, 4, 4, 40)


def test_rows_by_group_stand_by_reporters_then_reports() -> None:
    assert [row.group for row in summary_of().rows] == [OTHER_PICTURE, PICTURE, SCRIPT]
    tied = [make_group(blocked=name, reports=reports) for name, reports in (("data", 1), ("blob", 3))]
    assert [row.reports for row in summary_of(tied).rows] == [3, 1]


def test_noise_is_hidden_until_asked_for_and_counted_either_way() -> None:
    assert summary_of().hidden_noise_groups == 1
    shown = summary_of(include_noise=True)
    assert shown.hidden_noise_groups == 0
    assert NOISE in [row.group for row in shown.rows]
    assert [row.noise_reports for row in shown.rows if row.group == NOISE] == [40]


@pytest.mark.parametrize(
    ("by", "reporters", "rows"),
    [
        (
            SummaryBy.DIRECTIVE,
            {"img-src": 4, "script-src-elem": 1},
            [("img-src", 7, 4, 2), ("script-src-elem", 9, 1, 1)],
        ),
        (
            SummaryBy.SOURCE,
            {"inline": 1, "https://img.example": 4},
            [("https://img.example", 7, 4, 2), ("inline", 9, 1, 1)],
        ),
        (
            SummaryBy.PAGE,
            {f"{ORIGIN}/cart": 2, OTHER_PAGE: 3},
            [(OTHER_PAGE, 2, 3, 1), (f"{ORIGIN}/cart", 14, 2, 2)],
        ),
    ],
)
def test_rows_fold_groups_and_take_their_reporters_from_the_distinct_networks(
    by: SummaryBy, reporters: dict[str, int], rows: list[tuple[str, int, int, int]]
) -> None:
    found = summary_of(by=by, reporters=reporters).rows
    assert [(row.key, row.reports, row.reporters, row.groups) for row in found] == rows


def test_a_folded_row_spans_the_times_of_its_groups() -> None:
    row = next(row for row in summary_of(by=SummaryBy.DIRECTIVE).rows if row.key == "img-src")
    assert (row.first_seen_at, row.last_seen_at) == (SEEN_AT, LATER)


def test_rows_by_day_stand_in_the_order_of_the_calendar_and_count_what_is_shown() -> None:
    days = [
        DayCount(OTHER_PICTURE.fingerprint, "2026-11-22", 2, 2),
        DayCount(PICTURE.fingerprint, "2026-11-20", 5, 5),
        DayCount(SCRIPT.fingerprint, "2026-11-20", 9, 9),
        DayCount(NOISE.fingerprint, "2026-11-20", 40, 40),
        DayCount("of no group in the window", "2026-11-01", 7, 7),
    ]
    reporters = {"2026-11-20": 2, "2026-11-22": 3}
    rows = summary_of(by=SummaryBy.DAY, days=days, reporters=reporters).rows
    assert [(row.key, row.reports, row.reporters, row.groups) for row in rows] == [
        ("2026-11-20", 14, 2, 2),
        ("2026-11-22", 2, 3, 1),
    ]
    noisy = summary_of(by=SummaryBy.DAY, days=days, reporters=reporters, include_noise=True).rows
    assert [(row.reports, row.noise_reports) for row in noisy] == [(54, 40), (2, 0)]


@pytest.mark.parametrize(
    ("blocked", "source"),
    [
        ("https://img.example/a/b.png", "https://img.example"),
        ("https://img.example:8443", "https://img.example:8443"),
        ("data", "data"),
        ("inline", "inline"),
        ("", "(empty)"),
    ],
)
def test_a_blocked_uris_source_is_its_origin_or_the_word_itself(blocked: str, source: str) -> None:
    assert source_of(make_group(blocked=blocked)) == source


def test_what_nobody_else_loads_is_one_row_among_the_initiators() -> None:
    groups = [PICTURE, replace(OTHER_PICTURE, initiator="https://tag.example"), SCRIPT]
    figures = {"https://tag.example": 3, NO_INITIATOR: 2}
    rows = summary_of(groups, by=SummaryBy.INITIATOR, reporters=figures).rows
    assert [(row.key, row.reports, row.reporters, row.groups) for row in rows] == [
        ("https://tag.example", 2, 3, 1),
        (NO_INITIATOR, 14, 2, 2),
    ]


@pytest.mark.parametrize("by", list(SummaryBy))
def test_without_groups_there_are_no_rows(by: SummaryBy) -> None:
    summary = summary_of([], by=by, reporters={})
    assert summary.rows == ()
    assert summary.totals.reports == 0
