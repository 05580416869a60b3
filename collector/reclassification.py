"""Reclassification: old evidence is judged again, by today's rules and by what is kept of it.

Of a group a few whole reports are kept for a month, and then its own columns and some policies it named. The user
agent and the page's query are never kept, so a rule that reads them cannot be tried again. What such a rule said stands
as long as the rule is in force: it was right about the report it saw. A rule before it in the order may still overrule
it, and once it is switched off or gone, the other rules decide. In the same way, a rule that reads the policy keeps its
say over a group none of whose policies is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from collector.ingest.folding import fingerprint_of
from policybuilder.csp.violation import Violation
from policybuilder.evidence import OVER_BUDGET, EvidenceClass
from policybuilder.reports.noise import GENUINE, Classification
from policybuilder.reports.predicates import Context
from policybuilder.reports.rule import Rule
from policybuilder.reports.rules import Rules
from policybuilder.store.reclassifying import Move, StoredGroup, find_groups, move_groups, read_groups_in_portions


@dataclass(slots=True)
class Reclassified:
    """What became of stored groups."""

    looked_at: int = 0
    groups: Counter[tuple[EvidenceClass, EvidenceClass]] = field(default_factory=Counter)
    """Groups by the class they had and the one they have."""

    reports: Counter[tuple[EvidenceClass, EvidenceClass]] = field(default_factory=Counter)
    """Their reports."""

    relabelled: int = 0
    """Groups that keep their class, by another rule."""

    merged: int = 0
    """Groups that become part of another one: what was counted in which cannot be told any more."""

    undecided_groups: int = 0
    """Groups whose reports would be of several classes: they stay."""

    undecided_reports: int = 0


def reclassify(
    engine: Engine,
    site: str,
    hosts: Sequence[str],
    rules: Rules,
    *,
    dry_run: bool = False,
    on_progress: Callable[[int], None] = lambda _groups: None,
) -> Reclassified:
    """Bring a site's groups to the classes that `rules` give them; `dry_run` only says what would be.

    `on_progress` is called with the groups looked at so far. Raises SQLAlchemyError when the database fails; what was
    done by then stays done, and doing all again goes on from there.
    """
    result = Reclassified()
    arrived: set[str] = set()
    made: set[str] = set()
    left: set[str] = set()
    for portion in read_groups_in_portions(engine, site):
        moves: list[Move] = []
        for group in portion:
            if group.fingerprint in arrived:
                continue
            result.looked_at += 1
            move = _judge(group, hosts, rules, result)
            if move is not None:
                moves.append(move)
                arrived.add(move.to_fingerprint)
        becoming = [move for move in moves if move.to_fingerprint != move.fingerprint]
        there = find_groups(engine, site, [move.to_fingerprint for move in becoming]) - left
        for move in becoming:
            result.merged += move.to_fingerprint in there or move.to_fingerprint in made
            made.add(move.to_fingerprint)
            left.add(move.fingerprint)
        if not dry_run:
            move_groups(engine, site, moves)
        on_progress(result.looked_at)
    return result


def _judge(group: StoredGroup, hosts: Sequence[str], rules: Rules, result: Reclassified) -> Move | None:
    """What a group becomes, noted in `result`; None where it stays."""
    if group.rule == OVER_BUDGET:
        return None
    found = {_class_of(violation, group.rule, hosts, rules) for violation in group.violations}
    classes = {each.evidence_class for each in found}
    had = Classification(group.evidence_class, group.rule)
    if len(classes) > 1 or fingerprint_of(group.described, had, group.initiator) != group.fingerprint:
        result.undecided_groups += 1
        result.undecided_reports += group.reports
        return None
    if had in found:
        return None
    classification = min(found, key=lambda each: each.rule)
    if classification.evidence_class is group.evidence_class:
        result.relabelled += 1
        return _move(group, group.fingerprint, classification)
    change = (group.evidence_class, classification.evidence_class)
    result.groups[change] += 1
    result.reports[change] += group.reports
    return _move(group, fingerprint_of(group.described, classification, group.initiator), classification)


def _move(group: StoredGroup, target: str, to: Classification) -> Move:
    return Move(group.fingerprint, target, to.evidence_class, to.rule, to.reason)


def _class_of(violation: Violation, rule_id: str, hosts: Sequence[str], rules: Rules) -> Classification:
    """A stored violation's class; `rule_id` is the rule that it has from when it arrived."""
    context = Context(violation=violation, document_query="", user_agent="", site_hosts=tuple(hosts))

    def holds(rule: Rule) -> bool:
        if rule.reads_forgotten or (rule.reads_policy and not violation.original_policy):
            return rule.rule_id == rule_id
        return rule.applies(context)

    rule = next((rule for rule in rules.rules if holds(rule)), None)
    return GENUINE if rule is None else Classification(rule.evidence_class, rule.rule_id, rule.reason)
