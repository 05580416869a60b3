"""A scan as text: first what was sent and what follows from it, then what to send instead, and the grades last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from policybuilder.cli.output import console, hint, plural, shorten, table
from policybuilder.documents.scan_way import first_of_each_origin, way_of
from policybuilder.grading.judgement import Judgement
from policybuilder.rendering.text_safety import visible
from policybuilder.scanning import Said, Scan, differences, is_worse, said_of, worst_first
from policybuilder.wiring import Check, is_sound

MARKS = {True: "✓", False: "✗", None: "–"}

_MAX_VALUE = 240
"""Characters of a header that are shown."""

_MAX_FIXES = 60
_STYLES = {"A": "bold green", "B": "bold yellow", "C": "bold yellow"}
_WORST_STYLE = "bold red"


def print_scans(
    scans: Sequence[Scan],
    host_checks: Mapping[str, Sequence[Check]],
    unreachable: Mapping[str, str],
    *,
    min_grade: str | None,
) -> None:
    """All of it to standard output."""
    out = console()
    for scan in first_of_each_origin(scans):
        for line in way_of(scan.material):
            out.print(visible(line), markup=False, soft_wrap=True)
        out.print()
    said = said_of(scans)
    if said:
        out.print(_said_table(said, len(scans), out.width))
    for url, checks in host_checks.items():
        where = "" if len(scans) == 1 else f" of {url}"
        rows = [(MARKS[check.passed], check.name, _with_fix(check)) for check in checks]
        verdict = "nothing is broken" if is_sound(checks) else "something is broken"
        out.print(table(f"Host check{where}: {verdict}", ("", "check", "what was found"), rows, whole=["", "check"]))
    _print_fixes(said)
    _print_grades(scans, unreachable, min_grade)


def _with_fix(check: Check) -> tuple[str, ...]:
    at = (f"at {check.url}",) if check.url and check.url not in check.message else ()
    return (check.message, *at, *((f"→ {check.fix}",) if check.fix else ()))


_WIDE = 110
"""Columns of a terminal that has room for what was sent beside what follows from it."""


def _said_table(said: Sequence[Said], pages: int, width: int) -> Table:
    """A header's value stands once, however many tests look at it."""
    rows: list[tuple[str | tuple[str, ...], ...]] = []
    shown: tuple[str | None, str | None] = (None, None)
    for each in said:
        judgement = each.judgement
        here = (judgement.header, judgement.value)
        sent = "" if here == shown and any(here) else _sent(judgement)
        shown = here
        on = "" if len(each.pages) == pages else f"on {each.pages[0]}" + _more(len(each.pages) - 1)
        so = (judgement.message, *filter(None, [on]))
        mark, points = MARKS[judgement.passed], f"−{judgement.points}" if judgement.points > 0 else ""
        if width >= _WIDE:
            rows.append((mark, judgement.name, sent, so, points))
        else:
            rows.append((mark, (f"{judgement.name}  {points}".rstrip(), *filter(None, [sent]), *so)))
    if width < _WIDE:
        return table("", ("", "test, what was sent, and so"), rows, whole=[""])
    columns = ("", "test", "what was sent", "and so", "points")
    return table("", columns, rows, numbers=["points"], whole=["", "test"])


def _more(number: int) -> str:
    return f" and {number} more" if number > 0 else ""


def _sent(judgement: Judgement) -> str:
    if judgement.header is None:
        return "" if judgement.value is None else shorten(judgement.value, _MAX_VALUE)
    if judgement.value is None:
        return f"{judgement.header}: (nothing)"
    return f"{judgement.header}: {shorten(judgement.value, _MAX_VALUE)}"


def _print_fixes(said: Sequence[Said]) -> None:
    """What to send instead, each once, in lines that can be copied."""
    fixes: dict[str, list[str]] = {}
    for each in said:
        judgement = each.judgement
        if judgement.fix and judgement.passed is False:
            fixes.setdefault(judgement.fix, []).append(judgement.name)
    if not fixes:
        return
    out = console()
    out.print("To do\n", style="bold")
    for fix, names in list(fixes.items())[:_MAX_FIXES]:
        out.print(f"  {', '.join(dict.fromkeys(names))}", markup=False, style="dim", soft_wrap=True)
        out.print(f"  {visible(fix)}\n", markup=False, soft_wrap=True)
    if len(fixes) > _MAX_FIXES:
        hint(f"{len(fixes) - _MAX_FIXES} more: --format json has them all")


def _print_grades(scans: Sequence[Scan], unreachable: Mapping[str, str], min_grade: str | None) -> None:
    out = console()
    several = len(scans) + len(unreachable) > 1
    columns = [*(["page"] if several else []), "ours", "score", "Observatory", "score", "securityheaders≈"]
    grades = table("Grades", columns, [])
    for scan in worst_first(scans):
        cells = [*([scan.material.url] if several else []), scan.grade, str(scan.score)]
        cells += [scan.observatory.grade, str(scan.observatory.score), scan.securityheaders.grade]
        styled = [Text(visible(cell), style=_style(cell)) for cell in cells]
        grades.add_row(*styled)
    if scans:
        out.print(grades)
        out.print("≈ is an approximation: securityheaders.com publishes no rules\n", style="dim")
    if len(scans) == 1 and (why := differences(scans[0])):
        out.print("Why they differ", style="bold")
        for line in why:
            out.print(f"  {visible(line)}", markup=False, soft_wrap=True)
    for url, error in unreachable.items():
        out.print(f"not scanned: {visible(url)}: {visible(error)}", markup=False, soft_wrap=True)
    if min_grade is not None:
        worse = [scan for scan in scans if is_worse(scan, min_grade)]
        if worse:
            line = f"worse than {min_grade} by our grade: {len(worse)} of {plural(len(scans), 'page')}"
            out.print(line, markup=False, style="bold red")


def _style(cell: str) -> str:
    is_grade = cell.rstrip("+-") in {"A", "B", "C", "D", "F", "R"}
    return _STYLES.get(cell[0], _WORST_STYLE) if is_grade else ""
