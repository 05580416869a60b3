"""Deployments: which policy a site serves, at which stage, since when."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from policybuilder.csp import canonical, parse_serialized_policy_list


class ServedStage(enum.StrEnum):
    """How a policy is served."""

    REPORT_ONLY = "report-only"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A policy that the site began to serve."""

    number: int
    """Counts up within the site."""

    stage: ServedStage
    policy: str
    """As it was written; a list of policies where it has commas."""

    since_at: datetime
    views_per_day: int | None = None
    """Page views that are served with it in a day, where somebody said so."""

    note: str = ""


def served_policies(deployments: Sequence[Deployment]) -> frozenset[str]:
    """The canonical texts of what the site serves now: the last deployment of each stage.

    Both count, since a report-only policy is tried beside the enforced one.
    """
    newest = {deployment.stage: deployment for deployment in sorted(deployments, key=_by_time)}
    return frozenset(text for deployment in newest.values() for text in _canonical_texts(deployment.policy))


def last_deployment(deployments: Iterable[Deployment]) -> Deployment | None:
    """The one that began last; of several at the same instant, the one recorded last."""
    return max(deployments, key=_by_time, default=None)


def _by_time(deployment: Deployment) -> tuple[datetime, int]:
    return deployment.since_at, deployment.number


def _canonical_texts(policy: str) -> Iterable[str]:
    return (str(canonical(found)) for found in parse_serialized_policy_list(policy).policies)
