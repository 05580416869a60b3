"""Explaining: why one report came, what it would take to allow what it names, and whether that should be.

Everything is read from the report itself, and from what its operator knows of the site, where that is given.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from policybuilder.advising import Advice, Allow, advise
from policybuilder.causes import Case, Cause, cause_of
from policybuilder.csp import Difference, Question, Verdict, diff
from policybuilder.csp.violation import Violation
from policybuilder.decisions import Decision, DecisionAction, apply_decisions
from policybuilder.deployments import Deployment, served_policies
from policybuilder.evidence import EvidenceClass, PolicyCount, ViolationGroup, document_origin, initiator_of
from policybuilder.matching_step import Step, likeliest_question, reported_policy, step_of
from policybuilder.reports.contradictions import Sign, signs_of_forgery
from policybuilder.reports.noise import Classification, classify
from policybuilder.reports.normalization import NormalizedHash, NormalizedViolation, normalize
from policybuilder.reports.rules import Rules
from policybuilder.reports.wire import Reason, RejectedReportError, WireReport, decode_each, text_of
from policybuilder.smallest_change import SmallestChange, smallest_change
from policybuilder.superseded import SUPERSEDED_RULE
from policybuilder.times import to_ms

MAX_REPORTS = 100
"""Browsers send some dozens in a batch."""

_MAX_URL_CHARACTERS = 2_048

_MAX_COMPARED_VALUES = 300
"""Lists are compared each value with each, and a stranger may have written them; real ones are shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKnowledge:
    """What an operator knows beside the report."""

    hosts: Sequence[str] = ()
    """Document hosts, `*.` allowed; none: any."""

    decisions: Sequence[Decision] = ()
    deployments: Sequence[Deployment] = ()
    groups: Sequence[ViolationGroup] = ()
    """What was recorded already."""


NOTHING_KNOWN = SiteKnowledge()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All there is to say of one report."""

    cause: Cause
    why: str
    """The cause in the words of this report."""

    evidence_class: EvidenceClass | None
    """As the collector would store it; None for what is no violation."""

    rule: str
    """Id of the rule that chose the class, or the reason for which the report is refused."""

    rule_reason: str = ""
    violation: Violation | None = None
    step: Step | None = None
    change: SmallestChange | None = None
    difference: Difference | None = None
    """What the change admits more."""

    advice: Advice
    signs: tuple[Sign, ...] = ()
    """What no browser of today writes."""

    decision: str = ""
    """A person's answer that applies already."""

    group: ViolationGroup | None = None
    """What was recorded alike."""


def explain(
    body: bytes,
    *,
    user_agent: str = "",
    received_at: datetime | None = None,
    site: SiteKnowledge = NOTHING_KNOWN,
    rules: Rules | None = None,
) -> tuple[Explanation, ...]:
    """Each report of a posted body, in its order, the first hundred; never raises.

    `user_agent` is that of the request, for reports that have none of their own.
    """
    try:
        items = decode_each(body)
    except RejectedReportError as error:
        return (_refused(error.reason),)
    reader = _Reader(user_agent, received_at, site, rules)
    return tuple(reader.explain(item) for item in items[:MAX_REPORTS])


def explain_kept(
    violation: Violation, *, site: SiteKnowledge = NOTHING_KNOWN, rules: Rules | None = None
) -> Explanation:
    """The same of a violation that was recorded: as of a report that says what was kept of it."""
    members = {wire: getattr(violation, name) for wire, name in _MEMBERS.items() if getattr(violation, name)}
    [explanation] = explain(json.dumps({"csp-report": members}).encode(), site=site, rules=rules)
    return explanation


_MEMBERS = {
    "document-uri": "document_uri",
    "effective-directive": "effective_directive",
    "blocked-uri": "blocked_uri",
    "original-policy": "original_policy",
    "disposition": "disposition",
    "script-sample": "sample",
    "source-file": "source_file",
    "line-number": "line_number",
    "column-number": "column_number",
    "referrer": "referrer",
    "status-code": "status_code",
}
"""Of `report-uri`'s format: https://w3c.github.io/webappsec-csp/#deprecated-serialize-violation"""


# Reports that cannot be used

