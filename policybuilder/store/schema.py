"""The tables: what is different, counted; never a row for a report.

Every primary key begins with the site and no sequence crosses sites, so the same schema can be spread over machines
by site. Instants are integers (milliseconds, hours or days since 1970, UTC): the one form that SQLite and PostgreSQL
compare, take the minimum of and bucket alike. Rows hold, they do not validate.
"""

# No `from __future__ import annotations` here: SQLModel reads the annotations when the class is made.
from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel


def _big(*, primary_key: bool = False, nullable: bool = False) -> "Column[int]":
    # On SQLite a lone integer key is an alias of the row id; none of these stands alone, so BIGINT is right for both.
    return Column(BigInteger, primary_key=primary_key, nullable=nullable, autoincrement=False)


def _text(*, primary_key: bool = False) -> "Column[str]":
    return Column(Text, primary_key=primary_key, nullable=False)


# SQLite would keep such a key twice, in the table and in its index; that was three quarters of a database.
_KEY_IS_MOST: Final = {"sqlite_with_rowid": False}


class SiteRow(SQLModel, table=True):
    """A site: the thing that has a policy."""

    __tablename__ = "site"

    name: str = Field(sa_column=_text(primary_key=True))
    created_at_ms: int = Field(sa_column=_big())
    retention_days: int = 400
    """Of groups and their daily counts."""

    is_active: bool = True
    """A site that is switched off answers its keys with 404."""

    new_groups_per_hour: int | None = Field(default=None, sa_column=_big(nullable=True))
    """The budget for what strangers report for the first time; NULL for the default."""

    reports_per_second: int | None = Field(default=None, sa_column=_big(nullable=True))
    """The rate limit of the site; NULL for the collector's setting."""


class SiteHostRow(SQLModel, table=True):
    """A host whose documents may report; none at all means any."""

    __tablename__ = "site_host"

    site: str = Field(sa_column=_text(primary_key=True))
    host: str = Field(sa_column=_text(primary_key=True))
    """Lower case; may begin with `*.`."""


class SiteAliasRow(SQLModel, table=True):
    """A host that stands for another of the site's, in documents and in what they load."""

    __tablename__ = "site_alias"

    site: str = Field(sa_column=_text(primary_key=True))
    alias: str = Field(sa_column=_text(primary_key=True))
    host: str = Field(sa_column=_text())


class SiteKeyRow(SQLModel, table=True):
    """A key that names the site in a report URL."""

    __tablename__ = "site_key"
    __table_args__ = (Index("site_key_by_digest", "digest", unique=True),)

    site: str = Field(sa_column=_text(primary_key=True))
    digest: str = Field(sa_column=_text(primary_key=True))
    """SHA-256 of the key, hexadecimal: 128 random bits need no slow hash."""

    kind: str = Field(sa_column=_text())
    """`public` or `rehearsal`."""

    key: str | None = Field(sa_column=Column(Text, nullable=True))
    """The key itself where it is public anyway, since it has to be printed again; never a rehearsal key."""

    created_at_ms: int = Field(sa_column=_big())
    revoked_at_ms: int | None = Field(sa_column=_big(nullable=True))


class PolicyRow(SQLModel, table=True):
    """A distinct policy that reports named, by digest over its canonical form."""

    __tablename__ = "policy"

    site: str = Field(sa_column=_text(primary_key=True))
    digest: str = Field(sa_column=_text(primary_key=True))
    text: str = Field(sa_column=_text())
    """As first reported, without its reporting directives, nonces blanked."""

    first_seen_ms: int = Field(sa_column=_big())
    last_seen_ms: int = Field(sa_column=_big())
    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())


class GroupRow(SQLModel, table=True):
    """Violations alike."""

    __tablename__ = "violation_group"

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    document_origin: str = Field(sa_column=_text())
    directive: str = Field(sa_column=_text())
    blocked: str = Field(sa_column=_text())
    disposition: str = Field(sa_column=_text())
    evidence_class: str = Field(sa_column=_text())
    rule: str = Field(sa_column=_text())
    sample: str = Field(sa_column=_text())
    sample_extent: str = Field(sa_column=_text())
    source_file: str = Field(sa_column=_text())
    line_number: int | None = Field(sa_column=_big(nullable=True))
    first_seen_ms: int = Field(sa_column=_big())
    last_seen_ms: int = Field(sa_column=_big())
    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())
    reason: str = Field(sa_column=_text())
    """What the rule says of such reports, for people; empty where there is nothing to say."""

    initiator: str = Field(sa_column=_text())
    """The origin of another's code that had it loaded; empty where the document did, or nobody is named."""

    estimated_reports: int = Field(sa_column=_big())
    """What was reported before sampling: each report counts 1 / its sampling rate."""

    received_first_ms: int = Field(sa_column=_big())
    """By the collector's own clock; browsers date reports themselves, in `first_seen_ms` and `last_seen_ms`."""

    received_last_ms: int = Field(sa_column=_big())


