"""Shapes of evidence: summaries, violations and why they came, external scripts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from collector.review.api.shapes.common import Count, Day, Instant, Remark, Shape, Window
from collector.review.api.shapes.sites import Decision
from policybuilder.advising import Allow
from policybuilder.causes import Cause
from policybuilder.csp import ChangeKind, Disposition, Relation, Verdict
from policybuilder.csp.examination import Part
from policybuilder.csp.violation import SampleExtent
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.scripts import ScriptMark
from policybuilder.summary import RowViewsFrom, SummaryBy, ViewsFrom

# Summaries


class Counts(Shape):
    """How often something was reported."""

    reports: Count
    estimated_reports: Count
    """Before sampling."""

    reporters: Count
    """The most distinct client networks on one day."""

    first_seen: Instant | None
    last_seen: Instant | None


class Listed(Counts):
    """Violations alike: one origin of documents, directive, blocked resource, disposition, sample and class."""

    group: str
    """Names it within its site: 32 hexadecimal digits."""

    directive: str
    blocked: str
    """The blocked URL without its query, or a keyword or bare scheme."""

    disposition: Disposition
    document_origin: str
    pages: list[str]
    """Pages that reported it, most reports first; bounded."""

    noise: bool
    """Whether no site caused it."""

    evidence_class: EvidenceClass = Field(alias="class")
    rule: str
    reason: str
    decision: DecisionAction | None
    """A person's answer that applies."""

    sample: str


class Group(Listed):
    """The same, with where it comes from."""

    trusted_reports: Count
    """How many arrived at the rehearsal key, or in a recording of the operator's own."""

    source_file: str
    loaded_by: str
    """The origin of another's code that had it loaded; empty where none is named."""

    line_number: int | None


class GroupRow(Group):
    """A group in a summary."""

    held: bool
    """Whether a person has to decide about it first."""

    trend: list[Count]
    """Reports of each day of the trend, oldest first; empty without any."""


class FoldedRow(Counts):
    """Groups with something in common."""

    groups: Count
    noise_reports: Count
    attack_like_reports: Count
    apart_reports: Count
    """Of groups that no policy is made of."""


class WithTrend(FoldedRow):
    """Rows that are counted by day."""

    trend: list[Count]


class DirectiveRow(WithTrend):
    """Groups of one directive."""

    directive: str


class SourceRow(WithTrend):
    """Groups whose resources have one origin."""

    source: str


class InitiatorRow(WithTrend):
    """Groups that one origin's code loaded."""

    initiator: str


class WithViews(FoldedRow):
    """Rows whose page views may be known."""

    views: Count | None
    views_from: RowViewsFrom | None
    reports_per_1000_views: float | None


class PageRow(WithViews):
    """What one page reported."""

    page: str


class DayRow(WithViews):
    """What was reported on one day."""

    day: Day


class Totals(Shape):
    """Sums over every group, noise included."""

    reports: Count
    groups: Count
    reporters: Count
    noise_reports: Count
    estimated_reports: Count
    sampling_rate: float | None
    views: Count | None
    views_from: ViewsFrom | None


class Apart(Shape):
    """Reports of one class and rule that no policy is made of."""

    evidence_class: EvidenceClass = Field(alias="class")
    rule: str
    meaning: str
    groups: Count
    reports: Count
    estimated_reports: Count


class Summary(Shape):
    """What the browsers of a site reported, as `cspbuild summary` prints it."""

    schema_: Literal["summary/1"] = Field(alias="schema")
    site: str
    by: SummaryBy
    window: Window
    totals: Totals
    warnings: list[Remark]
    hidden_noise_groups: Count
    hidden_superseded_groups: Count
    hidden_contradiction_groups: Count
    apart: list[Apart]
    attack_like: Apart | None
    trend_days: list[Day]
    rows: list[GroupRow | DirectiveRow | SourceRow | InitiatorRow | PageRow | DayRow]
    """Most reporters first; days from first to last."""

    left_out: Count
    """Rows beyond the limit; of days the earliest."""


class Violations(Shape):
    """Violations that were asked for, most reporters first."""

    schema_: Literal["violations/1"] = Field(alias="schema")
    site: str
    whole: bool
    """False while the violations are being listed for the first time: some are missing then."""

    as_of: Instant | None
    """What was reported and decided until then is listed; null where that is now, or where it is not whole."""

    found: Count
    """How many there are in all."""

    rows: list[Listed]
    next: str | None
    """What to send as `after` for those that follow; null at the end."""


class NewGroup(Shape):
    """Violations that were reported for the first time."""

    group: str
    directive: str
    blocked: str
    reports: Count


class News(Shape):
    """What was reported for the first time since a moment, by the collector's own clock."""

    schema_: Literal["news/1"] = Field(alias="schema")
    site: str
    since: Instant
    last_arrival: Instant | None
    """When a violation was last reported; null where none is stored."""

    groups: Count
    """New violations, noise apart."""

    noise_groups: Count
    most_reported: list[NewGroup]
    """Some of those that are no noise."""


