"""Measuring the rules: how often they are right about reports of which somebody knows what caused them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import classify
from policybuilder.reports.normalization import NormalizedViolation, normalize
from policybuilder.reports.rules import Rules
from policybuilder.reports.wire import RejectedReportError, decode_body

_MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LabelledReport:
    """A report, and what it is known to be."""

    where: str
    """`FILE:NUMBER`."""

    violation: NormalizedViolation
    hosts: tuple[str, ...]
    """Of the site it was sent to; none: any."""

    expected: EvidenceClass
    origin: str
    """Where the report comes from, as its line says."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How the rules do by one class."""

    evidence_class: EvidenceClass
    labelled: int
    """Reports that are of the class."""

    given: int
    """Reports that the rules put into it."""

    right: int
    """Of these, how many are of it."""

    @property
    def precision(self) -> float | None:
        """Of what the rules say, how much is so; None where they say nothing."""
        return self.right / self.given if self.given else None

    @property
    def recall(self) -> float | None:
        """Of what is so, how much the rules say; None where there is nothing to say."""
        return self.right / self.labelled if self.labelled else None


@dataclass(frozen=True, slots=True)
class Misjudged:
    """A report whose class the rules get wrong."""

    report: LabelledReport
    given: EvidenceClass
    rule: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """The rules against a labelled set."""

    reports: int
    classes: tuple[ClassFigures, ...]
    """Those that occur, in the order of their definition."""

    misjudged: tuple[Misjudged, ...]
    rules: Counter[str]
    """How many reports each rule decided."""


def measure(reports: list[LabelledReport], rules: Rules) -> Measurement:
    """Classify every report and compare."""
    labelled, given, right, by_rule = (
        Counter[EvidenceClass](),
        Counter[EvidenceClass](),
        Counter[EvidenceClass](),
        Counter[str](),
    )
    misjudged = []
    for report in reports:
        found = classify(report.violation, report.hosts, rules)
        labelled[report.expected] += 1
        given[found.evidence_class] += 1
        by_rule[found.rule] += 1
        if found.evidence_class is report.expected:
            right[report.expected] += 1
        else:
            misjudged.append(Misjudged(report, found.evidence_class, found.rule))
    figures = (ClassFigures(member, labelled[member], given[member], right[member]) for member in EvidenceClass)
    return Measurement(
        len(reports), tuple(line for line in figures if line.labelled or line.given), tuple(misjudged), by_rule
    )


def read_labelled(path: Path) -> list[LabelledReport]:
    """The reports of a file of JSON lines: objects with `body` (a report, as JSON or as text), `class`, and perhaps
    `user_agent`, `hosts` and `from`.

    Raises CspbuildError naming the line that is none.
    """
    try:
        with path.open("rb") as file:
            return [report for number, line in enumerate(file, 1) for report in _reports_of(line, f"{path}:{number}")]
    except OSError as error:
        raise CspbuildError(f"cannot read {path}: {error.strerror}; give JSON lines of labelled reports") from None


def _reports_of(line: bytes, where: str) -> Iterator[LabelledReport]:
    if not line.strip():
        return
    value = _object(line, where)
    body, user_agent, hosts = value.get("body"), value.get("user_agent", ""), value.get("hosts", [])
    try:
        expected = EvidenceClass(value.get("class", ""))
    except ValueError:
        raise CspbuildError(f"{where}: class must be one of {', '.join(EvidenceClass)}") from None
    if (
        not isinstance(user_agent, str)
        or not isinstance(hosts, list)
        or not all(isinstance(host, str) for host in hosts)
    ):
        raise CspbuildError(f"{where}: user_agent must be text, hosts a list of texts")
    try:
        decoded = decode_body((body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass"))
        found = [normalize(report, user_agent) for report in decoded.reports]
    except RejectedReportError as error:
        raise CspbuildError(f"{where}: body is no report: {error.reason.value}") from None
    violations = [report for report in found if isinstance(report, NormalizedViolation)]
    if not violations:
        raise CspbuildError(f"{where}: body holds no violation")
    for violation in violations:
        yield LabelledReport(where, violation, tuple(hosts), expected, str(value.get("from", "")))


def _object(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > _MAX_LINE_BYTES:
        raise CspbuildError(f"{where}: longer than 1 MiB")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise CspbuildError(f"{where}: no JSON object with body and class")
    return value
