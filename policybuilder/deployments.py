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
    """As it was written; a list of policies where it has commas. Empty where the stage's header is no longer sent."""

    since_at: datetime
    views_per_day: int | None = None
    """Page views that are served with it in a day, where somebody said so."""

    note: str = ""


def served_policies(deployments: Sequence[Deployment]) -> frozenset[str]:
    """The canonical texts of what the site serves now: the last deployment of each stage.

    Both count, since a report-only policy is tried beside the enforced one.
    """
    newest = {deployment.stage: deployment for deployment in sorted(deployments, key=_by_time)}
    return frozenset(text for deployment in newest.values() for text in canonical_texts(deployment.policy))


def last_deployment(deployments: Iterable[Deployment]) -> Deployment | None:
    """The one that began last; of several at the same instant, the one recorded last."""
    return max(deployments, key=_by_time, default=None)


def texts_named(deployments: Iterable[Deployment]) -> frozenset[str]:
    """The canonical texts of all the policies that these name."""
    return frozenset(text for deployment in deployments for text in canonical_texts(deployment.policy))


def in_order(deployments: Iterable[Deployment]) -> list[Deployment]:
    """Oldest first; those of the same instant as they were recorded."""
    return sorted(deployments, key=_by_time)


def served(deployments: Iterable[Deployment], stage: ServedStage) -> Deployment | None:
    """What the site serves at a stage: its last deployment, unless that one says that nothing is any more."""
    last = last_deployment(deployment for deployment in deployments if deployment.stage is stage)
    return None if last is None or not last.policy else last


def is_same_policy(one: str, other: str) -> bool:
    """Whether two policy lists are the same but for order, spelling, nonces and where they report to."""
    return sorted(canonical_texts(one)) == sorted(canonical_texts(other))


def _by_time(deployment: Deployment) -> tuple[datetime, int]:
    return deployment.since_at, deployment.number


def canonical_texts(policy: str) -> tuple[str, ...]:
    """Each policy of a list in the form in which policies are compared."""
    return tuple(str(canonical(found)) for found in parse_serialized_policy_list(policy).policies)