_REFUSALS = {
    Reason.EMPTY_BODY: "the body is empty",
    Reason.MALFORMED_JSON: "the body is not JSON",
    Reason.NOT_A_REPORT: 'it is neither {"csp-report": {…}} nor {"type": "csp-violation", "body": {…}}',
    Reason.EMPTY_REPORT: "there is nothing in it",
    Reason.MISSING_DIRECTIVE: "it names no directive: effective-directive and violated-directive are missing or empty",
    Reason.MISSING_DOCUMENT: "it names no page: document-uri is missing or empty",
    Reason.MALFORMED_HASH: "it is of a script's digest, but holds no digest or no URL of a script",
}


def _refused(reason: Reason) -> Explanation:
    if reason is Reason.UNKNOWN_TYPE:
        return Explanation(
            cause=Cause.NO_VIOLATION,
            why="a report of another type, as browsers send by the same endpoint; no policy was violated",
            evidence_class=None,
            rule=reason.value,
            advice=Advice(Allow.NO, "there is nothing to allow"),
        )
    return Explanation(
        cause=Cause.MALFORMED,
        why=_REFUSALS.get(reason, reason.value),
        evidence_class=EvidenceClass.MALFORMED,
        rule=reason.value,
        advice=Advice(Allow.NO, "no browser sends this, and a collector refuses it"),
    )


def _of_hash(report: NormalizedHash) -> Explanation:
    told = f"its digest is {report.hash}" if report.hash else "its digest is kept back, as it has no crossorigin"
    return Explanation(
        cause=Cause.NO_VIOLATION,
        why=f"the script {report.script_url} was loaded, and {told}: 'report-sha256' asks for such reports",
        evidence_class=None,
        rule="csp-hash",
        advice=Advice(Allow.NO, "nothing was blocked, so there is nothing to allow"),
    )


# Violations


@dataclass(frozen=True, slots=True)
class _Reader:
    user_agent: str
    received_at: datetime | None
    site: SiteKnowledge
    rules: Rules | None = field(repr=False)

    def explain(self, item: WireReport | Reason) -> Explanation:
        if isinstance(item, Reason):
            return _refused(item)
        try:
            report = normalize(item, self.user_agent)
        except RejectedReportError as error:
            return _refused(error.reason)
        return _of_hash(report) if isinstance(report, NormalizedHash) else self._explain_violation(item, report)

    def _explain_violation(self, item: WireReport, report: NormalizedViolation) -> Explanation:
        violation = report.violation
        chosen = classify(report, self.site.hosts, self.rules)
        group = self._decided_group(violation, chosen)
        evidence_class, rule = group.evidence_class, group.rule
        reason = group.reason if group.rule != chosen.rule else chosen.reason
        if self._is_superseded(violation, evidence_class):
            evidence_class, rule = EvidenceClass.SUPERSEDED, SUPERSEDED_RULE
        question = likeliest_question(violation, report.user_agent)
        step = step_of(reported_policy(item, violation), question)
        signs = signs_of_forgery(item, violation)
        cause, why = cause_of(
            Case(
                item=item,
                violation=violation,
                question=question,
                step=step,
                signs=signs,
                evidence_class=evidence_class,
                rule_reason=reason,
            )
        )
        change = _change(cause, item, question, step)
        return Explanation(
            cause=cause,
            why=why,
            evidence_class=evidence_class,
            rule=rule,
            rule_reason=reason,
            violation=violation,
            step=step,
            change=change,
            difference=_difference(step, change),
            advice=_advice(cause, violation, change, group.decision),
            signs=signs,
            decision=group.decision or "",
            group=self._recorded(violation),
        )

    def _decided_group(self, violation: Violation, chosen: Classification) -> ViolationGroup:
        """The report as a group of its own, with what people decided of it or of one like it."""
        recorded = self._recorded(violation)
        seen_at = self.received_at or datetime.min.replace(tzinfo=UTC)
        policy = violation.original_policy
        alone = ViolationGroup(
            fingerprint=recorded.fingerprint if recorded else "",
            document_origin=document_origin(violation.document_uri),
            directive=violation.effective_directive,
            blocked=violation.blocked_uri,
            disposition=violation.disposition,
            evidence_class=chosen.evidence_class,
            rule=chosen.rule,
            reason=chosen.reason,
            sample=violation.sample,
            sample_extent=violation.sample_extent,
            source_file=violation.source_file,
            line_number=violation.line_number,
            initiator=initiator_of(violation),
            reports=1,
            trusted_reports=0,
            reporters=1,
            estimated_reports=1,
            days=1,
            first_seen_ms=to_ms(seen_at),
            last_seen_ms=to_ms(seen_at),
            pages=(),
            policies=(PolicyCount(policy, 1, 0, seen_at, seen_at),) if policy else (),
        )
        return apply_decisions((alone,), self.site.decisions)[0]

    def _recorded(self, violation: Violation) -> ViolationGroup | None:
        """The recorded group that holds such reports, of several the one with most."""
        alike = [
            group
            for group in self.site.groups
            if (group.directive, group.blocked) == (violation.effective_directive, violation.blocked_uri)
            and group.document_origin == document_origin(violation.document_uri)
            and (group.disposition, group.sample) == (violation.disposition, violation.sample)
        ]
        return max(alike, key=lambda group: (group.reports, group.fingerprint), default=None)

    def _is_superseded(self, violation: Violation, evidence_class: EvidenceClass) -> bool:
        """Whether its policy was served once and is no more, or it came before the last one under none that is."""
        policy = violation.original_policy
        deployments = self.site.deployments
        if evidence_class not in {EvidenceClass.GENUINE, EvidenceClass.CONTRADICTION} or not (policy and deployments):
            return False
        if policy in served_policies(deployments):
            return False
        if any(policy in served_policies((deployment,)) for deployment in deployments):
            return True
        last = max(deployment.since_at for deployment in deployments)
        return self.received_at is not None and self.received_at < last


