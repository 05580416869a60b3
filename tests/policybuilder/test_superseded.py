"""Tests of superseded evidence: what the last deployment overtook, and what it did not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policybuilder.deployments import Deployment, ServedStage, last_deployment, served_policies
from policybuilder.evidence import EvidenceClass
from policybuilder.superseded import SUPERSEDED_RULE, with_superseded
from tests.support.evidence import OBSERVED, SEEN_AT, canonical_text, make_group

HOUR = timedelta(hours=1)
DEPLOYED = "img-src 'self' https://img.example; script-src 'self'"


def deployment(
    policy: str = DEPLOYED, *, hours: int = 0, stage: ServedStage = ServedStage.ENFORCE, number: int = 1
) -> Deployment:
    """One that began so many hours after the groups were seen."""
    return Deployment(number=number, stage=stage, policy=policy, since_at=SEEN_AT + hours * HOUR)


REPORT_ONLY = ServedStage.REPORT_ONLY

# (what was deployed, under which policies a group was seen, whether it is superseded)
CASES = [
    pytest.param([], [OBSERVED], False, id="nothing was deployed"),
    pytest.param([deployment(hours=1)], [OBSERVED], True, id="seen before, under another policy"),
    pytest.param([deployment(hours=-1)], [OBSERVED], False, id="seen since"),
    pytest.param([deployment(hours=0)], [OBSERVED], False, id="seen at that very instant"),
    pytest.param([deployment(hours=1)], [], True, id="seen before, under policies nobody named"),
    pytest.param([deployment(hours=1)], [DEPLOYED], False, id="seen before, under the same policy"),
    pytest.param(
        [deployment(hours=1)],
        ["script-src 'self'; img-src https://img.example 'self'; report-uri /r"],
        False,
        id="the same by meaning",
    ),
    pytest.param([deployment(hours=1)], [OBSERVED, DEPLOYED], False, id="under the same policy among others"),
    pytest.param(
        [deployment(f"{DEPLOYED}, base-uri 'none'", hours=1)], ["base-uri 'none'"], False, id="one of several policies"
    ),
    pytest.param(
        [deployment("script-src 'nonce-{NONCE}'", hours=1)],
        ["script-src 'nonce-abcdefgh'"],
        False,
        id="a nonce of the deployed policy",
    ),
    pytest.param(
        [deployment(OBSERVED, hours=-9, stage=REPORT_ONLY), deployment(hours=1, number=2)],
        [OBSERVED],
        False,
        id="under the report-only policy that stands beside",
    ),
    pytest.param(
        [
            deployment(OBSERVED, hours=-9, stage=REPORT_ONLY),
            deployment("img-src *", hours=1, stage=REPORT_ONLY, number=2),
        ],
        [OBSERVED],
        True,
        id="under the report-only policy before the last",
    ),
    pytest.param(
        [deployment(hours=5, number=2), deployment(OBSERVED, hours=-9)], [OBSERVED], True, id="recorded out of order"
    ),
]


@pytest.mark.parametrize(("deployments", "policies", "is_superseded"), CASES)
def test_a_group_is_superseded_when_it_was_seen_only_under_older_policies(
    *, deployments: list[Deployment], policies: list[str], is_superseded: bool
) -> None:
    group = make_group(policies=policies)
    (found,) = with_superseded([group], deployments)
    if is_superseded:
        assert (found.evidence_class, found.rule) == (EvidenceClass.SUPERSEDED, SUPERSEDED_RULE)
        assert found.fingerprint == group.fingerprint
    else:
        assert found == group


@pytest.mark.parametrize("evidence_class", list(EvidenceClass))
def test_only_what_is_genuine_or_contradicts_can_be_superseded(evidence_class: EvidenceClass) -> None:
    (found,) = with_superseded([make_group(evidence_class=evidence_class)], [deployment(hours=1)])
    may = evidence_class in {EvidenceClass.GENUINE, EvidenceClass.CONTRADICTION}
    assert found.evidence_class is (EvidenceClass.SUPERSEDED if may else evidence_class)


def test_groups_stay_in_their_order() -> None:
    groups = [make_group(blocked=blocked) for blocked in ("https://b.example", "https://a.example", "data")]
    found = with_superseded(groups, [deployment(hours=1)])
    assert [group.blocked for group in found] == [group.blocked for group in groups]


def test_of_deployments_at_one_instant_the_one_recorded_last_counts() -> None:
    first, second = deployment("img-src a.example", number=1), deployment("img-src b.example", number=2)
    assert last_deployment([second, first]) == second
    assert served_policies([second, first]) == {canonical_text("img-src b.example")}
    assert last_deployment([]) is None
