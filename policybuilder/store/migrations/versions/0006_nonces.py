"""Which client networks met the same nonce."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "policy_nonce",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("day", "mark", "network")),
        sa.PrimaryKeyConstraint("site", "policy_digest", "day", "mark", "network"),
        sqlite_with_rowid=False,
    )
