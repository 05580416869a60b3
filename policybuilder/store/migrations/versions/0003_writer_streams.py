"""How far writers came; pages and policies of groups without row ids, where SQLite kept each key twice."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "writer_stream",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("frame", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("written_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for name in ("group_page", "group_policy"):
            _keep_keys_once(name)


def _keep_keys_once(table: str) -> None:
    """As in the revision before; what a revision did once must not change with another."""
    connection = op.get_bind()
    columns = connection.execute(sa.text(f"PRAGMA table_info({table})")).all()
    made = ", ".join(f"{column.name} {column.type}{' NOT NULL' if column.notnull else ''}" for column in columns)
    key = ", ".join(column.name for column in sorted(columns, key=lambda column: column.pk) if column.pk)
    op.execute(sa.text(f"CREATE TABLE made_anew ({made}, PRIMARY KEY ({key})) WITHOUT ROWID"))
    op.execute(sa.text(f"INSERT INTO made_anew SELECT * FROM {table} ORDER BY {key}"))  # noqa: S608  (names of our own)
    op.drop_table(table)
    op.rename_table("made_anew", table)
