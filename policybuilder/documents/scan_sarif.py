"""A scan as SARIF, for code hosts: what failed of our own tests, page by page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own import OWN_TESTS
from policybuilder.rendering.sarif import SarifArtifact, SarifResult, SarifRule, sarif_log
from policybuilder.scanning import Scan

_FINGERPRINT = "cspbuildScan/v1"
_ERROR_POINTS = 10
"""From which on, or where it caps the score, it is an error."""


def scan_sarif(scans: Sequence[Scan], version: str) -> dict[str, Any]:
    """A log of one run of that `version` of ours; each page is an artifact."""
    return sarif_log(
        version=version,
        rules=[
            SarifRule(id=test.name, title=test.title, text=test.why, help_uri=test.link) for test in OWN_TESTS.values()
        ],
        artifacts=[SarifArtifact(uri=scan.material.url) for scan in scans],
        results=[
            _result(judgement, scan.material.url, index)
            for index, scan in enumerate(scans)
            for judgement in scan.own.tests
            if judgement.passed is False
        ],
    )


def _result(judgement: Judgement, url: str, artifact: int) -> SarifResult:
    fix = f" To do: {judgement.fix}" if judgement.fix else ""
    # Not the message: it names what changes with every answer, such as days that are left.
    identity = "\0".join((url, judgement.name, judgement.result, judgement.header or ""))
    return SarifResult(
        rule=judgement.name,
        level=_level(judgement),
        message=f"{judgement.message}{fix}",
        name=judgement.header,
        fingerprints={_FINGERPRINT: hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()},
        properties={
            "result": judgement.result,
            "header": judgement.header,
            "value": judgement.value,
            "points": judgement.points,
        },
        artifact=artifact,
    )


def _level(judgement: Judgement) -> str:
    if judgement.cap is not None or judgement.points >= _ERROR_POINTS:
        return "error"
    return "warning" if judgement.points > 0 else "note"