class GroupPolicyRow(SQLModel, table=True):
    """A policy under which a group was reported; bounded for a group."""

    __tablename__ = "group_policy"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    policy_digest: str = Field(sa_column=_text(primary_key=True))
    first_seen_ms: int = Field(sa_column=_big())
    last_seen_ms: int = Field(sa_column=_big())
    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())
    trusted_first_ms: int | None = Field(sa_column=_big(nullable=True))
    """Of the reports that were trusted: a stranger's report must not bring an old policy back into a window."""

    trusted_last_ms: int | None = Field(sa_column=_big(nullable=True))


class GroupHourRow(SQLModel, table=True):
    """A group's reports in one hour."""

    __tablename__ = "group_hour"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    hour: int = Field(sa_column=_big(primary_key=True))
    """Hours since 1970."""

    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())
    estimated_reports: int = Field(sa_column=_big())


class GroupDayRow(SQLModel, table=True):
    """A group's reports on one day, once its hours are rolled up."""

    __tablename__ = "group_day"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    """Days since 1970."""

    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())
    estimated_reports: int = Field(sa_column=_big())


class GroupPageRow(SQLModel, table=True):
    """A page that reported a group; bounded for a group."""

    __tablename__ = "group_page"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    page: str = Field(sa_column=_text(primary_key=True))
    reports: int = Field(sa_column=_big())
    trusted_reports: int = Field(sa_column=_big())


class GroupReporterRow(SQLModel, table=True):
    """A client network that reported a group on a day, unrecognisable once the day's key is gone."""

    __tablename__ = "group_reporter"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    """Days since 1970."""

    network: int = Field(sa_column=_big(primary_key=True))
    """64 bits of a keyed hash of the network."""


class PageReporterRow(SQLModel, table=True):
    """A client network that reported anything on a page on a day: what prevalence is measured against."""

    __tablename__ = "page_reporter"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    page: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    network: int = Field(sa_column=_big(primary_key=True))


class PolicyReporterRow(SQLModel, table=True):
    """A client network that named a policy on a day: how far a policy that nobody vouches for is believed."""

    __tablename__ = "policy_reporter"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    policy_digest: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    network: int = Field(sa_column=_big(primary_key=True))


class PolicyNonceRow(SQLModel, table=True):
    """A client network that met a nonce on a day, under a policy; of the few nonces that are watched that day."""

    __tablename__ = "policy_nonce"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    policy_digest: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    mark: int = Field(sa_column=_big(primary_key=True))
    """64 bits of a digest of the nonce."""

    network: int = Field(sa_column=_big(primary_key=True))


class NetworkDayRow(SQLModel, table=True):
    """A client network that reported to a site on a day: the site's audience, and how unevenly it reports."""

    __tablename__ = "network_day"
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    network: int = Field(sa_column=_big(primary_key=True))
    reports: int = Field(sa_column=_big())
    """Reports that it posted; those of imported files do not count."""

    rehearsed_reports: int = Field(sa_column=_big())
    """Of these, how many arrived at a rehearsal key: one that many networks know has leaked."""


class PageViewRow(SQLModel, table=True):
    """How often a page was served on a day, from access logs."""

    __tablename__ = "page_view"
    __table_args__ = (Index("page_view_by_day", "site", "day"),)

    site: str = Field(sa_column=_text(primary_key=True))
    page: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    views: int = Field(sa_column=_big())


