"""`cspbuild evaluate --compat csp-evaluator`: what that tool would say, but for its defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policybuilder.cli.output import console, plural, table
from policybuilder.evaluation import csp_evaluator
from policybuilder.evaluation.csp_evaluator import Difference, PeerFinding, PeerSeverity
from policybuilder.evaluation.csp_evaluator.findings import shortened
from policybuilder.evaluation.weakness import Severity

PEER = "csp-evaluator"

_FAILS = {
    Severity.HIGH: PeerSeverity.HIGH,
    Severity.MEDIUM: PeerSeverity.HIGH_MAYBE,
    Severity.LOW: PeerSeverity.MEDIUM_MAYBE,
    Severity.INFO: PeerSeverity.INFO,
}
"""The least of the peer's severities that is as bad as each of ours."""

_MOST_SHOWN = 40
_MOST_NAMED = 3
"""Of the findings of one defect."""


@dataclass(frozen=True, slots=True)
class PeerEvaluation:
    """An evaluation in the peer's words."""

    evaluation: csp_evaluator.PeerEvaluation

    @property
    def document(self) -> Mapping[str, Any]:
        """As JSON has it, but for the schema."""
        return self.evaluation.document()

    def reaches(self, level: Severity | None) -> bool:
        """Whether something is as bad as the level that fails."""
        # A text without a policy is no gate's business, though the peer finds everything missing in it.
        has_policy = any(policy.directives for policy in self.evaluation.policies)
        worst = self.evaluation.worst
        return level is not None and worst is not None and has_policy and worst <= _FAILS[level]

    def print(self) -> None:
        """For people."""
        findings = self.evaluation.findings
        out = console()
        out.print(f"{plural(len(findings), 'finding')} as {PEER} has them", markup=False)
        if findings:
            rows = [
                (each.severity.name, (each.code, _place(each)), (each.message, f"→ {each.fix}"))
                for each in findings[:_MOST_SHOWN]
            ]
            out.print(table("", ("severity", "finding", "what"), rows, whole=["severity"]))
        if len(findings) > _MOST_SHOWN:
            out.print(f"{plural(len(findings) - _MOST_SHOWN, 'finding')} more: --format json has them all")
        if differences := self.evaluation.intended_differences:
            columns = ("defect", "why", "only said by", "findings")
            out.print(table("Where we mean to differ", columns, _by_defect(differences), numbers=["defect"]))
        if silences := self.evaluation.not_judged:
            passed_over = [(shortened(each.directive), each.message) for each in silences[:_MOST_SHOWN]]
            out.print(table(f"What {PEER} does not judge", ("directive", "what"), passed_over))
            out.print("cspbuild evaluate, without --compat, judges these too", markup=False)


def _place(finding: PeerFinding) -> str:
    return " ".join(map(shortened, filter(None, (finding.directive, finding.value))))


def _by_defect(differences: Sequence[Difference]) -> list[tuple[str, str, str, str]]:
    """A row for what each side alone says for one reason."""
    rows: dict[tuple[str, str, str], list[PeerFinding]] = {}
    for each in differences:
        rows.setdefault((str(each.defect), each.reason, each.said_by.value), []).append(each.finding)
    return [(*key, _named(findings)) for key, findings in rows.items()]


def _named(findings: Sequence[PeerFinding]) -> str:
    names = [f"{each.code} {_place(each)}" for each in findings[:_MOST_NAMED]]
    more = len(findings) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def evaluate_as_peer(text: str) -> PeerEvaluation:
    """What the peer finds in a text."""
    return PeerEvaluation(csp_evaluator.evaluate_as_peer(text))
