"""Replay: every recorded group put to a policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from policybuilder.csp import Decision, Policy, Verdict, decide_all, question_of
from policybuilder.evidence import EvidenceClass, ViolationGroup


@dataclass(slots=True)
class VerdictCounts:
    """Groups by verdict."""

    allow: int = 0
    block: int = 0
    unknown: int = 0

    def add(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.ALLOW:
                self.allow += 1
            case Verdict.BLOCK:
                self.block += 1
            case Verdict.UNKNOWN:
                self.unknown += 1


@dataclass(frozen=True, slots=True)
class ReplayedGroup:
    """A group, and what the policy would have done with it."""

    group: ViolationGroup
    decision: Decision


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would do with all the evidence."""

    rows: tuple[ReplayedGroup, ...]
    """Genuine blocked groups first, then by verdict and reports."""

    totals: VerdictCounts = field(default_factory=VerdictCounts)
    genuine: VerdictCounts = field(default_factory=VerdictCounts)


_ORDER = {Verdict.BLOCK: 0, Verdict.UNKNOWN: 1, Verdict.ALLOW: 2}


def replay(groups: Iterable[ViolationGroup], policies: Sequence[Policy]) -> Replay:
    """Put every group to the policies, all of which must allow."""
    members = tuple(groups)
    origins = document_origins(members)
    rows = [ReplayedGroup(group, replay_group(group, policies, origins)) for group in members]
    rows.sort(
        key=lambda row: (
            row.group.evidence_class is not EvidenceClass.GENUINE,
            _ORDER[row.decision.verdict],
            -row.group.reports,
            row.group.fingerprint,
        )
    )
    result = Replay(tuple(rows))
    for row in rows:
        result.totals.add(row.decision.verdict)
        if row.group.evidence_class is EvidenceClass.GENUINE:
            result.genuine.add(row.decision.verdict)
    return result


def replay_group(group: ViolationGroup, policies: Sequence[Policy], origins: Collection[str]) -> Decision:
    """Whether the policies would block the group; `origins` are those of the site's documents.

    A document without an origin (a srcdoc frame) lives by the policy of the page that made it: where the site has one
    origin, it is that page's.
    """
    violation = group.violation(_policy_of(group))
    if "://" not in violation.document_uri and len(origins) == 1:
        violation = replace(violation, document_uri=next(iter(origins)))
    question = question_of(violation)
    if group.evidence_class is not EvidenceClass.GENUINE:
        # Only the site's own code carries the nonce that a suggestion asks for.
        question = question._replace(nonce="")
    return decide_all(policies, question)


def _policy_of(group: ViolationGroup) -> str:
    """The recorded policy to read the group under: whatever a stranger claims to have been under must not decide.

    What allows the resource it is reported under was redirected, and is of another class; so that a genuine group has
    no need of a policy, but where it is unclear which kind of resource a fallback directive stood for.
    """
    vouched = [count.policy for count in group.policies if count.trusted_reports]
    if vouched:
        return vouched[0]
    if group.evidence_class is EvidenceClass.GENUINE and group.directive not in _FALLBACKS_OF_MANY:
        return ""
    return group.policies[0].policy if group.policies else ""


_FALLBACKS_OF_MANY = frozenset({"default-src", "child-src"})


def document_origins(groups: Iterable[ViolationGroup]) -> tuple[str, ...]:
    """The network origins that genuine evidence came from, sorted."""
    return tuple(
        sorted(
            {
                group.document_origin
                for group in groups
                if group.evidence_class is EvidenceClass.GENUINE and "://" in group.document_origin
            }
        )
    )