class Loaded(Shape):
    """A source, as one loader has it loaded."""

    source: str
    """An origin, keyword or scheme."""

    directives: list[str]
    violations: Count
    reports: Count
    reporters: Count
    loads: list[Loaded]
    """What its own code has loaded, most reporters first."""

    shown_above: bool
    """Whether it loads more, which stands where the source was first met."""


class Initiator(Shape):
    """Code that has things loaded."""

    origin: str | None
    """Null for the site's own pages."""

    violations: Count
    reports: Count
    reporters: Count
    loads: list[Loaded]
    decisions: list[Decision]
    """Those that stand about all it loads."""


class Initiators(Shape):
    """What loads what: the site's own pages first, then others' code that nothing else is seen to load."""

    schema_: Literal["initiators/1"] = Field(alias="schema")
    site: str
    initiators: list[Initiator]


# Explanations


class Report(Shape):
    """A report, cleaned."""

    page: str
    directive: str
    blocked: str
    disposition: Disposition
    sample: str
    sample_extent: SampleExtent
    source_file: str
    line: int | None
    column: int | None


class Sample(Report):
    """A report that was kept as it came, cleaned."""

    policy: str
    """The policy that it names."""

    referrer: str
    status_code: int | None


class ExaminedSource(Shape):
    """One value of a directive, and what it says to what was blocked."""

    source: str
    verdict: Verdict
    why: str
    misses: Part | None
    """The first part of an expression that does not match."""

    specification: str


class MatchingStep(Shape):
    """How the policy's own directive decides."""

    directive: str | None
    """Null where none governs."""

    fallbacks: list[str]
    """What is looked for, in this order."""

    policy: str | None
    verdict: Verdict | None
    matched_by: str | None
    reason: str
    sources: list[ExaminedSource]
    specification: str


class Effect(Shape):
    """A difference between two policies."""

    kind: ChangeKind
    directive: str
    source: str | None
    effect: str


class SmallestChange(Shape):
    """What would allow it."""

    directive: str
    source: str | None
    sources: list[str]
    policy: str | None
    nonce: str | None
    relation: Relation | None
    changes: list[Effect]
    todo: str


class Advice(Shape):
    """Whether it should be allowed."""

    allow: Allow
    why: str
    warnings: list[str]


class Sign(Shape):
    """Something that no browser of today writes."""

    text: str
    is_proof: bool


class Recorded(Shape):
    """What was recorded alike."""

    fingerprint: str
    reports: Count
    reporters: Count
    first_seen: Instant
    last_seen: Instant


class Explanation(Shape):
    """Why a report came, as `cspbuild explain` tells it."""

    cause: Cause
    why: str
    evidence_class: EvidenceClass | None = Field(alias="class")
    rule: str
    rule_reason: str
    report: Report | None
    step: MatchingStep | None
    change: SmallestChange | None
    advice: Advice
    signs: list[Sign]
    decision: str | None
    recorded: Recorded | None


class PageCount(Shape):
    """How often a page reported it."""

    page: str
    reports: Count
    trusted_reports: Count


class PolicyCount(Shape):
    """How often it was reported under a policy."""

    policy: str
    reports: Count
    trusted_reports: Count
    first_seen: Instant
    last_seen: Instant


class DayCount(Shape):
    """How often it was reported on a day."""

    day: Day
    reports: Count
    estimated_reports: Count


class Violation(Shape):
    """One violation, with all that is kept of it and what there is to say."""

    schema_: Literal["violation/1"] = Field(alias="schema")
    site: str
    violation: Group
    meaning: str
    """Of its class."""

    pages: list[PageCount]
    """Most reports first; bounded."""

    policies: list[PolicyCount]
    days: list[DayCount]
    """Oldest first; days without reports are left out."""

    samples: list[Sample]
    decisions: list[Decision]
    """Every answer about it that was ever given, newest first."""

    explanation: Explanation
    """Of its first sample, or else of a report that stands for it."""


# Scripts


class ScriptHash(Shape):
    """A digest that browsers reported of a script."""

    hash: str
    """Empty where the browser may not tell."""

    reports: Count
    first_seen: Instant
    last_seen: Instant


class Script(Shape):
    """An external script, as reported. Anybody can post such a report: nothing is allowed or trusted for it."""

    script: str
    third_party: bool
    mark: ScriptMark
    advice: str
    integrity: str | None
    """The digest to pin it by, if it is stable."""

    reports: Count
    first_seen: Instant
    last_seen: Instant
    hashes: Annotated[list[ScriptHash], Field(min_length=1)]


class Scripts(Shape):
    """External scripts, alarming ones first, as `cspbuild scripts` lists them."""

    schema_: Literal["scripts/1"] = Field(alias="schema")
    site: str
    window: Window
    scripts: list[Script]
