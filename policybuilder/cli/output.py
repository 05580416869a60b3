"""Printing: JSON to standard output, tables for people, hints to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from policybuilder.evidence import ViolationGroup
from policybuilder.plurals import plural as plural  # noqa: PLC0414  (the commands have it from here)
from policybuilder.program import typed
from policybuilder.rendering.json_text import json_text
from policybuilder.rendering.text_safety import visible

# What draws tables is loaded where one is drawn: whoever asks for JSON has no use for it.
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from policybuilder.csp import PolicyList

Cell = str | tuple[str, ...]
"""What stands in a table: text, or a tuple of lines."""

_PLAIN_WIDTH = 160
"""Columns when nobody's terminal says how many there are."""


def print_json(command: str, document: Mapping[str, Any]) -> None:
    """One JSON document with its schema; ASCII, so that no terminal and no log takes report text for its own.

    A member may be an iterator, which is a list made while it is printed.
    """
    for portion in json_text({"schema": f"{command}/1", **document}):
        click.echo(portion, nl=False)
    click.echo()


def console() -> Console:
    """Where tables go: coloured on a terminal unless NO_COLOR is set, plain elsewhere."""
    from rich.console import Console  # noqa: PLC0415  (see above)

    is_told = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return Console(width=None if is_told else _PLAIN_WIDTH, highlight=False, soft_wrap=False)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    numbers: Iterable[str] = (),
    whole: Iterable[str] = (),
) -> Table:
    """A table of report text: shown as it is, its control characters visible, never taken for markup.

    `numbers` are set to the right; columns of `whole` are folded only when nothing else is left to fold.
    """
    from rich import box  # noqa: PLC0415  (see above)
    from rich.table import Table  # noqa: PLC0415  (see above)
    from rich.text import Text  # noqa: PLC0415  (see above)

    result = Table(
        # As text, since rich would take brackets in it for markup.
        title=Text(visible(title)) if title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_header=any(columns),
    )
    right, unfolded = set(numbers), set(whole)
    for column in columns:
        is_short = column in right or column in unfolded
        result.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=is_short)
    for row in rows:
        result.add_row(*map(_shown, row))
    return result


def _shown(cell: Cell) -> Text:
    from rich.text import Text  # noqa: PLC0415  (see above)

    lines = (cell,) if isinstance(cell, str) else cell
    return Text("\n".join(map(visible, lines)))


def hint(text: str) -> None:
    """A line for people beside the answer."""
    click.echo(text, err=True)


def hint_at_oddities(policies: PolicyList) -> None:
    """Where a policy's text has oddities, how to see them: a browser may read it otherwise than its author does."""
    if found := len(policies.findings):
        oddities = plural(found, "oddity", "oddities")
        hint(f"the policy has {oddities}: see  {typed('cspbuild')} parse")


def count(number: int) -> str:
    """Digits in groups of three."""
    return f"{number:,}"


def shorten(text: str, limit: int) -> str:
    """The text on one line, its end cut where it is longer than `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def blocked_cell(group: ViolationGroup) -> str:
    """What a group was blocked for, with the beginning of its code where that is all that tells it from others."""
    blocked = group.blocked or "(empty)"
    return f"{blocked}  {shorten(group.sample, 44)}" if group.sample else blocked
