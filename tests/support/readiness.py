"""Builders of cases to be judged, and of what is recorded of a site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.evidence import ViolationGroup
from policybuilder.readiness.judging import make_case
from policybuilder.readiness.values import Case, Exposure, Seen, SiteRecord
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.trust import Prevalence
from policybuilder.times import Window
from policybuilder.waivers import Waiver
from tests.support.evidence import SEEN_AT, make_group

NOW = SEEN_AT + timedelta(days=15)
POLICY = "default-src 'none'; img-src https://img.example; script-src 'self'; style-src 'self'; base-uri 'none'"


def make_deployment(
    policy: str = POLICY,
    stage: ServedStage = ServedStage.REPORT_ONLY,
    *,
    number: int = 1,
    since_at: datetime = SEEN_AT,
    views_per_day: int | None = None,
) -> Deployment:
    """A deployment, by default a trial that began when everything was seen."""
    return Deployment(number=number, stage=stage, policy=policy, since_at=since_at, views_per_day=views_per_day)


def make_waiver(criterion: str, note: str = "it does not matter here") -> Waiver:
    """A waiver that holds for good."""
    return Waiver(number=1, criterion=criterion, note=note, waived_at=SEEN_AT)


def every_day(days: int, seen: Seen, *, until: datetime = NOW) -> Mapping[date, Seen]:
    """So many days up to the end of the window."""
    return {until.date() - timedelta(days=number): seen for number in range(days)}


def make_record(
    groups: Iterable[ViolationGroup] | None = None,
    *,
    deployments: Sequence[Deployment] | None = None,
    audience: int = 200,
    prevalence: Prevalence | None = None,
    waivers: Sequence[Waiver] = (),
    **known: Any,
) -> SiteRecord:
    """A site that tried a policy for a fortnight, with 5,000 views a day that carried it and nothing new."""
    trial = make_deployment(views_per_day=5_000)
    return SiteRecord(
        **{
            "site": "shop",
            "window": Window(None, NOW),
            "exposure": Exposure(
                days=every_day(15, Seen(100, is_trusted=True)),
                pages={"https://shop.example/cart": Seen(100, is_trusted=True)},
            ),
            "page_paths": ("/cart",),
            **known,
        },
        groups=tuple([make_group()] if groups is None else groups),
        grounds=Grounds(prevalence=prevalence or Prevalence(audience=audience)),
        deployments=(trial,) if deployments is None else tuple(deployments),
        waivers={waiver.criterion: waiver for waiver in waivers},
    )


def case_of(record: SiteRecord | None = None, *, policy: str | None = None, **known: Any) -> Case:
    """The case of a policy, or of the one on trial."""
    given = None if policy is None else parse_serialized_policy_list(policy)
    return make_case(record or make_record(), given=given, **known)
