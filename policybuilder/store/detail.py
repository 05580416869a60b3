"""One group in detail: all that is kept of it, read at one instant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from policybuilder.csp import Violation
from policybuilder.decisions import Decision, apply_decisions, concerns, standing, vouches_for
from policybuilder.deployments import Deployment
from policybuilder.evidence import ViolationGroup
from policybuilder.store import schema
from policybuilder.store.decisions import read_decisions
from policybuilder.store.deployments import read_deployments
from policybuilder.store.reading import read_day_counts, read_groups
from policybuilder.store.samples import read_samples
from policybuilder.store.tables import table_of
from policybuilder.summary import DayCount
from policybuilder.superseded import with_superseded
from policybuilder.times import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDetail:
    """A group, and what there is to know of it beside."""

    group: ViolationGroup
    """Of the class that people and deployments gave it."""

    days: tuple[DayCount, ...]
    """Oldest first; days without reports are left out."""

    samples: tuple[Violation, ...]
    """Some of its reports, cleaned, in the order of their arrival."""

    decisions: tuple[Decision, ...]
    """Every answer about it that was ever given, newest first; those that no longer hold among them."""

    deployments: tuple[Deployment, ...]
    """Of its site."""


def read_detail(connection: Connection, site: str, fingerprint: str, window: Window) -> GroupDetail | None:
    """A group with reports in the window; None where there is none of this fingerprint. Raises SQLAlchemyError."""
    found = read_groups(connection, site, window, fingerprint=fingerprint)
    if not found:
        return None
    decisions, deployments = read_decisions(connection, site, undone_too=True), read_deployments(connection, site)
    [group] = with_superseded(apply_decisions(found, standing(decisions, window.until)), deployments)
    samples = table_of(schema.SampleRow)
    texts = connection.scalars(
        select(samples.c.report)
        .where(samples.c.site == site, samples.c.fingerprint == fingerprint)
        .order_by(samples.c.seen_at_ms, samples.c.digest)
    )
    return GroupDetail(
        group=group,
        days=read_day_counts(connection, site, window, fingerprint=fingerprint),
        samples=tuple(read_samples(connection, site, texts)),
        decisions=tuple(each for each in reversed(decisions) if concerns(each, group) or vouches_for(each, group)),
        deployments=deployments,
    )
