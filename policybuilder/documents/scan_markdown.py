"""A scan as Markdown, for an issue or a comment on a change: the same order as in a terminal, grades last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policybuilder.documents.scan_way import first_of_each_origin, way_of
from policybuilder.rendering.tables import markdown_table
from policybuilder.scanning import Said, Scan, differences, said_of, worst_first
from policybuilder.wiring import Check

_MARKS = {True: "yes", False: "no", None: "not tested"}
_MAX_VALUE = 300


def scan_markdown(
    scans: Sequence[Scan], host_checks: Mapping[str, Sequence[Check]], unreachable: Mapping[str, str]
) -> str:
    """The whole of it; ends with a line feed."""
    return "\n".join(_parts(scans, host_checks, unreachable))


def _parts(
    scans: Sequence[Scan], host_checks: Mapping[str, Sequence[Check]], unreachable: Mapping[str, str]
) -> Iterator[str]:
    said = said_of(scans)
    columns = ["passed", "test", "what was sent", "and so", "points"]
    is_several = len(scans) > 1
    if is_several:
        columns.append("pages")
    yield "## How it was reached\n"
    for scan in first_of_each_origin(scans):
        yield markdown_table(("step",), [(line.strip(),) for line in way_of(scan.material)])
    yield "## What was sent\n"
    yield markdown_table(columns, [_row(each, is_several=is_several) for each in said])
    for url, checks in host_checks.items():
        yield "## Host check\n"
        rows = [(url, _MARKS[each.passed], each.name, each.message, each.fix or "") for each in checks]
        yield markdown_table(("page", "passed", "check", "what was found", "to do"), rows)
    fixes = {
        each.judgement.fix: each.judgement.name
        for each in reversed(said)
        if each.judgement.fix and each.judgement.passed is False
    }
    if fixes:
        yield "## To do\n"
        yield markdown_table(("test", "to do"), [(name, fix) for fix, name in reversed(fixes.items())])
    yield "## Grades\n"
    grades = [
        (
            scan.material.url,
            f"{scan.grade} ({scan.score})",
            f"{scan.observatory.grade} ({scan.observatory.score})",
            scan.securityheaders.grade,
        )
        for scan in worst_first(scans)
    ]
    grades += [(url, f"not scanned: {error}", "", "") for url, error in unreachable.items()]
    yield markdown_table(("page", "ours", "Observatory", "securityheaders≈"), grades)
    yield "≈ is an approximation: securityheaders.com publishes no rules.\n"
    if len(scans) == 1 and (why := differences(scans[0])):
        yield markdown_table(("why they differ",), [(line,) for line in why])


def _row(said: Said, *, is_several: bool) -> tuple[str, ...]:
    judgement = said.judgement
    value = "(nothing)" if judgement.header and judgement.value is None else (judgement.value or "")[:_MAX_VALUE]
    sent = ": ".join(part for part in (judgement.header, value) if part)
    points = f"-{judgement.points}" if judgement.points > 0 else ""
    row = (_MARKS[judgement.passed], judgement.name, sent, judgement.message, points)
    return (*row, str(len(said.pages))) if is_several else row
