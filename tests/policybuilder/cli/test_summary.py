"""Tests of what a summary puts first, beside and apart, for people and for scripts."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from policybuilder.cli.summary_text import sparkline
from policybuilder.csp import Disposition, SampleExtent
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import Classification
from policybuilder.store.clock import DAY_MS, to_ms
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import ORIGIN, PAGE, SEEN_AT, make_observation, make_violation, record_observations, replace

AS_OF = ("--as-of", "2026-11-20T23:00:00Z")
PICTURE = make_violation("img-src", "https://img.example/a.png")
INLINE = make_violation("script-src-elem", "inline", sample="go()", sample_extent=SampleExtent.PREFIX)


def report(database: Engine, *observations: Any) -> None:
    record_observations(database, *observations)


def summary(cspbuild: Cspbuild, *arguments: str) -> Any:
    return cspbuild("summary", *AS_OF, "--format", "json", *arguments).json()


def test_an_estimate_stands_beside_a_count_that_differs_and_nowhere_else(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE, stands_for=100), make_observation(PICTURE), make_observation(INLINE))
    document = summary(cspbuild)
    assert (document["totals"]["estimated_reports"], document["totals"]["sampling_rate"]) == (102, round(3 / 102, 6))
    assert sorted((row["reports"], row["estimated_reports"], row["reporters"]) for row in document["rows"]) == [
        (1, 1, 1),
        (2, 101, 1),
    ]
    out = cspbuild("summary", *AS_OF).out
    assert "default: 3 reports (≈ 102 before sampling) in 2 groups" in out
    assert out.count("≈") == 2
    assert "2 ≈ 101" in out
    (page,) = summary(cspbuild, "--by", "page")["rows"]
    (day,) = summary(cspbuild, "--by", "day")["rows"]
    assert page["estimated_reports"] == day["estimated_reports"] == 102


@pytest.mark.usefixtures("database")
def test_nothing_reported_has_no_sampling_rate(cspbuild: Cspbuild) -> None:
    totals = summary(cspbuild)["totals"]
    assert (totals["estimated_reports"], totals["sampling_rate"]) == (0, None)


def test_what_looks_like_an_attack_is_said_above_the_table_and_stands_first_in_it(
    cspbuild: Cspbuild, database: Engine
) -> None:
    attack = make_violation("script-src-elem", "https://evil.example/x.js")
    seen = [make_observation(PICTURE, network=str(number)) for number in range(9)]
    report(database, *seen, make_observation(attack, evidence_class=EvidenceClass.ATTACK_LIKE))
    lines = cspbuild("summary", *AS_OF).out.splitlines()
    alarm = next(number for number, line in enumerate(lines) if line.startswith("ATTACK-LIKE: 1 group with 1 report"))
    first = next(number for number, line in enumerate(lines) if "https://evil.example" in line)
    second = next(number for number, line in enumerate(lines) if "https://img.example" in line)
    assert alarm < first < second
    document = summary(cspbuild)
    assert document["attack_like"]["reports"] == 1
    assert [row["class"] for row in document["rows"]] == ["genuine", "attack-like"]


def test_attacks_by_the_dozen_leave_room_for_the_others(cspbuild: Cspbuild, database: Engine) -> None:
    attacks = [
        make_observation(
            make_violation("script-src-elem", f"https://evil{number}.example/x.js"),
            evidence_class=EvidenceClass.ATTACK_LIKE,
            network=network,
        )
        for number in range(60)
        for network in "ab"
    ]
    report(database, *attacks, make_observation(PICTURE), make_observation(INLINE))
    ran = cspbuild("summary", *AS_OF)
    lines = ran.out.splitlines()
    places = [number for number, line in enumerate(lines) if "attack-like" in line and "evil" in line]
    more = next(number for number, line in enumerate(lines) if "50 more attack-like groups:" in line)
    others = [number for number, line in enumerate(lines) if PICTURE.blocked_uri in line or "go()" in line]
    assert len(places) == 10
    assert max(places) < more < min(others)
    assert len(others) == 2
    assert "ATTACK-LIKE: 60 groups" in ran.out
    assert "more row" not in ran.err


@pytest.mark.parametrize("columns", [200, 120, 80])
def test_a_row_says_who_had_it_loaded_where_that_was_not_the_page(
    cspbuild: Cspbuild, database: Engine, columns: int
) -> None:
    """So are rows told apart that are alike in all else."""
    named = make_violation("script-src-elem", "https://cdn.example/a.js", source_file="https://tag.example/t.js")
    report(
        database,
        *(make_observation(named, network=network) for network in "abc"),
        make_observation(make_violation("script-src-elem", "https://cdn.example/a.js")),
    )
    assert [row["loaded_by"] for row in summary(cspbuild)["rows"]] == ["https://tag.example", ""]
    lines = cspbuild("summary", *AS_OF, COLUMNS=str(columns)).out.splitlines()
    assert sum("loaded by https://tag.example" in line for line in lines) == 1
    assert not any("(group" in line for line in lines)
    (first, second) = csv.DictReader(io.StringIO(cspbuild("summary", *AS_OF, "--format", "csv").out))
    assert (first["loaded_by"], second["loaded_by"]) == ("https://tag.example", "")
    rows = {row["initiator"]: row["reporters"] for row in summary(cspbuild, "--by", "initiator")["rows"]}
    assert rows == {"https://tag.example": 3, "(no other origin)": 1}
    assert "https://tag.example" in cspbuild("summary", *AS_OF, "--by", "initiator", COLUMNS=str(columns)).out


@pytest.mark.parametrize("answer", [("reject", "https://evil.example"), ("ignore", "https://evil.example"), None])
def test_attacks_that_somebody_decided_about_are_no_alarm_any_more(
    cspbuild: Cspbuild, database: Engine, answer: tuple[str, ...] | None
) -> None:
    attack = make_violation("script-src-elem", "https://evil.example/x.js")
    seen = [make_observation(PICTURE, network=str(number)) for number in range(9)]
    report(database, *seen, make_observation(attack, evidence_class=EvidenceClass.ATTACK_LIKE))
    (group,) = (row["group"] for row in summary(cspbuild)["rows"] if row["class"] == "attack-like")
    assert cspbuild("decide", *(answer or ("class", group, "attack-like"))).code == 0
    assert summary(cspbuild)["attack_like"] is None
    out = cspbuild("summary", *AS_OF).out
    assert "ATTACK-LIKE" not in out
    assert out.index(PICTURE.blocked_uri) < out.index("https://evil.example/x.js")
    assert f"decided: {'attack-like' if answer is None else answer[0]}" in out


def test_what_is_not_shown_is_counted_by_its_class_in_every_view(cspbuild: Cspbuild, database: Engine) -> None:
    other = make_violation("img-src", "https://evil.example/a.png")
    report(
        database,
        make_observation(PICTURE),
        *(make_observation(INLINE, evidence_class=each) for each in (*APART, EvidenceClass.INJECTED)),
        make_observation(other, evidence_class=EvidenceClass.ATTACK_LIKE),
    )
    for by in ("group", "directive", "source", "page"):
        ran = cspbuild("summary", *AS_OF, "--by", by)
        assert "3 groups of noise and 1 contradiction not shown" in ran.err
        document = summary(cspbuild, "--by", by)
        assert (document["hidden_noise_groups"], document["hidden_contradiction_groups"]) == (3, 1)
        assert sum(row["reports"] for row in document["rows"]) == 2
        assert "inline" not in ran.out.partition("Set apart")[0]
    rows = {row["source"]: row for row in summary(cspbuild, "--by", "source", "--noise")["rows"]}
    marks = {source: (row["attack_like_reports"], row["apart_reports"]) for source, row in rows.items()}
    assert marks == {"https://evil.example": (1, 0), "https://img.example": (0, 0), "inline": (0, 4)}
    (day,) = summary(cspbuild, "--by", "day", "--noise")["rows"]
    assert (day["reports"], day["attack_like_reports"], day["apart_reports"]) == (6, 1, 4)
    assert "attack-like" in cspbuild("summary", *AS_OF, "--by", "source").out
    table = csv.DictReader(io.StringIO(cspbuild("summary", *AS_OF, "--by", "source", "--format", "csv").out))
    assert {row["source"]: row["attack_like_reports"] for row in table} == {
        "https://evil.example": "1",
        "https://img.example": "0",
    }


def test_tables_for_scripts_name_the_group_and_the_reason(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(INLINE, evidence_class=EvidenceClass.BOT))
    (expected,) = summary(cspbuild, "--noise")["rows"]
    arguments = ("summary", *AS_OF, "--noise", "--format")
    (row,) = csv.DictReader(io.StringIO(cspbuild(*arguments, "csv").out))
    assert (row["group"], row["reason"]) == (expected["group"], expected["reason"])
    assert expected["reason"]
    assert expected["group"] in cspbuild(*arguments, "markdown").out


def test_one_row_more_is_one(cspbuild: Cspbuild, database: Engine) -> None:
    pictures = [make_violation("img-src", f"https://img{number}.example/a.png") for number in range(51)]
    report(database, *(make_observation(picture) for picture in pictures))
    assert "1 more row: " in cspbuild("summary", *AS_OF).err


def test_an_empty_window_is_not_taken_for_a_collector_without_reports(cspbuild: Cspbuild, database: Engine) -> None:
    empty = (*AS_OF, "--since", "2h")
    assert "no reports yet" in cspbuild("summary", *empty).err
    report(database, make_observation(PICTURE), make_observation(INLINE))
    ran = cspbuild("summary", *empty)
    assert "none in this window; without --since there are 2 groups" in ran.err
    assert "no reports yet" not in ran.err
    assert "no reports yet" in cspbuild("summary", "--as-of", "2026-11-01").err


def test_networks_that_are_not_kept_any_more_are_a_dash_and_not_none(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE))
    with database.begin() as connection:
        connection.execute(text("DELETE FROM group_reporter"))
        connection.execute(text("DELETE FROM network_day"))
    out = cspbuild("summary", *AS_OF).out
    (line,) = (line for line in out.splitlines() if PICTURE.blocked_uri in line)
    assert line.split()[:2] == ["–", "1"]
    assert "from networks that are not kept any more" in out
    (row,) = summary(cspbuild)["rows"]
    assert row["reporters"] == 0


@pytest.mark.parametrize(("columns", "is_shown"), [(200, True), (140, True), (139, False), (100, False)])
def test_wide_terminals_show_which_group_a_row_is(
    cspbuild: Cspbuild, database: Engine, columns: int, *, is_shown: bool
) -> None:
    report(database, make_observation(PICTURE), make_observation(INLINE, evidence_class=EvidenceClass.BOT))
    groups = [row["group"] for row in summary(cspbuild, "--noise")["rows"]]
    out = cspbuild("summary", *AS_OF, "--noise", COLUMNS=str(columns)).out
    assert [group[:8] in out for group in groups] == [is_shown] * 2


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_rows_that_would_read_alike_say_what_tells_them_apart(
    cspbuild: Cspbuild, database: Engine, columns: int
) -> None:
    blocked = f"https://cdn.example/{'long/' * 5}app.js"
    known: list[dict[str, Any]] = [
        {},
        {"disposition": Disposition.ENFORCE},
        {"document_uri": "https://blog.shop.example/cart"},
    ]
    report(database, *(make_observation(make_violation("script-src-elem", blocked, **each)) for each in known))
    beginning = "the same beginning of two scripts that differ later "
    for end in "ab":
        code = make_violation("script-src", "inline", sample=beginning + end, sample_extent=SampleExtent.WHOLE)
        report(database, make_observation(code))
    out = cspbuild("summary", *AS_OF, COLUMNS=str(columns)).out
    for told in ("(report, shop.example)", "(enforce, shop.example)", "(report, blog.shop.example)"):
        assert told in out
    rows = [row for row in summary(cspbuild)["rows"] if row["blocked"] == "inline"]
    assert len(rows) == 2
    for row in rows:
        assert f"(group {row['group'][:8]})" in out


def test_the_class_gives_way_before_the_trend(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE, is_trusted=True))
    out = cspbuild("summary", *AS_OF, COLUMNS="80").out
    assert "trend" in out
    assert "(genuine, yours)" in out


APART = [EvidenceClass.EXTENSION, EvidenceClass.BOT, EvidenceClass.CONTRADICTION]


def test_what_no_policy_is_made_of_is_set_apart_with_what_it_is(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE), *(make_observation(INLINE, evidence_class=each) for each in APART))
    document = summary(cspbuild)
    assert {(apart["class"], apart["groups"], apart["reports"]) for apart in document["apart"]} == {
        ("extension", 1, 1),
        ("bot", 1, 1),
        ("contradiction", 1, 1),
    }
    assert all(apart["meaning"] for apart in document["apart"])
    out = cspbuild("summary", *AS_OF).out
    table, _, below = out.partition("Set apart")
    assert "go()" not in table
    assert all(each.value in below for each in APART)
    assert "an extension in the visitor's browser" in below
    assert cspbuild("summary", *AS_OF, "--noise").out.partition("Set apart")[0].count("go()") == len(APART)


def test_what_is_set_apart_says_what_its_rule_says(cspbuild: Cspbuild, database: Engine) -> None:
    said = Classification(EvidenceClass.INJECTED, "tracker", "what an operator wrote of it")
    report(database, replace(make_observation(PICTURE), classification=said))
    assert "what an operator wrote of it" in cspbuild("summary", *AS_OF).out
    document = summary(cspbuild, "--noise")
    assert [row["reason"] for row in document["rows"]] == ["what an operator wrote of it"]
    assert [apart["meaning"] for apart in document["apart"]] == ["what an operator wrote of it"]


def test_what_was_seen_only_before_the_last_deployment_is_folded_away(cspbuild: Cspbuild, database: Engine) -> None:
    later = SEEN_AT + timedelta(hours=2)
    report(database, make_observation(PICTURE), make_observation(INLINE, seen_at=later))
    options = ("--policy", "img-src https://img.example", "--stage", "enforce", "--at", "2026-11-20T11:30:00Z")
    assert cspbuild("deploy", "record", *options).code == 0
    document = summary(cspbuild)
    assert [row["blocked"] for row in document["rows"]] == ["inline"]
    assert (document["hidden_superseded_groups"], document["hidden_noise_groups"]) == (1, 0)
    assert document["totals"]["noise_reports"] == 0
    assert [(apart["class"], apart["rule"]) for apart in document["apart"]] == [("superseded", "older-than-deployment")]
    ran = cspbuild("summary", *AS_OF)
    assert "1 superseded group not shown" in ran.err
    assert {row["class"] for row in summary(cspbuild, "--noise")["rows"]} == {"superseded", "genuine"}


def test_held_and_decided_groups_say_so(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE, is_trusted=True), make_observation(INLINE, is_trusted=True))
    rows = {row["blocked"]: row for row in summary(cspbuild)["rows"]}
    assert (rows["inline"]["held"], rows[PICTURE.blocked_uri]["held"]) == (True, False)
    ran = cspbuild("summary", *AS_OF)
    assert "held" in next(line for line in ran.out.splitlines() if "go()" in line)
    assert "held: it has a price" in ran.err
    assert cspbuild("decide", "reject", "https://img.example").code == 0
    decided = {row["blocked"]: row for row in summary(cspbuild)["rows"]}
    assert decided[PICTURE.blocked_uri]["decision"] == "reject"
    assert "decided: reject" in cspbuild("summary", *AS_OF).out


def test_a_trend_counts_the_days_up_to_the_clock(cspbuild: Cspbuild, database: Engine) -> None:
    days_ago = [0, 0, 0, 0, 2, 13, 14]
    report(database, *(make_observation(PICTURE, seen_at=SEEN_AT - timedelta(days=days)) for days in days_ago))
    document = summary(cspbuild)
    (row,) = document["rows"]
    assert row["trend"] == [1, *[0] * 10, 1, 0, 4]
    assert (document["trend_days"][0], document["trend_days"][-1]) == ("2026-11-07", "2026-11-20")
    assert "····▂·█" in cspbuild("summary", *AS_OF).out
    (short,) = summary(cspbuild, "--since", "2026-11-19")["rows"]
    assert short["trend"] == [0, 4]


def test_views_stand_beside_what_was_reported_for_a_thousand_of_them(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, *[make_observation(PICTURE, stands_for=10)] * 3)
    other = make_violation("img-src", "https://img.example/a.png", document_uri=f"{ORIGIN}/unlogged")
    report(database, make_observation(other))
    assert summary(cspbuild, "--by", "page")["rows"][0]["views"] is None
    assert "per 1,000 views" not in cspbuild("summary", *AS_OF, "--by", "page").out
    with database.begin() as connection:
        insert = text("INSERT INTO page_view (site, page, day, views) VALUES ('default', :page, :day, :views)")
        day = to_ms(SEEN_AT) // DAY_MS
        views = [{"page": PAGE, "day": day, "views": 4_000}, {"page": f"{ORIGIN}/quiet", "day": day, "views": 2_000}]
        connection.execute(insert, views)
    document = summary(cspbuild, "--by", "page")
    found = {row["page"]: (row["views"], row["reports_per_1000_views"]) for row in document["rows"]}
    # Both pages reported the same group, whose estimate is 31 for 4 reports.
    assert found == {PAGE: (4_000, 5.75), f"{ORIGIN}/unlogged": (None, None)}
    assert (document["totals"]["views"], document["totals"]["views_from"]) == (6_000, "access-log")
    (by_day,) = summary(cspbuild, "--by", "day")["rows"]
    assert (by_day["views"], by_day["reports_per_1000_views"]) == (6_000, 5.167)
    out = cspbuild("summary", *AS_OF, "--by", "page").out
    assert "per 1,000 views" in out
    assert "4,000" in out
    rows = list(csv.DictReader(io.StringIO(cspbuild("summary", *AS_OF, "--by", "page", "--format", "csv").out)))
    assert {(row["page"], row["views"], row["reports_per_1000_views"]) for row in rows} == {
        (PAGE, "4000", "5.75"),
        (f"{ORIGIN}/unlogged", "", ""),
    }


def test_views_that_somebody_said_stand_in_where_no_log_tells(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, make_observation(PICTURE))
    options = ("--policy", "img-src *", "--stage", "report-only", "--views-per-day", "500", "--at", "2026-11-01")
    cspbuild("deploy", "record", *options)
    totals = summary(cspbuild, "--since", "7d")["totals"]
    assert (totals["views"], totals["views_from"]) == (3_500, "deployment")
    assert summary(cspbuild, "--since", "30d")["totals"] == summary(cspbuild)["totals"]
    assert summary(cspbuild)["totals"]["views"] == round(500 * (19 + 23 / 24))
    assert summary(cspbuild, "--as-of", "2026-11-01T00:00:00Z")["totals"]["views"] is None


def test_days_without_a_log_have_the_views_that_somebody_said_since_then(cspbuild: Cspbuild, database: Engine) -> None:
    report(database, *(make_observation(PICTURE, seen_at=SEEN_AT - timedelta(days=days)) for days in range(5)))
    for views, at in (("500", "2026-11-17T12:00:00Z"), ("800", "2026-11-19")):
        options = ("--policy", "img-src *", "--stage", "report-only", "--views-per-day", views, "--at", at)
        assert cspbuild("deploy", "record", *options).code == 0
    with database.begin() as connection:
        insert = text("INSERT INTO page_view (site, page, day, views) VALUES ('default', :page, :day, :views)")
        connection.execute(insert, {"page": PAGE, "day": to_ms(SEEN_AT) // DAY_MS, "views": 40})
    arguments = ("--by", "day", "--noise")
    assert [
        (row["day"][-2:], row["views"], row["views_from"], row["reports_per_1000_views"])
        for row in summary(cspbuild, *arguments)["rows"]
    ] == [
        ("16", None, None, None),
        ("17", 500, "said", 2.0),
        ("18", 500, "said", 2.0),
        ("19", 800, "said", 1.25),
        ("20", 40, "log", 25.0),
    ]
    out = cspbuild("summary", *AS_OF, *arguments).out
    assert ("500 said" in out, "40 said" in out) == (True, False)
    table = csv.DictReader(io.StringIO(cspbuild("summary", *AS_OF, *arguments, "--format", "csv").out))
    assert [row["views_from"] for row in table] == ["", "said", "said", "said", "log"]


def test_few_networks_behind_many_reports_are_a_loud_warning_that_changes_nothing_else(
    cspbuild: Cspbuild, database: Engine
) -> None:
    report(database, *[make_observation(PICTURE, network="edge")] * 199)
    quiet = summary(cspbuild)
    assert quiet["warnings"] == []
    report(database, make_observation(PICTURE, network="edge"))
    document = summary(cspbuild)
    (warning,) = document["warnings"]
    assert warning["code"] == "few-networks"
    assert "CSP_CLIENT_HEADER and CSP_TRUSTED_PROXIES" in warning["fix"]
    assert [row["class"] for row in document["rows"]] == [row["class"] for row in quiet["rows"]]
    out = cspbuild("summary", *AS_OF).out
    assert "WARNING: 100 % of the 200 reports to default on 2026-11-20 came from one network" in out
    assert "CSP_CLIENT_HEADER" in out
    assert summary(cspbuild, "--as-of", "2026-11-29T00:00:00Z")["warnings"] == []


def test_a_rehearsal_key_in_many_hands_is_a_warning_with_the_command_that_ends_it(
    cspbuild: Cspbuild, database: Engine
) -> None:
    report(database, *(make_observation(PICTURE, network=network, is_trusted=True) for network in "abcd"))
    (warning,) = summary(cspbuild)["warnings"]
    assert warning["code"] == "rehearsal-key-leaked"
    assert warning["fix"] == "cspbuild site rotate default --rehearsal"


@pytest.mark.parametrize("columns", [200, 160, 120, 100, 80])
def test_rows_stay_within_the_terminal_and_directives_whole(cspbuild: Cspbuild, database: Engine, columns: int) -> None:
    long = make_violation("script-src-elem", f"https://cdn.example/{'very-long-path/' * 9}app.js")
    report(
        database,
        make_observation(long, stands_for=1_000),
        make_observation(INLINE, is_trusted=True),
        make_observation(PICTURE, evidence_class=EvidenceClass.ATTACK_LIKE),
    )
    out = cspbuild("summary", *AS_OF, COLUMNS=str(columns)).out
    lines = out.splitlines()[2:]
    assert max(map(len, lines)) <= columns
    assert sum(" script-src-elem " in line for line in lines) == 2
    assert "1 ≈ 1,000" in out
    joined = "".join(out.split())
    assert "attack-like" in joined
    assert "genuine,yours" in joined
    assert "held" in joined


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((), ""),
        ((0, 0), ""),
        ((1,), "█"),
        ((0, 1, 8), "·▁█"),
        ((1, 2, 3, 4, 5, 6, 7, 8), "▁▂▃▄▅▆▇█"),
        ((1, 10**9), "▁█"),
    ],
)
def test_a_sparkline_is_as_high_as_its_numbers(numbers: tuple[int, ...], shown: str) -> None:
    assert sparkline(numbers) == shown


def test_new_cells_are_no_formulas_and_no_escapes(cspbuild: Cspbuild, database: Engine) -> None:
    hostile = make_violation("img-src", "https://img.example/\x1b[2J", document_uri="=1+1\u202e")
    report(database, make_observation(hostile, evidence_class=EvidenceClass.ATTACK_LIKE))
    for fmt in ("text", "json", "csv", "markdown"):
        for by in ("group", "directive", "source", "page", "day"):
            out = cspbuild("summary", *AS_OF, "--by", by, "--format", fmt).out
            assert {character for character in out if not character.isprintable()} <= {"\n"}
    cells = [
        cell
        for row in csv.reader(io.StringIO(cspbuild("summary", *AS_OF, "--by", "page", "--format", "csv").out))
        for cell in row
    ]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert json.loads(cspbuild("summary", *AS_OF, "--format", "json").out)["rows"]


def test_what_is_beyond_the_budget_comes_with_the_command_that_raises_it(cspbuild: Cspbuild, database: Engine) -> None:
    assert cspbuild("site", "set", "default", "--new-groups-per-hour", "10").code == 0
    floods = [make_violation("img-src", f"https://img.example/{number}/a.png") for number in range(40)]
    report(database, *(make_observation(violation) for violation in floods))
    ran = cspbuild("summary", *AS_OF)
    assert "https://img.example/(other)" in ran.out
    assert "(other) stands for what was new beyond the site's budget" in ran.err
    assert "site set default --new-groups-per-hour N  or leave it, if somebody floods the site" in ran.err
    assert summary(cspbuild)["totals"]["reports"] == 40
