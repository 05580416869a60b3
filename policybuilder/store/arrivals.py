"""Reading why nothing of a site may arrive: its keys, and what came by the keys of others."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select

from policybuilder import self_test
from policybuilder.reports.hosts import host_matches
from policybuilder.store import schema
from policybuilder.store.sites import KeyKind, Site
from policybuilder.store.tables import table_of
from policybuilder.workflow import Arrivals

_MAX_SITES = 3


def read_arrivals(connection: Connection, registered: Site) -> Arrivals:
    """What the database tells of the way that a site's reports take, for whoever may read all of it.

    What came by the keys of other sites is a part of that.
    """
    keys, hashes = table_of(schema.SiteKeyRow), table_of(schema.ScriptHashRow)
    revoked = select(func.count()).where(
        keys.c.site == registered.name, keys.c.kind == KeyKind.PUBLIC.value, keys.c.revoked_at_ms.is_not(None)
    )
    reported = select(func.coalesce(func.sum(hashes.c.reports), 0)).where(hashes.c.site == registered.name)
    return Arrivals(
        is_active=registered.is_active,
        revoked_keys=int(connection.scalar(revoked) or 0),
        script_hashes=int(connection.scalar(reported) or 0),
        elsewhere=_elsewhere(connection, registered),
    )


def _elsewhere(connection: Connection, site: Site) -> dict[str, int]:
    """Reports by other site, most first: of this one's hosts, or of any where it takes any."""
    table = table_of(schema.GroupRow)
    found: Counter[str] = Counter()
    for name, origin, reports in connection.execute(
        select(table.c.site, table.c.document_origin, func.sum(table.c.reports))
        .where(table.c.site != site.name, table.c.document_origin != self_test.ORIGIN)
        .group_by(table.c.site, table.c.document_origin)
    ):
        host = origin.partition("://")[2]
        if not site.hosts or any(host_matches(pattern, host) for pattern in site.hosts):
            found[name] += int(reports)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MAX_SITES])
