"""The JSON document of a site, as `cspbuild site` prints it."""

from __future__ import annotations

from policybuilder.store.sites import Site
from policybuilder.times import isoformat


def site_document(site: Site) -> dict[str, object]:
    """The keys of `site/1`; a rehearsal key only where it was just made."""
    document: dict[str, object] = {
        "name": site.name,
        "key": site.key,
        "hosts": list(site.hosts),
        "created_at": isoformat(site.created_at),
        "live_keys": list(site.live_keys),
        "aliases": {alias.alias: alias.host for alias in site.aliases},
        "active": site.is_active,
        "retention_days": site.retention_days,
        "new_groups_per_hour": site.new_groups_per_hour,
        "reports_per_second": site.reports_per_second,
    }
    if site.rehearsal_key:
        document["rehearsal_key"] = site.rehearsal_key
    return document
