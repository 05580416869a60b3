"""The first schema: sites, groups and their counts, policies, decisions, deployments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("directive", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("undone_at_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("site", "number"),
    )
    op.create_table(
        "deployment",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("views_per_day", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("since_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "number"),
    )
    op.create_table(
        "group_hour",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trusted_reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "fingerprint", "hour"),
    )
    op.create_table(
        "group_page",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "fingerprint", "page"),
    )
    op.create_table(
        "group_policy",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trusted_reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trusted_first_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("trusted_last_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("site", "fingerprint", "policy_digest"),
    )
    op.create_table(
        "group_reporter",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("network", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "fingerprint", "day", "network"),
    )
    op.create_table(
        "page_reporter",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("network", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "page", "day", "network"),
    )
    op.create_table(
        "policy",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trusted_reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "digest"),
    )
    op.create_table(
        "reporter_key",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "day"),
    )
    op.create_table(
        "sample",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "fingerprint", "digest"),
    )
    op.create_table(
        "script_hash",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("script_url", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "script_url", "hash"),
    )
    op.create_table(
        "seen_line",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("is_trusted", sa.Boolean(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "digest"),
    )
    op.create_table(
        "site",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "site_host",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site", "host"),
    )
    op.create_table(
        "site_key",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("site", "digest"),
    )
    op.create_index("site_key_by_digest", "site_key", ["digest"], unique=True)
    op.create_table(
        "violation_group",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("document_origin", sa.Text(), nullable=False),
        sa.Column("directive", sa.Text(), nullable=False),
        sa.Column("blocked", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("evidence_class", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("sample_extent", sa.Text(), nullable=False),
        sa.Column("source_file", sa.Text(), nullable=False),
        sa.Column("line_number", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("first_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trusted_reports", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site", "fingerprint"),
    )
