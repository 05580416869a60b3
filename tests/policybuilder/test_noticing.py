"""Which policies are noticed in reports, and who is believed about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from policybuilder.csp import Disposition
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.noticing import noticed, served_now
from policybuilder.suggestion.trust import Prevalence, Reach, Share
from tests.support.evidence import SEEN_AT, canonical_text, make_group
from tests.support.readiness import make_deployment

POLICY = "script-src 'self' 'nonce-abc'; img-src 'self'"
TEXT = canonical_text(POLICY)
SHOWN = "img-src 'self'; script-src 'nonce-{NONCE}' 'self'"
ENFORCE, REPORT = ServedStage.ENFORCE, ServedStage.REPORT_ONLY
DAY = timedelta(days=1)

WIDELY = Reach(reporters=400, best_day=Share(400, 1_000), days=5, span=4 * DAY)
MANY = Prevalence(audience=1_000, policies={TEXT: WIDELY})
FEW = Prevalence(audience=1_000, policies={TEXT: Reach(reporters=3, best_day=Share(3, 1_000), days=5, span=4 * DAY)})
SMALL = Prevalence(audience=20, policies={TEXT: Reach(reporters=20, best_day=Share(20, 20), days=5, span=4 * DAY)})


def group(disposition: str = "enforce", **known: Any) -> ViolationGroup:
    described = {"policies": [POLICY], "trusted": False, "reporters": 300, "days": 5, "last_seen_at": SEEN_AT + 4 * DAY}
    return make_group(**{**described, **known}, disposition=Disposition(disposition))


def named(policy: str, stage: ServedStage) -> Deployment:
    return make_deployment(policy, stage)


# (groups, deployments, prevalence, stages noticed)
CASES: list[tuple[list[ViolationGroup], list[Deployment], Prevalence, list[ServedStage]]] = [
    ([group()], [], MANY, [ENFORCE]),
    ([group("report")], [], MANY, [REPORT]),
    ([group("report"), group()], [], MANY, [ENFORCE, REPORT]),
    ([group("unknown")], [], MANY, []),
    ([group()], [], FEW, []),
    ([group()], [], SMALL, []),
    ([group(trusted=True, reporters=1, days=1)], [], FEW, [ENFORCE]),
    # One report cannot make an enforced policy of the one that everybody tries.
    ([group("report"), group(reporters=1, days=1)], [], MANY, [REPORT]),
    ([group("report", trusted=True), group(reporters=1, days=1)], [], FEW, [REPORT]),
    ([group()], [named(POLICY, ENFORCE)], MANY, []),
    ([group()], [named("img-src 'self'; script-src 'nonce-x' 'self'; report-uri /x", ENFORCE)], MANY, []),
    ([group()], [named(f"img-src *, {POLICY}", ENFORCE)], MANY, []),
    ([group()], [named(POLICY, REPORT)], MANY, [ENFORCE]),
    ([group(evidence_class=EvidenceClass.EXTENSION)], [], MANY, []),
    ([group(evidence_class=EvidenceClass.ATTACK_LIKE)], [], MANY, []),
    ([group(policies=["report-uri /x"], trusted=True)], [], MANY, []),
]


@pytest.mark.parametrize(("groups", "deployments", "prevalence", "stages"), CASES)
def test_a_policy_is_noticed_where_many_or_the_operator_name_it(
    groups: list[ViolationGroup], deployments: list[Deployment], prevalence: Prevalence, stages: list[ServedStage]
) -> None:
    found = noticed(groups, deployments, prevalence)
    assert [each.stage for each in found] == stages
    assert all(each.policy == SHOWN for each in found)


def test_what_is_noticed_tells_since_when_and_how_many_say_so() -> None:
    earlier = group(blocked="https://img.example/b.png", first_seen_at=SEEN_AT - DAY, last_seen_at=SEEN_AT + 9 * DAY)
    [found] = noticed([group(), earlier], [], MANY)
    assert (found.since_at, found.last_seen_at) == (SEEN_AT - DAY, SEEN_AT + 9 * DAY)
    assert (found.networks, found.is_vouched) == (400, False)


def test_what_was_reported_under_last_is_served_now() -> None:
    old = group(policies=["img-src 'none'"], trusted=True)
    new = group(trusted=True, first_seen_at=SEEN_AT + DAY, last_seen_at=SEEN_AT + 9 * DAY)
    found = noticed([new, old], [], FEW)
    assert [each.policy for each in found] == ["img-src 'none'", SHOWN]
    served = served_now(found, ENFORCE)
    assert served is not None
    assert served.policy == SHOWN
    assert served_now(found, REPORT) is None
