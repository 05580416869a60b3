"""Deployments in the database: recorded once, read back in their order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, func, insert, select

from policybuilder.deployments import Deployment, ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.store import schema
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.sites import changing_site
from policybuilder.store.tables import table_of


def record_deployment(
    engine: Engine,
    site: str,
    *,
    policy: str,
    stage: ServedStage,
    since_at: datetime,
    views_per_day: int | None = None,
    note: str = "",
    after: int | None = None,
) -> Deployment:
    """Keep that `site` serves `policy` since an instant; where `after` is given, as the next one after that number.

    Raises CspbuildError for an unknown site, and where another was recorded after that one.
    """
    table = table_of(schema.DeploymentRow)
    with changing_site(engine, site) as connection:
        newest = connection.scalar(select(func.max(table.c.number)).where(table.c.site == site)) or 0
        if after is not None and newest != after:
            raise CspbuildError("another deployment was recorded meanwhile; look at them again")
        number = newest + 1
        connection.execute(
            insert(table).values(
                site=site,
                number=number,
                stage=stage.value,
                policy=policy,
                views_per_day=views_per_day,
                since_ms=to_ms(since_at),
                note=note,
            )
        )
    return Deployment(
        number=number, stage=stage, policy=policy, since_at=since_at, views_per_day=views_per_day, note=note
    )


def read_deployments(connection: Connection, site: str) -> tuple[Deployment, ...]:
    """A site's deployments, oldest first."""
    table = table_of(schema.DeploymentRow)
    rows = connection.execute(select(table).where(table.c.site == site).order_by(table.c.since_ms, table.c.number))
    return tuple(
        Deployment(
            number=row.number,
            stage=ServedStage(row.stage),
            policy=row.policy,
            since_at=from_ms(row.since_ms),
            views_per_day=row.views_per_day,
            note=row.note,
        )
        for row in rows
    )
