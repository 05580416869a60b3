"""`csp-collector reclassify`: old evidence, by today's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from collector.commands.database import database_url_option, open_existing_database
from collector.commands.rules import rules_in_force, rules_option
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table

if TYPE_CHECKING:
    from collector.reclassification import Reclassified


@click.command("reclassify")
@click.option("--site", metavar="NAME", help="Only the evidence of this site.  [default: of all]")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@rules_option
@database_url_option
@format_option()
def command(
    *, site: str | None, dry_run: bool, rules_file: str | None, database_url: str | None, output_format: str
) -> None:
    """Judge stored groups by the rules as they are now, and move each to its class.

    The service may run meanwhile, with the same rules. It may be interrupted, and repeated. What a rule said that
    reads the user agent or the page's query stands while the rule is in force, since neither is kept.
    """
    from collector.reclassification import reclassify  # noqa: PLC0415  (start-up of --help)
    from policybuilder.store.sites import get_site, list_sites  # noqa: PLC0415  (the same)

    rules = rules_in_force(rules_file)
    engine = open_existing_database(database_url, writes=not dry_run)
    sites = list_sites(engine) if site is None else (get_site(engine, site),)
    results = {each.name: reclassify(engine, each.name, each.hosts, rules, dry_run=dry_run) for each in sites}
    if output_format == "json":
        print_json(
            "reclassify",
            {"dry_run": dry_run, "rules_version": rules.version, "sites": list(map(_described, results.items()))},
        )
        return
    _print_table(results, dry_run=dry_run)


def _described(item: tuple[str, Reclassified]) -> dict[str, Any]:
    name, result = item
    return {
        "site": name,
        "groups": result.looked_at,
        "changes": [
            {"from": had.value, "to": has.value, "groups": groups, "reports": result.reports[had, has]}
            for (had, has), groups in sorted(result.groups.items())
        ],
        "relabelled_groups": result.relabelled,
        "merged_groups": result.merged,
        "undecided": {"groups": result.undecided_groups, "reports": result.undecided_reports},
    }


def _print_table(results: dict[str, Reclassified], *, dry_run: bool) -> None:
    rows = [
        (name, had.value, has.value, count(groups), count(result.reports[had, has]))
        for name, result in results.items()
        for (had, has), groups in sorted(result.groups.items())
    ]
    numbers = ("groups", "reports")
    if rows:
        console().print(table("", ("site", "from", "to", *numbers), rows, numbers=numbers))
    looked_at = sum(result.looked_at for result in results.values())
    changed = sum(result.groups.total() for result in results.values())
    would = "would change" if dry_run else "changed"
    hint(f"{plural(changed, 'group')} of {count(looked_at)} {would} class")
    if merged := sum(result.merged for result in results.values()):
        be, other = ("would be" if dry_run else _verb(merged, "was", "were")), _verb(merged, "another", "others")
        hint(f"{plural(merged, 'group')} {be} merged into {other}; that cannot be taken back")
    if relabelled := sum(result.relabelled for result in results.values()):
        keep = _verb(relabelled, "keeps its", "keep their")
        hint(f"{plural(relabelled, 'group')} {keep} class by another rule")
    if undecided := sum(result.undecided_groups for result in results.values()):
        stay, of = _verb(undecided, "stays", "stay"), _verb(undecided, "it", "them")
        hint(f"{plural(undecided, 'group')} {stay}: what is kept of {of} speaks for several classes")


def _verb(number: int, one: str, several: str) -> str:
    return one if number == 1 else several
