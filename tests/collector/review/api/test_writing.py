"""Writing through the interface: every answer that a page takes, and what the site serves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store.decisions import read_decisions
from policybuilder.store.deployments import read_deployments
from policybuilder.store.reading import snapshot
from tests.collector.review.api.asking import HOSTILE, TAG, Interface

DECISIONS = "/api/sites/default/decisions"
DEPLOYMENTS = "/api/sites/default/deployments"


def kept(interface: Interface) -> list[tuple[Any, ...]]:
    with snapshot(interface.engine) as connection:
        return [
            (each.action, each.directive, each.subject, each.loaded_by, each.evidence_class)
            for each in read_decisions(connection, "default")
        ]


ANSWERS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (
        {"action": "allow", "subject": "https://cdn.example/lib.js", "directive": "script-src"},
        (DecisionAction.ALLOW, "script-src", "https://cdn.example/lib.js", "", None),
    ),
    ({"action": "allow", "loaded_by": TAG}, (DecisionAction.ALLOW, "", "", TAG, None)),
    (
        {"action": "allow", "loaded_by": TAG, "directive": "script-src"},
        (DecisionAction.ALLOW, "script-src", "", TAG, None),
    ),
    ({"action": "reject", "subject": "*.evil.example"}, (DecisionAction.REJECT, "", "*.evil.example", "", None)),
    ({"action": "reject", "loaded_by": TAG}, (DecisionAction.REJECT, "", "", TAG, None)),
    (
        {"action": "ignore", "subject": "data:", "directive": "img-src"},
        (DecisionAction.IGNORE, "img-src", "data:", "", None),
    ),
    ({"action": "ignore", "loaded_by": "*.example"}, (DecisionAction.IGNORE, "", "", "*.example", None)),
]


def test_each_answer_is_kept_and_told_as_it_was_sent(interface: Interface) -> None:
    for number, (sent, expected) in enumerate(ANSWERS, 1):
        # The first one would stand against trusting the initiator.
        for earlier in range(1, number):
            interface.client.post(f"{DECISIONS}/{earlier}/undo")
        [told] = interface.post(DECISIONS, {**sent, "note": f" why {HOSTILE} "})["decisions"]
        assert kept(interface) == [expected]
        assert {name: told[name] for name in sent} == sent
        assert told["note"] == f"why {HOSTILE}"
        assert told["number"] == number


def test_a_violation_is_given_another_class_until_that_is_taken_back(interface: Interface) -> None:
    group = interface.group("https://cdn.example/lib.js")
    [told] = interface.post(DECISIONS, {"action": "class", "subject": group, "class": "bot"})["decisions"]
    assert kept(interface) == [(DecisionAction.CLASS, "", group, "", EvidenceClass.BOT)]
    path = f"/api/sites/default/violations/{group}"
    assert interface.get(path)["violation"]["class"] == "bot"
    [undone] = interface.ask("POST", f"{DECISIONS}/{told['number']}/undo")["decisions"]
    assert undone["undone_at"] is not None
    assert interface.get(path)["violation"]["class"] == "genuine"
    assert interface.get(DECISIONS)["decisions"] == []
    assert [each["number"] for each in interface.get(f"{DECISIONS}?all=true")["decisions"]] == [1]


def test_what_is_allowed_is_in_the_policy(interface: Interface) -> None:
    source = "https://cdn.example/lib.js"
    assert source not in interface.get("/api/sites/default/suggestion")["policy"]
    interface.post(DECISIONS, {"action": "allow", "subject": source, "directive": "script-src"})
    assert source in interface.get("/api/sites/default/suggestion")["policy"]


def test_a_decision_may_end(interface: Interface) -> None:
    [told] = interface.post(DECISIONS, {"action": "reject", "subject": "a", "until": "2099-01-31"})["decisions"]
    assert (told["until"], told["expired"]) == ("2099-01-31T23:59:59Z", False)


REFUSED: list[tuple[Any, str]] = [
    ({"action": "allow", "subject": "not a source", "directive": "img-src"}, "body: "),
    ({"action": "allow", "subject": "'nonce-abc'", "directive": "script-src"}, "body: a fixed nonce protects nothing"),
    ({"action": "allow", "subject": "https://a.example"}, "body directive: "),
    ({"action": "allow", "subject": "https://a.example", "directive": "sandbox"}, "body: "),
    ({"action": "allow", "subject": "a", "loaded_by": "b"}, "body: give either subject or loaded_by"),
    ({"action": "allow", "directive": "img-src"}, "body: give either subject or loaded_by"),
    ({"action": "allow", "loaded_by": "*"}, "body: "),
    ({"action": "reject", "subject": " "}, "body: the pattern is empty"),
    ({"action": "reject", "subject": "a\0"}, "body subject: "),
    ({"action": "reject", "subject": "a\x01"}, "body: "),
    ({"action": "reject", "subject": "x" * 2_049}, "body subject: "),
    ({"action": "reject", "subject": "a", "note": "x" * 1_001}, "body note: "),
    ({"action": "reject", "subject": "a", "note": "a\0"}, "body note: "),
    ({"action": "reject", "subject": "a", "until": "2020-01-31"}, "body until: "),
    ({"action": "reject", "subject": "a", "until": "soon"}, "body until: "),
    ({"action": "reject", "subject": 1}, "body subject: "),
    ({"action": "reject", "subject": "a", "site": "other"}, "body site: there is no such member"),
    ({"action": "class", "subject": "0" * 31, "class": "bot"}, "body subject: "),
    ({"action": "class", "subject": "0" * 32, "class": "superseded"}, "body class: write one of genuine, "),
    ({"action": "class", "subject": "0" * 32}, "body class: "),
    ({"action": "class", "class": "bot"}, "body subject: "),
    ({"action": "delete"}, "body: write one of 'allow', "),
    ({}, "body: it does not say its action"),
    ([], "body: "),
    (None, "body: "),
    ("allow", "body: "),
]


def test_what_cannot_be_decided_is_said_and_not_kept(interface: Interface) -> None:
    for sent, says in REFUSED:
        refusal = interface.post(DECISIONS, sent, 422)
        assert refusal["error"].startswith(says), sent
        assert says.partition(":")[0] == refusal["problems"][0]["where"]
    assert kept(interface) == []


def test_what_stands_against_an_answer_is_said(interface: Interface) -> None:
    interface.post(DECISIONS, {"action": "reject", "loaded_by": TAG})
    refusal = interface.post(DECISIONS, {"action": "allow", "loaded_by": TAG}, 409)
    assert refusal["error"].startswith("decision 1 is to reject what https://tag.example loads")


def test_what_was_not_decided_is_not_taken_back(interface: Interface) -> None:
    for number in ("1", "2147483647"):
        interface.ask("POST", f"{DECISIONS}/{number}/undo", 404)
    for number in ("0", "-1", "2147483648", "9" * 40, "x", "1.5", "%00"):
        assert interface.ask("POST", f"{DECISIONS}/{number}/undo", 422)["error"].startswith("path number: ")


def test_a_decision_is_taken_back_once(interface: Interface) -> None:
    interface.post(DECISIONS, {"action": "reject", "subject": "a"})
    interface.ask("POST", f"{DECISIONS}/1/undo")
    assert interface.ask("POST", f"{DECISIONS}/1/undo", 409)["error"] == "this decision was taken back already"
    interface.ask("POST", "/api/sites/other/decisions/1/undo", 404)


def test_a_violation_that_is_none_gets_no_class(interface: Interface) -> None:
    elsewhere = interface.group("https://fonts.example/a.woff2", "other")
    for group in ("0" * 32, elsewhere):
        interface.post(DECISIONS, {"action": "class", "subject": group, "class": "bot"}, 404)
    assert kept(interface) == []


def test_a_deployment_is_kept_as_it_was_sent(interface: Interface) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    sent = {"policy": "img-src 'self'", "stage": "report-only", "views_per_day": 7, "note": HOSTILE}
    [told] = interface.post(DEPLOYMENTS, sent)["deployments"]
    assert {name: told[name] for name in sent} == sent
    then = {"policy": "img-src *, font-src *", "stage": "enforce", "since": "2026-01-31T10:00:00+02:00"}
    [earlier] = interface.post(DEPLOYMENTS, then)["deployments"]
    assert earlier["since"] == "2026-01-31T08:00:00Z"
    with snapshot(interface.engine) as connection:
        first, second = read_deployments(connection, "default")
    assert (first.policy, first.stage, first.views_per_day) == ("img-src *, font-src *", "enforce", None)
    assert (second.policy, second.note, second.views_per_day) == ("img-src 'self'", HOSTILE, 7)
    assert second.since_at >= before


WRONG_DEPLOYMENTS: list[tuple[Any, str]] = [
    ({"policy": "img-src *"}, "body stage: "),
    ({"policy": "img-src *", "stage": "probe"}, "body stage: "),
    ({"stage": "enforce"}, "body policy: "),
    ({"policy": "", "stage": "enforce"}, "body policy: "),
    ({"policy": " , ;", "stage": "enforce"}, "body policy: there is no policy in it"),
    ({"policy": "img-src \0", "stage": "enforce"}, "body policy: "),
    ({"policy": "x" * 40_000, "stage": "enforce"}, "body policy: "),
    ({"policy": "img-src *", "stage": "enforce", "since": "2099-01-31"}, "body: 2099-01-31T00:00:00Z is yet to come"),
    ({"policy": "img-src *", "stage": "enforce", "since": "soon"}, "body: 'soon' is no time"),
    ({"policy": "img-src *", "stage": "enforce", "views_per_day": 0}, "body views_per_day: "),
    ({"policy": "img-src *", "stage": "enforce", "views_per_day": True}, "body views_per_day: "),
    ({"policy": "img-src *", "stage": "enforce", "views_per_day": "7"}, "body views_per_day: "),
    ({"policy": "img-src *", "stage": "enforce", "views_per_day": 10**30}, "body views_per_day: "),
    ({"policy": "img-src *", "stage": "enforce", "note": "x" * 501}, "body note: "),
    ({"policy": "img-src *", "stage": "enforce", "number": 1}, "body number: there is no such member"),
]


def test_what_cannot_be_served_is_said_and_not_kept(interface: Interface) -> None:
    for sent, says in WRONG_DEPLOYMENTS:
        assert interface.post(DEPLOYMENTS, sent, 422)["error"].startswith(says), sent
    with snapshot(interface.engine) as connection:
        assert read_deployments(connection, "default") == ()


def test_nothing_is_written_of_a_site_that_there_is_not(interface: Interface) -> None:
    interface.post("/api/sites/nowhere/decisions", {"action": "reject", "subject": "a"}, 404)
    interface.post("/api/sites/nowhere/deployments", {"policy": "img-src *", "stage": "enforce"}, 404)
    interface.ask("POST", "/api/sites/nowhere/decisions/1/undo", 404)
