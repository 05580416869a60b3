"""Observatory's score and grade: of what its tests came to, in the algorithm of its releases 1.6.

https://github.com/mdn/mdn-http-observatory
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from policybuilder.grading.material import Material
from policybuilder.grading.observatory import (
    content_security_policy,
    cookies,
    cross_origin_embedder_policy,
    cross_origin_opener_policy,
    cross_origin_resource_policy,
    cross_origin_resource_sharing,
    redirection,
    referrer_policy,
    strict_transport_security,
    subresource_integrity,
    x_content_type_options,
    x_frame_options,
)
from policybuilder.grading.observatory.evidence import Evidence, evidence_of
from policybuilder.grading.observatory.results import UNTESTED, Result, TestResult, test_result

TESTS: Mapping[str, Callable[[Evidence], Result | None]] = {
    "content-security-policy": content_security_policy.judge,
    "cookies": cookies.judge,
    "cross-origin-resource-sharing": cross_origin_resource_sharing.judge,
    "redirection": redirection.judge,
    "referrer-policy": referrer_policy.judge,
    "strict-transport-security": strict_transport_security.judge,
    "subresource-integrity": subresource_integrity.judge,
    "x-content-type-options": x_content_type_options.judge,
    "x-frame-options": x_frame_options.judge,
    "cross-origin-resource-policy": cross_origin_resource_policy.judge,
    "cross-origin-embedder-policy": cross_origin_embedder_policy.judge,
    "cross-origin-opener-policy": cross_origin_opener_policy.judge,
}
"""Observatory's tests by their names, in its order. None is a result that the material does not show."""

GRADES = ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F")
"""The best first."""

# From which score on there is each grade. The score is rounded down to a multiple of five first, which changes none.
_LEAST_SCORES = (100, 90, 85, 80, 70, 65, 60, 50, 45, 40, 30, 25, 0)

_BONUS_FROM = 90
"""Without any bonus; who has less than that gets none."""


@dataclass(frozen=True, slots=True)
class ObservatoryGrade:
    """What Observatory would say of a page."""

    score: int
    """From 0; no bonus is too much, 155 has been seen."""

    grade: str
    tests: Mapping[str, TestResult]
    """By Observatory's names of its tests, in its order."""


def grade(material: Material) -> ObservatoryGrade:
    """Raises ValueError for material without an answer.

    A status that Observatory takes for an error, such as 404 or 500, is graded all the same.
    """
    evidence = evidence_of(material)
    results = {name: judge(evidence) for name, judge in TESTS.items()}
    score = score_of(result.modifier for result in results.values() if result is not None)
    tests = {name: UNTESTED if result is None else test_result(result) for name, result in results.items()}
    return ObservatoryGrade(score, grade_of(score), tests)


def score_of(modifiers: Iterable[int]) -> int:
    """A hundred with what the tests add and take, where a bonus counts only for those who do well without."""
    everything = list(modifiers)
    without_bonus = 100 + sum(each for each in everything if each < 0)
    return max(0, 100 + sum(everything) if without_bonus >= _BONUS_FROM else without_bonus)


def grade_of(score: int) -> str:
    return next(name for name, least in zip(GRADES, _LEAST_SCORES, strict=True) if score >= least)
