"""Reading what shows of a site's set-up: which kinds of reports came, as far as what is kept tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, not_, or_, select

from policybuilder import self_test
from policybuilder.csp.violation import SampleExtent
from policybuilder.deployments import canonical_texts
from policybuilder.evidence import EvidenceClass
from policybuilder.set_up import ArrivedTest, SetUp, Sign
from policybuilder.stages import INVENTORY_POLICY
from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, from_ms
from policybuilder.store.tables import table_of

_AGE = '%"age_ms":%'
"""In the JSON of a sample; in a text of it the quotes would be escaped."""

[_INVENTORY] = canonical_texts(INVENTORY_POLICY)
"""Of the policy beside the baseline, which reports by `report-to` alone."""


def read_set_up(connection: Connection, site: str) -> SetUp:
    """What shows of the site's set-up, test reports and what no browser writes left out."""
    first_ms: dict[Sign, int] = {}
    for sign, at_ms in _signs(connection, site):
        if at_ms is not None:
            first_ms[sign] = min(at_ms, first_ms.get(sign, at_ms))
    return SetUp(
        first_at={sign: from_ms(first_ms[sign]) for sign in Sign if sign in first_ms},
        test=_test(connection, site),
    )


def _signs(connection: Connection, site: str) -> Iterator[tuple[Sign, int | None]]:
    """Each sign with its first milliseconds, from wherever one may show."""
    yield from _signs_of_groups(connection, site)
    yield from _signs_of_samples(connection, site)
    yield from _signs_of_policies(connection, site)
    hashes, views = table_of(schema.ScriptHashRow), table_of(schema.PageViewRow)
    hashed = connection.scalar(select(func.min(hashes.c.first_seen_ms)).where(hashes.c.site == site))
    yield Sign.SCRIPT_HASH, hashed
    yield Sign.OTHER_BROWSER, hashed
    day = connection.scalar(select(func.min(views.c.day)).where(views.c.site == site))
    yield Sign.VIEWS, None if day is None else day * DAY_MS
    deployments = table_of(schema.DeploymentRow)
    began = select(func.min(deployments.c.since_ms)).where(deployments.c.site == site)
    yield Sign.DEPLOYMENT, connection.scalar(began)


def _signs_of_groups(connection: Connection, site: str) -> Iterator[tuple[Sign, int | None]]:
    table = table_of(schema.GroupRow)
    # By the collector's own clock, where it was kept.
    at_ms = func.coalesce(func.nullif(table.c.received_first_ms, 0), table.c.first_seen_ms)
    # What a Trusted Types policy is called is whole in every browser.
    of_code = not_(table.c.blocked.startswith("trusted-types"))
    shows = {
        Sign.FIREFOX: and_(table.c.sample_extent == SampleExtent.WHOLE.value, of_code),
        Sign.OTHER_BROWSER: and_(table.c.sample_extent == SampleExtent.TRIMMED.value, of_code),
        Sign.REHEARSAL: table.c.trusted_reports > 0,
    }
    firsts = (func.min(case((holds, at_ms))).label(sign) for sign, holds in shows.items())
    row = connection.execute(select(*firsts).where(table.c.site == site, not_(_is_unreal()))).one()
    yield from zip(shows, row, strict=True)


def _signs_of_policies(connection: Connection, site: str) -> Iterator[tuple[Sign, int | None]]:
    uses = table_of(schema.GroupPolicyRow)
    is_inventory = uses.c.policy_digest == _inventory_digest(connection, site)
    firsts = (func.min(uses.c.first_seen_ms), func.min(case((is_inventory, uses.c.first_seen_ms))))
    query = select(*firsts).where(uses.c.site == site, uses.c.fingerprint.not_in(_unreal(site)))
    yield from zip((Sign.HEADER, Sign.REPORTING_API), connection.execute(query).one(), strict=True)


def _inventory_digest(connection: Connection, site: str) -> str:
    """Of the policy beside the baseline, where it was reported under; else of none."""
    policies = table_of(schema.PolicyRow)
    is_it = (policies.c.site == site, policies.c.text == _INVENTORY)
    return connection.scalar(select(policies.c.digest).where(*is_it).limit(1)) or "none"


def _signs_of_samples(connection: Connection, site: str) -> Iterator[tuple[Sign, int | None]]:
    table = table_of(schema.SampleRow)
    named = f'"policy_digest":"{_inventory_digest(connection, site)}"'
    by_api = or_(table.c.report.like(_AGE), table.c.report.contains(named, autoescape=True))
    shows = {Sign.REPORTING_API: by_api, Sign.REPORT_URI: not_(by_api)}
    firsts = (func.min(case((holds, table.c.seen_at_ms))).label(sign) for sign, holds in shows.items())
    query = select(*firsts).where(table.c.site == site, table.c.fingerprint.not_in(_unreal(site)))
    yield from zip(shows, connection.execute(query).one(), strict=True)


def _is_unreal() -> ColumnElement[bool]:
    """Whether a group is none that a browser reported."""
    table = table_of(schema.GroupRow)
    return or_(
        table.c.evidence_class == EvidenceClass.MALFORMED.value,
        table.c.document_origin == self_test.ORIGIN,
    )


def _unreal(site: str) -> Select[Any]:
    """The few such groups: to look up each of the others would take longer than all else here."""
    table = table_of(schema.GroupRow)
    return select(table.c.fingerprint).where(table.c.site == site, _is_unreal())


def _test(connection: Connection, site: str) -> ArrivedTest | None:
    """By all that tells groups apart but their class: strangers post what is nearly a test."""
    table, violation = table_of(schema.GroupRow), self_test.VIOLATION
    row = connection.execute(
        select(table)
        .where(
            table.c.site == site,
            table.c.document_origin == self_test.ORIGIN,
            table.c.disposition == violation.disposition.value,
            table.c.directive == violation.effective_directive,
            table.c.blocked == violation.blocked_uri,
            table.c.sample == violation.sample,
            table.c.sample_extent == violation.sample_extent.value,
            table.c.initiator == "",
        )
        .order_by(table.c.received_last_ms.desc(), table.c.fingerprint)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return ArrivedTest(
        fingerprint=row.fingerprint,
        evidence_class=EvidenceClass(row.evidence_class),
        rule=row.rule,
        reports=int(row.reports),
        last_at=from_ms(row.received_last_ms or row.last_seen_ms),
    )
