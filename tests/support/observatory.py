"""Observatory's npm package beside ours: what it makes of the same materials, and where the two may differ."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policybuilder.csp.urls import parse_url
from policybuilder.grading.material import PREFLIGHT_ORIGIN, Material, Visit
from policybuilder.grading.observatory import grade, grade_of
from policybuilder.grading.observatory.grading import score_of
from policybuilder.grading.observatory.x_frame_options import SAMEORIGIN_OR_DENY
from policybuilder.scanner.pages import Response
from tests.support.materials import PRELOADED

PEERS = Path(__file__).parent.parent / "peers"

TESTS_AFTER_1_4_8 = ("cross-origin-embedder-policy", "cross-origin-opener-policy")
POLICY_TESTS = ("content-security-policy", "x-frame-options")

FRAMING_BONUS = "1.6 gives five points for an X-Frame-Options of DENY or SAMEORIGIN, 1.4.8 none"
COMMAS = "1.6 reads a comma as the end of a policy, 1.4.8 as part of a source"
FAILURE = "1.4.8 fails where a script's URL has a scheme and no host that is one"


@dataclass
class Comparison:
    """What came out of the same materials."""

    materials: int = 0
    tests: int = 0
    disagreements: list[str] = field(default_factory=list)
    intended: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    grades: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        intended = "".join(f"\n  {count} × {name}" for name, count in sorted(self.intended.items()))
        return (
            f"{self.materials} materials, {self.tests} tests, {len(self.disagreements)} disagreements, "
            f"{len(self.results)} different results, grades {dict(sorted(self.grades.items()))}, "
            f"intended differences:{intended or ' none'}"
        )


def ask_peer(cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the package makes of each case; `failure` where it throws, and `split` what it makes of single policies."""
    preloaded = {host: {"mode": "force-https", "includeSubDomains": True} for host in PRELOADED}
    run = subprocess.run(
        ["node", "observatory.mjs"],
        input="".join(f"{json.dumps(each)}\n" for each in (preloaded, *cases)),
        capture_output=True,
        cwd=PEERS,
        text=True,
        check=False,
        timeout=3600,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def case_of(material: Material) -> dict[str, Any]:
    """A material as the package's retrieval would have it."""
    page = material.page
    assert page.response is not None
    url = parse_url(page.url)
    assert url is not None
    http = material.http
    return {
        "host": url.host,
        "page_url": page.url,
        "origin": PREFLIGHT_ORIGIN,
        "page": {**_answer(page.response), "body": page.response.body.decode().removeprefix("\ufeff")},
        "https": _visited(material.https if material.is_whole else page if url.scheme == "https" else None),
        "http": _visited(http),
        "route": _route(http.response) if http is not None and http.response is not None else [],
        "preflight": _answer(material.preflight) if material.preflight is not None else None,
        "cookies": [{"url": each.url, "text": each.text} for each in material.cookies],
    }


def _answer(response: Response) -> dict[str, Any]:
    return {"status": response.status, "headers": response.headers, "verified": True}


def _visited(visit: Visit | None) -> dict[str, Any] | None:
    if visit is None or visit.response is None:
        return None
    return {**_answer(visit.response), "verified": visit.is_certificate_valid}


def _route(response: Response) -> list[str]:
    return [*(each.url for each in response.redirects), response.url]


def compare(materials: Sequence[Material]) -> Comparison:
    """Every test's result, modifier and verdict, and score and grade over the ten tests that the package has."""
    comparison = Comparison()
    answers = ask_peer([case_of(each) for each in materials])
    for number, (material, peer) in enumerate(zip(materials, answers, strict=True)):
        _compare_one(comparison, material, peer, number)
    return comparison


def _compare_one(comparison: Comparison, material: Material, peer: dict[str, Any], number: int) -> None:
    comparison.materials += 1
    if "failure" in peer:
        _note_failure(comparison, material, peer["failure"], number)
        return
    ours = grade(material)
    expected, split = dict(peer["tests"]), peer.get("split")
    if split is not None:
        for name in POLICY_TESTS:
            if expected[name] != split["tests"][name]:
                comparison.intended[COMMAS] += 1
            expected[name] = split["tests"][name]
    modifiers = []
    for name, result in expected.items():
        comparison.tests += 1
        wanted = result
        if name == "x-frame-options" and result["result"] == SAMEORIGIN_OR_DENY.name:
            comparison.intended[FRAMING_BONUS] += 1
            wanted = {**result, "modifier": SAMEORIGIN_OR_DENY.modifier}
        modifiers.append(result["modifier"])
        found = ours.tests[name]
        comparison.results[found.result] += 1
        if {"result": found.result, "modifier": found.modifier, "passed": found.passed} != wanted:
            comparison.disagreements.append(f"{number}: {name}: ours {found}, theirs {wanted}")
    # Over the package's own modifiers, so that our adding up is held to its.
    score, answer = score_of(modifiers), split or peer
    if (score, grade_of(score)) != (answer["score"], answer["grade"]):
        comparison.disagreements.append(f"{number}: score {score}, theirs {answer['score']}")
    comparison.grades[ours.grade] += 1
    assert set(ours.tests) - set(expected) == set(TESTS_AFTER_1_4_8)


def _note_failure(comparison: Comparison, material: Material, failure: str, number: int) -> None:
    if "Invalid URL" in failure and "subresource-integrity.js" in failure:
        comparison.intended[FAILURE] += 1
        grade(material)
    else:
        comparison.disagreements.append(f"{number}: theirs failed: {failure}")
