"""Noticed deployments, as a line for people."""

from __future__ import annotations

from policybuilder.cli.output import plural, shorten
from policybuilder.noticing import NoticedDeployment
from policybuilder.rendering.text_safety import visible


def noticed_line(noticed: NoticedDeployment) -> str:
    """What it is, since when, and who says so."""
    said_by = "you rehearsed it" if noticed.is_vouched else plural(noticed.networks, "network")
    since = f"{noticed.since_at:%Y-%m-%d %H:%M} UTC"
    return f"{noticed.stage}, since {since}, {said_by}: {visible(shorten(noticed.policy, 60))}"
