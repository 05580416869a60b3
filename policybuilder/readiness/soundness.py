"""Soundness: what the policy itself is like, and whether there is a way back from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from policybuilder.csp import Policy, PolicyList, Relation, diff
from policybuilder.decisions import DecisionAction
from policybuilder.deployments import Deployment
from policybuilder.evidence import EvidenceClass
from policybuilder.plurals import plural
from policybuilder.readiness.values import CandidateOrigin, Case, Criterion, CriterionName
from policybuilder.server_buffers import REFUSE_BYTES
from policybuilder.stages import ENFORCED
from policybuilder.suggestion.trust import Tier
from policybuilder.suggestion.values import SuggestionFinding

MIN_FORGED_NETWORKS = 10
"""Fewer are within reach of one person with a few cheap servers."""

NO_TRUST = "no-trusted-evidence"
"""The finding that nobody vouches for what was reported."""

_ABOUT_THE_SUGGESTION = frozenset({"nothing-accepted"})
_SETTLED = frozenset({DecisionAction.REJECT.value, DecisionAction.IGNORE.value, DecisionAction.CLASS.value})


def diff_to_enforced(case: Case) -> Criterion:
    """A step of the way narrows; whoever widens what is enforced should have meant to."""
    needed = "nothing that the enforced policy does not admit"
    if not case.candidate.policies:
        return Criterion(name=CriterionName.DIFF_TO_ENFORCED, passed=False, value="there is no policy", needed=needed)
    if not case.enforced_policies.policies:
        return Criterion(
            name=CriterionName.DIFF_TO_ENFORCED,
            passed=True,
            value="nothing is enforced yet",
            needed=needed,
            figures={"relation": None, "changes": {}},
        )
    found = diff(case.enforced_policies, case.candidate)
    changes = Counter(change.kind.value for change in found.changes)
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(changes.items()))
    return Criterion(
        name=CriterionName.DIFF_TO_ENFORCED,
        passed=found.relation in {Relation.SAME, Relation.TIGHTER},
        value=f"{found.relation}{f': {shown}' if shown else ''}",
        needed=needed,
        figures={"relation": found.relation.value, "changes": dict(sorted(changes.items()))},
    )


def findings(case: Case) -> Criterion:
    """What is gravely wrong with the policy or the evidence, and is not as wrong already."""
    high = [finding for finding in (*_of_suggestion(case), *case.weaknesses) if finding.severity == "high"]
    codes = Counter(finding.code for finding in high)
    return Criterion(
        name=CriterionName.FINDINGS,
        passed=not high,
        value=", ".join(f"{code}{f' ×{count}' if count > 1 else ''}" for code, count in codes.items()) or "none",
        needed="no new one that is high",
        figures={
            "high": [
                {"code": found.code, "directive": found.directive, "value": found.value, "message": found.message}
                for found in high
            ]
        },
    )


def header_size(case: Case) -> Criterion:
    """Servers and proxies drop what their buffers do not hold, or answer with an error."""
    size = sum(len(f"{ENFORCED}: {policy}") for policy in case.candidate)
    return Criterion(
        name=CriterionName.HEADER_SIZE,
        passed=size <= REFUSE_BYTES,
        value=f"{size:,} bytes",
        needed=f"at most {REFUSE_BYTES:,}",
        figures={"bytes": size, "bytes_allowed": REFUSE_BYTES},
    )


def poison_margin(case: Case) -> Criterion:
    """What stands in the policy on strangers' word alone must have been dear to forge."""
    margins = [
        source.margin
        for directive in case.suggestion.directives
        for source in directive.sources
        if source.tier is Tier.AUTO and source.margin is not None and _holds(case, directive.name, source.source)
    ]
    least = min((margin.networks for margin in margins), default=None)
    return Criterion(
        name=CriterionName.POISON_MARGIN,
        passed=least is None or least >= MIN_FORGED_NETWORKS,
        value="no source rests on strangers alone"
        if least is None
        else f"{plural(least, 'network')} would have forged the cheapest of {plural(len(margins), 'source')}",
        needed=f"{MIN_FORGED_NETWORKS} networks",
        figures={"networks": least, "networks_needed": MIN_FORGED_NETWORKS, "sources": len(margins)},
    )


def rollback(case: Case) -> Criterion:
    """Going back takes a header that is known to have worked; where none was enforced, taking it away does."""
    match case.enforced:
        case None:
            passed, value = True, "nothing is enforced yet: stop sending the header"
        case Deployment(number=number):
            passed, value = True, f"deployment {number}"
        case _:
            passed, value = False, "a policy is enforced that nobody recorded"
    return Criterion(
        name=CriterionName.ROLLBACK,
        passed=passed,
        value=value,
        needed="the header to go back to: cspbuild deploy record",
        figures={"deployment": case.enforced.number if isinstance(case.enforced, Deployment) else None},
    )


def _of_suggestion(case: Case) -> Iterator[SuggestionFinding]:
    """Those that say something of this policy, or of the evidence that any would rest on."""
    is_suggested = case.origin is CandidateOrigin.SUGGESTION
    is_attack_open = any(
        group.evidence_class is EvidenceClass.ATTACK_LIKE and group.decision not in _SETTLED for group in case.live
    )
    for finding in case.suggestion.findings:
        if finding.code == "header-size" or (finding.code == "attack-like" and not is_attack_open):
            continue
        if finding.code == NO_TRUST and not case.record.has_own:
            continue  # nobody has to vouch for no reports
        if not is_suggested and (finding.code in _ABOUT_THE_SUGGESTION or not _concerns(case.candidate, finding)):
            continue
        if finding.value and case.enforced_policies.policies and _concerns(case.enforced_policies, finding):
            continue  # not new
        yield finding


def _concerns(policies: PolicyList, finding: SuggestionFinding) -> bool:
    """Whether a finding about a source is one about these policies; those about evidence concern any."""
    if not (finding.directive and finding.value):
        return True
    return any(_lists(policy, finding.directive, finding.value) for policy in policies)


def _holds(case: Case, directive: str, source: str) -> bool:
    return case.origin is CandidateOrigin.SUGGESTION or any(
        _lists(policy, directive, source) for policy in case.candidate
    )


def _lists(policy: Policy, directive: str, source: str) -> bool:
    found = policy.directive(directive)
    return found is not None and source in found.values
