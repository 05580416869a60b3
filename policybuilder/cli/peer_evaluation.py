"""`cspbuild evaluate --compat csp-evaluator`: what that tool would say, but for its defects."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policybuilder.cli.output import console, plural, table
from policybuilder.evaluation.weakness import Severity

PEER = "csp-evaluator"

_REACHED = {
    Severity.HIGH: {"HIGH"},
    Severity.MEDIUM: {"SYNTAX", "MEDIUM", "HIGH_MAYBE"},
    Severity.LOW: {"STRICT_CSP", "MEDIUM_MAYBE"},
    Severity.INFO: {"INFO"},
}
"""The peer's severities that each of ours begins with."""


@dataclass(frozen=True, slots=True)
class PeerEvaluation:
    """An evaluation in the peer's words."""

    document: Mapping[str, Any]
    """As JSON has it, but for the schema."""

    def reaches(self, level: Severity | None) -> bool:
        """Whether something is as bad as the level that fails."""
        if level is None:
            return False
        levels = list(Severity)
        failing = set[str]().union(*(_REACHED[each] for each in levels[: levels.index(level) + 1]))
        return any(finding["severity"] in failing for finding in self.document["findings"])

    def print(self) -> None:
        """For people."""
        findings, differences = self.document["findings"], self.document["intended_differences"]
        out = console()
        out.print(f"{plural(len(findings), 'finding')} as {PEER} has them", markup=False)
        columns = ("severity", "code", "directive", "value", "what")
        rows = [
            (each["severity"], each["code"], each["directive"] or "", each["value"] or "", each["message"])
            for each in findings
        ]
        if rows:
            out.print(table("", columns, rows, whole=["severity", "code"]))
        if differences:
            wrong = [
                (str(each["defect"]), each["code"], each["directive"] or "", each["value"] or "")
                for each in differences
            ]
            out.print(table("Where it is wrong", ("defect", "code", "directive", "value"), wrong, numbers=["defect"]))


def evaluate_as_peer(text: str) -> PeerEvaluation:
    """What the peer finds in a text; its rules are loaded for this alone."""
    peer = importlib.import_module("policybuilder.evaluation.csp_evaluator")
    return PeerEvaluation(peer.evaluate_as_peer(text).document())
