"""Evidence as a suggestion needs it: what was recorded, what people decided, and how far each source was reported."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from policybuilder import self_test
from policybuilder.csp import parse_serialized_policy_list
from policybuilder.decisions import apply_decisions
from policybuilder.deployments import ServedStage
from policybuilder.evidence import ViolationGroup
from policybuilder.networks import leaked_days
from policybuilder.scripts import reported_scripts
from policybuilder.store import schema
from policybuilder.store.decisions import read_standing_decisions
from policybuilder.store.deployments import read_deployments
from policybuilder.store.networks import read_rehearsal_networks
from policybuilder.store.reach import read_prevalence
from policybuilder.store.reading import read_groups, read_script_hashes, read_vouched_hosts
from policybuilder.store.tables import table_of
from policybuilder.store.views import read_views
from policybuilder.suggestion.current import Origin, as_current
from policybuilder.suggestion.exposure import exposures
from policybuilder.suggestion.propose import site_origins
from policybuilder.suggestion.sorting import Grounds, outcomes_of, strangers_sources
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window


def read_evidence(connection: Connection, site: str, window: Window) -> tuple[ViolationGroup, ...]:
    """What may be evidence of a site's own: the same as `read_classed`, without reports that only tested the way."""
    groups = read_classed(connection, site, window)
    return tuple(group for group in groups if group.document_origin != self_test.ORIGIN)


def read_classed(connection: Connection, site: str, window: Window) -> tuple[ViolationGroup, ...]:
    """A site's groups with reports in the window, by fingerprint, each of the class a person gave it, if one did."""
    decisions = read_standing_decisions(connection, site, window.until)
    return apply_decisions(read_groups(connection, site, window), decisions)


def read_hosts(connection: Connection, site: str) -> tuple[str, ...]:
    """The document hosts that the operator gave the site."""
    hosts = table_of(schema.SiteHostRow)
    return tuple(connection.scalars(select(hosts.c.host).where(hosts.c.site == site).order_by(hosts.c.host)))


def read_grounds(
    connection: Connection, site: str, window: Window, groups: Sequence[ViolationGroup], thresholds: Thresholds
) -> Grounds:
    """What a suggestion for `groups` rests on beside them."""
    decisions = read_standing_decisions(connection, site, window.until)
    hosts = read_hosts(connection, site)
    deployments = [each for each in read_deployments(connection, site) if each.since_at <= window.until]
    enforced = [each.policy for each in deployments if each.stage is ServedStage.ENFORCE][-1:]
    hashes = read_script_hashes(connection, site)
    policies = tuple(policy for text in enforced for policy in parse_serialized_policy_list(text).policies)
    outcomes = outcomes_of(groups, site_origins(groups), decisions)
    return Grounds(
        prevalence=read_prevalence(connection, site, window, strangers_sources(outcomes), thresholds),
        outcomes=outcomes,
        thresholds=thresholds,
        decisions=decisions,
        hosts=hosts,
        enforced=policies,
        current=as_current(policies, Origin.RECORDED) if policies else None,
        exposures=exposures(deployments, read_views(connection, site, window), window),
        scripts=reported_scripts(hashes, window, (*hosts, *read_vouched_hosts(connection, site))) if hashes else (),
        now=window.until,
        leaked_days=leaked_days(read_rehearsal_networks(connection, site, window)),
    )
