"""What `cspbuild evaluate` shows people: each weakness under its place in the text, and what would be better."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from policybuilder.cli.output import console, plural
from policybuilder.documents.evaluation import Evaluated, changed_directives, headline
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
        _print_line(out, label, Text(visible(line), "green"))
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
    return weakness.directive is not None and text[weakness.start : weakness.end].lower().startswith(weakness.directive)


_BEFORE = 32
"""Columns of what stands before, at least."""


def _print_place(out: Console, text: str, weakness: Weakness) -> None:
    """The directive it stands in, and what is meant underlined."""
    width = max(out.width - 2, 20)
    begin = max(text.rfind(mark, 0, weakness.start) for mark in ";,") + 1
    begin = max(begin, weakness.start - width)
    before = visible(text[begin : weakness.start].lstrip())
    meant = visible(text[weakness.start : min(weakness.end, weakness.start + 4 * width)])
    room = max(width - min(cell_len(meant), width // 2), _BEFORE)
    if cell_len(before) > room - 8:
        before = "…" + before[len(before) - min(len(before), max(room - 9, 0)) :]
    left = width - cell_len(before)
    if cell_len(meant) > left:
        meant = set_cell_size(meant, left - 1).rstrip() + "…"
    end = min((at for mark in ";," if (at := text.find(mark, weakness.end, weakness.end + width)) >= 0), default=None)
    after = visible(text[weakness.end : weakness.end + width if end is None else end])
    left -= cell_len(meant)
    if cell_len(after) > left:
        after = set_cell_size(after, left - 1).rstrip() + "…" if left > 1 else ""
    line = Text.assemble("  ", (before, "dim"), meant, (after, "dim"))
    out.print(line, soft_wrap=True)
    marks = "^" * max(cell_len(meant), 1)
    out.print(Text(f"  {' ' * cell_len(before)}{marks}", _STYLES[weakness.severity]), soft_wrap=True)


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
    if not radius.groups:
        return f"nothing that was recorded{unknown}"
    examples = ", ".join(f"{each.blocked or '(empty)'} ({each.directive})" for each in radius.examples)
    pages = f" on {', '.join(radius.pages)}" if radius.pages else ""
    return (
        f"{plural(radius.groups, 'violation')} in {plural(radius.reports, 'report')} of"
        f" {plural(radius.reporters, 'network')}{pages}: {examples}{unknown}"
    )
