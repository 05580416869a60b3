"""Shapes of a suggestion: the policy, the evidence for every token, and what was left out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from collector.review.api.shapes.common import Count, Instant, Shape
from policybuilder.csp import ChangeKind, Relation
from policybuilder.evidence import EvidenceClass
from policybuilder.suggestion.current import Origin
from policybuilder.suggestion.trust import Tier
from policybuilder.suggestion.values import Mode

Share = Annotated[float, Field(ge=0, le=1)]


class Evidence(Shape):
    """What was seen that speaks for a source; nothing, for one that is kept or part of the base."""

    reports: Count
    reporters: Count
    days: Count
    loaded_by: list[str]
    first_seen: Instant | None
    last_seen: Instant | None
    pages: list[str]
    examples: list[str]


class PoisonMargin(Shape):
    """The cheapest forged campaign that would have put a source there."""

    networks: Count
    share: Share
    days: Count


class Source(Shape):
    """One token of the policy."""

    source: str
    rule: str
    reason: str
    tier: Tier
    evidence: Evidence
    poison_margin: PoisonMargin | None
    """Null where no strangers' reports could have put it there."""


class ObservedUnder(Shape):
    """A policy whose reports and silence speak of a directive."""

    policy: str
    reporters: Count


class Directive(Shape):
    """One directive of the policy."""

    name: str
    sources: list[Source]
    observed_under: list[ObservedUnder]


class Header(Shape):
    """The header to send."""

    name: str
    value: str


class Held(Shape):
    """A source that could be added, and what it would need."""

    directive: str
    source: str
    why: str
    needs: str
    evidence: Evidence


class Excluded(Shape):
    """Reports that are no evidence."""

    directive: str
    blocked: str
    evidence_class: EvidenceClass = Field(alias="class")
    rule: str
    reports: Count


class Unresolved(Shape):
    """Reports that no source expression can answer."""

    directive: str
    blocked: str
    why: str
    todo: str
    reports: Count


class Replay(Shape):
    """Recorded groups against the policy: accepted ones by verdict, the others apart."""

    allow: Count
    block: Count
    unknown: Count
    held: Count
    excluded: Count


class Finding(Shape):
    """Something to know before the policy is used."""

    code: str
    severity: Literal["high", "medium", "low", "info"]
    directive: str
    value: str
    message: str
    fix: str


class Exposure(Shape):
    """What shows that nobody needs a thing: a report-only policy that was served for a while."""

    policy: str
    views: Count | None
    bound: Share | None
    since: Instant
    until: Instant


class Change(Shape):
    """A difference to the policy that is enforced now."""

    kind: ChangeKind
    directive: str
    source: str | None
    effect: str
    applied: bool
    """Whether the suggested policy has it; a repair stands apart."""

    evidence: Evidence | None
    rests_on: Exposure | None


class Current(Shape):
    """What is enforced now."""

    policy: str
    known: Origin


class Unknown(Shape):
    """Sources that are kept because no report could tell whether they are used."""

    directive: str
    sources: list[str]
    why: str


class Suggestion(Shape):
    """The policy that the evidence speaks for, as `cspbuild suggest` prints it."""

    schema_: Literal["suggest/1"] = Field(alias="schema")
    site: str
    policy: str
    """Empty where nothing was accepted and nothing kept."""

    header: Header
    directives: list[Directive]
    held: list[Held]
    excluded: list[Excluded]
    unresolved: list[Unresolved]
    needs_nonce: bool
    replay: Replay
    findings: list[Finding]
    changes: list[Change]
    relation: Relation | None
    mode: Mode
    current: Current | None
    unknown: list[Unknown]
    probe: str | None
    """The report-only policy that would tell of the use of what is unknown."""

    observed_under: list[str]
