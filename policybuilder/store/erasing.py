"""Erasing a site: everything that is kept of it, and nothing of any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from sqlalchemy import Engine, Table, delete, func, select, update
from sqlmodel import SQLModel

from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.forgetting import clear_files
from policybuilder.store.portions import delete_in_portions
from policybuilder.store.sites import DEFAULT_SITE, changing_site, get_site
from policybuilder.store.tables import table_of

_REGISTRATION = (schema.SiteKeyRow, schema.SiteHostRow, schema.SiteAliasRow)
"""What the site was registered with."""

_FROM_PEOPLE = (schema.DecisionRow, schema.DeploymentRow, schema.WaiverRow)
"""What nobody can say of a site that is no more, and somebody may have said while its evidence was taken away."""


def erase_site(engine: Engine, name: str) -> Mapping[str, int]:
    """Delete all evidence, decisions and deployments of a site, then its keys and the site itself.

    Its keys answer 404 from the beginning; where it is interrupted, it can be repeated. Of the site `default` name,
    keys and settings stay: it is there from the first start, and making it anew would bring a revoked key back.

    Returns the rows removed by table. Raises CspbuildError for an unknown site.
    """
    get_site(engine, name)
    is_default = name == DEFAULT_SITE
    sites = table_of(schema.SiteRow)
    if not is_default:
        with writing(engine).begin() as connection:
            connection.execute(update(sites).where(sites.c.name == name).values(is_active=False))
    removed: Counter[str] = Counter()
    for gone in _erase_evidence(engine, name):
        removed.update(gone)
    if not is_default:
        with changing_site(engine, name) as connection:
            for row in (*_REGISTRATION, *_FROM_PEOPLE):
                table = table_of(row)
                removed[table.name] += connection.execute(delete(table).where(table.c.site == name)).rowcount
            removed[sites.name] += connection.execute(delete(sites).where(sites.c.name == name)).rowcount
    clear_files(engine)
    return dict(sorted(removed.items()))


def erase_leftovers(engine: Engine) -> Iterator[Mapping[str, int]]:
    """Delete what is kept of sites that are no more: of reports that were on their way while theirs was erased."""
    sites = table_of(schema.SiteRow)
    with engine.connect() as connection:
        known = set(connection.scalars(select(sites.c.name)))
    if not known:
        return  # not set up yet: the default site is always there
    for table in evidence_tables():
        for site in _sites_in(engine, table):
            if site not in known:
                yield from delete_in_portions(engine, table, site, ~select(sites).where(sites.c.name == site).exists())


def evidence_tables() -> tuple[Table, ...]:
    """Every table with rows of a site, but those of its registration."""
    registration = {table_of(row) for row in _REGISTRATION}
    return tuple(
        table for table in SQLModel.metadata.sorted_tables if "site" in table.columns and table not in registration
    )


def _erase_evidence(engine: Engine, site: str) -> Iterator[Mapping[str, int]]:
    for table in evidence_tables():
        yield from delete_in_portions(engine, table, site)


def _sites_in(engine: Engine, table: Table) -> list[str]:
    """The sites that a table has rows of, found by leaps, since a table may be long."""
    found: list[str] = [""]
    with engine.connect() as connection:
        while (site := connection.scalar(select(func.min(table.c.site)).where(table.c.site > found[-1]))) is not None:
            found.append(site)
    return found[1:]
