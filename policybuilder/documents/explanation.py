"""The JSON document of an explanation, as `cspbuild explain` prints it."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.csp import Violation
from policybuilder.evidence import ViolationGroup
from policybuilder.explaining import Explanation
from policybuilder.times import isoformat


def explanations_document(explanations: Sequence[Explanation], left_out: int) -> dict[str, object]:
    """The keys of `explain/1`: those of the first report; of a batch, all of them beside it."""
    documents = [explanation_document(explanation) for explanation in explanations]
    document = dict(documents[0])
    if len(documents) > 1:
        document["reports"] = documents
        document["left_out"] = max(0, left_out)
    return document


def explanation_document(explanation: Explanation) -> dict[str, object]:
    """What `explain/1` says of one report."""
    return {
        "cause": explanation.cause.value,
        "why": explanation.why,
        "class": explanation.evidence_class.value if explanation.evidence_class else None,
        "rule": explanation.rule,
        "rule_reason": explanation.rule_reason,
        "report": None if explanation.violation is None else report_document(explanation.violation),
        "step": _step(explanation),
        "change": _change(explanation),
        "advice": {
            "allow": explanation.advice.allow.value,
            "why": explanation.advice.why,
            "warnings": list(explanation.advice.warnings),
        },
        "signs": [{"text": sign.text, "is_proof": sign.is_proof} for sign in explanation.signs],
        "decision": explanation.decision or None,
        "recorded": _group(explanation.group) if explanation.group else None,
    }


def report_document(violation: Violation) -> dict[str, object]:
    """What a report says, in the words of `explain/1`."""
    return {
        "page": violation.document_uri,
        "directive": violation.effective_directive,
        "blocked": violation.blocked_uri,
        "disposition": violation.disposition.value,
        "sample": violation.sample,
        "sample_extent": violation.sample_extent.value,
        "source_file": violation.source_file,
        "line": violation.line_number,
        "column": violation.column_number,
    }


def _step(explanation: Explanation) -> dict[str, object] | None:
    step = explanation.step
    if step is None:
        return None
    decision = step.decision
    return {
        "directive": step.directive,
        "fallbacks": list(step.fallbacks),
        "policy": None if step.policy is None else str(step.policy),
        "verdict": decision.verdict.value if decision else None,
        "matched_by": decision.matched_by if decision else None,
        "reason": decision.reason if decision else "the report does not say its policy",
        "sources": [
            {
                "source": examined.source,
                "verdict": examined.verdict.value,
                "why": examined.why,
                "misses": examined.misses.value if examined.misses else None,
                "specification": examined.specification,
            }
            for examined in step.sources
        ],
        "specification": step.specification,
    }


def _change(explanation: Explanation) -> dict[str, object] | None:
    change, difference = explanation.change, explanation.difference
    if change is None:
        return None
    return {
        "directive": change.directive,
        "source": " ".join(change.sources) or None,
        "sources": list(change.sources),
        "policy": None if change.policy is None else str(change.policy),
        "nonce": change.nonce,
        "relation": difference.relation.value if difference else None,
        "changes": [
            {"kind": each.kind.value, "directive": each.directive, "source": each.source, "effect": each.effect}
            for each in (difference.changes if difference else ())
        ],
        "todo": change.todo,
    }


def _group(group: ViolationGroup) -> dict[str, object]:
    return {
        "fingerprint": group.fingerprint,
        "reports": group.reports,
        "reporters": group.reporters,
        "first_seen": isoformat(group.first_seen_at),
        "last_seen": isoformat(group.last_seen_at),
    }
