"""Noise: which reports no visit to the site caused, by which rule.

Nothing is dropped: noise is stored under its rule, to be looked at. What the rules are stands in `rules.toml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policybuilder.evidence import EvidenceClass
from policybuilder.reports.normalization import NormalizedViolation
from policybuilder.reports.predicates import Context
from policybuilder.reports.rules import Rules, built_in_rules


@dataclass(frozen=True, slots=True)
class Classification:
    """A report's class, the id of the rule that chose it, and what that says of such reports."""

    evidence_class: EvidenceClass
    rule: str
    reason: str = field(default="", compare=False)


GENUINE = Classification(EvidenceClass.GENUINE, "no-noise-rule")


def classify(
    normalized: NormalizedViolation, site_hosts: Sequence[str] = (), rules: Rules | None = None
) -> Classification:
    """The class of a report to a site with documents on `site_hosts`, by `rules` or else the built-in ones."""
    context = Context(
        violation=normalized.violation,
        document_query=normalized.document_query,
        user_agent=normalized.user_agent,
        site_hosts=tuple(site_hosts),
    )
    rule = (rules or built_in_rules()).first_that_applies(context)
    return GENUINE if rule is None else Classification(rule.evidence_class, rule.rule_id, rule.reason)
