"""Differences: where we mean not to answer as the peer does, by the number of the defect that is the reason."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from policybuilder.evaluation.csp_evaluator.findings import PeerFinding


class Treatment(enum.Enum):
    """What becomes of a defect in the findings that we give."""

    CORRECTED = "corrected"
    """They differ from the peer's, and each difference is named."""

    NOT_JUDGED = "not judged"
    """They are the peer's, which knows nothing of the matter; what it passes over is listed beside them."""

    OTHERWISE = "otherwise"
    """It is none of findings."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that the peer gets wrong."""

    what: str
    """Completes the sentence "csp_evaluator …"."""

    treatment: Treatment


DEFECTS = {
    1: Defect("takes newer keywords and directives for mistakes", Treatment.CORRECTED),
    2: Defect("reads several policies, joined by commas, as one", Treatment.CORRECTED),
    3: Defect("says nothing of a directive that stands twice, of which browsers ignore one", Treatment.NOT_JUDGED),
    4: Defect("does not see that any host is any host with a port, too", Treatment.CORRECTED),
    5: Defect("lets blob: and filesystem: pass where scripts come from", Treatment.CORRECTED),
    6: Defect("believes 'none' though other values beside it void it", Treatment.CORRECTED),
    7: Defect("does not judge styles", Treatment.NOT_JUDGED),
    8: Defect("does not judge where data can be sent to, nor who may frame or rebase the page", Treatment.NOT_JUDGED),
    9: Defect("takes any text for a digest, whatever its length", Treatment.CORRECTED),
    10: Defect("lets trusted-types * pass", Treatment.CORRECTED),
    11: Defect("calls script-src missing, and not what is open beside its two parts", Treatment.NOT_JUDGED),
    12: Defect("says three times that a source is ignored", Treatment.OTHERWISE),
    13: Defect("throws when a value is no URL to it, and finds nothing", Treatment.CORRECTED),
    14: Defect("tells neither a place in the text nor what to do, and knows one header only", Treatment.OTHERWISE),
}


class Side(enum.StrEnum):
    """Who says what the other does not."""

    PEER = "csp_evaluator"
    OURS = "cspbuild"


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding that one side has and the other has not."""

    defect: int
    said_by: Side
    finding: PeerFinding

    def document(self) -> dict[str, object]:
        """The difference as JSON has it."""
        return {
            "defect": self.defect,
            "code": self.finding.code,
            "severity": self.finding.severity.name,
            "directive": self.finding.directive,
            "value": self.finding.value,
            "said_by": self.said_by.value,
            "reason": f"csp_evaluator {DEFECTS[self.defect].what}",
        }
