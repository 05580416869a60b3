"""A rule: one reason why a report is not plain evidence, and when it applies."""

from __future__ import annotations

from dataclasses import dataclass

from policybuilder.evidence import EvidenceClass
from policybuilder.reports.conditions import Condition
from policybuilder.reports.predicates import Context, Predicate


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why a report is not plain evidence."""

    rule_id: str
    evidence_class: EvidenceClass
    reason: str
    """For people: what such a report is."""

    source: str
    """Where the fact comes from."""

    conditions: tuple[Condition, ...]
    predicates: tuple[Predicate, ...]
    """All must hold, as all conditions must."""

    reads_forgotten: bool
    """It reads what is never stored (the user agent, a query), so it cannot be tried again later."""

    reads_policy: bool
    """It reads the policy that the report names."""

    origin: str = "built-in"
    """Or the operator's file."""

    def applies(self, context: Context) -> bool:
        conditions_hold = all(condition.holds(context) for condition in self.conditions)
        return conditions_hold and all(predicate(context) for predicate in self.predicates)
