"""Decisions: a person's answers about evidence, which outrank whatever the evidence says."""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import structs

from policybuilder.csp import Directive, HostSource, Policy, Verdict, decide, parse_source_expression, question_of
from policybuilder.csp.directives import FALLBACKS
from policybuilder.evidence import EvidenceClass, ViolationGroup


class DecisionAction(enum.StrEnum):
    """What a person may say."""

    ALLOW = "allow"
    """The policy admits a source expression, whether or not a report asks for it; or an initiator is trusted.

    The latter stands behind what many visitors say it loads, and admits nothing by itself: anybody can name it.
    """

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
    """The expression, the pattern, or the group's fingerprint; empty for a decision by initiator."""

    loaded_by: str = ""
    """The origin, or the pattern of origins, whose loads it is about."""

    evidence_class: EvidenceClass | None = None
    """Of a group, where the action is `class`."""

    note: str = ""
    decided_at: datetime
    undone_at: datetime | None = None
    until: datetime | None = None
    """The last moment at which it is obeyed; None for ever."""

    def is_expired(self, now: datetime) -> bool:
        return self.until is not None and self.until < now


def standing(decisions: Iterable[Decision], now: datetime) -> tuple[Decision, ...]:
    """The decisions that are obeyed at `now`: neither undone nor expired."""
    return tuple(decision for decision in decisions if decision.undone_at is None and not decision.is_expired(now))


def expiring(decisions: Iterable[Decision], now: datetime, within: timedelta) -> tuple[Decision, ...]:
    """The decisions that are obeyed at `now`, and no more when `within` has passed; the first to end stands first."""
    ending = (decision for decision in standing(decisions, now) if decision.is_expired(now + within))
    return tuple(sorted(ending, key=lambda decision: (decision.until or now, decision.number)))


def matches(decision: Decision, directive: str, *names: str) -> bool:
    """Whether a rejection's or dismissal's pattern means one of `names` under the directive.

    `*` stands for anything; case and the quotes of keywords do not matter.
    """
    return _governs(decision, directive) and _means(decision.subject, names)


def concerns(decision: Decision, group: ViolationGroup) -> bool:
    """Whether a decision is an answer about the group.

    A trusted initiator is none: what the group asks for must be believed first, see `vouches_for`.
    """
    match decision.action:
        case DecisionAction.CLASS:
            return decision.subject == group.fingerprint
        case DecisionAction.ALLOW:
            return not decision.loaded_by and admits(decision.directive, decision.subject, group)
        case _ if decision.loaded_by:
            return _governs(decision, group.directive) and _means(decision.loaded_by, origin_names(group.initiator))
        case _:
            return matches(decision, group.directive, *names_of(group))


class Decided:
    """Decisions, to find those about one group after the other: of a hundred most are about other hosts."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._sought = [
            (decision, _needle(decision), decision.action is DecisionAction.ALLOW, bool(decision.loaded_by))
            for decision in decisions
        ]

    def about(self, group: ViolationGroup) -> Iterator[Decision]:
        """Those that concern the group, in the order that they were given in."""
        if not self._sought:
            return
        blocked = group.blocked
        # What is not ASCII has no lower case of its parts, and a host may be written as browsers do not.
        text = f"{blocked.lower() or 'inline'}:" if blocked.isascii() else None
        is_plain = text is not None and _PLAIN_URL.fullmatch(blocked) is not None
        for decision, needle, is_allowing, is_by_initiator in self._sought:
            if text is not None and needle not in text and (is_plain or not is_allowing):
                continue
            if not (is_by_initiator and not group.initiator) and concerns(decision, group):
                yield decision


_PLAIN_URL = re.compile(r"(?:https?|wss?)://(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*(?::[1-9][0-9]*)?(?:/.*)?", re.DOTALL)
"""Its host is a name, as browsers write it."""


def _needle(decision: Decision) -> str:
    """What stands in the blocked URI of every group that the decision is about, or in the word for one; in lower case.

    Of what is allowed, only of those with a plain URL.
    """
    if decision.action is DecisionAction.CLASS or decision.loaded_by:
        return ""
    if decision.action is DecisionAction.ALLOW:
        source = parse_source_expression(decision.subject)
        return source.host_part.lstrip("*") if isinstance(source, HostSource) else ""
    return max(decision.subject.lower().strip("'").split("*"), key=len)


def vouches_for(decision: Decision, group: ViolationGroup) -> bool:
    """Whether a person trusts what loaded the group's resource: that very origin, since a likeness is a forger's."""
    return (
        decision.action is DecisionAction.ALLOW
        and bool(group.initiator)
        and decision.loaded_by == group.initiator
        and _governs(decision, group.directive)
    )


def rejecting_initiator(decisions: Iterable[Decision], origin: str, directive: str = "") -> Decision | None:
    """A rejection or dismissal of all that an origin loads, under the directive or any, if there is one."""
    for decision in decisions:
        if decision.action in {DecisionAction.REJECT, DecisionAction.IGNORE} and decision.loaded_by:
            is_governed = not decision.directive or (bool(directive) and _governs(decision, directive))
            if is_governed and _means(decision.loaded_by, origin_names(origin)):
                return decision
    return None


def _governs(decision: Decision, directive: str) -> bool:
    return not decision.directive or decision.directive in {directive, *FALLBACKS.get(directive, ())[1:]}


def _means(glob: str, names: Iterable[str]) -> bool:
    pattern = _pattern(glob)
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
    return (blocked, *origin_names(f"{scheme}://{rest.partition('/')[0]}"))


def origin_names(origin: str) -> tuple[str, ...]:
    """By what a pattern may call an origin: itself, its host with the port, and its host."""
    authority = origin.partition("://")[2]
    return (origin, authority, authority.rpartition(":")[0] or authority)


def apply_decisions(groups: Iterable[ViolationGroup], decisions: Sequence[Decision]) -> tuple[ViolationGroup, ...]:
    """The groups, of the classes that people gave them, each with the decision that applies to it.

    The newest one does; only a class is given beside what else is decided.
    """
    if not decisions:
        return tuple(groups)
    classes = {decision.subject: decision for decision in decisions if decision.action is DecisionAction.CLASS}
    others = (decision for decision in decisions if decision.action is not DecisionAction.CLASS)
    answers = Decided(sorted(others, key=lambda decision: -decision.number))
    decided = []
    for group in groups:
        corrected = classes.get(group.fingerprint)
        if corrected is not None and corrected.evidence_class is not None:
            group = structs.replace(  # noqa: PLW2901  (the same group, as people see it)
                group,
                evidence_class=corrected.evidence_class,
                rule="decided",
                reason=corrected.note,
                decision=DecisionAction.CLASS.value,
            )
        answer = next(answers.about(group), None)
        decided.append(group if answer is None else structs.replace(group, decision=answer.action.value))
    return tuple(decided)


def admits(directive: str, source: str, group: ViolationGroup) -> bool:
    """Whether a source expression, listed under the directive, would have let the group's resource through."""
    if directive not in {group.directive, *FALLBACKS.get(group.directive, ())}:
        return False
    return decide(_alone(directive, source), question_of(group.violation())).verdict is Verdict.ALLOW


@lru_cache(maxsize=256)
def _alone(directive: str, source: str) -> Policy:
    """The policy that is asked for one group of a source's after the other."""
    return Policy((Directive(directive, (source,)),))
