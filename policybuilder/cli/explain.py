"""`cspbuild explain`: why one report came, what would allow what it names, and whether that should be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, hint, plural, print_json, shorten, table
from policybuilder.csp import NONCE_PLACEHOLDER, Verdict
from policybuilder.csp.examination import SPECIFICATION, Examined
from policybuilder.documents.explanation import explanations_document
from policybuilder.errors import CspbuildError
from policybuilder.explaining import MAX_REPORTS, NOTHING_KNOWN, Explanation, SiteKnowledge, explain
from policybuilder.program import typed
from policybuilder.rendering.text_safety import visible
from policybuilder.reports.records import Record, RecordError, read_record
from policybuilder.reports.rules import load_rules

_MAX_BYTES = 1024 * 1024
"""A collector takes no more, either."""

_MAX_SHOWN_SOURCES = 40
_MAX_SHOWN_EFFECTS = 8
_MAX_SHOWN_CHARACTERS = 400


@click.command()
@click.argument("report", metavar="REPORT")
@click.option(
    "--user-agent", default="", metavar="TEXT", help="Of the browser that sent it, where the report is silent."
)
@click.option(
    "--rules",
    "rules_file",
    metavar="FILE",
    envvar="CSP_RULES",
    type=click.Path(path_type=Path),
    help="Rules tried before the built-in ones.",
)
@click.option(
    "--database", metavar="URL", help="Ask what is known of the site, too: its hosts, decisions, deployments."
)
@click.option("--site", metavar="NAME", help="The site it was sent to; with --database.  [default: default]")
@format_option()
def command(
    *,
    report: str,
    user_agent: str,
    rules_file: Path | None,
    database: str | None,
    site: str | None,
    output_format: str,
) -> None:
    """Explain one REPORT: a body as a browser posts it, as text, @FILE, or - for standard input.

    Both formats of browsers, batches of them, and a recorded post as  csp-collector import  reads it. No database is
    opened without --database.
    """
    if site is not None and database is None:
        raise CspbuildError("--site names a site of a database; pass --database URL, too")
    record = _read(report)
    known = NOTHING_KNOWN if database is None else _known(database, site or "default")
    explanations = explain(
        record.body,
        user_agent=user_agent or record.user_agent,
        received_at=record.received_at,
        site=known,
        rules=load_rules(rules_file),
    )
    left_out = _reports_in(record.body) - len(explanations)
    if output_format == "json":
        print_json("explain", explanations_document(explanations, left_out))
        return
    for number, explanation in enumerate(explanations, 1):
        _print(explanation, f"report {number} of {len(explanations)}: " if len(explanations) > 1 else "")
    if left_out > 0:
        hint(f"{plural(left_out, 'report')} more in it; only the first {MAX_REPORTS} are explained")


# Reading


def _read(text: str) -> Record:
    """The body that the argument means. Raises CspbuildError for what nobody can read."""
    raw = _bytes_of(text)
    try:
        record = read_record(raw)
    except RecordError:
        raise CspbuildError(
            "that is the record of a post whose body is neither text nor JSON objects; nothing of a report is in it"
        ) from None
    if record is None:
        raise CspbuildError(
            "that is the record of a preflight (OPTIONS), which holds no report; give the POST after it"
        )
    if record.body == raw:
        _require_json(raw, text)
    return record


def _bytes_of(text: str) -> bytes:
    try:
        if text == "-":
            raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        else:
            raw = text.encode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CspbuildError(
            f"cannot read {visible(text[1:]) or 'the report'}: {why}; give it as text, @FILE, or - for standard input"
        ) from None
    if len(raw) > _MAX_BYTES:
        raise CspbuildError("that is more than 1 MiB, and no browser sends so much at once; give one report of it")
    return raw


def _require_json(raw: bytes, text: str) -> None:
    """Raise CspbuildError for what is no JSON at all: then it is no report that could be explained."""
    try:
        json.loads(raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        if not raw.strip():
            problem = "there is nothing to explain"
        elif isinstance(error, json.JSONDecodeError):
            problem = f"that is no JSON (line {error.lineno}, column {error.colno})"
            if error.msg == "Extra data":
                problem = f"that is more than one report, which  {typed('csp-collector')} import  would count"
        else:
            problem = "that is nested deeper than any report"
        is_file = len(text) < _MAX_SHOWN_CHARACTERS and "\0" not in text and text != "-" and Path(text).is_file()
        meant = f"did you mean @{visible(text)}?" if is_file else "give one report's body as text, @FILE, or -"
        raise CspbuildError(f"{problem}; {meant}") from None


def _reports_in(body: bytes) -> int:
    """How many reports a body holds, whatever they are worth."""
    try:
        value = json.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return 1
    return max(1, len(value)) if isinstance(value, list) else 1


def _known(database: str, name: str) -> SiteKnowledge:
    """What the database knows of a site. Raises CspbuildError for an unknown one, or no database."""
    # Only those who ask for a database wait for its driver.
    from policybuilder.store.decisions import read_standing_decisions  # noqa: PLC0415
    from policybuilder.store.deployments import read_deployments  # noqa: PLC0415
    from policybuilder.store.engine import open_for_reading  # noqa: PLC0415
    from policybuilder.store.reading import read_groups, snapshot  # noqa: PLC0415
    from policybuilder.store.sites import get_site  # noqa: PLC0415
    from policybuilder.times import Window  # noqa: PLC0415

    engine = open_for_reading(database)
    site = get_site(engine, name)
    now = datetime.now(UTC)
    with snapshot(engine) as connection:
        known = SiteKnowledge(
            # Pages on a host that stands for another are the site's, too.
            hosts=(*site.hosts, *(alias.alias for alias in site.aliases)) if site.hosts else (),
            decisions=read_standing_decisions(connection, name, now),
            deployments=read_deployments(connection, name),
            groups=read_groups(connection, name, Window(None, now)),
        )
    engine.dispose()
    return known


# Text


def _print(explanation: Explanation, which: str) -> None:
    out = console()
    out.print(f"{which}{explanation.cause.value}: {_shown(explanation.why)}", markup=False, style="bold")
    facts = list(_facts(explanation))
    if facts:
        out.print(table("", ("", ""), facts, whole=[""]))
    step = explanation.step
    if step is not None and explanation.violation is not None:
        out.print(_governing(explanation), markup=False)
        if step.sources:
            out.print(_sources_table(step.sources))
    for line in _change_lines(explanation):
        out.print(line, markup=False)
    advice = explanation.advice
    joint = ", " if advice.why.startswith("if ") else ": "
    out.print(f"Allow it? {_ANSWERS[advice.allow.value]}{joint}{_shown(advice.why)}.", markup=False, style="bold")
    for warning in advice.warnings:
        out.print(f"  beware: {_shown(warning)}", markup=False)
    out.print()


_ANSWERS = {"yes": "Yes", "no": "No", "decide": "You decide"}


def _shown(text: str) -> str:
    return visible(shorten(text, _MAX_SHOWN_CHARACTERS))


def _facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    violation = explanation.violation
    if violation is None:
        yield "rule", explanation.rule
        return
    yield "page", shorten(violation.document_uri, _MAX_SHOWN_CHARACTERS)
    blocked = violation.blocked_uri or "(empty)"
    yield "blocked", shorten(blocked, _MAX_SHOWN_CHARACTERS)
    if violation.sample:
        yield "code", f"{shorten(violation.sample, 120)}  ({_EXTENTS[violation.sample_extent.value]})"
    if violation.source_file:
        place = f":{violation.line_number}" if violation.line_number else ""
        yield "asked for by", shorten(violation.source_file, _MAX_SHOWN_CHARACTERS) + place
    yield "disposition", _DISPOSITIONS[violation.disposition.value]
    if explanation.evidence_class is not None:
        reason = f": {explanation.rule_reason}" if explanation.rule_reason else ""
        yield "class", f"{explanation.evidence_class.value}, by rule {explanation.rule}{reason}"
    for sign in explanation.signs:
        yield "odd", sign.text
    if explanation.decision:
        yield "decided", explanation.decision
    if (group := explanation.group) is not None:
        seen = f"{plural(group.reports, 'report')}, last {group.last_seen_at:%Y-%m-%d %H:%M} UTC"
        yield "recorded", f"{seen}, group {group.fingerprint[:8]}"


_EXTENTS = {
    "whole": "all of it",
    "trimmed": "all of it, but for white space around it",
    "prefix": "its beginning",
    "none": "",
}
_DISPOSITIONS = {
    "enforce": "enforced: it was blocked",
    "report": "report-only: it was not blocked",
    "unknown": "the report does not say whether it was blocked",
}


def _governing(explanation: Explanation) -> str:
    step, violation = explanation.step, explanation.violation
    if step is None or violation is None:
        return ""
    chain = " → ".join(step.fallbacks)
    if step.policy is None:
        return f"The report does not say its policy; {chain} would be looked for, in this order.\n"
    if step.directive is None:
        return f"Its policy has no {' and no '.join(step.fallbacks)}: nothing governs.\n"
    if step.decision is None:
        return ""
    looked = f" (looked for: {chain})" if len(step.fallbacks) > 1 else ""
    verdict = {"allow": "allows it", "block": "blocks it", "unknown": "cannot be judged"}[step.decision.verdict.value]
    return f"{visible(step.directive)} governs{looked}, and {verdict}: {_shown(step.decision.reason)}."


def _sources_table(sources: Sequence[Examined]) -> Any:
    shown = sources[:_MAX_SHOWN_SOURCES]
    rows = [
        (
            shorten(each.source, 80),
            _VERDICTS[each.verdict],
            shorten(each.why, _MAX_SHOWN_CHARACTERS),
            each.specification.removeprefix(SPECIFICATION).removeprefix("https://w3c.github.io/"),
        )
        for each in shown
    ]
    if len(sources) > len(shown):
        rows.append((f"and {len(sources) - len(shown):,} more", "", "all with  --format json", ""))
    return table("", ("source", "admits", "because", f"see {SPECIFICATION}"), rows, whole=["admits"])


_VERDICTS = {Verdict.ALLOW: "yes", Verdict.BLOCK: "no", Verdict.UNKNOWN: "?"}


def _change_lines(explanation: Explanation) -> Iterator[str]:
    change, step = explanation.change, explanation.step
    if change is None:
        return
    if change.sources:
        sources = visible(" ".join(change.sources))
        is_new = step is not None and step.policy is not None and step.policy.directive(change.directive) is None
        governing = (step.directive if step is not None else None) or ""
        where = f"a new {change.directive}, which begins as a copy of {governing}" if is_new else change.directive
        yield f"What would allow it: add {sources} to {where}."
        directive = change.policy.directive(change.directive) if change.policy is not None else None
        if directive is not None:
            yield f"  {_shown(str(directive))}"
    elif change.nonce is not None:
        yield "What would allow it: no change of the policy."
    elif step is None or step.decision is None or step.decision.verdict is not Verdict.ALLOW:
        yield "No source expression would allow it."
    if change.todo:
        ready = change.todo.replace(NONCE_PLACEHOLDER, "…")
        yield f"  to do: {_shown(ready)}"
    yield from _effect_lines(explanation)


def _effect_lines(explanation: Explanation) -> Iterator[str]:
    if explanation.difference is None:
        return
    effects = list(dict.fromkeys(f"{each.directive}: {each.effect}" for each in explanation.difference.changes))
    for effect in effects[:_MAX_SHOWN_EFFECTS]:
        yield f"  {_shown(effect)}"
    if len(effects) > _MAX_SHOWN_EFFECTS:
        yield f"  and {len(effects) - _MAX_SHOWN_EFFECTS} more effects, all with  --format json"
