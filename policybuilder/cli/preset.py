"""`cspbuild preset`: a sound starting policy for a kind of site."""

from __future__ import annotations

import click

from policybuilder.cli.options import checked_database_option, format_option
from policybuilder.cli.output import console, print_json, table
from policybuilder.presets import PRESETS, Preset
from policybuilder.program import typed


@click.command()
@click.argument("name", metavar="[" + "|".join(PRESETS) + "]", required=False, type=click.Choice(list(PRESETS)))
@checked_database_option
@format_option()
def command(name: str | None, output_format: str) -> None:
    """A sound starting policy for a kind of site, each directive explained."""
    if name is None:
        _list_presets(output_format)
        return
    preset = PRESETS[name]
    if output_format == "json":
        print_json("preset", _document(preset))
        return
    out = console()
    out.print(f"{preset.name}: {preset.audience}", markup=False)
    rows = [(directive.name, directive.value, directive.reason) for directive in preset.directives]
    out.print(table("", ("directive", "value", "why"), rows))
    out.print(preset.policy, markup=False, soft_wrap=True)
    out.print(f"\nnext: {typed('cspbuild')} header --policy preset:{preset.name}", markup=False, soft_wrap=True)


def _list_presets(output_format: str) -> None:
    if output_format == "json":
        print_json("preset", {"presets": [_document(preset) for preset in PRESETS.values()]})
        return
    rows = [(preset.name, preset.audience) for preset in PRESETS.values()]
    console().print(table("", ("preset", "for whom"), rows))


def _document(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "policy": preset.policy,
        "audience": preset.audience,
        "directives": [
            {"name": directive.name, "value": directive.value, "reason": directive.reason}
            for directive in preset.directives
        ],
    }
