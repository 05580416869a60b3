"""Superseded evidence: groups that were seen only before the site served what it serves now."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from policybuilder.deployments import Deployment, last_deployment, served_policies
from policybuilder.evidence import EvidenceClass, ViolationGroup

SUPERSEDED_RULE = "older-than-deployment"

_MAY_BE_SUPERSEDED = frozenset({EvidenceClass.GENUINE, EvidenceClass.CONTRADICTION})
"""Noise is noise under any policy, and what looks like an attack stays as loud as it was."""


def with_superseded(groups: Sequence[ViolationGroup], deployments: Sequence[Deployment]) -> tuple[ViolationGroup, ...]:
    """The groups in their order; those that the last deployment overtook have the class `superseded`.

    A group is overtaken when it was last seen before the last deployment began, and under none of the policies that
    the site serves now (the last deployment of each stage). Its class is that of this reading alone: the store keeps
    what the report's own text says, and a group that is seen again is genuine again. Without deployments nothing is.
    """
    last = last_deployment(deployments)
    if last is None:
        return tuple(groups)
    served = served_policies(deployments)
    return tuple(
        structs.replace(group, evidence_class=EvidenceClass.SUPERSEDED, rule=SUPERSEDED_RULE, reason="")
        if group.evidence_class in _MAY_BE_SUPERSEDED
        and group.last_seen_at < last.since_at
        and not any(count.policy in served for count in group.policies)
        else group
        for group in groups
    )
