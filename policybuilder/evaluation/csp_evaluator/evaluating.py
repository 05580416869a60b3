"""Evaluating: the peer's findings of a text, and where we mean to differ from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from policybuilder.evaluation.csp_evaluator.differences import Difference, Side
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding, PeerSeverity, shortened
from policybuilder.evaluation.csp_evaluator.judging import Found, Verdict, judge
from policybuilder.evaluation.csp_evaluator.merging import merged
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy, read_policy
from policybuilder.evaluation.csp_evaluator.silences import Silence, silences


@dataclass(frozen=True, slots=True)
class PeerEvaluation:
    """What csp_evaluator would say of a text, were it not for its defects."""

    findings: tuple[PeerFinding, ...]
    """The worst first; within a severity in the order of the checks."""

    intended_differences: tuple[Difference, ...]
    """All that `findings` has and the peer has not, and the other way round."""

    policies: tuple[PeerPolicy, ...]
    """That the text holds, as the peer reads each of them."""

    @property
    def not_judged(self) -> tuple[Silence, ...]:
        """What the peer passes over; `findings` has none of it either."""
        return silences(self.policies)

    @property
    def worst(self) -> PeerSeverity | None:
        """The worst severity; None where nothing was found."""
        return self.findings[0].severity if self.findings else None

    def document(self) -> dict[str, object]:
        """The evaluation as JSON has it, but for the schema."""
        return {
            "findings": [finding.document() for finding in self.findings],
            "worst": None if self.worst is None else self.worst.name,
            "intended_differences": [difference.document() for difference in self.intended_differences],
            "not_judged": [silence.document() for silence in self.not_judged],
        }


_MAX_POLICIES = 1_000
"""Of a text that are judged; nobody sends more."""


def evaluate_as_peer(text: str) -> PeerEvaluation:
    """What csp_evaluator finds in `text`, a header's value; never raises.

    `text` may hold several policies, joined by commas.
    """
    whole = judge(read_policy(text))
    if "," in text:
        # Where nothing stands between the commas there is no policy, which is judged as an empty text is.
        read = (policy for policy in map(read_policy, text.split(",")) if policy.directives)
        policies = tuple(islice(read, _MAX_POLICIES)) or (read_policy(""),)
        found = tuple(merged([judge(policy) for policy in policies]))
    else:
        policies = (whole.policy,)
        found = tuple(whole.found())
    is_read_alike = "," not in text and whole.thrower is None
    differences = whole.corrections if is_read_alike else tuple(_differences(whole, found))
    return PeerEvaluation(
        findings=tuple(sorted((each.finding for each in found), key=lambda finding: finding.severity)),
        intended_differences=differences,
        policies=policies,
    )


def _differences(whole: Verdict, found: Iterable[Found]) -> Iterator[Difference]:
    """What differs where the peer throws, or takes several policies for one, `whole`."""
    said, number, cause = whole.said, 2, None
    if whole.thrower is not None:
        directive, value = map(shortened, whole.thrower)
        said, number, cause = (), 13, f"{value} in {directive}"
    left = Counter(finding.identity for finding in said)
    for finding, defect in found:
        if left[finding.identity]:
            left[finding.identity] -= 1
        elif defect is not None:
            yield Difference(defect, Side.OURS, finding)
        else:
            yield Difference(number, Side.OURS, finding, cause)
    wrong = {each.finding.identity: each.defect for each in whole.corrections if each.said_by is Side.PEER}
    for finding in said:
        if left[finding.identity]:
            left[finding.identity] -= 1
            yield Difference(wrong.get(finding.identity, 2), Side.PEER, finding)
