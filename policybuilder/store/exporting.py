"""Exporting a site: all that is known of it, line by line, but nothing by which a client or the operator is recognised.

Client networks are counted, never listed; keys of either kind stay where they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, union_all
from sqlmodel import SQLModel

from policybuilder.store import schema
from policybuilder.store.clock import day_name, from_ms
from policybuilder.store.samples import read_samples
from policybuilder.store.tables import table_of
from policybuilder.times import isoformat

Line = Mapping[str, Any]
"""One JSON object; `type` says of what."""

_ROWS_AT_ONCE = 1_000
_WITHHELD = frozenset({"site", "network", "key"})
_RENAMED = {"evidence_class": "class"}

# (type, row class) of tables whose rows are exported as they are, after site, policies, groups and their days.
_PLAIN: tuple[tuple[str, type[SQLModel]], ...] = (
    ("page", schema.GroupPageRow),
    ("page-view", schema.PageViewRow),
    ("script-hash", schema.ScriptHashRow),
    ("decision", schema.DecisionRow),
    ("deployment", schema.DeploymentRow),
    ("waiver", schema.WaiverRow),
)


def export_site(connection: Connection, site: str) -> Iterator[Line]:
    """The lines of a site, the site itself first; none where there is no such site.

    On a connection of `snapshot`, all of one state of the database.
    """
    sites = table_of(schema.SiteRow)
    row = connection.execute(select(sites).where(sites.c.name == site)).one_or_none()
    if row is None:
        return
    yield {"type": "site", **_plain(row), **_names(connection, site)}
    yield from _rows(connection, "policy", schema.PolicyRow, site)
    yield from _groups(connection, site)
    yield from _days(connection, site)
    for kind, plain in _PLAIN:
        yield from _rows(connection, kind, plain, site)
    yield from _samples(connection, site)


def _names(connection: Connection, site: str) -> dict[str, Any]:
    hosts, aliases = table_of(schema.SiteHostRow), table_of(schema.SiteAliasRow)
    return {
        "hosts": sorted(connection.scalars(select(hosts.c.host).where(hosts.c.site == site))),
        "aliases": {
            row.alias: row.host
            for row in connection.execute(select(aliases).where(aliases.c.site == site).order_by(aliases.c.alias))
        },
    }


def _groups(connection: Connection, site: str) -> Iterator[Line]:
    """Each group with the policies it was reported under."""
    policies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(_of_site(schema.GroupPolicyRow, site)):
        policies[row.fingerprint].append({name: value for name, value in _plain(row).items() if name != "fingerprint"})
    for line in _rows(connection, "group", schema.GroupRow, site):
        yield {**line, "policies": policies.get(line["fingerprint"], [])}


def _days(connection: Connection, site: str) -> Iterator[Line]:
    """Each group's days, whether they are kept by the hour or by the day, with the number of client networks."""
    hours, days, networks = (
        table_of(row) for row in (schema.GroupHourRow, schema.GroupDayRow, schema.GroupReporterRow)
    )
    names = ("reports", "trusted_reports", "estimated_reports")
    counts = union_all(
        select(hours.c.fingerprint, (hours.c.hour // 24).label("day"), *(hours.c[name] for name in names)).where(
            hours.c.site == site
        ),
        select(days.c.fingerprint, days.c.day, *(days.c[name] for name in names)).where(days.c.site == site),
    ).subquery("counts")
    reporters = {
        (row.fingerprint, row.day): row.reporters
        for row in connection.execute(
            select(networks.c.fingerprint, networks.c.day, func.count().label("reporters"))
            .where(networks.c.site == site)
            .group_by(networks.c.fingerprint, networks.c.day)
        )
    }
    totals = select(
        counts.c.fingerprint, counts.c.day, *(func.sum(counts.c[name]).label(name) for name in names)
    ).group_by(counts.c.fingerprint, counts.c.day)
    for row in connection.execute(totals.order_by(counts.c.fingerprint, counts.c.day)):
        yield {
            "type": "day",
            "fingerprint": row.fingerprint,
            "day": day_name(row.day),
            **{name: int(getattr(row, name)) for name in names},
            "reporters": reporters.get((row.fingerprint, row.day), 0),
        }


def _samples(connection: Connection, site: str) -> Iterator[Line]:
    """Each sample as a report, with its policy."""
    for rows in connection.execute(_of_site(schema.SampleRow, site)).partitions():
        reports = read_samples(connection, site, [row.report for row in rows])
        for row, report in zip(rows, reports, strict=True):
            yield {"type": "sample", **_plain(row), "report": asdict(report)}


def _rows(connection: Connection, kind: str, row_class: type[SQLModel], site: str) -> Iterator[dict[str, Any]]:
    for row in connection.execute(_of_site(row_class, site)):
        yield {"type": kind, **_plain(row)}


def _of_site(row_class: type[SQLModel], site: str) -> Select[Any]:
    table = table_of(row_class)
    statement = select(table).where(table.c.site == site).order_by(*table.primary_key.columns)
    return statement.execution_options(yield_per=_ROWS_AT_ONCE)


def _plain(row: Row[Any]) -> dict[str, Any]:
    """A row's columns as JSON has them: instants and days as text."""
    found: dict[str, Any] = {}
    for name, value in row._asdict().items():
        if name in _WITHHELD:
            continue
        if name.endswith("_ms"):
            found[_instant(name)] = None if value is None else isoformat(from_ms(value))
        else:
            found[_RENAMED.get(name, name)] = day_name(value) if name == "day" else value
    return found


def _instant(name: str) -> str:
    """What JSON calls an instant whose column is `name`."""
    stem = name.removesuffix("_ms")
    return stem if stem in {"since", "until"} or stem.endswith("_at") else f"{stem}_at"
