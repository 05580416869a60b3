"""Results: what a test of Observatory may come to, and what that adds to the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from policybuilder.grading.judgement import NOT_TESTED


class Result(NamedTuple):
    """A result in Observatory's own name."""

    name: str
    modifier: int
    passed: bool


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one test came to."""

    result: str
    """Observatory's own name, as `csp-not-implemented`; `not-tested` where the material does not tell."""

    modifier: int | None
    """What it adds to the score, negative for most; None where it was not tested."""

    passed: bool | None

    # pytest is not to take it for a test.
    __test__ = False


UNTESTED = TestResult(NOT_TESTED, None, None)


def test_result(result: Result) -> TestResult:
    return TestResult(result.name, result.modifier, result.passed)


def worst(found: Sequence[Result], order: Sequence[Result]) -> Result | None:
    """The last of `order` that is found; None where none is."""
    return max(found, key=order.index, default=None)
