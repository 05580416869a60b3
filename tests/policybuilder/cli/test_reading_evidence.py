"""Tests of the commands that read evidence: summary, suggest and replay, as people and scripts use them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from sqlalchemy import Engine

from policybuilder.csp import parse_serialized_policy
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import PAGE, make_observation, make_violation, record_observations

POLICY = (
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; img-src https://img.example; "
    "object-src 'none'; worker-src 'none'"
)
PERMISSIVE = "default-src *; frame-ancestors 'self'"
AS_OF = ("--as-of", "2026-11-23T10:00:00Z")

pytestmark = pytest.mark.usefixtures("evidence")


def test_summary_tells_people_what_was_reported(cspbuild: Cspbuild) -> None:
    ran = cspbuild("summary", "--site", "shop", *AS_OF)
    assert ran.code == 0
    assert "shop: 6 reports in 5 groups from 3 networks on the busiest day; 1 report of noise" in ran.out
    assert "https://img.example/a.png" in ran.out
    assert "chrome-extension" not in ran.out
    assert "1 group of noise not shown" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_summary_gives_scripts_the_promised_keys(cspbuild: Cspbuild) -> None:
    document = cspbuild("summary", "--site", "shop", "--format", "json", *AS_OF).json()
    assert document["schema"] == "summary/1"
    assert document["site"] == "shop"
    assert document["window"] == {"since": None, "until": "2026-11-23T10:00:00Z"}
    assert document["totals"] == {
        "reports": 6,
        "groups": 5,
        "reporters": 3,
        "noise_reports": 1,
        "estimated_reports": 6,
        "sampling_rate": 1.0,
        "views": None,
        "views_from": None,
    }
    first = document["rows"][0]
    assert {
        *("directive", "blocked", "disposition", "reports", "reporters", "first_seen", "last_seen", "pages", "noise"),
        *("decision", "sample", "estimated_reports", "held", "trend"),
    } <= first.keys()
    assert (first["directive"], first["blocked"]) == ("img-src", "https://img.example/a.png")
    assert (first["reports"], first["reporters"], first["pages"]) == (2, 2, [PAGE])
    assert first["first_seen"] == "2026-11-20T10:30:00Z"
    assert not any(row["noise"] for row in document["rows"])


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("directive", ["img-src", "script-src-elem", "frame-ancestors"]),
        ("source", ["https://img.example", "https://shop.example", "https://evil.example"]),
        ("page", [PAGE]),
        ("day", ["2026-11-20"]),
    ],
)
def test_summary_folds_rows_by_what_is_asked(cspbuild: Cspbuild, by: str, keys: list[str]) -> None:
    document = cspbuild("summary", "--site", "shop", "--by", by, "--format", "json").json()
    assert sorted(row[by] for row in document["rows"]) == sorted(keys)
    assert {"reports", "reporters", "groups", "noise_reports"} <= document["rows"][0].keys()
    ran = cspbuild("summary", "--site", "shop", "--by", by)
    assert ran.code == 0
    assert all(key in ran.out for key in keys)


def test_summary_shows_noise_with_its_reason_when_asked(cspbuild: Cspbuild) -> None:
    document = cspbuild("summary", "--site", "shop", "--noise", "--format", "json").json()
    assert [(row["class"], row["rule"]) for row in document["rows"] if row["noise"]] == [("extension", "no-noise-rule")]
    assert document["totals"]["reports"] == 6


def test_summary_as_csv_and_markdown_has_a_line_a_row(cspbuild: Cspbuild) -> None:
    rows = list(csv.DictReader(io.StringIO(cspbuild("summary", "--site", "shop", "--format", "csv").out)))
    assert rows[0]["blocked"] == "https://img.example/a.png"
    assert len(rows) == 4
    lines = cspbuild("summary", "--site", "shop", "--format", "markdown").out.splitlines()
    assert lines[0].startswith("| directive | blocked |")
    assert len(lines) == 2 + 4
    assert len({line.count("|") for line in lines}) == 1


def test_a_window_leaves_out_what_is_older(cspbuild: Cspbuild) -> None:
    document = cspbuild("summary", "--site", "shop", "--since", "1d", "--format", "json", *AS_OF).json()
    assert document["totals"]["reports"] == 0
    assert document["rows"] == []
    assert document["window"]["since"] == "2026-11-22T10:00:00Z"
    recent = cspbuild("summary", "--site", "shop", "--since", "7d", "--format", "json", *AS_OF).json()
    assert recent["totals"]["reports"] == 6


def test_suggest_gives_scripts_the_promised_keys(cspbuild: Cspbuild) -> None:
    ran = cspbuild("suggest", "--site", "shop", "--format", "json", *AS_OF)
    assert ran.code == 0
    document = ran.json()
    assert document["schema"] == "suggest/1"
    assert document["site"] == "shop"
    assert document["policy"] == POLICY
    assert document["header"] == {"name": "Content-Security-Policy", "value": POLICY}
    assert [directive["name"] for directive in document["directives"]] == [
        directive.name for directive in parse_serialized_policy(POLICY).directives
    ]
    (source,) = next(found["sources"] for found in document["directives"] if found["name"] == "img-src")
    assert source["source"] == "https://img.example"
    assert source["rule"]
    assert source["reason"]
    assert source["evidence"] == {
        "reports": 2,
        "loaded_by": [],
        "reporters": 2,
        "days": 1,
        "first_seen": "2026-11-20T10:30:00Z",
        "last_seen": "2026-11-20T10:30:00Z",
        "pages": [PAGE],
        "examples": ["https://img.example/a.png"],
    }
    (held,) = document["held"]
    assert held.keys() == {"directive", "source", "why", "needs", "evidence"}
    assert (held["directive"], held["source"]) == ("script-src", "https://evil.example")
    assert held["evidence"].keys() == source["evidence"].keys()
    (excluded,) = document["excluded"]
    assert excluded.keys() == {"directive", "blocked", "class", "rule", "reports"}
    (unresolved,) = document["unresolved"]
    assert {"directive", "blocked", "why", "todo"} <= unresolved.keys()
    assert document["needs_nonce"] is False
    assert document["replay"] == {"allow": 2, "block": 0, "unknown": 0, "held": 2, "excluded": 1}
    assert {"findings", "changes", "relation"} <= document.keys()


def test_suggest_tells_people_the_policy_and_where_each_source_comes_from(cspbuild: Cspbuild) -> None:
    ran = cspbuild("suggest", "--site", "shop", *AS_OF)
    assert ran.code == 0
    assert f"Content-Security-Policy: {POLICY}\n" in ran.out
    assert "https://evil.example" in ran.out
    assert "Replayed 2 accepted groups: 2 allowed, 0 blocked, 0 unknown; 2 held, 1 excluded." in ran.out
    assert "\x1b" not in ran.out + ran.err


def test_the_same_evidence_gives_the_same_bytes_in_any_process(program: Cspbuild) -> None:
    first, second = (program("suggest", "--site", "shop", "--format", "json", *AS_OF, PYTHONHASHSEED=s) for s in "12")
    assert first.out == second.out


@pytest.mark.parametrize(
    ("output_format", "holds"),
    [
        ("header", f"Content-Security-Policy: {POLICY}"),
        ("nginx", "add_header Content-Security-Policy"),
        ("apache", "Header always"),
        ("caddy", "Content-Security-Policy"),
        ("cloudflare", "Content-Security-Policy"),
        ("netlify", "Content-Security-Policy"),
        ("helmet", "useDefaults: false"),
        ("django", "img-src"),
        ("fastapi", "Content-Security-Policy"),
        ("meta", '<meta http-equiv="Content-Security-Policy"'),
        ("markdown", "Content-Security-Policy"),
    ],
)
def test_suggest_speaks_every_platforms_language(cspbuild: Cspbuild, output_format: str, holds: str) -> None:
    ran = cspbuild("suggest", "--site", "shop", "--format", output_format)
    assert (ran.code, ran.err) == (0, "")
    assert holds in ran.out
    assert "https://img.example" in ran.out
    assert "https://evil.example" not in ran.out


def test_the_suggested_header_replays_clean_and_a_tighter_one_stops_the_gate(cspbuild: Cspbuild) -> None:
    header = cspbuild("suggest", "--site", "shop", "--format", "header").out
    policy = header.removeprefix("Content-Security-Policy: ")
    ran = cspbuild("replay", "--site", "shop", "--policy", "-", "--format", "json", text=policy)
    document = ran.json()
    assert (ran.code, document["schema"], document["policy"]) == (1, "replay/1", POLICY)
    # What only strangers report is genuine too, as far as a report tells: the gate shows it.
    assert [row["blocked"] for row in document["rows"] if row["class"] == "genuine" and row["verdict"] == "block"] == [
        "https://evil.example/a.js"
    ]
    assert document["genuine"] == {"allow": 3, "block": 1, "unknown": 0}


def test_replay_gives_scripts_the_promised_keys(cspbuild: Cspbuild) -> None:
    ran = cspbuild("replay", "--site", "shop", "--policy", PERMISSIVE, "--format", "json")
    document = ran.json()
    assert document["totals"].keys() == document["genuine"].keys() == {"allow", "block", "unknown"}
    assert {
        *("directive", "blocked", "page", "class", "reports", "verdict", "matched_by", "reason"),
    } <= document["rows"][0].keys()
    assert sum(document["totals"].values()) == len(document["rows"]) == 5


@pytest.mark.parametrize(
    ("policy", "code"),
    [("", 0), ("default-src *", 0), ("default-src 'none'", 1), ("img-src 'none'", 1), ("img-src https:, img-src *", 0)],
)
def test_replay_says_no_when_genuine_evidence_would_be_blocked(cspbuild: Cspbuild, policy: str, code: int) -> None:
    assert cspbuild("replay", "--site", "shop", "--policy", policy).code == code


def test_replay_tells_people_what_would_be_blocked_and_why(cspbuild: Cspbuild) -> None:
    ran = cspbuild("replay", "--site", "shop", "--policy", "img-src 'self'; nonsense-src x")
    assert ran.code == 1
    assert "https://img.example/a.png" in ran.out
    assert "genuine groups" in ran.out
    assert "the policy has 1 oddity: see  cspbuild parse" in ran.err


@pytest.mark.parametrize("columns", [160, 100, 99, 80, 60])
def test_replay_keeps_verdicts_and_directives_whole(cspbuild: Cspbuild, columns: int) -> None:
    ran = cspbuild("replay", "--site", "shop", "--policy", "default-src 'none'", COLUMNS=str(columns))
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(line.startswith(" block ") and " script-src-elem " in line for line in lines) == 3


def test_replay_leaves_nothing_out_where_lines_are_short(cspbuild: Cspbuild) -> None:
    out = cspbuild("replay", "--site", "shop", "--policy", "default-src 'none'", COLUMNS="80").out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    shown = rows.index("block img-src https://img.example/a.png")
    assert rows[shown + 1] == "2 reports, genuine: default-src admits nothing"


def test_a_database_elsewhere_is_named_by_option_or_environment(cspbuild: Cspbuild, evidence: Engine) -> None:
    url = f"sqlite:///{evidence.url.database}"
    by_option = cspbuild("summary", "--site", "shop", "--database", url, "--format", "json", *AS_OF)
    by_variable = cspbuild("summary", "--site", "shop", "--format", "json", *AS_OF, CSP_DATABASE_URL=url)
    assert by_option.out == by_variable.out
    assert json.loads(by_option.out)["totals"]["reports"] == 6


def test_nothing_accepted_is_an_answer_in_json_and_an_error_where_a_policy_has_to_be_printed(
    cspbuild: Cspbuild, database: Engine
) -> None:
    record_observations(database, make_observation(make_violation("img-src", "https://img.example/a.png")))
    document = cspbuild("suggest", "--format", "json").json()
    assert (document["policy"], document["directives"]) == ("", [])
    assert document["findings"][0]["code"] == "nothing-accepted"
    ran = cspbuild("suggest", "--format", "nginx")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no policy can be suggested yet: ")
    text = cspbuild("suggest")
    assert text.code == 0
    assert "No policy can be suggested yet." in text.out


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("suggest",), "cspbuild header --site shop"),
        (("scripts",), "cspbuild header --site shop --base-url https://"),
        (("decide", "list"), "cspbuild suggest --site shop"),
        (("decide", "undo", "7"), "cspbuild decide list --site shop"),
        (("decide", "class", "0123456789abcdef", "bot"), "cspbuild summary --site shop --format json"),
    ],
)
def test_hints_go_on_with_the_same_site(cspbuild: Cspbuild, arguments: tuple[str, ...], says: str) -> None:
    assert says in cspbuild(*arguments, "--site", "shop").err
    assert "--site" not in cspbuild(*arguments).err