class ViewLogRow(SQLModel, table=True):
    """How far an access log was counted, so that reading it again, grown or not, counts nothing twice."""

    __tablename__ = "view_log"

    site: str = Field(sa_column=_text(primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True, nullable=False))
    """Of the log's first line, which names it."""

    lines: int = Field(sa_column=_big())
    """Lines counted."""

    lines_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Over the lines counted."""

    counted_at_ms: int = Field(sa_column=_big())


class GrowthRow(SQLModel, table=True):
    """What was new in one hour, of a site and of each client network: what the budgets are measured by."""

    __tablename__ = "growth"

    site: str = Field(sa_column=_text(primary_key=True))
    hour: int = Field(sa_column=_big(primary_key=True))
    network: int = Field(sa_column=_big(primary_key=True))
    """0 for all together."""

    new_groups: int = Field(sa_column=_big())
    new_pages: int = Field(sa_column=_big())
    new_policies: int = Field(sa_column=_big())


class ReporterKeyRow(SQLModel, table=True):
    """The key that hashes a day's client networks; deleted after the day it was made on."""

    __tablename__ = "reporter_key"

    site: str = Field(sa_column=_text(primary_key=True))
    day: int = Field(sa_column=_big(primary_key=True))
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at_ms: int = Field(sa_column=_big())


class SampleRow(SQLModel, table=True):
    """A cleaned report kept as evidence for its group; the first few."""

    __tablename__ = "sample"

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    digest: str = Field(sa_column=_text(primary_key=True))
    """Of the report, so that the same one is kept once."""

    report: str = Field(sa_column=_text())
    """JSON of the normalised violation, without what is empty, with the digest in place of the policy."""

    seen_at_ms: int = Field(sa_column=_big())


class ScriptHashRow(SQLModel, table=True):
    """A digest that `csp-hash` reports gave for a script URL."""

    __tablename__ = "script_hash"

    site: str = Field(sa_column=_text(primary_key=True))
    script_url: str = Field(sa_column=_text(primary_key=True))
    hash: str = Field(sa_column=_text(primary_key=True))
    """As `sha256-…`; empty where the script is not CORS-same-origin, so the browser may not tell."""

    destination: str = Field(sa_column=_text())
    first_seen_ms: int = Field(sa_column=_big())
    last_seen_ms: int = Field(sa_column=_big())
    reports: int = Field(sa_column=_big())


class DecisionRow(SQLModel, table=True):
    """A person's answer about a source or a group."""

    __tablename__ = "decision"

    site: str = Field(sa_column=_text(primary_key=True))
    number: int = Field(sa_column=_big(primary_key=True))
    """Counts up within the site."""

    action: str = Field(sa_column=_text())
    """`allow`, `reject`, `ignore` or `class`."""

    directive: str = Field(sa_column=_text())
    """Empty for any directive."""

    subject: str = Field(sa_column=_text())
    """The expression, the pattern, or the group's fingerprint; empty for a decision by initiator."""

    evidence_class: str = Field(sa_column=_text())
    """Of a group, where the action is `class`; else empty."""

    note: str = Field(sa_column=_text())
    decided_at_ms: int = Field(sa_column=_big())
    undone_at_ms: int | None = Field(sa_column=_big(nullable=True))
    until_ms: int | None = Field(sa_column=_big(nullable=True))
    """The last moment at which it is obeyed; NULL for ever."""

    loaded_by: str = Field(sa_column=_text())
    """The origin, or the pattern of origins, whose loads it is about; else empty."""


class DeploymentRow(SQLModel, table=True):
    """A policy the site served, at which stage, since when."""

    __tablename__ = "deployment"

    site: str = Field(sa_column=_text(primary_key=True))
    number: int = Field(sa_column=_big(primary_key=True))
    stage: str = Field(sa_column=_text())
    policy: str = Field(sa_column=_text())
    views_per_day: int | None = Field(sa_column=_big(nullable=True))
    since_ms: int = Field(sa_column=_big())
    note: str = Field(sa_column=_text())


class WaiverRow(SQLModel, table=True):
    """A criterion of readiness that a person does without."""

    __tablename__ = "waiver"

    site: str = Field(sa_column=_text(primary_key=True))
    number: int = Field(sa_column=_big(primary_key=True))
    """Counts up within the site."""

    criterion: str = Field(sa_column=_text())
    note: str = Field(sa_column=_text())
    waived_at_ms: int = Field(sa_column=_big())
    until_ms: int | None = Field(sa_column=_big(nullable=True))
    """NULL for as long as nobody takes it back."""

    undone_at_ms: int | None = Field(sa_column=_big(nullable=True))


class ReviewKeyRow(SQLModel, table=True):
    """A session of the review pages, or a link that opens one."""

    __tablename__ = "review_key"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True, nullable=False))
    kind: str = Field(sa_column=_text())
    """`link` or `session`."""

    csrf_token: str = Field(sa_column=_text())
    """Of a session; else empty."""

    expires_at_ms: int = Field(sa_column=_big())


