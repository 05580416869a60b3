"""Tables of report text as files: CSV that no spreadsheet computes, Markdown in which nothing is markup."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from policybuilder.rendering.text_safety import csv_cell, visible


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as CSV with a header; ends with a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(visible(cell)) for cell in row] for row in rows)
    return text.getvalue()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as a table of GitHub's Markdown; ends with a line feed."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(map(_markdown_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _markdown_cell(text: str) -> str:
    """As code, so that nothing in it is markup; a backtick or a bar would end the code or the cell."""
    shown = visible(text).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown else ""
