"""Decisions: a person's answers about evidence, which outrank whatever the evidence says."""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from policybuilder.csp import Directive, Policy, Verdict, decide, question_of
from policybuilder.csp.directives import FALLBACKS
from policybuilder.evidence import EvidenceClass, ViolationGroup


class DecisionAction(enum.StrEnum):
    """What a person may say."""

    ALLOW = "allow"
    """The policy admits a source expression, whether or not a report asks for it."""

    REJECT = "reject"
    """The policy never admits what matches, however often it is reported."""

    IGNORE = "ignore"
    """What matches is set aside: it is neither evidence nor an open question."""

    CLASS = "class"
    """A group is of another class than the rules say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer."""

    number: int
    """Counts up within the site."""

    action: DecisionAction
    directive: str
    """Empty for any."""

    subject: str
    """The expression, the pattern, or the group's fingerprint."""

    evidence_class: EvidenceClass | None = None
    """Of a group, where the action is `class`."""

    note: str = ""
    decided_at: datetime
    undone_at: datetime | None = None


def matches(decision: Decision, directive: str, *names: str) -> bool:
    """Whether a rejection's or dismissal's pattern means one of `names` under the directive.

    `*` stands for anything; case and the quotes of keywords do not matter.
    """
    if decision.directive and decision.directive not in {directive, *FALLBACKS.get(directive, ())[1:]}:
        return False
    pattern = _pattern(decision.subject)
    return any(pattern.match(name.lower().strip("'")) for name in names if name)


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    # The standard library's translation takes linear time; `?` and `[` occur in URLs and mean themselves.
    escaped = re.sub(r"([?[])", r"[\1]", glob.lower().strip("'"))
    return re.compile(fnmatch.translate(escaped))


def names_of(group: ViolationGroup) -> tuple[str, ...]:
    """By what a pattern may call a group: its blocked URI, origin and host, or its keyword or scheme."""
    blocked = group.blocked
    scheme, separator, rest = blocked.partition("://")
    if not separator:
        return (blocked or "inline", f"{blocked}:")
    authority = rest.partition("/")[0]
    return (blocked, f"{scheme}://{authority}", authority, authority.rpartition(":")[0] or authority)


def apply_decisions(groups: Iterable[ViolationGroup], decisions: Sequence[Decision]) -> tuple[ViolationGroup, ...]:
    """The groups, of the classes that people gave them, each with the decision that applies to it.

    The newest one does; only a class is given beside what else is decided.
    """
    classes = {decision.subject: decision for decision in decisions if decision.action is DecisionAction.CLASS}
    answers = sorted(
        (decision for decision in decisions if decision.action is not DecisionAction.CLASS),
        key=lambda decision: -decision.number,
    )
    decided = []
    for group in groups:
        corrected = classes.get(group.fingerprint)
        if corrected is not None and corrected.evidence_class is not None:
            group = replace(  # noqa: PLW2901  (the same group, as people see it)
                group,
                evidence_class=corrected.evidence_class,
                rule="decided",
                reason=corrected.note,
                decision=DecisionAction.CLASS.value,
            )
        answer = next((decision for decision in answers if _concerns(decision, group)), None)
        decided.append(group if answer is None else replace(group, decision=answer.action.value))
    return tuple(decided)


def _concerns(decision: Decision, group: ViolationGroup) -> bool:
    if decision.action is DecisionAction.ALLOW:
        return admits(decision.directive, decision.subject, group)
    return matches(decision, group.directive, *names_of(group))


def admits(directive: str, source: str, group: ViolationGroup) -> bool:
    """Whether a source expression, listed under the directive, would have let the group's resource through."""
    if directive not in {group.directive, *FALLBACKS.get(group.directive, ())}:
        return False
    policy = Policy((Directive(directive, (source,)),))
    return decide(policy, question_of(group.violation())).verdict is Verdict.ALLOW
