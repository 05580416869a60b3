"""What trust, sampling, budgets and retention need: audiences, estimates, daily counts, page views, initiators."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _binary(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    op.add_column("site", _big("new_groups_per_hour", nullable=True))
    op.add_column("site", _big("reports_per_second", nullable=True))
    op.create_table(
        "site_alias", _text("site"), _text("alias"), _text("host"), sa.PrimaryKeyConstraint("site", "alias")
    )
    op.create_table(
        "group_day",
        *(_text("site"), _text("fingerprint"), _big("day")),
        *(_big("reports"), _big("trusted_reports"), _big("estimated_reports")),
        sa.PrimaryKeyConstraint("site", "fingerprint", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "policy_reporter",
        *(_text("site"), _text("policy_digest"), _big("day"), _big("network")),
        sa.PrimaryKeyConstraint("site", "policy_digest", "day", "network"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "network_day",
        *(_text("site"), _big("day"), _big("network"), _big("reports"), _big("rehearsed_reports")),
        sa.PrimaryKeyConstraint("site", "day", "network"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "page_view",
        *(_text("site"), _text("page"), _big("day"), _big("views")),
        sa.PrimaryKeyConstraint("site", "page", "day"),
    )
    op.create_index("page_view_by_day", "page_view", ["site", "day"])
    op.create_table(
        "view_log",
        *(_text("site"), _binary("digest"), _big("lines"), _binary("lines_digest"), _big("counted_at_ms")),
        sa.PrimaryKeyConstraint("site", "digest"),
    )
    op.create_table(
        "growth",
        *(_text("site"), _big("hour"), _big("network")),
        *(_big("new_groups"), _big("new_pages"), _big("new_policies")),
        sa.PrimaryKeyConstraint("site", "hour", "network"),
    )
    op.create_table(
        "waiver",
        *(_text("site"), _big("number"), _text("criterion"), _text("note")),
        *(_big("waived_at_ms"), _big("until_ms", nullable=True), _big("undone_at_ms", nullable=True)),
        sa.PrimaryKeyConstraint("site", "number"),
    )
    op.add_column("decision", _big("until_ms", nullable=True))
    for table, name in (
        *(("decision", "evidence_class"), ("decision", "loaded_by"), ("deployment", "note")),
        *(("violation_group", "reason"), ("violation_group", "initiator")),
    ):
        op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
        if op.get_bind().dialect.name == "postgresql":
            op.alter_column(table, name, server_default=None)
    _name_initiators()
    _filled("group_page", "trusted_reports", "0")
    # Which pages of a group were trusted was not kept; where all of its reports were, so were all its pages.
    op.execute(
        "UPDATE group_page SET trusted_reports = reports WHERE EXISTS (SELECT 1 FROM violation_group AS found"
        " WHERE found.site = group_page.site AND found.fingerprint = group_page.fingerprint"
        " AND found.trusted_reports = found.reports)"
    )
    _estimates("group_hour")
    _estimates("violation_group")
    if op.get_bind().dialect.name == "sqlite":
        for name in ("group_hour", "group_reporter", "page_reporter"):
            _keep_keys_once(name)
    # The browsers' own dates are the best there is for what came in before.
    for name, source in (("received_first_ms", "first_seen_ms"), ("received_last_ms", "last_seen_ms")):
        _filled("violation_group", name, source)
    # Until now every report was looked at, and each reporter of a group was one of the site's that day.
    op.execute(
        "INSERT INTO network_day (site, day, network, reports, rehearsed_reports)"
        " SELECT site, day, network, COUNT(*), 0 FROM group_reporter GROUP BY site, day, network"
    )


def _name_initiators() -> None:
    """Whose code made code out of text has always told groups apart; of others only the first report's is known."""
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT site, fingerprint, document_origin, source_file FROM violation_group"
            " WHERE blocked IN ('eval', 'wasm-eval') AND (source_file LIKE 'https://%' OR source_file LIKE 'http://%')"
        )
    ).all()
    for site, fingerprint, document_origin, source_file in found:
        initiator = "/".join(source_file.split("/")[:3])
        if initiator != document_origin:
            connection.execute(
                sa.text("UPDATE violation_group SET initiator = :to WHERE site = :site AND fingerprint = :group"),
                {"to": initiator, "site": site, "group": fingerprint},
            )


def _estimates(table: str) -> None:
    """Nothing was sampled so far."""
    _filled(table, "estimated_reports", "reports")


def _filled(table: str, name: str, source: str) -> None:
    """A column without NULLs, that begins with another's values."""
    op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(sa.text(f"UPDATE {table} SET {name} = {source}"))  # noqa: S608  (names of our own)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(table, name, server_default=None)


def _keep_keys_once(table: str) -> None:
    """SQLite keeps a key in the table and in its index, unless the table is made without row ids."""
    connection = op.get_bind()
    columns = connection.execute(sa.text(f"PRAGMA table_info({table})")).all()
    made = ", ".join(f"{column.name} {column.type} NOT NULL" for column in columns)
    key = ", ".join(column.name for column in sorted(columns, key=lambda column: column.pk) if column.pk)
    op.execute(sa.text(f"CREATE TABLE made_anew ({made}, PRIMARY KEY ({key})) WITHOUT ROWID"))
    op.execute(sa.text(f"INSERT INTO made_anew SELECT * FROM {table}"))  # noqa: S608  (names of our own)
    op.drop_table(table)
    op.rename_table("made_anew", table)
