"""Asking the oracle: every case is visited, and the answer is what the browser did where two signals agree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.oracle.cases import Case, Proof
from tests.oracle.server import Web

PAGE_SCRIPT = Path(__file__).with_name("page.js")
_BATCH = 40


@dataclass(frozen=True, slots=True)
class Observation:
    """What the browser did with a case."""

    case: Case
    verdict: str
    """`allow` or `block`."""

    browser: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case whose signals do not agree."""

    case: Case
    why: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that came of a run."""

    observations: list[Observation] = field(default_factory=list)
    unclear: list[LeftOut] = field(default_factory=list)


class Tab(Protocol):
    """A top-level page of a browser."""

    def goto(self, url: str) -> object: ...

    def evaluate(self, expression: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Oracle:
    """A browser ready to be asked; for it, every host is `web`."""

    open_tab: Callable[[], AbstractContextManager[Tab]]
    web: Web
    version: str

    def ask(self, cases: Iterable[Case]) -> Observed:
        """What the browser does with each of `cases`."""
        observed = Observed()
        groups: dict[str, list[Case]] = {}
        for case in cases:
            groups.setdefault(case.harness or f"{case.page.partition(':')[0]}://harness.test", []).append(case)
        for harness, group in groups.items():
            for batch in _batched(group):
                for case, said in self._visit(harness, batch):
                    verdict, why = self._judge(case, said)
                    if verdict is None:
                        observed.unclear.append(LeftOut(case, why))
                    else:
                        observed.observations.append(Observation(case, verdict, self.version))
        return observed

    def _visit(self, harness: str, cases: list[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        self.web.cases = {case.id: case for case in cases}
        with self.open_tab() as tab:
            tab.goto(f"{harness}/harness")
            tab.evaluate(f"visit({json.dumps([[case.id, case.url, case.proof is Proof.FRAMED] for case in cases])})")
            are_done = f"areDone({json.dumps([case.id for case in cases])})"
            deadline = time.monotonic() + 8
            while not tab.evaluate(are_done) and time.monotonic() < deadline:
                time.sleep(0.05)
            said: dict[str, dict[str, Any]] = tab.evaluate("seen")
        for case in cases:
            yield case, said.get(case.id, {"violations": []})

    def _judge(self, case: Case, said: dict[str, Any]) -> tuple[str | None, str]:
        """The verdict, or None and why there is none."""
        is_inline = case.question["blocked"] == "inline" or "inline_type" in case.question
        told = [v for v in said["violations"] if v["disposition"] == "enforce"]
        # The code of a page may be refused that was to try a URL.
        enforced = {v["directive"] for v in told if is_inline or v["blocked"] != "inline"}
        enforced |= set(self.web.reported.get(case.id, ()))
        happened = self._happened(case, said)
        if case.directive in enforced:
            return (None, "blocked, and yet it happened") if happened else ("block", "")
        if enforced:
            return None, f"blocked by {', '.join(sorted(enforced))} instead of {case.directive}"
        if happened:
            return "allow", ""
        if case.is_silent and said.get("failed"):
            return "block", ""
        return None, "its own code was blocked" if told else "neither blocked nor done"

    def _happened(self, case: Case, said: dict[str, Any]) -> bool:
        reached = (1 if case.redirect else 0) in self.web.reached.get(case.id, ())
        match case.proof:
            case Proof.REQUESTED:
                return reached
            case Proof.RAN:
                return bool(said.get("ran"))
            case Proof.REQUESTED_AND_RAN:
                return reached and bool(said.get("ran"))
            case Proof.THREW:
                return bool(said.get("threw"))
            case Proof.LOADED:
                return bool(said.get("loaded"))
            case Proof.ARRIVED:
                return bool(said.get("arrived"))
            case Proof.BASE:
                return said.get("base") not in {None, case.url}
            case Proof.FRAMED:
                return bool(said.get("isHere"))


def _batched(cases: list[Case]) -> Iterator[list[Case]]:
    for start in range(0, len(cases), _BATCH):
        yield cases[start : start + _BATCH]