# Changes and advice


def _change(cause: Cause, item: WireReport, question: Question, step: Step) -> SmallestChange | None:
    if cause is Cause.MALFORMED:
        return None
    if step.decision is not None and step.decision.verdict is Verdict.ALLOW:
        todo = "the policy allows it already: no change of it would help"
        if cause is Cause.REDIRECT:
            asked = text_of(item.members, "blocked-uri", "blockedURL", "blockedURI")[:_MAX_URL_CHARACTERS]
            todo = f"find what it redirects to, which no report names: curl -sIL {shlex.quote(asked)}"
        return SmallestChange(directive=step.directive or question.directive, todo=todo)
    return smallest_change(step.policy, question)


def _difference(step: Step, change: SmallestChange | None) -> Difference | None:
    """What the change admits more; None where nothing changes, or lists are longer than real ones."""
    if change is None or not change.sources or change.policy is None or step.policy is None:
        return None
    if sum(len(directive.values) for directive in change.policy.directives) > _MAX_COMPARED_VALUES:
        return None
    return diff(step.policy, change.policy)


_NEVER = {
    Cause.EXTENSION: "no page of the site asks for it: allowing it opens the site to it for everybody",
    Cause.INJECTED: "no page of the site asks for it, and visitors without that program never need it",
    Cause.BOT: "wait for a person's browser to report the same",
    Cause.FOREIGN_HOST: "the page is not the site's: a copy, or a forgery",
    Cause.ATTACK_LIKE: "look at that page first: somebody may have tried to inject code",
    Cause.MALFORMED: "no browser sends this",
    Cause.FORGED_LOOKING: "believe it only if your own browser reports the same",
    Cause.SUPERSEDED: "see whether it is still reported under the policy that is served now",
}


def _advice(cause: Cause, violation: Violation, change: SmallestChange | None, decision: str | None) -> Advice:
    advised = advise(violation, change) if change is not None else Advice(Allow.NO, _NEVER.get(cause, ""))
    if cause in _NEVER:
        return replace(advised, allow=Allow.NO, why=_NEVER[cause])
    if decision in {DecisionAction.REJECT.value, DecisionAction.IGNORE.value}:
        return replace(advised, allow=Allow.NO, why=f"you decided so: {decision}")
    if cause is Cause.REDIRECT:
        why = "the target of the redirect is unknown: look where it leads, and allow that if you want it"
        return replace(advised, allow=Allow.DECIDE, why=why)
    if decision == DecisionAction.ALLOW.value:
        return replace(advised, allow=Allow.YES, why="you decided so: allow")
    return advised
