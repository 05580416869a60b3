"""What `cspbuild evaluate` shows people: each weakness under its place in the text, and what would be better."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from policybuilder.cli.output import console, plural
from policybuilder.csp import FindingCode
from policybuilder.csp.grammar import ASCII_WHITESPACE
from policybuilder.documents.evaluation import Evaluated, changed_directives, headline, not_watched
from policybuilder.evaluation.blast_radius import BlastRadius
from policybuilder.evaluation.weakness import Severity, Weakness
from policybuilder.rendering.text_safety import visible

_STYLES = {Severity.HIGH: "bold red", Severity.MEDIUM: "bold yellow", Severity.LOW: "cyan", Severity.INFO: "dim"}

_MAX_SHOWN = 40
"""Weaknesses; who has more begins with the worst."""


def print_evaluation(text: str, findings: Sequence[Evaluated], *, resolved: int | None = None) -> None:
    """The headline, and each weakness, the worst first."""
    out = console()
    out.print(Text(headline(text, findings, resolved=resolved), style="bold"))
    told: set[str] = set()
    for finding in findings[:_MAX_SHOWN]:
        out.print()
        _print_finding(out, text, finding, told)
    if len(findings) > _MAX_SHOWN:
        out.print(f"\n{plural(len(findings) - _MAX_SHOWN, 'weakness', 'weaknesses')} more: --format json has them all")


def _print_finding(out: Console, text: str, finding: Evaluated, told: set[str]) -> None:
    weakness = finding.weakness
    title = Text.assemble(
        (weakness.severity.upper(), _STYLES[weakness.severity]),
        "  ",
        (weakness.code, "bold"),
        f"  {weakness.certainty}",
    )
    if finding.is_new is not None:
        title.append("  new" if finding.is_new else "  known")
    out.print(title)
    if weakness.value is not None or _is_part(text, weakness):
        _print_place(out, text, weakness)
    _print_line(out, "", Text(visible(weakness.message)))
    if weakness.why not in told:
        told.add(weakness.why)
        _print_line(out, "why", Text(weakness.why, "dim"))
    for label, line in _better(text, weakness):
        _print_line(out, label, Text(_on_a_line(line), "green"))
    if weakness.advice is not None:
        _print_line(out, "do" if weakness.fix is None else "note", Text(visible(weakness.advice)))
    if finding.blast_radius is not None:
        _print_line(out, "breaks", Text(visible(_radius(finding.blast_radius))))


_LABEL = 10
"""Columns of what stands before a line."""


def _print_line(out: Console, label: str, text: Text) -> None:
    """A paragraph beside its label."""
    for number, line in enumerate(text.wrap(out, max(out.width - _LABEL, 10))):
        line.rstrip()
        out.print(Text.assemble((f"  {label if number == 0 else '':{_LABEL - 2}}", "dim"), line), soft_wrap=True)


def _is_part(text: str, weakness: Weakness) -> bool:
    """Whether it is about less than a whole policy."""
    if weakness.code == FindingCode.NON_ASCII:
        return True
    meant = text[weakness.start : weakness.end].split(maxsplit=1)
    return bool(meant) and weakness.directive == meant[0].lower()


def _print_place(out: Console, text: str, weakness: Weakness) -> None:
    """The directive it stands in, and what is meant underlined."""
    width = max(out.width - 2, 20)
    start, end = weakness.start, weakness.end
    begin = max(start - width, *(text.rfind(mark, 0, start) + 1 for mark in ";,"))
    finish = min([end + width, *(at for mark in ";," if (at := text.find(mark, end)) >= 0)])
    before, meant, after = (
        _on_a_line(part) for part in (text[begin:start].lstrip(), text[start:end], text[end:finish])
    )
    before = _cut_front(before, max(width - cell_len(meant), width // 2))
    meant = _cut(meant, width - cell_len(before))
    after = _cut(after, width - cell_len(before) - cell_len(meant))
    out.print(Text.assemble("  ", (before, "dim"), meant, (after.rstrip(), "dim")), soft_wrap=True)
    marks = "^" * max(cell_len(meant), 1)
    out.print(Text(f"  {' ' * cell_len(before)}{marks}", _STYLES[weakness.severity]), soft_wrap=True)


def _cut(text: str, cells: int) -> str:
    """The text, its end cut where it takes more columns."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 1 else ""


def _cut_front(text: str, cells: int) -> str:
    """The text, its beginning cut where it takes more columns."""
    if cell_len(text) <= cells:
        return text
    kept = text[-(cells - 1) :]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return f"…{kept}"


def _better(text: str, weakness: Weakness) -> list[tuple[str, str]]:
    """The directives that change."""
    if weakness.fix is None:
        return []
    changed, gone = changed_directives(text, weakness.fix)
    lines = [f"without {each}" for each in gone if not changed] + list(changed)
    if not lines:
        lines = ["send no such header"]
    label = "better" if gone or not changed else "add"
    return [(label if number == 0 else "", line) for number, line in enumerate(lines)]


def _radius(radius: BlastRadius) -> str:
    unknown = f"; {plural(radius.unknown, 'violation')} cannot be told" if radius.unknown else ""
    unknown += f"; {not_watched(radius)}" if radius.unwatched else ""
    if not radius.groups:
        return f"nothing that was recorded{unknown}"
    examples = ", ".join(f"{each.blocked or '(empty)'} ({each.directive})" for each in radius.examples)
    pages = f" on {', '.join(radius.pages)}" if radius.pages else ""
    return (
        f"{plural(radius.groups, 'violation')} in {plural(radius.reports, 'report')} of"
        f" {plural(radius.reporters, 'network')}{pages}: {examples}{unknown}"
    )


_SPACES = str.maketrans(dict.fromkeys(ASCII_WHITESPACE, " "))


def _on_a_line(text: str) -> str:
    """A policy's text, which a file may hold on several lines."""
    return visible(text.translate(_SPACES))
