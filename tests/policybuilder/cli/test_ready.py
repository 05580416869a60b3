"""Tests of `cspbuild ready`, `status` and `rollback`, as people and scripts use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.csp import Disposition
from policybuilder.readiness.values import CriterionName
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations

POLICY = "default-src 'none'; img-src https://img.example; script-src 'self'"
NARROW = "default-src 'none'; script-src 'self'"
SHOP = ("--site", "shop")
JSON = (*SHOP, "--format", "json")
NAMES = [name.value for name in CriterionName]


def criteria(document: Any) -> dict[str, Any]:
    return {each["name"]: each for each in document["criteria"]}


@pytest.mark.usefixtures("evidence")
def test_ready_answers_every_criterion_and_says_no(cspbuild: Cspbuild) -> None:
    ran = cspbuild("ready", *JSON)
    document = ran.json()
    assert (ran.code, document["schema"], document["ready"]) == (1, "ready/1", False)
    assert [each["name"] for each in document["criteria"]] == NAMES
    keys = {"name", "passed", "value", "needed", "waived", "note", "waiver", "figures"}
    assert all(set(each) == keys for each in document["criteria"])
    assert document["failing"] == [each["name"] for each in document["criteria"] if not each["passed"]]
    assert all(name in document["verdict"] for name in document["failing"])
    assert criteria(document)["page-coverage"]["value"] == "unknown"
    people = cspbuild("ready", *SHOP, COLUMNS="120")
    assert people.code == 1
    assert document["verdict"] in " ".join(people.out.split())
    assert max(map(len, people.out.splitlines())) <= 120


@pytest.mark.usefixtures("evidence")
def test_a_policy_is_given_or_suggested_or_on_trial(cspbuild: Cspbuild) -> None:
    assert cspbuild("ready", *JSON).json()["policy_from"] == "suggestion"
    assert cspbuild("deploy", "record", "--policy", POLICY, "--stage", "report-only", *SHOP).code == 0
    tried = cspbuild("ready", *JSON).json()
    assert (tried["policy_from"], tried["policy"]) == ("trial", POLICY)
    given = cspbuild("ready", "--policy", "-", *JSON, text=NARROW).json()
    assert (given["policy_from"], given["policy"]) == ("given", NARROW)
    assert "the policy has 1 oddity" in cspbuild("ready", "--policy", "img-src 'self", *SHOP).err


@pytest.mark.usefixtures("evidence")
def test_what_is_waived_is_shown_each_time_until_it_is_taken_back(cspbuild: Cspbuild) -> None:
    note = "thirty \x1b[31m people"
    made = cspbuild("ready", "--waive", "reporters", "--waive", "window", "--note", note, *JSON)
    assert made.code == 1
    for document in (made.json(), cspbuild("ready", *JSON).json()):
        found = criteria(document)
        assert {name for name in NAMES if found[name]["waived"]} == {"reporters", "window"}
        assert (found["reporters"]["passed"], found["reporters"]["note"]) == (False, note)
        assert "reporters" not in document["failing"]
        assert document["verdict"].endswith("without window and reporters, as waived.")
    people = cspbuild("ready", *SHOP)
    assert "(waived: thirty \\x1b[31m people)" in people.out
    assert "\x1b" not in people.out
    undone = cspbuild("ready", "--unwaive", "window", *JSON).json()
    assert [name for name in NAMES if criteria(undone)[name]["waived"]] == ["reporters"]
    assert cspbuild("ready", "--unwaive", "window", *SHOP).code == 2
    assert [each["name"] for each in cspbuild("ready", *JSON).json()["criteria"]] == NAMES


@pytest.mark.usefixtures("evidence")
def test_a_waiver_ends_with_its_day(cspbuild: Cspbuild) -> None:
    clock = ("--as-of", "2026-11-21")
    until = ("--until", "2026-11-30")
    cspbuild("ready", "--waive", "reporters", "--note", "for now", *until, *clock, *JSON)
    for as_of, is_waived in (("2026-11-30T23:59:59Z", True), ("2026-12-01", False)):
        document = cspbuild("ready", "--as-of", as_of, *JSON).json()
        assert criteria(document)["reporters"]["waived"] is is_waived
    [waiver] = [each["waiver"] for each in cspbuild("ready", *clock, *JSON).json()["criteria"] if each["waiver"]]
    assert (waiver["number"], waiver["until"]) == (1, "2026-11-30T23:59:59Z")


@pytest.mark.usefixtures("evidence")
def test_routes_and_critical_paths_are_covered_by_what_was_rehearsed(cspbuild: Cspbuild) -> None:
    Path("routes.txt").write_text("/cart\n/help\n")
    document = cspbuild("ready", "--routes", "routes.txt", "--critical", "/cart", *JSON).json()
    coverage = criteria(document)["page-coverage"]
    assert (coverage["passed"], coverage["value"]) == (False, "1 of 2 routes; not /help")
    assert coverage["figures"] == {"routes": 2, "covered": 1, "missing": ["/help"]}


BAD: list[tuple[tuple[str, ...], str]] = [
    (("ready",), "nothing of 'default' is recorded in the window"),
    (("ready", "--policy", ";", *SHOP), "an empty policy is none"),
    (("ready", "--policy", "@nowhere", *SHOP), "cannot read nowhere"),
    (("ready", "--site", "nowhere"), "no site 'nowhere'"),
    (("ready", "--waive", "everything", "--note", "x", *SHOP), "'everything' is not one of"),
    (("ready", "--waive", "window", *SHOP), "say with --note why window does not matter"),
    (("ready", "--waive", "window", "--note", "x", "--until", "2020-01-01", *SHOP), "'2020-01-01' is over"),
    (("ready", "--waive", "window", "--note", "x", "--until", "soon", *SHOP), "'soon' is no time"),
    (("ready", "--note", "x", *SHOP), "--note and --until say why"),
    (("ready", "--unwaive", "window", *SHOP), "no waiver of window stands"),
    (("ready", "--critical", "cart", *SHOP), "'cart' is no path"),
    (("ready", "--sample", "2", *SHOP), "'2' is no share of page views"),
    (("ready", "--routes", "nowhere", *SHOP), "cannot read nowhere"),
    (("ready", "--routes", ".", *SHOP), "cannot read .: Is a directory"),
    (("ready", "--routes", "a\0b", *SHOP), "cannot read"),
    (("ready", "--routes", "binary", *SHOP), "is not UTF-8 text"),
    (("ready", "--routes", "access.log", *SHOP), "access log; count it with  csp-collector views import"),
    (("status", "--site", "nowhere"), "no site 'nowhere'"),
    (("status", "--since", "soon"), "'soon' is no span of time"),
    (("rollback", *SHOP), "nothing that 'shop' serves is recorded"),
    (("rollback", "--site", "nowhere"), "no site 'nowhere'"),
]


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize(("arguments", "says"), BAD)
def test_a_mistake_is_one_line(cspbuild: Cspbuild, arguments: tuple[str, ...], says: str) -> None:
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("access.log").write_text('192.0.2.1 - - [20/Nov/2026:10:30:00 +0000] "GET / HTTP/1.1" 200 12\n')
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert says in ran.err
    waived = [each["name"] for each in cspbuild("ready", *JSON).json()["criteria"] if each["waived"]]
    assert waived == []


@pytest.mark.parametrize(
    "arguments", [("ready",), ("ready", "--waive", "window", "--note", "x"), ("status",), ("rollback",)]
)
def test_these_commands_make_no_database(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "no database at data/csp.db" in ran.err
    assert not Path("data").exists()


@pytest.mark.usefixtures("evidence")
def test_status_says_where_one_is_and_what_to_type(cspbuild: Cspbuild) -> None:
    ran = cspbuild("status", *JSON)
    document = ran.json()
    assert (ran.code, document["schema"], document["stage"]) == (0, "status/1", "suggestion-ready")
    assert [each["state"] for each in document["steps"]] == ["done", "current", "to do", "to do", "to do"]
    assert (document["enforced"], document["report_only"], document["ready"]) == (None, None, None)
    assert document["evidence"]["reports"] == 6
    assert document["alarms"] == []
    assert (document["held"], document["repairs"], document["fill_in"]) == (1, 0, {})
    # They come under the observe baseline, which nobody recorded, and nobody has to.
    assert document["noticed"] == []
    listed = cspbuild("deploy", "list", *SHOP)
    assert ("noticed" in listed.out, listed.err) == (True, "")
    people = cspbuild("status", *SHOP)
    assert "and 1 source is held" in people.out
    assert "noticed" not in people.out
    assert "✓ observe   ▶ suggest   · trial" in people.out
    assert f"\n  {document['next']}\n" in people.out
    assert people.code == 0
    assert "with --base-url" in people.err


def test_status_has_inline_code_looked_for_and_says_what_to_fill_in(cspbuild: Cspbuild, evidence: Engine) -> None:
    inline = make_violation("script-src-elem", "inline")
    record_observations(evidence, make_observation(inline, site="shop", is_trusted=True))
    document = cspbuild("status", *JSON).json()
    assert document["next"] == "cspbuild suggest --site shop --fetch"
    assert (document["held"], list(document["fill_in"])) == (2, ["@FILE"])
    people = cspbuild("status", *SHOP, COLUMNS="120")
    assert "2 sources are held; inline code is among them, which it would block" in " ".join(people.out.split())
    assert f"@FILE: {document['fill_in']['@FILE']}\n" in people.out


@pytest.mark.usefixtures("database")
def test_status_says_why_nothing_may_arrive(cspbuild: Cspbuild) -> None:
    cspbuild("site", "off", "shop")
    document = cspbuild("status", *JSON).json()
    assert document["stage"] == "nothing-arrives"
    assert [each["code"] for each in document["causes"]] == ["site-off", "no-header", "not-delivered"]
    people = cspbuild("status", *SHOP)
    assert "the site is switched off" in people.out
    assert "cspbuild site on shop" in people.out


def test_an_enforced_policy_that_nobody_recorded_is_noticed(cspbuild: Cspbuild, database: Engine) -> None:
    violation = make_violation(
        "img-src", "https://img.example/a.png", original_policy=NARROW, disposition=Disposition.ENFORCE
    )
    record_observations(
        database,
        make_observation(violation, site="shop", is_trusted=True),
        make_observation(make_violation("img-src", f"{ORIGIN}/b", original_policy="img-src 'none'"), site="shop"),
    )
    [noticed] = cspbuild("deploy", "list", *JSON).json()["deployments"]
    assert noticed == {
        "number": None,
        "stage": "enforce",
        "policy": NARROW,
        "since": f"{SEEN_AT:%Y-%m-%dT%H:%M:%SZ}",
        "views_per_day": None,
        "note": "",
        "noticed": True,
        "last_seen": f"{SEEN_AT:%Y-%m-%dT%H:%M:%SZ}",
        "networks": 1,
        "trusted": True,
    }
    people = cspbuild("deploy", "list", *SHOP)
    assert "noticed" in people.out
    status = cspbuild("status", *JSON).json()
    assert (status["stage"], status["enforced"]["noticed"]) == ("enforced", True)
    assert f"noticed in reports; if the site serves it:  {status['next']}\n" in people.err


@pytest.mark.usefixtures("database")
def test_one_goes_back_to_what_was_enforced_before_and_then_to_nothing(cspbuild: Cspbuild) -> None:
    for stage, policy in (("report-only", POLICY), ("enforce", POLICY), ("enforce", NARROW)):
        assert cspbuild("deploy", "record", "--policy", policy, "--stage", stage, *SHOP).code == 0
    found = cspbuild("rollback", *JSON).json()
    assert (found["schema"], found["way"], found["left"]) == ("rollback/1", "enforce-before", 3)
    [(name, value)] = found["headers"]
    assert name == "Content-Security-Policy"
    assert value.startswith(f"{POLICY}; report-uri http://127.0.0.1:8000/report/")
    # What was tried before is what is enforced again, and needs no second header.
    assert (found["stop"], found["recorded"]) == (["Content-Security-Policy-Report-Only"], [])

    people = cspbuild("rollback", *SHOP, "--record")
    assert people.out.startswith(f"Content-Security-Policy: {POLICY}; report-uri ")
    assert "to deployment 2, the policy that was enforced before it" in people.err
    assert "recorded as deployment 4" in people.err
    nginx = cspbuild("rollback", *SHOP, "--format", "nginx")
    assert (nginx.code, "add_header Content-Security-Policy-Report-Only" in nginx.out) == (0, True)
    assert "stop sending Content-Security-Policy\n" in nginx.err

    assert cspbuild("rollback", *JSON, "--record").json()["way"] == "stop-enforcing"
    listed = cspbuild("deploy", "list", *JSON).json()["deployments"]
    assert [(each["number"], each["policy"]) for each in listed][3:] == [(4, POLICY), (5, "")]
    assert "(none any more)" in cspbuild("deploy", "list", *SHOP).out
    assert cspbuild("status", *JSON).json()["enforced"] is None


@pytest.mark.usefixtures("database")
def test_a_recorded_policy_that_cannot_be_sent_is_one_line(cspbuild: Cspbuild) -> None:
    cspbuild("deploy", "record", "--policy", "report-uri /x", "--stage", "enforce", *SHOP)
    cspbuild("deploy", "record", "--policy", NARROW, "--stage", "enforce", *SHOP)
    ran = cspbuild("rollback", *SHOP, "--record")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "what was recorded cannot be sent" in ran.err
    assert len(cspbuild("deploy", "list", *JSON).json()["deployments"]) == 2
