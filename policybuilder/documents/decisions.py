"""The JSON document of decisions, as `cspbuild decide` prints it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from policybuilder.decisions import Decision
from policybuilder.times import isoformat


def decisions_document(decisions: Iterable[Decision], now: datetime) -> dict[str, object]:
    """The keys of `decide/1`; which of them have expired is said as of `now`."""
    return {"decisions": [decision_document(decision, now) for decision in decisions]}


def decision_document(decision: Decision, now: datetime) -> dict[str, object]:
    """One of them."""
    return {
        "number": decision.number,
        "action": decision.action.value,
        "directive": decision.directive or None,
        "subject": decision.subject or None,
        "loaded_by": decision.loaded_by or None,
        "class": decision.evidence_class.value if decision.evidence_class else None,
        "note": decision.note,
        "decided_at": isoformat(decision.decided_at),
        "undone_at": isoformat(decision.undone_at) if decision.undone_at else None,
        "until": isoformat(decision.until) if decision.until else None,
        "expired": decision.is_expired(now),
    }
