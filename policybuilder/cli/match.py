"""`cspbuild match`: would a policy block this resource?"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from policybuilder.cli.failures import GateError
from policybuilder.cli.options import checked_database_option, format_option, read_policies
from policybuilder.cli.output import console, print_json
from policybuilder.csp import Decision, Verdict, match, match_batch_item
from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.rendering.text_safety import visible

_MAX_LINE_BYTES = 4 * 1024 * 1024


@click.command()
@click.option("--policy", metavar="POLICY", help="Text, @file, or - for standard input.")
@click.option("--page", metavar="URL", help="The document's URL; 'self' is its origin.")
@click.option("--directive", metavar="D", help="The effective directive, such as script-src-elem.")
@click.option("--blocked", metavar="B", help="The resource's URL, or inline, eval, wasm-eval, …")
@click.option("--sample", metavar="S", help="The whole inline code, or the Trusted Types policy's name.")
@click.option("--redirected", is_flag=True, help="The URL was reached by a redirect: paths do not count.")
@click.option("--nonce", metavar="N", help="The nonce on the element.")
@click.option("--batch", metavar="FILE", help="Questions as JSON lines (- for standard input), an answer a line.")
@checked_database_option
@format_option()
def command(
    *,
    policy: str | None,
    page: str | None,
    directive: str | None,
    blocked: str | None,
    sample: str | None,
    nonce: str | None,
    batch: str | None,
    output_format: str,
    redirected: bool,
) -> None:
    """Ask the matching engine. Exits 1 when the policy blocks.

    With --batch, each line holds policy, self, directive, blocked and, if known, sample, redirected, via, nonce,
    integrity, parser_inserted, inline_type, hint; id is echoed.
    """
    if batch is not None:
        _answer_batch(batch)
        return
    required = {"--policy": policy, "--page": page, "--directive": directive, "--blocked": blocked}
    missing = [name for name, value in required.items() if value is None]
    if policy is None or page is None or directive is None or blocked is None:
        raise click.UsageError(f"missing {', '.join(missing)} (or --batch FILE)", click.get_current_context())
    try:
        decision = match(
            read_policies(policy),
            page=page,
            directive=directive,
            blocked=blocked,
            sample=sample,
            nonce=nonce,
            redirected=redirected,
        )
    except ValueError as error:
        raise CspbuildError(f"{error}; see  {typed('cspbuild')} match --help") from None
    if output_format == "json":
        print_json("match", _document(decision))
    else:
        matched = f" ({visible(decision.matched_by)})" if decision.matched_by else ""
        governing = visible(decision.directive or "no directive")
        console().print(f"{decision.verdict.upper()}  {governing}{matched}: {visible(decision.reason)}", markup=False)
    if decision.verdict is Verdict.BLOCK:
        raise GateError


def _document(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "directive": decision.directive,
        "matched_by": decision.matched_by,
        "reason": decision.reason,
    }


def _answer_batch(name: str) -> None:
    """A line a question; a line that is none gets an error of its own, and the others their answers."""
    with _open_questions(name) as lines:
        failed = _answer_lines(lines)
    if failed:
        raise CspbuildError(f"{failed} of the lines are no questions; their answers say why")


def _open_questions(name: str) -> AbstractContextManager[BinaryIO]:
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        file = Path(name.removeprefix("@")).open("rb")  # noqa: SIM115  (the caller closes it)
    except OSError as error:
        raise CspbuildError(f"cannot read {name}: {error.strerror}; give a file of JSON lines, or -") from None
    return file


def _answer_lines(lines: BinaryIO) -> int:
    failed = 0
    number = 0
    while line := lines.readline(_MAX_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            if not isinstance(item, dict):
                raise ValueError("not a JSON object")  # noqa: TRY004, TRY301  (every bad line ends the same way)
            answer = match_batch_item(item)
        except (ValueError, RecursionError) as error:
            failed += 1
            answer = {"error": f"line {number}: {error}"}
        click.echo(json.dumps(answer))
    return failed
