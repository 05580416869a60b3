"""The JSON document of what a site serves, as `cspbuild deploy` prints it."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.deployments import Deployment
from policybuilder.noticing import NoticedDeployment
from policybuilder.times import isoformat


def deployments_document(
    deployments: Sequence[Deployment], noticed: Sequence[NoticedDeployment] = ()
) -> dict[str, object]:
    """The keys of `deploy/1`: what was recorded, then what was noticed besides."""
    return {"deployments": [*map(_deployment, deployments), *map(noticed_document, noticed)]}


def _deployment(deployment: Deployment) -> dict[str, object]:
    return {
        "number": deployment.number,
        "stage": deployment.stage,
        "policy": deployment.policy,
        "since": isoformat(deployment.since_at),
        "views_per_day": deployment.views_per_day,
        "note": deployment.note,
        "noticed": False,
    }


def noticed_document(noticed: NoticedDeployment) -> dict[str, object]:
    """As a row of `deployments` that nobody recorded, and so without a number."""
    return {
        "number": None,
        "stage": noticed.stage,
        "policy": noticed.policy,
        "since": isoformat(noticed.since_at),
        "views_per_day": None,
        "note": "",
        "noticed": True,
        "last_seen": isoformat(noticed.last_seen_at),
        "networks": noticed.networks,
        "trusted": noticed.is_vouched,
    }
