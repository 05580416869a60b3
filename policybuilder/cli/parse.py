"""`cspbuild parse`: a policy as a browser reads it."""

from __future__ import annotations

import click

from policybuilder.cli.options import checked_database_option, format_option, read_policies
from policybuilder.cli.output import console, print_json, table
from policybuilder.csp import Finding


@click.command()
@click.argument("policy", metavar="POLICY")
@checked_database_option
@format_option()
def command(policy: str, output_format: str) -> None:
    """Show POLICY (text, @file, or -) as a browser reads it, and what it ignores."""
    parsed = read_policies(policy)
    if output_format == "json":
        print_json(
            "parse",
            {
                "policies": [
                    {"directives": [{"name": d.name, "values": list(d.values)} for d in member.directives]}
                    for member in parsed.policies
                ],
                "findings": [_finding(finding) for finding in parsed.findings],
            },
        )
        return
    out = console()
    if not parsed.policies:
        out.print("no policy: a browser restricts nothing")
    for number, member in enumerate(parsed.policies, 1):
        title = f"policy {number} of {len(parsed.policies)}; each has to allow" if len(parsed.policies) > 1 else ""
        rows = [(directive.name, " ".join(directive.values) or "(nothing)") for directive in member.directives]
        out.print(table(title, ("directive", "value"), rows))
    if parsed.findings:
        findings = [(str(finding.start), finding.code.value, finding.message) for finding in parsed.findings]
        out.print(table("What to look at", ("at", "code", "what"), findings, numbers=["at"]))


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "position": finding.start,
        "end": finding.end,
        "directive": finding.directive,
        "value": finding.value,
        "message": finding.message,
    }
