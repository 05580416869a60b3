"""`cspbuild diff`: what one policy admits more and less than another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from policybuilder.cli.options import checked_database_option, format_option, read_policies
from policybuilder.cli.output import Cell, console, print_json, table
from policybuilder.csp import Change, Relation, diff
from policybuilder.differences import ToldChange, told_changes

HEADLINES = {
    Relation.SAME: "same: NEW admits exactly what OLD admits",
    Relation.TIGHTER: "tighter: NEW admits less than OLD, and nothing more",
    Relation.LOOSER: "looser: NEW admits more than OLD, and nothing less",
    Relation.INCOMPARABLE: "incomparable: NEW admits some things that OLD refuses, and refuses some that OLD admits",
}


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@checked_database_option
@format_option()
def command(old: str, new: str, output_format: str) -> None:
    """Compare policies OLD and NEW (text, @file, or -) by what they admit, not by their text."""
    if old == new == "-":
        raise click.UsageError("OLD and NEW cannot both be standard input", click.get_current_context())
    difference = diff(read_policies(old), read_policies(new))
    if output_format == "json":
        changes = [_document(change) for change in difference.changes]
        print_json("diff", {"relation": difference.relation, "changes": changes})
        return
    out = console()
    out.print(HEADLINES[difference.relation], markup=False)
    if difference.changes:
        rows = map(_cells, told_changes(difference.changes))
        out.print(table("", ("change", "directive", "source", "effect"), rows, whole=["change", "directive"]))


def _cells(told: ToldChange) -> Sequence[Cell]:
    return (told.kind, told.directives, told.source, told.effect)


def _document(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "directive": change.directive,
        "source": change.source,
        "effect": change.effect,
    }