class ListingRow(SQLModel, table=True):
    """A group as the list of violations shows, sorts and filters it: derived from all the other tables.

    Whoever adds evidence does not touch it; it is brought up to date afterwards.
    """

    __tablename__ = "violation_listing"
    # Not that the key were most of it: to search a site's texts, all of its rows are read, and so they lie together.
    __table_args__ = _KEY_IS_MOST

    site: str = Field(sa_column=_text(primary_key=True))
    fingerprint: str = Field(sa_column=_text(primary_key=True))
    reporters: int = Field(sa_column=_big())
    """The most distinct client networks of one day."""

    reports: int = Field(sa_column=_big())
    estimated_reports: int = Field(sa_column=_big())
    first_seen_ms: int = Field(sa_column=_big())
    last_seen_ms: int = Field(sa_column=_big())
    directive: str = Field(sa_column=_text())
    disposition: str = Field(sa_column=_text())
    evidence_class: str = Field(sa_column=_text())
    """That people and deployments gave it; empty where nothing of it is counted any more, so that it is not shown."""

    rule: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    decision: str = Field(sa_column=_text())
    """A person's answer that applies; empty where there is none."""

    host: str = Field(sa_column=_text())
    """Of what was blocked; empty where that has none."""

    words: str = Field(sa_column=_text())
    """What text is searched for in, lower case, but for pages."""

    pages: str = Field(sa_column=_text())
    """The pages, and their origin, lower case."""

    recorded: int = Field(sa_column=_big())
    """Reports and trusted reports that the group had when this was read, together: while it is there, whatever is
    recorded makes them more. -1 where it has to be read anew all the same."""

    epoch: int = Field(sa_column=_big())
    """That of the site's listing when this was read."""


_LISTED = ListingRow.__table__.c  # type: ignore[attr-defined]
Index(
    "violation_listing_in_order",
    _LISTED.site,
    _LISTED.reporters.desc(),
    _LISTED.reports.desc(),
    # The rest is there so that nothing but searching for text has to look at the rows themselves.
    *(_LISTED[name] for name in ("fingerprint", "directive", "evidence_class", "disposition", "decision")),
    *(_LISTED[name] for name in ("first_seen_ms", "last_seen_ms", "host")),
)


class ListingStateRow(SQLModel, table=True):
    """How far the list of a site's violations is up to date."""

    __tablename__ = "violation_listing_state"

    site: str = Field(sa_column=_text(primary_key=True))
    generation: int = Field(sa_column=_big())
    """Another one whenever evidence becomes less or moves, in the same transaction: what was read before is void."""

    epoch: int = Field(sa_column=_big())
    """Counts up when every row has to be read anew."""

    basis: str = Field(sa_column=_text())
    """The decisions and deployments that the rows' classes are made with."""

    whole_at_ms: int | None = Field(sa_column=_big(nullable=True))
    """All that was stored by then is listed; NULL where the list never was whole."""

    whole_generation: int = Field(sa_column=_big())
    groups: int = Field(sa_column=_big())
    """Groups that there were then."""

    recorded: int = Field(sa_column=_big())
    """Their reports and trusted reports: the sum is another one as soon as anything is recorded."""

    counts: str = Field(sa_column=_text())
    """What the list counts, as JSON."""


DERIVED: Final[tuple[type[SQLModel], ...]] = (ListingRow, ListingStateRow)
"""Made of other tables, and made anew where they are missing."""

NOT_BACKED_UP: Final[tuple[type[SQLModel], ...]] = (ReporterKeyRow, *DERIVED)
"""What is to be forgotten in time, too."""


class SeenLineRow(SQLModel, table=True):
    """A line of an imported file that is counted already, so that repeating an import counts nothing twice."""

    __tablename__ = "seen_line"

    site: str = Field(sa_column=_text(primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True, nullable=False))
    """16 bytes over the line and how many equal lines stood before it in its file."""

    is_trusted: bool = False
    seen_at_ms: int = Field(sa_column=_big())


class WriterStreamRow(SQLModel, table=True):
    """How far the reports that a collector hands to its writer are stored, so that none is counted twice."""

    __tablename__ = "writer_stream"

    stream: str = Field(sa_column=_text(primary_key=True))
    """Names one run of a collector; of no site, since its frames are of all."""

    frame: int = Field(sa_column=_big())
    """The number of the last frame that is stored."""

    written_at_ms: int = Field(sa_column=_big())
