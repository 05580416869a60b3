"""Concerns: which groups a decision is an answer about, found without looking at all of them.

What SQL can tell narrows them down, never leaving one out; `concerns` has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from policybuilder.csp import Disposition, HostSource, SampleExtent, parse_source_expression
from policybuilder.csp.directives import FALLBACKS
from policybuilder.decisions import Decision, DecisionAction, concerns
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.listing import host_of
from policybuilder.store import schema
from policybuilder.store.tables import rows_as, table_of

_OF_LOADS = frozenset(
    {
        *("child-src", "connect-src", "font-src", "frame-src", "img-src", "manifest-src", "media-src", "object-src"),
        *("script-src", "script-src-elem", "style-src", "style-src-elem", "worker-src"),
    }
)
"""Directives under which a host is compared with that of what was blocked, and with nothing else."""


def read_concerned(connection: Connection, site: str, decisions: Sequence[Decision]) -> list[str]:
    """The fingerprints of a site's groups that one of the decisions is an answer about.

    Of groups that are not listed yet some may be missing: they are read anew in any case.
    """
    table = table_of(schema.GroupRow)
    may_be = or_(false(), *(_may_concern(site, decision) for decision in decisions))
    query = select(table).where(table.c.site == site, may_be)
    columns = [table.c[name] for name in _Named.__struct_fields__]
    groups = map(_as_group, rows_as(connection, _Named, columns, query))
    return [group.fingerprint for group in groups if any(concerns(decision, group) for decision in decisions)]


def _may_concern(site: str, decision: Decision) -> ColumnElement[bool]:
    """Whether it is worth asking."""
    table = table_of(schema.GroupRow)
    conditions: list[ColumnElement[bool]] = []
    if decision.directive:
        conditions.append(table.c.directive.in_(sorted(_governed(decision.directive))))
    match decision.action:
        case DecisionAction.CLASS:
            conditions.append(table.c.fingerprint == decision.subject)
        case DecisionAction.ALLOW if decision.loaded_by:
            return false()  # it vouches for groups, and answers none
        case DecisionAction.ALLOW:
            source = parse_source_expression(decision.subject)
            if isinstance(source, HostSource) and "*" not in source.host_part and decision.directive in _OF_LOADS:
                # What has no host is asked: whoever lists a host may let through what no directive named forbids.
                has_none = table.c.blocked.not_like("%://%")
                conditions.append(or_(has_none, _has_host(site, source.host_part.lower())))
        case _ if decision.loaded_by:
            conditions.append(table.c.initiator != "")
        case _ if "*" not in decision.subject:
            name = decision.subject.lower().strip("'")
            host = host_of(name if "://" in name else f"https://{name}/")
            words = func.lower(table.c.blocked).in_(["", name, name.removesuffix(":")])
            conditions.append(or_(words, _has_host(site, host)))
    return and_(*conditions) if conditions else table.c.site == site


def _has_host(site: str, host: str) -> ColumnElement[bool]:
    """Whether a group is listed under the host."""
    table, listing = table_of(schema.GroupRow), table_of(schema.ListingRow)
    named = select(listing.c.fingerprint).where(listing.c.site == site, listing.c.host == host)
    return table.c.fingerprint.in_(named)


def _governed(directive: str) -> set[str]:
    """The directives of groups that a decision about this one is asked about."""
    return {directive, *(name for name, chain in FALLBACKS.items() if directive in chain)}


class _Named(msgspec.Struct, array_like=True, gc=False):
    """What a decision is asked about, of a group."""

    fingerprint: str
    document_origin: str
    directive: str
    blocked: str
    disposition: Disposition
    sample: str
    sample_extent: SampleExtent
    source_file: str
    initiator: str


def _as_group(named: _Named) -> ViolationGroup:
    """A group of which no counts are known."""
    return ViolationGroup(
        **{name: getattr(named, name) for name in _Named.__struct_fields__},
        evidence_class=EvidenceClass.GENUINE,
        rule="",
        line_number=None,
        reports=0,
        trusted_reports=0,
        reporters=0,
        estimated_reports=0,
        days=0,
        first_seen_ms=0,
        last_seen_ms=0,
        pages=(),
        policies=(),
    )
