"""The list of violations, for reading it page by page; empty until it is made for the first time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "violation_listing",
        *(_text("site"), _text("fingerprint")),
        *(_big("reporters"), _big("reports"), _big("estimated_reports"), _big("first_seen_ms"), _big("last_seen_ms")),
        *(_text("directive"), _text("disposition"), _text("evidence_class"), _text("rule"), _text("reason")),
        *(_text("decision"), _text("host"), _text("words"), _text("pages"), _big("recorded"), _big("epoch")),
        sa.PrimaryKeyConstraint("site", "fingerprint"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "violation_listing_in_order",
        "violation_listing",
        [
            *("site", sa.text("reporters DESC"), sa.text("reports DESC"), "fingerprint"),
            *("directive", "evidence_class", "disposition", "decision", "first_seen_ms", "last_seen_ms", "host"),
        ],
    )
    op.create_table(
        "violation_listing_state",
        *(_text("site"), _big("generation"), _big("epoch"), _text("basis"), _big("whole_at_ms", nullable=True)),
        *(_big("whole_generation"), _big("groups"), _big("recorded"), _text("counts")),
        sa.PrimaryKeyConstraint("site"),
    )
