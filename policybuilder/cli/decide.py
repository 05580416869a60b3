"""`cspbuild decide`: a person's answers, kept with time and note, and obeyed by `suggest`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from policybuilder.cli.options import database_option, format_option, site_option
from policybuilder.cli.output import console, hint, print_json, table
from policybuilder.deciding import CLASSES, Answer, allowing, classing, refusing, refusing_initiator, trusting
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.documents.decisions import decisions_document
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.program import site_flag, typed
from policybuilder.store.decisions import (
    add_decision,
    find_group,
    read_decisions,
    read_standing_decisions,
    undo_decision,
)
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site, open_sites
from policybuilder.times import parse_until

_Command = TypeVar("_Command", bound=Callable[..., Any])

_CLASSES = [each.value for each in CLASSES]


def _answer_options(command: _Command) -> _Command:
    note = click.option("--note", default="", metavar="TEXT", help="Why, for whoever asks later.")
    until = click.option(
        "--until", metavar="TIME", default=None, help="Obeyed until the end of this day, UTC, or until this instant."
    )
    return until(note(site_option(database_option(format_option()(command)))))


def _loaded_by_option(metavar: str, says: str) -> Callable[[_Command], _Command]:
    return click.option("--loaded-by", metavar=metavar, default=None, help=says)


@click.group()
def command() -> None:
    """Your answers about evidence: what to allow, to reject, to set aside, or to class otherwise."""


@command.command("allow")
@click.argument("expression", required=False)
@_loaded_by_option("ORIGIN", "Trust what this origin loads, such as a tag manager: many visitors must still report it.")
@click.option(
    "--directive",
    metavar="D",
    default="",
    help="The directive to list it under; with --loaded-by, only under this one.",
)
@_answer_options
def allow(*, expression: str | None, loaded_by: str | None, directive: str, **answer: Any) -> None:
    """Admit the source EXPRESSION, even if no report names it; or, with --loaded-by, what an origin loads.

    The latter admits nothing by itself, since anybody can post a report that names the origin: what many visitors say
    that it loads is believed as if you had allowed it.
    """
    _check_one_is_given("EXPRESSION", expression, loaded_by)
    if expression is None:
        _trust_initiator(loaded_by or "", directive, **answer)
        return
    if not directive:
        raise click.UsageError("Missing option '--directive'.", click.get_current_context())
    _decide(allowing(expression, directive), **answer)


@command.command("reject")
@click.argument("pattern", required=False)
@_loaded_by_option("PATTERN", "Everything that such an origin or host loads, * for anything.")
@click.option("--directive", metavar="D", default="", help="Only under this directive.")
@_answer_options
def reject(*, pattern: str | None, loaded_by: str | None, directive: str, **answer: Any) -> None:
    """Never admit what PATTERN means: a URL, origin, host or keyword, * for anything."""
    _refuse(DecisionAction.REJECT, pattern, loaded_by, directive, **answer)


@command.command("ignore")
@click.argument("pattern", required=False)
@_loaded_by_option("PATTERN", "Everything that such an origin or host loads, * for anything.")
@click.option("--directive", metavar="D", default="", help="Only under this directive.")
@_answer_options
def ignore(*, pattern: str | None, loaded_by: str | None, directive: str, **answer: Any) -> None:
    """Set aside what PATTERN means: neither evidence nor an open question."""
    _refuse(DecisionAction.IGNORE, pattern, loaded_by, directive, **answer)


@command.command("class")
@click.argument("group")
@click.argument("evidence_class", metavar="CLASS", type=click.Choice(_CLASSES))
@_answer_options
def class_(
    *, group: str, evidence_class: str, note: str, until: str | None, site: str, database: str, output_format: str
) -> None:
    """Say of what CLASS a GROUP is; its fingerprint, or the beginning of it, as  summary --format json  shows it."""
    _end(until, datetime.now(UTC))
    open_for_reading(database).dispose()  # what there is to class was reported: a database that is new has none
    engine = open_sites(database, datetime.now(UTC))
    get_site(engine, site)
    with snapshot(engine) as connection:
        fingerprint = find_group(connection, site, group)
    engine.dispose()
    _decide(
        classing(fingerprint, EvidenceClass(evidence_class)),
        note=note,
        until=until,
        site=site,
        database=database,
        output_format=output_format,
    )


@command.command("list")
@click.option("--all", "undone_too", is_flag=True, help="Those that were undone, too.")
@site_option
@database_option
@format_option()
def list_(*, site: str, database: str, output_format: str, undone_too: bool) -> None:
    """The decisions that stand, and those that have expired."""
    engine = open_for_reading(database)
    get_site(engine, site)
    with snapshot(engine) as connection:
        decisions = read_decisions(connection, site, undone_too=undone_too)
    _print(decisions, output_format, datetime.now(UTC))
    if not decisions and output_format == "text":
        hint(f"nothing is decided yet: see  {typed('cspbuild')} suggest{site_flag(site)}  for what waits for you")


@command.command("undo")
@click.argument("number", type=int)
@site_option
@database_option
@format_option()
def undo(*, number: int, site: str, database: str, output_format: str) -> None:
    """Take back decision NUMBER; it stays in  decide list --all."""
    open_for_reading(database).dispose()
    now = datetime.now(UTC)
    engine = open_sites(database, now)
    get_site(engine, site)
    _print([undo_decision(engine, site, number, now)], output_format, now)


def _refuse(action: DecisionAction, pattern: str | None, loaded_by: str | None, directive: str, **answer: Any) -> None:
    """A rejection or a dismissal, of what a pattern means or of all that an initiator loads."""
    _check_one_is_given("PATTERN", pattern, loaded_by)
    if pattern is None:
        _decide(refusing_initiator(action, loaded_by or "", directive), **answer)
    else:
        _decide(refusing(action, pattern, directive), **answer)


def _trust_initiator(origin: str, directive: str, *, site: str, database: str, **answer: Any) -> None:
    now = datetime.now(UTC)
    engine = open_sites(database, now)
    get_site(engine, site)
    with snapshot(engine) as connection:
        trusted = trusting(origin, directive, read_standing_decisions(connection, site, now), site)
    engine.dispose()
    _decide(trusted, site=site, database=database, **answer)
    hint(f"what many visitors say {trusted.loaded_by} loads is believed now; what few say stays held")


def _decide(answer: Answer, *, note: str, until: str | None, site: str, database: str, output_format: str) -> None:
    now = datetime.now(UTC)
    end = _end(until, now)
    engine = open_sites(database, now)
    get_site(engine, site)
    _print([add_decision(engine, site, answer, note=note, until=end, now=now)], output_format, now)


def _check_one_is_given(name: str, subject: str | None, loaded_by: str | None) -> None:
    """Raises UsageError unless it is exactly one."""
    if (subject is None) is (loaded_by is None):
        both = "" if subject is None else ", not both"
        raise click.UsageError(f"give {name} or --loaded-by{both}", click.get_current_context())


def _end(until: str | None, now: datetime) -> datetime | None:
    """When a decision ends, if it does. Raises CspbuildError for what is no time, or is over."""
    try:
        return None if until is None else parse_until(until, now)
    except ValueError as error:
        raise CspbuildError(f"--until {error}") from None


def _print(decisions: Iterable[Decision], output_format: str, now: datetime) -> None:
    if output_format == "json":
        print_json("decide", decisions_document(decisions, now))
        return
    shown = list(decisions)
    ends = any(decision.until for decision in shown)
    rows = [
        (
            str(decision.number),
            ", ".join((decision.action.value, *_over(decision, now))),
            f"loaded by {decision.loaded_by}" if decision.loaded_by else decision.subject,
            decision.evidence_class.value if decision.evidence_class else decision.directive or "any directive",
            decision.note,
            f"{decision.decided_at:%Y-%m-%d %H:%M}",
            *((f"{decision.until:%Y-%m-%d %H:%M}" if decision.until else "",) if ends else ()),
        )
        for decision in shown
    ]
    if rows:
        columns = ("no.", "decision", "of", "as", "note", "when", *(("until",) if ends else ()))
        console().print(table("", columns, rows, numbers=["no."], whole=["decision", "when", "until"]))


def _over(decision: Decision, now: datetime) -> Iterator[str]:
    if decision.undone_at is not None:
        yield "undone"
    elif decision.is_expired(now):
        yield "expired"
