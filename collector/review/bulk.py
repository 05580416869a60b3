"""Deciding of several violations at once: one answer each, and of those that have none it is said why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policybuilder.advising import Allow
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS
from policybuilder.deciding import Answer, allowing, classing, refusing
from policybuilder.decisions import DecisionAction
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.explaining import Explanation
from policybuilder.suggestion.candidates import PARENTS

_REFUSALS = {"reject": DecisionAction.REJECT, "ignore": DecisionAction.IGNORE}


class NoAnswerError(Exception):
    """One violation is not decided with the others; the text says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A violation that was chosen, and is left as it was."""

    fingerprint: str
    blocked: str
    why: str


def answer_for(action: str, group: ViolationGroup, explanation: Explanation, evidence_class: str) -> Answer:
    """What the action means for one of several. Raises NoAnswerError, or ValueError for an action that is none."""
    try:
        match action:
            case "allow":
                return _allowing(explanation)
            case "reject" | "ignore":
                if group.blocked in KEYWORD_BLOCKED_URIS:
                    raise NoAnswerError("a pattern would mean all such code, not this alone")
                return refusing(_REFUSALS[action], group.blocked, PARENTS.get(group.directive, group.directive))
            case "class":
                return classing(group.fingerprint, EvidenceClass(evidence_class))
            case _:
                raise ValueError(action)
    except CspbuildError as error:
        raise NoAnswerError(str(error)) from None


def _allowing(explanation: Explanation) -> Answer:
    change = explanation.change
    if explanation.advice.allow is Allow.NO:
        raise NoAnswerError(f"it should not be allowed: {explanation.advice.why}")
    if change is None or not change.sources:
        raise NoAnswerError(change.todo if change and change.todo else "no source would allow it")
    if len(change.sources) > 1:
        raise NoAnswerError("it needs more than one source")
    return allowing(change.sources[0], PARENTS.get(change.directive, change.directive))


def without_repeats(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Violations of one source are answered by one decision."""
    return tuple(dict.fromkeys(answers))
