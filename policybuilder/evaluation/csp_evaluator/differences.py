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

    treatment: Treatment
    what: str
    """Completes the sentence "csp_evaluator …"."""

    instead: str
    """What is found here, in a few words."""


_CORRECTED, _NOT_JUDGED, _OTHERWISE = Treatment

DEFECTS = {
    1: Defect(
        _CORRECTED,
        "takes newer keywords and directives for mistakes",
        "`'report-sha256'`, `'trusted-types-eval'` and `fenced-frame-src` are known",
    ),
    2: Defect(
        _CORRECTED,
        "reads several policies, joined by commas, as one",
        "each is judged by itself; what one has is missing in none",
    ),
    3: Defect(
        _NOT_JUDGED,
        "says nothing of a directive that stands twice, of which browsers ignore one",
        "it is listed",
    ),
    4: Defect(
        _CORRECTED,
        "does not see that any host is any host with a port, too",
        "`*:443` is a `PLAIN_WILDCARD`",
    ),
    5: Defect(
        _CORRECTED,
        "lets blob: and filesystem: pass where scripts come from",
        "they are `PLAIN_URL_SCHEMES`, of severity `MEDIUM_MAYBE`",
    ),
    6: Defect(
        _CORRECTED,
        "believes 'none' though other values beside it void it",
        "`'none'` is an `INVALID_KEYWORD` there, and the hosts beside it are judged",
    ),
    7: Defect(
        _NOT_JUDGED,
        "does not judge styles",
        "open lists are listed",
    ),
    8: Defect(
        _NOT_JUDGED,
        "does not judge where data can be sent to, nor who may frame or rebase the page",
        "open lists and missing directives are listed",
    ),
    9: Defect(
        _CORRECTED,
        "takes any text for a digest, whatever its length",
        "what fits no digest is an `INVALID_KEYWORD`",
    ),
    10: Defect(
        _CORRECTED,
        "lets trusted-types * pass",
        "it is a `PLAIN_WILDCARD`, of severity `INFO`",
    ),
    11: Defect(
        _NOT_JUDGED,
        "calls script-src missing, and not what is open beside its two parts",
        "the message says what is open, and it is listed",
    ),
    12: Defect(
        _OTHERWISE,
        "says three times that a source is ignored",
        "`IGNORED` is left out",
    ),
    13: Defect(
        _CORRECTED,
        "throws when a value is no URL to it, and finds nothing",
        "everything is found that it would have found, and named",
    ),
    14: Defect(
        _OTHERWISE,
        "tells neither a place in the text nor what to do, and knows one header only",
        "each finding has a `fix`; the rest is for `cspbuild evaluate` without `--compat`",
    ),
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
    cause: str | None = None
    """What in the text shows the defect, where the finding itself does not tell."""

    @property
    def reason(self) -> str:
        """Why the two differ, as a sentence."""
        what = f"csp_evaluator {DEFECTS[self.defect].what}"
        return what if self.cause is None else f"{what}: {self.cause}"

    def document(self) -> dict[str, object]:
        """The difference as JSON has it."""
        return {
            "defect": self.defect,
            "code": self.finding.code,
            "severity": self.finding.severity.name,
            "directive": self.finding.directive,
            "value": self.finding.value,
            "said_by": self.said_by.value,
            "reason": self.reason,
        }
