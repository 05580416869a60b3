"""What to go back to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policybuilder.deployments import Deployment, ServedStage
from policybuilder.rollback import Way, way_back
from tests.support.evidence import SEEN_AT
from tests.support.readiness import make_deployment

A, B, C = "img-src 'self'", "img-src https://b.example", "img-src https://c.example"
ENFORCE, REPORT = ServedStage.ENFORCE, ServedStage.REPORT_ONLY


def history(*steps: tuple[ServedStage, str]) -> list[Deployment]:
    """A deployment an hour, numbered from 1."""
    return [
        make_deployment(policy, stage, number=number, since_at=SEEN_AT + timedelta(hours=number))
        for number, (stage, policy) in enumerate(steps, 1)
    ]


# (history, way, number of what is left, of what is enforced, of what is sent report-only)
WAYS: list[tuple[list[Deployment], Way, int, int | None, int | None]] = [
    (history((ENFORCE, A)), Way.STOP_ENFORCING, 1, None, None),
    (history((REPORT, A), (ENFORCE, A)), Way.STOP_ENFORCING, 2, None, 1),
    (history((ENFORCE, A), (ENFORCE, B)), Way.ENFORCE_BEFORE, 2, 1, None),
    (history((ENFORCE, A), (REPORT, B), (ENFORCE, B)), Way.ENFORCE_BEFORE, 3, 1, 2),
    (history((ENFORCE, A), (ENFORCE, B), (REPORT, C)), Way.ENFORCE_BEFORE, 2, 1, None),
    (history((REPORT, A), (ENFORCE, A), (ENFORCE, B)), Way.ENFORCE_BEFORE, 3, 2, None),
    # Recorded again, in other words: it is the same policy.
    (history((ENFORCE, A), (ENFORCE, B), (ENFORCE, f"{B}; report-uri /x")), Way.ENFORCE_BEFORE, 3, 1, None),
    # Going back twice goes further back.
    (history((ENFORCE, A), (ENFORCE, B), (ENFORCE, A)), Way.STOP_ENFORCING, 3, None, None),
    (history((ENFORCE, A), (ENFORCE, B), (ENFORCE, C), (ENFORCE, B)), Way.ENFORCE_BEFORE, 4, 1, None),
    (history((ENFORCE, A), (ENFORCE, ""), (ENFORCE, B)), Way.STOP_ENFORCING, 3, None, None),
    # Nothing is enforced any more, so that only what is tried is left to go back from.
    (history((REPORT, A), (ENFORCE, A), (ENFORCE, "")), Way.STOP_REPORTING, 1, None, None),
    (history((REPORT, A), (REPORT, B)), Way.REPORT_BEFORE, 2, None, 1),
    (history((REPORT, A)), Way.STOP_REPORTING, 1, None, None),
    (history((REPORT, A), (REPORT, ""), (ENFORCE, A)), Way.STOP_ENFORCING, 3, None, None),
]


@pytest.mark.parametrize(("deployments", "way", "left", "enforced", "report_only"), WAYS)
def test_one_goes_back_to_what_was_served_before(
    deployments: list[Deployment], way: Way, left: int, enforced: int | None, report_only: int | None
) -> None:
    found = way_back(deployments)
    assert found is not None
    assert (found.way, found.left.number) == (way, left)
    numbers = [each.number if each else None for each in (found.enforced, found.report_only)]
    assert numbers == [enforced, report_only]
    assert way_back(list(reversed(deployments))) == found


@pytest.mark.parametrize("deployments", [history(), history((ENFORCE, A), (ENFORCE, "")), history((REPORT, ""))])
def test_where_nothing_is_served_there_is_no_way_back(deployments: list[Deployment]) -> None:
    assert way_back(deployments) is None
