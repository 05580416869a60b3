"""`csp-collector rules`: what a report is taken for, why, and how often that is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from collector.settings import load_settings
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.program import typed

if TYPE_CHECKING:
    from collector.measuring import Measurement
    from policybuilder.reports.rules import Rules

_Command = TypeVar("_Command", bound=Callable[..., Any])

_MAX_SHOWN_MISTAKES = 40


def rules_option(function: _Command) -> _Command:
    """`--rules FILE`."""
    return click.option(
        "--rules",
        "rules_file",
        metavar="FILE",
        help="Rules tried before the built-in ones.  [default: the setting rules]",
    )(function)


def rules_in_force(rules_file: str | None) -> Rules:
    """The rules by flag, environment and csp.toml. Raises CspbuildError for a file that is wrong."""
    from policybuilder.reports.rules import load_rules  # noqa: PLC0415  (start-up of --help)

    return load_rules(load_settings(rules=rules_file).rules)


@click.group("rules", invoke_without_command=True)
@rules_option
@format_option()
@click.pass_context
def command(context: click.Context, /, *, rules_file: str | None, output_format: str) -> None:
    """The rules that tell what caused a report, in the order in which they are tried."""
    if context.invoked_subcommand is not None:
        return
    rules = rules_in_force(rules_file)
    if output_format == "json":
        print_json(
            "rules",
            {
                "version": rules.version,
                "own_version": rules.own_version,
                "disabled": list(rules.disabled),
                "rules": [
                    {
                        "id": rule.rule_id,
                        "class": rule.evidence_class.value,
                        "reason": rule.reason,
                        "source": rule.source,
                        "from": rule.origin,
                    }
                    for rule in rules.rules
                ],
            },
        )
        return
    rows = [(rule.rule_id, rule.evidence_class.value, rule.reason, rule.origin) for rule in rules.rules]
    console().print(table("", ("rule", "class", "what such a report is", "from"), rows, whole=["rule", "class"]))
    if rules.disabled:
        hint(f"switched off: {', '.join(rules.disabled)}")
    if rules.own_version is not None:
        hint(f"your rules, version {rules.own_version}")
    hint(f"built-in rules, version {rules.version}; what no rule catches is the site's own doing: genuine")


@command.command("measure")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@rules_option
@format_option()
def measure_(*, file: Path, rules_file: str | None, output_format: str) -> None:
    """Compare the rules with reports of which you know the class.

    A line of FILE is a JSON object with body (the report) and class, and perhaps user_agent, hosts and from.
    """
    from collector.measuring import measure, read_labelled  # noqa: PLC0415  (start-up of --help)

    rules = rules_in_force(rules_file)
    measurement = measure(read_labelled(file), rules)
    if output_format == "json":
        _print_json(measurement, rules)
    else:
        _print_tables(measurement)


def _print_json(measurement: Measurement, rules: Rules) -> None:
    print_json(
        "rules-measure",
        {
            "version": rules.version,
            "reports": measurement.reports,
            "classes": [
                {
                    "class": line.evidence_class.value,
                    "labelled": line.labelled,
                    "given": line.given,
                    "right": line.right,
                    "precision": line.precision,
                    "recall": line.recall,
                }
                for line in measurement.classes
            ],
            "misjudged": [
                {
                    "line": mistake.report.where,
                    "expected": mistake.report.expected.value,
                    "given": mistake.given.value,
                    "rule": mistake.rule,
                }
                for mistake in measurement.misjudged
            ],
        },
    )


def _print_tables(measurement: Measurement) -> None:
    numbers = ("labelled", "given", "right", "precision", "recall")
    rows = [
        (
            line.evidence_class.value,
            count(line.labelled),
            count(line.given),
            count(line.right),
            _share(line.precision),
            _share(line.recall),
        )
        for line in measurement.classes
    ]
    out = console()
    out.print(table("", ("class", *numbers), rows, numbers=numbers))
    if not measurement.misjudged:
        hint(f"all of {plural(measurement.reports, 'report')} are judged as labelled")
        return
    mistakes = [
        (mistake.report.where, mistake.report.expected.value, mistake.given.value, mistake.rule)
        for mistake in measurement.misjudged[:_MAX_SHOWN_MISTAKES]
    ]
    out.print(table("Misjudged", ("line", "is", "taken for", "by rule"), mistakes))
    if len(measurement.misjudged) > _MAX_SHOWN_MISTAKES:
        hint(f"and {count(len(measurement.misjudged) - _MAX_SHOWN_MISTAKES)} more; all with  --format json")
    hint(f"the rules:  {typed('csp-collector')} rules")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
