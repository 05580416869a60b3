"""Noticed deployments, as JSON and as a line for people."""

from __future__ import annotations

from policybuilder.cli.output import plural, shorten
from policybuilder.noticing import NoticedDeployment
from policybuilder.rendering.text_safety import visible
from policybuilder.times import isoformat


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


def noticed_line(noticed: NoticedDeployment) -> str:
    """What it is, since when, and who says so."""
    said_by = "you rehearsed it" if noticed.is_vouched else plural(noticed.networks, "network")
    since = f"{noticed.since_at:%Y-%m-%d %H:%M} UTC"
    return f"{noticed.stage}, since {since}, {said_by}: {visible(shorten(noticed.policy, 60))}"
