"""What the interface answers: the documents of the commands, and what the pages show."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from policybuilder.summary import SummaryBy
from tests.collector.review.api.asking import HOSTILE, TAG, Interface

SITE = "/api/sites/default"


def told(document: Any) -> Any:
    """A document without the moment at which it was made."""
    if isinstance(document, dict):
        return {name: told(value) for name, value in document.items() if name != "window"}
    return [told(value) for value in document] if isinstance(document, list) else document


SAME = [
    ("/api/sites", ("site", "list")),
    (f"{SITE}", ("site", "show")),
    ("/api/sites/other", ("site", "show", "other")),
    (f"{SITE}/status", ("status",)),
    ("/api/sites/empty/status", ("status", "--site", "empty")),
    (f"{SITE}/suggestion", ("suggest",)),
    ("/api/sites/other/suggestion", ("suggest", "--site", "other")),
    (f"{SITE}/scripts", ("scripts",)),
    ("/api/sites/empty/scripts", ("scripts", "--site", "empty")),
    (f"{SITE}/decisions", ("decide", "list")),
    (f"{SITE}/decisions?all=true", ("decide", "list", "--all")),
    (f"{SITE}/deployments", ("deploy", "list")),
    *((f"{SITE}/summary?by={by}", ("summary", "--by", by.value)) for by in SummaryBy),
    *((f"{SITE}/summary?by={by}&noise=true", ("summary", "--noise", "--by", by.value)) for by in SummaryBy),
]


@pytest.fixture
def lived_in(interface: Interface) -> Interface:
    """With decisions that stand, expire and were taken back, and with what is served."""
    decisions = f"{SITE}/decisions"
    interface.post(decisions, {"action": "allow", "subject": "https://a.example", "directive": "img-src"})
    interface.post(decisions, {"action": "ignore", "subject": "*.example", "until": "2099-01-31", "note": "for now"})
    interface.ask("POST", f"{decisions}/1/undo")
    policy = "default-src 'self'; script-src 'self' https://old.example; img-src *"
    interface.post(f"{SITE}/deployments", {"policy": policy, "stage": "enforce", "since": "2026-01-31"})
    interface.post(f"{SITE}/deployments", {"policy": "img-src 'self'", "stage": "report-only", "since": "2026-02-01"})
    return interface


def test_answers_are_the_documents_of_the_commands(lived_in: Interface) -> None:
    for path, arguments in SAME:
        answer = told(lived_in.get(path))
        if "/summary" in path:
            assert answer.pop("left_out") == 0
        assert answer == told(lived_in.cspbuild(*arguments)), path


def test_a_violation_is_told_with_all_that_is_kept_of_it(lived_in: Interface) -> None:
    found = lived_in.get(f"{SITE}/violations/{lived_in.group('https://cdn.example/lib.js')}")
    assert found["violation"]["blocked"] == "https://cdn.example/lib.js"
    assert found["violation"]["loaded_by"] == TAG
    assert found["violation"]["decision"] == "ignore"
    assert [day["reports"] for day in found["days"]] == [1, 1]
    assert [(page["page"], page["reports"]) for page in found["pages"]] == [("https://shop.example/cart", 2)]
    assert found["samples"][0]["line"] == 3
    assert found["samples"][0]["status_code"] == 200
    assert [decision["number"] for decision in found["decisions"]] == [2]
    assert found["explanation"]["report"]["blocked"] == "https://cdn.example/lib.js"
    assert found["policies"][0]["reports"] == 2


def test_the_violation_of_a_list_is_the_one_that_is_told(interface: Interface) -> None:
    summary = {row["group"]: row for row in interface.get(f"{SITE}/summary?noise=true")["rows"]}
    listed = interface.get(f"{SITE}/violations?noise=true")["rows"]
    assert [row["group"] for row in listed] == list(summary)
    for row in listed:
        folded, alone = summary[row["group"]], interface.get(f"{SITE}/violations/{row['group']}")["violation"]
        assert row == {name: folded[name] for name in row}
        assert alone == {name: value for name, value in folded.items() if name not in {"held", "trend"}}


def test_violations_are_listed_in_portions_to_the_end(interface: Interface) -> None:
    everything = interface.get(f"{SITE}/violations?noise=true")
    assert everything["found"] == len(everything["rows"]) == 5
    assert everything["next"] is None
    listed, after = [], ""
    while True:
        portion = interface.get(f"{SITE}/violations", params={"noise": "true", "limit": 2, "after": after})
        assert portion["found"] == 5
        listed += portion["rows"]
        if portion["next"] is None:
            break
        after = portion["next"]
    assert listed == everything["rows"]


FILTERS = [
    ({"q": "LIB.js"}, {"https://cdn.example/lib.js"}),
    ({"directive": "script-src-elem"}, {"https://cdn.example/lib.js", "inline"}),
    ({"kind": "attack-like"}, {"inline"}),
    ({"kind": "extension"}, set()),
    ({"kind": "extension", "noise": "true"}, {"chrome-extension"}),
    ({"disposition": "enforce"}, {"inline"}),
    ({"page": "cart", "directive": "img-src"}, {"https://shop.example/a.png"}),
    ({"decision": "none", "directive": "script-src"}, {"eval"}),
    ({"decision": "reject"}, set()),
    ({"q": "nowhere"}, set()),
    ({"q": "100 %_"}, set()),
    ({"host": "cdn.example"}, {"https://cdn.example/lib.js"}),
    ({"host": "dn.example"}, set()),
]


def test_violations_are_searched_and_filtered(interface: Interface) -> None:
    for query, blocked in FILTERS:
        found = interface.get(f"{SITE}/violations", params=query)
        assert {row["blocked"] for row in found["rows"]} == blocked, query
        assert found["found"] == len(blocked)


def test_what_loads_what_is_told_with_what_was_decided_of_it(interface: Interface) -> None:
    interface.post(f"{SITE}/decisions", {"action": "reject", "loaded_by": TAG})
    own, tag = interface.get(f"{SITE}/initiators")["initiators"]
    assert own["origin"] is None
    assert (tag["origin"], tag["reports"], tag["violations"]) == (TAG, 2, 1)
    assert [(each["source"], each["directives"]) for each in tag["loads"]] == [
        ("https://cdn.example", ["script-src-elem"])
    ]
    assert [decision["number"] for decision in tag["decisions"]] == [1]
    assert interface.get("/api/sites/empty/initiators")["initiators"] == []


def test_news_are_what_came_since(interface: Interface) -> None:
    week = interface.get(f"{SITE}/news?since=7d")
    assert (week["groups"], week["noise_groups"]) == (4, 1)
    assert week["most_reported"][0]["blocked"] == "https://cdn.example/lib.js"
    assert week["last_arrival"] is not None
    assert interface.get(f"{SITE}/news?since=2d")["groups"] == 3, "the script was known before"
    assert interface.get(f"{SITE}/news", params={"since": "2099-01-31"})["groups"] == 0
    assert interface.get(f"{SITE}/news?since=0001-01-01")["groups"] == 4
    assert interface.get("/api/sites/empty/news?since=7d")["last_arrival"] is None


def test_a_summary_is_cut_at_its_limit_and_says_so(interface: Interface) -> None:
    whole = interface.get(f"{SITE}/summary")
    cut = interface.get(f"{SITE}/summary?limit=1")
    assert (cut["rows"], cut["left_out"]) == (whole["rows"][:1], len(whole["rows"]) - 1)
    days = interface.get(f"{SITE}/summary?by=day")["rows"]
    assert len(days) > 1
    assert interface.get(f"{SITE}/summary?by=day&limit=1")["rows"] == days[-1:]


def test_nothing_is_suggested_where_nothing_was_reported(interface: Interface) -> None:
    assert interface.get("/api/sites/empty/suggestion", 404) == {
        "error": "nothing was reported yet, so there is nothing to suggest"
    }


SITE_PATHS = [
    "",
    "/status",
    "/summary",
    "/news?since=7d",
    "/initiators",
    "/violations",
    f"/violations/{'0' * 32}",
    "/suggestion",
    "/scripts",
]
SITE_PATHS += ["/decisions", "/deployments"]


UNKNOWN = ["nowhere", "DEFAULT", "x" * 200, "%00", "default%20", "\u2028"]


def test_an_unknown_site_is_not_found(interface: Interface) -> None:
    for site, path in product(UNKNOWN, SITE_PATHS):
        assert interface.get(f"/api/sites/{site}{path}", 404)["error"].startswith("there is no such site")


def test_a_violation_of_another_site_is_not_found_here(interface: Interface) -> None:
    group = interface.group("https://fonts.example/a.woff2", "other")
    assert interface.get(f"/api/sites/other/violations/{group}")["site"] == "other"
    for name in (group, "0" * 32, "nonsense", "%00" * 32, group.upper()):
        interface.get(f"{SITE}/violations/{name}", 404)


def test_what_was_reported_is_nothing_but_text(interface: Interface) -> None:
    found = interface.get(f"{SITE}/violations/{interface.group('inline')}")
    assert found["violation"]["sample"] == HOSTILE
    raw = interface.client.get(f"{SITE}/violations").content
    assert b"\x9b" not in raw
    assert HOSTILE.encode() not in raw


def test_what_reports_come_under_though_nobody_recorded_it_is_listed_besides(lived_in: Interface) -> None:
    listed = lived_in.get(f"{SITE}/deployments")["deployments"]
    assert [(each["number"], each["noticed"]) for each in listed] == [(1, False), (2, False), (None, True)]
