"""Explaining: the cause of every labelled and recorded report, and what the site's own records add."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policybuilder.advising import Allow
from policybuilder.causes import Cause
from policybuilder.csp import Verdict
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.explaining import MAX_REPORTS, Explanation, SiteKnowledge, explain
from tests.support.evidence import make_group

DATA = Path(__file__).parents[1] / "data"
HOSTS = ("shop.example", "*.shop.example")
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)

POLICY = "default-src 'none'; script-src 'self' 'report-sample'; img-src https://img.example/a/; report-uri /csp"
MEMBERS = {
    "document-uri": "https://shop.example/cart",
    "violated-directive": "",
    "effective-directive": "img-src",
    "original-policy": POLICY,
    "disposition": "report",
    "blocked-uri": "https://cdn.example/a.png",
}


def members(**changes: Any) -> dict[str, Any]:
    return {**MEMBERS, **{name.replace("_", "-"): value for name, value in changes.items()}}


def explained(site: SiteKnowledge | None = None, received_at: datetime | None = None, **changes: Any) -> Explanation:
    body = json.dumps({"csp-report": members(**changes)}).encode()
    (explanation,) = explain(body, site=site or SiteKnowledge(), received_at=received_at)
    return explanation


# Labelled reports: what each class may come from. The rules miss what no report alone can say.
EXPECTED = {
    "genuine": {Cause.REAL},
    "extension": {Cause.EXTENSION, Cause.REAL},
    "injected": {Cause.INJECTED},
    "bot": {Cause.BOT},
    "attack-like": {Cause.ATTACK_LIKE, Cause.REAL},
    "contradiction": {Cause.REDIRECT, Cause.FORGED_LOOKING},
    "foreign-host": {Cause.FOREIGN_HOST},
    "malformed": {Cause.MALFORMED},
}
MOST_MISSED = {"corpus": 10, "made": 0}


@pytest.mark.parametrize("name", ["corpus", "made"])
def test_labelled_reports_have_the_cause_of_their_class(name: str) -> None:
    missed = 0
    for line in (DATA / "classes" / f"{name}.jsonl").read_text().splitlines():
        labelled = json.loads(line)
        (explanation,) = explain(
            json.dumps(labelled["body"]).encode(),
            user_agent=labelled["user_agent"],
            site=SiteKnowledge(hosts=labelled["hosts"]),
        )
        assert explanation.cause in EXPECTED[labelled["class"]], line
        missed += labelled["class"] != "genuine" and explanation.cause is Cause.REAL
    assert missed <= MOST_MISSED[name]


def recorded(name: str) -> Iterator[tuple[str, Explanation]]:
    for line in (DATA / "reports" / f"{name}.jsonl").read_text().splitlines():
        post = json.loads(line)
        agent = next((value for header, value in post["headers"] if header.lower() == "user-agent"), "")
        if post["method"] == "POST":
            body = post["body"].encode("utf-8", "surrogatepass")
            for explanation in explain(body, user_agent=agent, site=SiteKnowledge(hosts=HOSTS)):
                yield post.get("why", post["run"]), explanation


def test_an_ordinary_visit_has_real_causes_alone() -> None:
    assert {explanation.cause for _, explanation in recorded("demo")} == {Cause.REAL}


@pytest.mark.parametrize("name", ["chromium", "firefox", "demo"])
def test_no_policy_of_a_browser_s_report_allows_what_it_blocked_but_for_redirects(name: str) -> None:
    """What is deduced of a blocked thing (it had no nonce, nobody trusted inserted it) fits every real report."""
    causes: Counter[Cause] = Counter()
    for _, explanation in recorded(name):
        causes[explanation.cause] += 1
        decision = explanation.step.decision if explanation.step else None
        if decision is not None and decision.verdict is Verdict.ALLOW:
            assert explanation.cause is Cause.REDIRECT
        if explanation.step is not None and explanation.cause is not Cause.REDIRECT:
            assert all(each.verdict is not Verdict.ALLOW for each in explanation.step.sources)
    assert causes[Cause.FORGED_LOOKING] == causes[Cause.MALFORMED] == 0
    assert causes[Cause.REAL] >= 200


SYNTHETIC = {
    "extension scheme": {Cause.EXTENSION},
    "in-app browser scheme": {Cause.INJECTED},
    "translated copy of the page on another host": {Cause.FOREIGN_HOST},
    "document saved to disk": {Cause.FOREIGN_HOST},
    "forged: directive name with spaces and semicolons": {Cause.FORGED_LOOKING},
    "forged: source keyword as host": {Cause.FORGED_LOOKING},
    "forged: wildcard host": {Cause.FORGED_LOOKING},
    "CSP1 shape: four members only": {Cause.REAL},
    "other report types in one batch": {Cause.REAL, Cause.NO_VIOLATION},
    "broken JSON": {Cause.MALFORMED},
    "empty body": {Cause.MALFORMED},
    "JSON null": {Cause.MALFORMED},
    "deep nesting": {Cause.MALFORMED},
}


def test_hand_made_reports_have_the_cause_they_were_made_for() -> None:
    found: dict[str, set[Cause]] = {}
    for why, explanation in recorded("synthetic"):
        found.setdefault(why, set()).add(explanation.cause)
    assert {why: found[why] for why in SYNTHETIC} == SYNTHETIC


# (what is changed; the cause, words of it)
CAUSES: list[tuple[dict[str, Any], Cause, str]] = [
    ({}, Cause.REAL, "a third party that is not listed: cdn.example"),
    ({"blocked_uri": "https://img.example/b/x.png"}, Cause.REAL, "path mismatch: https://img.example/a/ is listed"),
    ({"blocked_uri": "https://img.example:8443/a/x.png"}, Cause.REAL, "wrong port: https://img.example/a/ is listed"),
    ({"blocked_uri": "http://img.example/a/x.png"}, Cause.REAL, "wrong scheme: https://img.example/a/ is listed"),
    ({"blocked_uri": "https://shop.example/x.png"}, Cause.REAL, "the site's own file, and 'self' is not listed"),
    ({"blocked_uri": "https://shop.example:8443/x.png"}, Cause.REAL, "by another scheme or port"),
    ({"blocked_uri": "data"}, Cause.REAL, "data: is not listed"),
    ({"blocked_uri": "https://img.example/a/x.png"}, Cause.REDIRECT, "allows this URL by https://img.example/a/"),
    ({"effective_directive": "script-src-elem", "blocked_uri": "inline"}, Cause.REAL, "an inline script without"),
    ({"effective_directive": "script-src-attr", "blocked_uri": "inline"}, Cause.REAL, "an inline event handler"),
    ({"effective_directive": "style-src-attr", "blocked_uri": "inline"}, Cause.REAL, "a style attribute"),
    ({"effective_directive": "script-src", "blocked_uri": "eval"}, Cause.REAL, "code makes code from text"),
    ({"effective_directive": "x-src", "blocked_uri": "inline"}, Cause.REAL, "no known browser checks"),
    ({"effective_directive": "default-src"}, Cause.REAL, "a third party that is not listed: cdn.example"),
    ({"effective_directive": "prefetch-src"}, Cause.REAL, "a prefetch of cdn.example"),
    ({"effective_directive": "script-src", "blocked_uri": "wasm-eval"}, Cause.REAL, "WebAssembly"),
    (
        {
            "effective_directive": "script-src-elem",
            "original_policy": "script-src 'strict-dynamic' 'nonce-x' https://cdn.example; report-uri /csp",
        },
        Cause.REAL,
        "under 'strict-dynamic' its host does not count",
    ),
    (
        {"effective_directive": "script-src", "blocked_uri": "eval", "original_policy": "script-src 'unsafe-eval'"},
        Cause.FORGED_LOOKING,
        "its own policy allows this by 'unsafe-eval', and nothing redirects it",
    ),
    ({"effective_directive": "font-src", "violated_directive": "img-src"}, Cause.FORGED_LOOKING, "two directives"),
    ({"blocked_uri": "chrome-extension"}, Cause.EXTENSION, "a browser extension's doing"),
    ({"blocked_uri": "no url at all"}, Cause.MALFORMED, 'no browser writes the blocked URI "no url at all"'),
    ({"effective_directive": "", "violated_directive": ""}, Cause.MALFORMED, "it names no directive"),
    ({"document_uri": ""}, Cause.MALFORMED, "it names no page"),
    ({"document_uri": "https://shop.example/?q=<script>alert(1)"}, Cause.REAL, "a third party"),
]


@pytest.mark.parametrize(("changes", "cause", "words"), CAUSES)
def test_the_cause_is_said_in_the_words_of_the_report(changes: dict[str, Any], cause: Cause, words: str) -> None:
    explanation = explained(**changes)
    assert explanation.cause is cause
    assert words in explanation.why


def test_a_redirect_says_how_to_find_its_target() -> None:
    explanation = explained(blocked_uri="https://img.example/a/r?to=x'$(id)")
    assert explanation.change is not None
    assert explanation.change.sources == ()
    assert "curl -sIL 'https://img.example/a/r?to=x'\"'\"'$(id)'" in explanation.change.todo
    assert explanation.advice.allow is Allow.DECIDE


@pytest.mark.parametrize(
    ("cause", "changes"),
    [
        (Cause.EXTENSION, {"blocked_uri": "moz-extension"}),
        (Cause.FOREIGN_HOST, {"document_uri": "https://copy.example/"}),
        (Cause.ATTACK_LIKE, {"blocked_uri": "https://x.oast.fun/"}),
        (Cause.FORGED_LOOKING, {"effective_directive": "img-src", "blocked_uri": "inline"}),
    ],
)
def test_what_is_not_the_site_s_doing_is_never_advised(cause: Cause, changes: dict[str, Any]) -> None:
    explanation = explained(SiteKnowledge(hosts=HOSTS), **changes)
    assert (explanation.cause, explanation.advice.allow) == (cause, Allow.NO)


def test_a_policy_longer_than_any_header_is_taken_for_none() -> None:
    explanation = explained(original_policy="img-src " + "a.example " * 1_000)
    assert explanation.step is not None
    assert explanation.step.policy is None
    assert explanation.change is not None
    assert explanation.change.sources == ("https://cdn.example",)


def test_each_report_of_a_batch_is_explained_in_its_place() -> None:
    batch = [
        {
            "type": "csp-violation",
            "body": {"effectiveDirective": "img-src", "blockedURL": "data"},
            "url": "https://a.b/",
        },
        {"type": "deprecation", "body": {"id": "x"}},
        {
            "type": "csp-hash",
            "body": {"subresourceURL": "https://a.b/x.js", "hash": "sha256-AAAA"},
            "url": "https://a.b/",
        },
        17,
    ]
    causes = [explanation.cause for explanation in explain(json.dumps(batch).encode())]
    assert causes == [Cause.REAL, Cause.NO_VIOLATION, Cause.NO_VIOLATION, Cause.MALFORMED]


def test_of_a_flood_the_first_are_explained() -> None:
    assert len(explain(json.dumps([1] * 5_000).encode())) == MAX_REPORTS


# What a database adds


def deployment(number: int, policy: str, since_at: datetime) -> Deployment:
    return Deployment(number=number, stage=ServedStage.REPORT_ONLY, policy=policy, since_at=since_at)


OLD, NEW = deployment(1, POLICY, AT), deployment(2, "default-src 'self'", AT + timedelta(days=7))


@pytest.mark.parametrize(
    ("deployments", "received_at", "cause"),
    [
        ((), None, Cause.REAL),
        ((OLD,), None, Cause.REAL),
        ((OLD, NEW), None, Cause.SUPERSEDED),
        ((NEW,), None, Cause.REAL),
        ((NEW,), AT, Cause.SUPERSEDED),
        ((NEW,), AT + timedelta(days=8), Cause.REAL),
        ((OLD, NEW, replace(OLD, number=3, since_at=AT + timedelta(days=9))), None, Cause.REAL),
    ],
)
def test_a_report_under_a_policy_that_is_served_no_more_is_superseded(
    deployments: tuple[Deployment, ...], received_at: datetime | None, cause: Cause
) -> None:
    explanation = explained(SiteKnowledge(deployments=deployments), received_at)
    assert explanation.cause is cause
    assert (explanation.evidence_class is EvidenceClass.SUPERSEDED) is (cause is Cause.SUPERSEDED)


def decision(action: DecisionAction, subject: str, **known: Any) -> Decision:
    return Decision(number=1, action=action, directive="", subject=subject, decided_at=AT, **known)


@pytest.mark.parametrize(
    ("action", "subject", "allow"),
    [
        (DecisionAction.REJECT, "cdn.example", Allow.NO),
        (DecisionAction.IGNORE, "https://cdn.example/*", Allow.NO),
        (DecisionAction.REJECT, "other.example", Allow.YES),
    ],
)
def test_what_a_person_decided_outranks_the_advice(action: DecisionAction, subject: str, allow: Allow) -> None:
    assert explained(SiteKnowledge(decisions=[decision(action, subject)])).advice.allow is allow


def test_what_a_person_allowed_is_advised() -> None:
    allowed = replace(decision(DecisionAction.ALLOW, "https://cdn.example"), directive="script-src")
    explanation = explained(
        SiteKnowledge(decisions=[allowed]),
        effective_directive="script-src-elem",
        blocked_uri="https://cdn.example/a.js",
    )
    assert (explanation.decision, explanation.advice.allow) == ("allow", Allow.YES)


def test_a_recorded_group_is_found_and_has_the_class_that_a_person_gave_it() -> None:
    group = make_group("img-src", "https://cdn.example/a.png", reports=7)
    told = decision(DecisionAction.CLASS, group.fingerprint, evidence_class=EvidenceClass.BOT, note="our scanner")
    explanation = explained(SiteKnowledge(groups=[group, make_group("img-src", "data")], decisions=[told]))
    assert explanation.group == group
    assert (explanation.cause, explanation.why, explanation.rule) == (Cause.BOT, "our scanner", "decided")
