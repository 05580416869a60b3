"""`cspbuild decide`: a person's answers, kept with time and note, and obeyed by `suggest`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from policybuilder.cli.options import database_option, format_option, site_option
from policybuilder.cli.output import console, hint, print_json, table
from policybuilder.csp import parse_source_expression
from policybuilder.csp.directives import LIST_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.decisions import Decision, DecisionAction
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.program import site_flag, typed
from policybuilder.store.decisions import add_decision, find_group, read_decisions, undo_decision
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site, open_sites
from policybuilder.times import isoformat

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NEVER_WIDENED = frozenset({"child-src", "default-src", "fenced-frame-src"})
_CLASSES = [each.value for each in EvidenceClass if each is not EvidenceClass.SUPERSEDED]


def _answer_options(command: _Command) -> _Command:
    note = click.option("--note", default="", metavar="TEXT", help="Why, for whoever asks later.")
    return note(site_option(database_option(format_option()(command))))


@click.group()
def command() -> None:
    """Your answers about evidence: what to allow, to reject, to set aside, or to class otherwise."""


@command.command("allow")
@click.argument("expression")
@click.option("--directive", metavar="D", required=True, help="The directive to list it under.")
@_answer_options
def allow(*, expression: str, directive: str, **answer: str) -> None:
    """Admit the source EXPRESSION, even if no report names it."""
    directive = _directive(directive)
    if directive in _NEVER_WIDENED:
        raise CspbuildError(f"{directive} stands in for others; list the source under the directive of its kind")
    if parse_source_expression(expression) is None and not (expression == "'none'" and directive in LIST_DIRECTIVES):
        raise CspbuildError(
            f"{expression!r} is no source expression; write https://cdn.example, *.example.com, data: or 'unsafe-eval'"
        )
    if expression.lower() == "'unsafe-inline'" and directive.endswith(("-elem", "-attr")):
        parent = directive.rpartition("-")[0]
        raise CspbuildError(
            f"{directive} is printed as part of {parent}, where 'unsafe-inline' would let in all inline code; "
            f"say --directive {parent} if you mean that"
        )
    _decide(DecisionAction.ALLOW, expression, directive, **answer)


@command.command("reject")
@click.argument("pattern")
@click.option("--directive", metavar="D", default="", help="Only under this directive.")
@_answer_options
def reject(*, pattern: str, directive: str, **answer: str) -> None:
    """Never admit what PATTERN means: a URL, origin, host or keyword, * for anything."""
    _decide(DecisionAction.REJECT, pattern, _any_directive(directive), **answer)


@command.command("ignore")
@click.argument("pattern")
@click.option("--directive", metavar="D", default="", help="Only under this directive.")
@_answer_options
def ignore(*, pattern: str, directive: str, **answer: str) -> None:
    """Set aside what PATTERN means: neither evidence nor an open question."""
    _decide(DecisionAction.IGNORE, pattern, _any_directive(directive), **answer)


@command.command("class")
@click.argument("group")
@click.argument("evidence_class", metavar="CLASS", type=click.Choice(_CLASSES))
@_answer_options
def class_(*, group: str, evidence_class: str, note: str, site: str, database: str, output_format: str) -> None:
    """Say of what CLASS a GROUP is; its fingerprint, or the beginning of it, as  summary --format json  shows it."""
    open_for_reading(database).dispose()  # what there is to class was reported: a database that is new has none
    engine = open_sites(database, datetime.now(UTC))
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
        now=datetime.now(UTC),
    )
    _print([decided], output_format)


@command.command("list")
@click.option("--all", "undone_too", is_flag=True, help="Those that were undone, too.")
@site_option
@database_option
@format_option()
def list_(*, site: str, database: str, output_format: str, undone_too: bool) -> None:
    """The decisions that stand."""
    engine = open_for_reading(database)
    get_site(engine, site)
    with snapshot(engine) as connection:
        decisions = read_decisions(connection, site, undone_too=undone_too)
    _print(decisions, output_format)
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
    engine = open_sites(database, datetime.now(UTC))
    get_site(engine, site)
    _print([undo_decision(engine, site, number, datetime.now(UTC))], output_format)


def _decide(
    action: DecisionAction,
    subject: str,
    directive: str,
    *,
    note: str,
    site: str,
    database: str,
    output_format: str,
) -> None:
    if not subject.strip() or any(ord(character) < 32 for character in subject):
        raise CspbuildError("the pattern is empty, or has control characters in it")
    engine = open_sites(database, datetime.now(UTC))
    get_site(engine, site)
    decided = add_decision(engine, site, action, subject.strip(), directive=directive, note=note, now=datetime.now(UTC))
    _print([decided], output_format)


def _any_directive(text: str) -> str:
    return _directive(text) if text else ""


def _directive(text: str) -> str:
    name = text.strip().lower()
    if name not in SOURCE_LIST_DIRECTIVES:
        known = ", ".join(sorted(SOURCE_LIST_DIRECTIVES))
        raise CspbuildError(f"{text!r} is no directive with a source list; there are {known}")
    return name


def _print(decisions: Iterable[Decision], output_format: str) -> None:
    if output_format == "json":
        print_json("decide", {"decisions": [_document(decision) for decision in decisions]})
        return
    rows = [
        (
            str(decision.number),
            decision.action.value if decision.undone_at is None else f"{decision.action.value}, undone",
            decision.subject,
            decision.evidence_class.value if decision.evidence_class else decision.directive or "any directive",
            decision.note,
            f"{decision.decided_at:%Y-%m-%d %H:%M}",
        )
        for decision in decisions
    ]
    if rows:
        columns = ("no.", "decision", "of", "as", "note", "when")
        console().print(table("", columns, rows, numbers=["no."], whole=["decision", "when"]))


def _document(decision: Decision) -> dict[str, object]:
    return {
        "number": decision.number,
        "action": decision.action.value,
        "directive": decision.directive or None,
        "subject": decision.subject,
        "class": decision.evidence_class.value if decision.evidence_class else None,
        "note": decision.note,
        "decided_at": isoformat(decision.decided_at),
        "undone_at": isoformat(decision.undone_at) if decision.undone_at else None,
    }
