"""The answers of another evaluator: what csp_evaluator 1.1.8 (npm) finds in a policy, for those who rely on its names.

https://github.com/google/csp-evaluator
"""

from policybuilder.evaluation.csp_evaluator.differences import DEFECTS, Defect, Difference, Side, Treatment
from policybuilder.evaluation.csp_evaluator.evaluating import PeerEvaluation, evaluate_as_peer
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding, PeerSeverity
from policybuilder.evaluation.csp_evaluator.silences import Silence

__all__ = [
    "DEFECTS",
    "Defect",
    "Difference",
    "PeerEvaluation",
    "PeerFinding",
    "PeerSeverity",
    "Side",
    "Silence",
    "Treatment",
    "evaluate_as_peer",
]
