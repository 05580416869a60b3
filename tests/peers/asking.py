"""Asking the peer: what csp_evaluator itself finds in policies, run by node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

Identity = tuple[str, str, str, str | None]
"""Type, severity, directive and value of a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    """What the peer makes of one text."""

    findings: tuple[Identity, ...] | None
    """Without IGNORED; None where it throws."""

    error: str | None
    """What it throws."""

    unthrown: tuple[Identity, ...]
    """What it finds, or would, were a value that is no URL one without host and path."""


def ask_csp_evaluator(policies: Iterable[str]) -> list[PeerAnswer]:
    """Its answers, in order; one process of node for all of them."""
    lines = "".join(f"{json.dumps(policy)}\n" for policy in policies)
    run = subprocess.run(
        ["node", HERE / "csp_evaluator.mjs"], input=lines, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return [_answer(json.loads(line)) for line in run.stdout.removesuffix("\n").split("\n")]


def _answer(document: dict[str, list[list[str]] | None]) -> PeerAnswer:
    findings, without, error = (document[key] for key in ("findings", "without", "error"))
    said = None if findings is None else tuple(map(_identity, findings))
    return PeerAnswer(
        findings=said,
        error=None if error is None else str(error),
        unthrown=tuple(map(_identity, without or ())) if said is None else said,
    )


def _identity(finding: list[str]) -> Identity:
    code, severity, directive, value = finding
    return code, severity, directive, value


def run_in_node(program: str, *arguments: str) -> Any:
    """What a module of JavaScript prints as JSON; it can import the installed peers, and has arguments from 1 on."""
    command = ["node", "--input-type=module", "--eval", program, *arguments]
    return json.loads(subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout)
