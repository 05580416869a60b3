"""Reading the keys of a site: how old each is, and which are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from policybuilder.store import schema
from policybuilder.store.clock import from_ms
from policybuilder.store.sites import KeyKind
from policybuilder.store.tables import table_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key that was made for a site."""

    kind: KeyKind
    key: str | None
    """None of a rehearsal key, of which only the digest is kept."""

    created_at: datetime
    revoked_at: datetime | None
    """None while it is answered."""


def read_site_keys(connection: Connection, site: str) -> tuple[KeyRecord, ...]:
    """All keys that were ever made for the site, newest first."""
    table = table_of(schema.SiteKeyRow)
    rows = connection.execute(
        select(table).where(table.c.site == site).order_by(table.c.created_at_ms.desc(), table.c.digest)
    )
    return tuple(
        KeyRecord(
            kind=KeyKind(row.kind),
            key=row.key,
            created_at=from_ms(row.created_at_ms),
            revoked_at=None if row.revoked_at_ms is None else from_ms(row.revoked_at_ms),
        )
        for row in rows
    )
