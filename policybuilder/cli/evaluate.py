"""`cspbuild evaluate`: what is weak in a policy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import click
from click.core import ParameterSource

from policybuilder.cli.batch import lines, open_lines, refuse_options_beside_batch
from policybuilder.cli.evaluate_text import print_evaluation
from policybuilder.cli.failures import gate
from policybuilder.cli.options import (
    MAX_POLICY_BYTES,
    format_option,
    read_text_argument,
    read_window,
    site_option,
    window_options,
)
from policybuilder.cli.output import print_json
from policybuilder.cli.peer_evaluation import PEER, evaluate_as_peer
from policybuilder.csp import Delivery
from policybuilder.csp.violation import Disposition
from policybuilder.documents.evaluation import Evaluated, evaluation_document, evaluation_markdown, evaluation_sarif
from policybuilder.errors import CspbuildError
from policybuilder.evaluation.baseline import compare, read_baseline
from policybuilder.evaluation.evaluating import Circumstances, evaluate_in
from policybuilder.evaluation.weakness import Severity
from policybuilder.rendering.sarif import SarifArtifact

_MAX_BASELINE_BYTES = 64 * 1024 * 1024
_LEVELS = [severity.value for severity in Severity]


@click.command()
@click.argument("policy", metavar="[POLICY]", required=False)
@click.option("--batch", metavar="FILE", help="Policies, one a line (- for standard input); a JSON answer a line.")
@click.option("--fail-on", metavar="|".join(_LEVELS), type=click.Choice(_LEVELS), help="Exit 1 from this severity on.")
@click.option("--baseline", metavar="FILE", help="An earlier output, JSON or SARIF: only what is new fails.")
@click.option("--compat", metavar=PEER, type=click.Choice([PEER]), help="Judge as that tool does, but for its defects.")
@click.option(
    "--delivery",
    type=click.Choice([each.value for each in Delivery]),
    default=Delivery.HEADER.value,
    show_default=True,
    help="How the policy is sent: browsers ignore some of it in <meta>.",
)
@click.option("--report-only", is_flag=True, help="The policy is sent report-only.")
@click.option("--first-party", metavar="HOST", multiple=True, help="A host of the site's own; repeatable.")
@click.option("--reporting-endpoints", metavar="TEXT", help="The header of that name in the same response.")
@click.option("--database", metavar="URL", help="Say what each fix would have broken in the evidence that is there.")
@site_option
@window_options
@format_option(("text", "json", "sarif", "markdown"))
@click.pass_context
def command(
    context: click.Context,
    *,
    policy: str | None,
    batch: str | None,
    fail_on: str | None,
    baseline: str | None,
    compat: str | None,
    delivery: str,
    first_party: tuple[str, ...],
    reporting_endpoints: str | None,
    database: str | None,
    site: str,
    since: str | None,
    as_of: str | None,
    output_format: str,
    report_only: bool,
) -> None:
    """What is weak in POLICY (text, @file, or -), how surely, and what would be better.

    Of several policies, with commas between, only what all of them leave open is weak. Exits 1 when --fail-on says so.
    """
    known = Circumstances(
        Delivery(delivery),
        Disposition.REPORT if report_only else Disposition.ENFORCE,
        tuple(map(str.lower, first_party)),
        reporting_endpoints,
    )
    level = None if fail_on is None else Severity(fail_on)
    if batch is not None:
        refuse_options_beside_batch(context, _WITH_BATCH)
        _answer_batch(batch, known, compat, level)
        return
    if policy is None:
        raise click.UsageError("missing POLICY (or --batch FILE)", context)
    if compat is not None:
        _refuse(context, _NOT_WITH_COMPAT, f"does not go with --compat {PEER}")
        if output_format not in {"text", "json"}:
            raise click.UsageError(f"--compat {PEER} is printed as text or json", context)
        _print_as_peer(read_text_argument(policy), output_format, level)
        return
    if database is None:
        _refuse(context, _FOR_EVIDENCE, "says which evidence is read, and needs --database")
    old = None if baseline is None else _read_baseline(baseline)
    text = read_text_argument(policy)
    if database is None:
        findings = [Evaluated(weakness=weakness) for weakness in evaluate_in(known, text)]
    else:
        from policybuilder.cli.evaluate_evidence import evaluate_with_evidence  # noqa: PLC0415  (needs the store)

        findings = evaluate_with_evidence(text, known, database, site, read_window(since, as_of))
    resolved = None
    if old is not None:
        comparison = compare([finding.weakness for finding in findings], old)
        resolved = comparison.resolved
        findings = [replace(each, is_new=new) for each, new in zip(findings, comparison.is_new, strict=True)]
    with gate(says_no=_reaches(findings, level)):
        _print(policy, text, findings, resolved, output_format)


# What goes with what

_WITH_BATCH = {"batch", "fail_on", "compat", "delivery", "report_only", "first_party", "reporting_endpoints"}
_NOT_WITH_COMPAT = {"baseline", "delivery", "report_only", "first_party", "reporting_endpoints", "database"}
_FOR_EVIDENCE = {"site", "since", "as_of"}


def _refuse(context: click.Context, names: Iterable[str], why: str) -> None:
    """Raises click.UsageError where one of the options is typed."""
    for parameter in context.command.params:
        is_typed = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if parameter.name in names and is_typed:
            raise click.UsageError(f"{parameter.opts[0]} {why}", context)


def _reaches(findings: Sequence[Evaluated], level: Severity | None) -> bool:
    """Whether something new is as bad as the level that fails."""
    if level is None:
        return False
    failing = _LEVELS[: _LEVELS.index(level) + 1]
    return any(each.weakness.severity in failing and each.is_new is not False for each in findings)


def _read_baseline(name: str) -> tuple[str, ...]:
    """Raises CspbuildError for a file that cannot be read, or holds no earlier output."""
    try:
        with Path(name).open("rb") as file:
            raw = file.read(_MAX_BASELINE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CspbuildError(
            f"cannot read {name}: {reason}; make it with  cspbuild evaluate --format json > FILE"
        ) from None
    if len(raw) > _MAX_BASELINE_BYTES:
        raise CspbuildError(f"{name} holds more than 64 MiB: that is no baseline")
    try:
        return read_baseline(raw.decode("utf-8-sig"))
    except ValueError as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        raise CspbuildError(
            f"{name} is no baseline: {reason}; make one with  cspbuild evaluate --format json > FILE"
        ) from None


# Printing


def _print(argument: str, text: str, findings: Sequence[Evaluated], resolved: int | None, output_format: str) -> None:
    match output_format:
        case "json":
            print_json("evaluate", evaluation_document(findings, resolved=resolved))
        case "sarif":
            log = evaluation_sarif(findings, _artifact(argument, text), version("cspbuild"))
            click.echo(json.dumps(log, indent=2))
        case "markdown":
            click.echo(evaluation_markdown(text, findings, resolved=resolved), nl=False)
        case _:
            print_evaluation(text, findings, resolved=resolved)


def _artifact(argument: str, text: str) -> SarifArtifact:
    """What the positions are in: the file, where one was given."""
    path = Path(argument[1:])
    # A pipe has nothing more to read.
    if not argument.startswith("@") or not path.is_file():
        return SarifArtifact(text=text)
    # As an editor shows it: the mark at its beginning is no character, and line feeds before the policy count.
    content = path.read_bytes().decode("utf-8-sig")
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")
    return SarifArtifact(uri=uri, text=content, offset=content.find(text))


def _print_as_peer(text: str, output_format: str, level: Severity | None) -> None:
    evaluation = evaluate_as_peer(text)
    with gate(says_no=evaluation.reaches(level)):
        if output_format == "json":
            print_json("evaluate", evaluation.document)
        else:
            evaluation.print()


# Batches


def _answer_batch(name: str, known: Circumstances, compat: str | None, level: Severity | None) -> None:
    """An answer to each line, blank ones too; what is wrong with a line is a finding."""
    says_no = False
    with open_lines(name, "policies, one a line") as file:
        for number, line in enumerate(lines(file, MAX_POLICY_BYTES)):
            # A longer line is longer than any policy that is looked at, whatever it holds.
            raw = b" " * MAX_POLICY_BYTES if line is None else line
            # What is not UTF-8 is beyond ASCII in any case.
            text = raw.rstrip(b"\r\n").decode("utf-8" if number else "utf-8-sig", "replace")
            if compat is not None:
                evaluation = evaluate_as_peer(text)
                document, reached = evaluation.document, evaluation.reaches(level)
            else:
                findings = [Evaluated(weakness=weakness) for weakness in evaluate_in(known, text)]
                document, reached = evaluation_document(findings), _reaches(findings, level)
            says_no |= reached
            click.echo(json.dumps({"schema": "evaluate/1", **document}))
    with gate(says_no=says_no):
        pass
