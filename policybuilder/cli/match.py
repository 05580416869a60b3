"""`cspbuild match`: would a policy block this resource?"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, Never

import click

from policybuilder.cli.batch import lines, open_lines, refuse_options_beside_batch
from policybuilder.cli.failures import gate
from policybuilder.cli.options import checked_database_option, format_option, read_policies
from policybuilder.cli.output import console, hint_at_oddities, print_json
from policybuilder.csp import Decision, Verdict, match, match_batch_item
from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.rendering.text_safety import visible

_MAX_LINE_BYTES = 4 * 1024 * 1024


@click.command()
@click.option("--policy", metavar="POLICY", help="Text, @file, or - for standard input.")
@click.option("--page", metavar="URL", help="The document's URL; 'self' is its origin.")
@click.option("--directive", metavar="D", help="The effective directive, such as script-src-elem.")
@click.option(
    "--blocked",
    metavar="B",
    help="The resource's URL, or inline, eval, wasm-eval, trusted-types-policy, trusted-types-sink.",
)
@click.option("--sample", metavar="S", help="The whole inline code, or the Trusted Types policy's name.")
@click.option("--redirected", is_flag=True, help="The URL was reached by a redirect: paths do not count.")
@click.option("--via", metavar="URL", help="The URL first requested, which redirected to the blocked one.")
@click.option("--nonce", metavar="N", help="The nonce on the element.")
@click.option("--integrity", metavar="TEXT", help="The integrity attribute of the element.")
@click.option("--inserted", is_flag=True, help="Another script put the element there, not the page's own HTML.")
@click.option(
    "--inline-type",
    metavar="TYPE",
    help="Which inline code: script, script-attribute, navigation (a javascript: URL), speculation-rules, style or "
    "style-attribute.  [default: what the directive suggests]",
)
@click.option("--hint", "resource_hint", metavar="prefetch|prerender", help="A resource hint loads the URL.")
@click.option("--batch", metavar="FILE", help="Questions as JSON lines (- for standard input), a JSON answer a line.")
@checked_database_option
@format_option()
@click.pass_context
def command(
    context: click.Context,
    *,
    policy: str | None,
    page: str | None,
    directive: str | None,
    blocked: str | None,
    sample: str | None,
    via: str | None,
    nonce: str | None,
    integrity: str | None,
    inline_type: str | None,
    resource_hint: str | None,
    batch: str | None,
    output_format: str,
    redirected: bool,
    inserted: bool,
) -> None:
    """Ask the matching engine. Exits 1 when the policy blocks.

    With --batch, each line holds policy, self, directive, blocked and, if known, sample, redirected, via, nonce,
    integrity, parser_inserted, inline_type, hint; id is echoed.
    """
    if batch is not None:
        refuse_options_beside_batch(context, _ASIDE_FROM_THE_QUESTION)
        _answer_batch(batch)
        return
    required = {"--policy": policy, "--page": page, "--directive": directive, "--blocked": blocked}
    missing = [name for name, value in required.items() if value is None]
    if policy is None or page is None or directive is None or blocked is None:
        raise click.UsageError(f"missing {', '.join(missing)} (or --batch FILE)", context)
    policies = read_policies(policy)
    try:
        decision = match(
            policies,
            page=page,
            directive=directive,
            blocked=blocked,
            sample=sample,
            nonce=nonce,
            redirected=redirected,
            integrity=integrity,
            parser_inserted=not inserted,
            inline_type=inline_type,
            hint=resource_hint,
            via=via,
        )
    except ValueError as error:
        raise CspbuildError(f"{error}; see  {typed('cspbuild')} match --help") from None
    with gate(says_no=decision.verdict is Verdict.BLOCK):
        if output_format == "json":
            print_json("match", _document(decision))
        else:
            _print(decision)
            hint_at_oddities(policies)


def _print(decision: Decision) -> None:
    matched = f" ({visible(decision.matched_by)})" if decision.matched_by else ""
    governing = visible(decision.directive or "no directive")
    console().print(f"{decision.verdict.upper()}  {governing}{matched}: {visible(decision.reason)}", markup=False)


def _document(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "directive": decision.directive,
        "matched_by": decision.matched_by,
        "reason": decision.reason,
    }


# Batches

_ASIDE_FROM_THE_QUESTION = {"batch", "output_format"}


def _answer_batch(name: str) -> None:
    """A line a question; a line that is none gets an error of its own, and the others their answers."""
    with open_lines(name, "JSON lines") as file:
        failed = _answer_lines(file)
    if failed:
        raise CspbuildError(f"{failed} of the lines are no questions; their answers say why")


def _answer_lines(file: BinaryIO) -> int:
    """Print an answer to each line that is not blank; returns how many of them are errors."""
    failed = 0
    for number, line in enumerate(lines(file, _MAX_LINE_BYTES), 1):
        if line is None or line.strip():
            answer = _answer(number, line)
            failed += "error" in answer
            click.echo(json.dumps(answer, allow_nan=False))
    return failed


def _answer(number: int, line: bytes | None) -> dict[str, object]:
    identity: dict[str, object] = {}
    try:
        item = _read_item(line)
        identity = {"id": item["id"]} if "id" in item else {}
        return match_batch_item(item)
    except (ValueError, RecursionError) as error:
        return {**identity, "error": f"line {number}: {error}"}


def _read_item(line: bytes | None) -> dict[str, object]:
    """The object on a line. Raises ValueError, or RecursionError, for what is none or could not be echoed."""
    if line is None:
        raise ValueError(f"longer than {_MAX_LINE_BYTES // 1024**2} MiB")
    item = json.loads(line, parse_constant=_refuse_constant, parse_float=_read_float)
    if not isinstance(item, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  (every bad line ends the same way)
    # What is nested almost too deep to be read can be too deep to be written.
    json.dumps(item.get("id"))
    return item


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _read_float(text: str) -> float:
    """A number; Python would read one that is too large as Infinity, and echo that."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number
