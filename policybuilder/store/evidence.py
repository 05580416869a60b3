"""Evidence as people see it: what was recorded, in the light of what they decided."""

from __future__ import annotations

from sqlalchemy import Connection

from policybuilder.decisions import apply_decisions
from policybuilder.evidence import ViolationGroup
from policybuilder.store.decisions import read_decisions
from policybuilder.store.reading import read_groups
from policybuilder.times import Window


def read_evidence(connection: Connection, site: str, window: Window) -> tuple[ViolationGroup, ...]:
    """A site's groups with reports in the window, by fingerprint, each of the class a person gave it, if one did."""
    return apply_decisions(read_groups(connection, site, window), read_decisions(connection, site))
