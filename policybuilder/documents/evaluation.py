"""An evaluation as documents: JSON, SARIF and Markdown, as `cspbuild evaluate` prints them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policybuilder.evaluation.baseline import FINGERPRINT, fingerprint_of
from policybuilder.evaluation.blast_radius import BlastRadius
from policybuilder.evaluation.codes import CODES
from policybuilder.evaluation.weakness import Severity, Weakness
from policybuilder.plurals import plural
from policybuilder.rendering.sarif import SarifArtifact, SarifResult, SarifRule, sarif_log
from policybuilder.rendering.tables import markdown_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A weakness, and what was found out about it besides."""

    weakness: Weakness
    is_new: bool | None = None
    """Beside a baseline; None where there is none."""

    blast_radius: BlastRadius | None = None
    """None where no evidence was looked at, or there is no change to make."""


def worst_of(findings: Sequence[Evaluated]) -> Severity | None:
    """The worst severity; None where nothing was found."""
    found = {finding.weakness.severity for finding in findings}
    return next((severity for severity in Severity if severity in found), None)


def headline(text: str, findings: Sequence[Evaluated], *, resolved: int | None = None) -> str:
    """One line: how many weaknesses there are of each severity."""
    if not text.strip("\t\n\f\r ,;"):
        return "no policy: a browser restricts nothing"
    counted = Counter(finding.weakness.severity for finding in findings)
    line = ", ".join(f"{counted[severity]:,} {severity}" for severity in Severity if counted[severity])
    if not findings:
        line = "nothing weak was found"
    if resolved is not None:
        new = sum(finding.is_new is True for finding in findings)
        line += f"; beside the baseline {new:,} new, {len(findings) - new:,} known, {resolved:,} resolved"
    return line


# JSON


def evaluation_document(findings: Sequence[Evaluated], *, resolved: int | None = None) -> dict[str, object]:
    """The keys of `evaluate/1`; `resolved` weaknesses of a baseline are no more."""
    document: dict[str, object] = {
        "findings": list(map(_finding, findings)),
        "worst": worst_of(findings),
        "intended_differences": [],
    }
    if resolved is not None:
        new = sum(finding.is_new is True for finding in findings)
        document["baseline"] = {"new": new, "known": len(findings) - new, "resolved": resolved}
    return document


def _finding(finding: Evaluated) -> dict[str, object]:
    weakness = finding.weakness
    return {
        "code": weakness.code,
        "severity": weakness.severity,
        "directive": weakness.directive,
        "value": weakness.value,
        "message": weakness.message,
        "fix": weakness.fix,
        "certainty": weakness.certainty,
        "why": weakness.why,
        "advice": weakness.advice,
        "start": weakness.start,
        "end": weakness.end,
        "policy": weakness.policy,
        "fingerprint": fingerprint_of(weakness),
        "new": finding.is_new,
        "blast_radius": None if finding.blast_radius is None else _radius(finding.blast_radius),
    }


def _radius(radius: BlastRadius) -> dict[str, Any]:
    return {
        "groups": radius.groups,
        "reports": radius.reports,
        "reporters": radius.reporters,
        "unknown": radius.unknown,
        "pages": list(radius.pages),
        "unwatched": list(radius.unwatched),
        "examples": [{"directive": each.directive, "blocked": each.blocked} for each in radius.examples],
    }


# SARIF

_LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note", Severity.INFO: "note"}


def evaluation_sarif(findings: Sequence[Evaluated], artifact: SarifArtifact, version: str) -> dict[str, Any]:
    """A SARIF log; the rules are those of the weaknesses found."""
    codes = sorted({finding.weakness.code for finding in findings})
    rules = [
        SarifRule(id=code, title=CODES[code].title, text=CODES[code].why, help_uri=CODES[code].link) for code in codes
    ]
    return sarif_log(version=version, rules=rules, artifacts=[artifact], results=map(_result, findings))


def _result(finding: Evaluated) -> SarifResult:
    weakness = finding.weakness
    properties: dict[str, Any] = {"severity": weakness.severity, "certainty": weakness.certainty}
    if finding.blast_radius is not None:
        properties["blastRadius"] = _radius(finding.blast_radius)
    return SarifResult(
        rule=weakness.code,
        level=_LEVELS[weakness.severity],
        message=weakness.message if weakness.advice is None else f"{weakness.message}. {weakness.advice}",
        start=weakness.start,
        end=weakness.end,
        fix=weakness.fix,
        fingerprints={FINGERPRINT: fingerprint_of(weakness)},
        is_new=finding.is_new,
        name=weakness.directive,
        properties=properties,
    )


# Markdown


def evaluation_markdown(text: str, findings: Sequence[Evaluated], *, resolved: int | None = None) -> str:
    """A heading and a table, for an issue or a change description."""
    lines = [f"**{headline(text, findings, resolved=resolved)}**\n"]
    if findings:
        has_evidence = any(finding.blast_radius for finding in findings)
        columns = ["severity", "code", "what", "better", *(["breaks"] if has_evidence else [])]
        lines.append(markdown_table(columns, [_row(text, each, has_evidence=has_evidence) for each in findings]))
    return "\n".join(lines)


def _row(text: str, finding: Evaluated, *, has_evidence: bool) -> list[str]:
    weakness, radius = finding.weakness, finding.blast_radius
    known = " (known)" if finding.is_new is False else ""
    better = weakness.advice or ""
    if weakness.fix is not None:
        changed, gone = changed_directives(text, weakness.fix)
        better = "; ".join(changed) or "; ".join(f"without {each}" for each in gone)
    row = [f"{weakness.severity}{known}", weakness.code, weakness.message, better]
    return [*row, "" if radius is None else _broken(radius)] if has_evidence else row


def _broken(radius: BlastRadius) -> str:
    broken = plural(radius.groups, "violation")
    return f"{broken}; {not_watched(radius)}" if radius.unwatched else broken


_MAX_NAMED = 3


def not_watched(radius: BlastRadius) -> str:
    """What no report could tell, in a few words."""
    more = len(radius.unwatched) - _MAX_NAMED
    names = ", ".join(radius.unwatched[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"no recorded policy restricts {names}"


_MARK = re.compile(r"[;,]")


def changed_directives(text: str, fix: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The directives of a better text that the text does not have, and those that only the text has."""
    before, after = (Counter(part.strip() for part in _MARK.split(each)) for each in (text, fix))
    del before[""], after[""]
    return tuple(after - before), tuple(before - after)
