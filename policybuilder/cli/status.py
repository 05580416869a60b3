"""`cspbuild status`: where the site stands on the way, and the next command to type."""

from __future__ import annotations

import click

from policybuilder.cli.noticed import noticed_line
from policybuilder.cli.options import database_option, format_option, read_window, site_option, window_options
from policybuilder.cli.output import console, hint, plural, print_json, table
from policybuilder.deployments import Deployment
from policybuilder.documents.standing import report_only, standing_document, state_of
from policybuilder.program import site_flag
from policybuilder.readiness.judging import is_observing
from policybuilder.rendering.text_safety import visible
from policybuilder.store.arrivals import read_arrivals
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import get_site
from policybuilder.suggestion.trust import Thresholds
from policybuilder.workflow import Standing, Step, standing_of

_MAX_NOTICED = 5


@click.command()
@window_options
@site_option
@database_option
@format_option()
def command(*, since: str | None, as_of: str | None, site: str, database: str, output_format: str) -> None:
    """Where the site stands on the way, and the next command to type."""
    window = read_window(since, as_of)
    engine = open_for_reading(database)
    found = get_site(engine, site)
    with snapshot(engine) as connection:
        record = read_site_record(connection, site, window, Thresholds())
        arrivals = read_arrivals(connection, found)
    standing = standing_of(record, arrivals)
    if output_format == "json":
        print_json("status", standing_document(standing))
    else:
        _print(standing)


_MARKS = {"done": "✓", "current": "▶", "to do": "·"}


def _print(standing: Standing) -> None:
    out = console()
    picture = "   ".join(f"{_MARKS[state_of(step, standing)]} {step}" for step in Step)
    out.print(f"\n  {picture}\n", markup=False)
    stage = standing.stage.value.replace("-", " ")
    out.print(f"{standing.record.site}: {stage}; {standing.why}.", markup=False)
    for name, deployment in (("enforced", standing.enforced), ("report-only", report_only(standing))):
        if deployment is not None:
            number = f"deployment {deployment.number}" if isinstance(deployment, Deployment) else "unrecorded"
            only_observes = name == "report-only" and is_observing(deployment.policy)
            what = ", which only observes" if only_observes else ""
            out.print(f"  {name}: {number}{what}, since {deployment.since_at:%Y-%m-%d %H:%M} UTC", markup=False)
    for noticed in standing.noticed[:_MAX_NOTICED]:
        out.print(f"  noticed: {noticed_line(noticed)}", markup=False)
    if (more := len(standing.noticed) - _MAX_NOTICED) > 0:
        out.print(f"  and {plural(more, 'more policy', 'more policies')} that nobody recorded", markup=False)
    if standing.alarms:
        rows = [(alarm.message, alarm.fix) for alarm in standing.alarms]
        out.print(table("Alarms", ("what is wrong with the evidence", "to do"), rows))
    if standing.causes:
        rows = [(cause.message, cause.fix) for cause in standing.causes]
        out.print(table("The likeliest causes", ("why nothing may arrive", "to type"), rows))
    for label, line in zip(("next", *("then" for _ in standing.then)), (standing.next, *standing.then), strict=True):
        out.print(f"\n{label}:", markup=False)
        out.print(f"  {visible(line)}", markup=False, soft_wrap=True)
    if standing.blanks:
        out.print("\nto fill in:", markup=False)
        for word, meaning in standing.blanks.items():
            out.print(f"  {word}: {meaning}", markup=False)
    if f" header{site_flag(standing.record.site)}" in standing.next:
        hint("\nfor the public, with --base-url: the address at which browsers reach the collector")
