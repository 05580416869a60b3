"""`cspbuild decide`: a person's answers, kept with time and note, and obeyed by `suggest`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from policybuilder.cli.options import database_option, format_option, site_option
from policybuilder.cli.output import console, hint, print_json, table
from policybuilder.csp import NONCE_PLACEHOLDER, NonceSource, parse_source_expression
from policybuilder.csp.directives import LIST_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.decisions import Decision, DecisionAction, rejecting_initiator
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.initiators import parse_initiator, parse_initiator_pattern
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
from policybuilder.times import isoformat, parse_until

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NEVER_WIDENED = frozenset({"child-src", "default-src", "fenced-frame-src"})
_CLASSES = [each.value for each in EvidenceClass if each is not EvidenceClass.SUPERSEDED]


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
        _trust_initiator(parse_initiator(loaded_by or ""), _any_directive(directive), **answer)
        return
    if not directive:
        raise click.UsageError("Missing option '--directive'.", click.get_current_context())
    directive = _directive(directive)
    if directive in _NEVER_WIDENED:
        raise CspbuildError(f"{directive} stands in for others; list the source under the directive of its kind")
    source = parse_source_expression(expression)
    if source is None and not (expression == "'none'" and directive in LIST_DIRECTIVES):
        raise CspbuildError(
            f"{expression!r} is no source expression; write https://cdn.example, *.example.com, data: or 'unsafe-eval'"
        )
    if isinstance(source, NonceSource) and source.value != NONCE_PLACEHOLDER:
        raise CspbuildError(
            f"a fixed nonce protects nothing: whoever injects code reads it in any page; write "
            f"'nonce-{NONCE_PLACEHOLDER}' for one that is made for each response"
        )
    if expression.lower() == "'unsafe-inline'" and directive.endswith(("-elem", "-attr")):
        parent = directive.rpartition("-")[0]
        raise CspbuildError(
            f"{directive} is printed as part of {parent}, where 'unsafe-inline' would let in all inline code; "
            f"say --directive {parent} if you mean that"
        )
    _decide(DecisionAction.ALLOW, expression, directive, **answer)


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
    now = datetime.now(UTC)
    end = _end(until, now)
    open_for_reading(database).dispose()  # what there is to class was reported: a database that is new has none
    engine = open_sites(database, now)
    get_site(engine, site)
    with snapshot(engine) as connection:
        fingerprint = find_group(connection, site, group)
    decided = add_decision(
        engine,
        site,
        DecisionAction.CLASS,
        fingerprint,
        evidence_class=EvidenceClass(evidence_class),
        note=note,
        until=end,
        now=now,
    )
    _print([decided], output_format, now)


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
    directive = _any_directive(directive)
    if pattern is None:
        _decide(action, "", directive, loaded_by=parse_initiator_pattern(loaded_by or ""), **answer)
    else:
        _decide(action, pattern, directive, **answer)


def _trust_initiator(origin: str, directive: str, *, site: str, database: str, **answer: Any) -> None:
    """Raises CspbuildError where a rejection or dismissal stands against it, which would make it mean nothing."""
    if directive in _NEVER_WIDENED:
        raise CspbuildError(f"{directive} stands in for others; leave --directive out, or name the one of its kind")
    now = datetime.now(UTC)
    engine = open_sites(database, now)
    get_site(engine, site)
    with snapshot(engine) as connection:
        against = rejecting_initiator(read_standing_decisions(connection, site, now), origin, directive)
    if against is not None:
        raise CspbuildError(
            f"decision {against.number} is to {against.action} what {against.loaded_by} loads; take it back first:  "
            f"{typed('cspbuild')} decide undo {against.number}{site_flag(site)}"
        )
    _decide(DecisionAction.ALLOW, "", directive, loaded_by=origin, site=site, database=database, **answer)
    hint(f"what many visitors say {origin} loads is believed now; what few say stays held")


def _decide(
    action: DecisionAction,
    subject: str,
    directive: str,
    *,
    loaded_by: str = "",
    note: str,
    until: str | None,
    site: str,
    database: str,
    output_format: str,
) -> None:
    now = datetime.now(UTC)
    end = _end(until, now)
    engine = open_sites(database, now)
    get_site(engine, site)
    decided = add_decision(
        engine,
        site,
        action,
        subject if loaded_by else _text(subject),
        directive=directive,
        loaded_by=loaded_by,
        note=note,
        until=end,
        now=now,
    )
    _print([decided], output_format, now)


def _check_one_is_given(name: str, subject: str | None, loaded_by: str | None) -> None:
    """Raises UsageError unless it is exactly one."""
    if (subject is None) is (loaded_by is None):
        both = "" if subject is None else ", not both"
        raise click.UsageError(f"give {name} or --loaded-by{both}", click.get_current_context())


def _text(pattern: str) -> str:
    """Raises CspbuildError for what means nothing, or cannot be shown."""
    if not pattern.strip() or any(ord(character) < 32 for character in pattern):
        raise CspbuildError("the pattern is empty, or has control characters in it")
    return pattern.strip()


def _end(until: str | None, now: datetime) -> datetime | None:
    """When a decision ends, if it does. Raises CspbuildError for what is no time, or is over."""
    try:
        return None if until is None else parse_until(until, now)
    except ValueError as error:
        raise CspbuildError(f"--until {error}") from None


def _any_directive(text: str) -> str:
    return _directive(text) if text else ""


def _directive(text: str) -> str:
    name = text.strip().lower()
    if name not in SOURCE_LIST_DIRECTIVES:
        known = ", ".join(sorted(SOURCE_LIST_DIRECTIVES))
        raise CspbuildError(f"{text!r} is no directive with a source list; there are {known}")
    return name


def _print(decisions: Iterable[Decision], output_format: str, now: datetime) -> None:
    if output_format == "json":
        print_json("decide", {"decisions": [_document(decision, now) for decision in decisions]})
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


def _document(decision: Decision, now: datetime) -> dict[str, object]:
    return {
        "number": decision.number,
        "action": decision.action.value,
        "directive": decision.directive or None,
        "subject": decision.subject or None,
        "loaded_by": decision.loaded_by or None,
        "class": decision.evidence_class.value if decision.evidence_class else None,
        "note": decision.note,
        "decided_at": isoformat(decision.decided_at),
        "undone_at": isoformat(decision.undone_at) if decision.undone_at else None,
        "until": isoformat(decision.until) if decision.until else None,
        "expired": decision.is_expired(now),
    }
