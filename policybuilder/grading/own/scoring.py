"""Scoring: all of our own tests over what a scan saw, and the score and grade that come of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import Material
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.caching import judge_caching
from policybuilder.grading.own.catalogue import FULL_SCORE, GROUP_LIMITS, OWN_TESTS
from policybuilder.grading.own.content_security_policy import judge_policies
from policybuilder.grading.own.content_type import judge_content_type, judge_content_type_options
from policybuilder.grading.own.cookies import judge_cookies
from policybuilder.grading.own.cross_origin_reading import judge_cross_origin_reading
from policybuilder.grading.own.disclosure import judge_disclosure, judge_obsolete_headers
from policybuilder.grading.own.framing import judge_framing
from policybuilder.grading.own.integrity import judge_integrity
from policybuilder.grading.own.isolation import judge_isolation
from policybuilder.grading.own.nonces import judge_nonces
from policybuilder.grading.own.permissions_policy import judge_permissions_policy
from policybuilder.grading.own.policies import Evaluate, enforced_policies
from policybuilder.grading.own.referrer_policy import judge_referrer_policy
from policybuilder.grading.own.reporting import judge_reporting
from policybuilder.grading.own.strict_transport_security import judge_strict_transport_security
from policybuilder.grading.own.transport import judge_http, judge_https
from policybuilder.grading.own.trusted_host import judge_trusted_host

# https://github.com/mdn/mdn-http-observatory/blob/main/src/grader/grader.js, whose letters people know.
_GRADES = (
    *((100, "A+"), (90, "A"), (85, "A-"), (80, "B+"), (70, "B"), (65, "B-"), (60, "C+"), (50, "C"), (45, "C-")),
    *((40, "D+"), (30, "D"), (25, "D-"), (0, "F")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnGrade:
    """What our own tests make of a site."""

    score: int | None
    """From 0 to 100; None where there was no answer to judge."""

    grade: str | None
    """From `A+` to `F`; None where there is no score."""

    tests: tuple[Judgement, ...]
    """In reading order; a test that has nothing to say of this kind of answer is left out, and one that finds several
    things says each. Their points together are what the score lacks of a hundred, but where it is 0 or capped."""

    capped_by: tuple[str, ...] = ()
    """The tests for which the score is lower than its points."""


def grade(material: Material, *, evaluate: Evaluate) -> OwnGrade:
    """The judgements of all tests, with score and grade; never raises."""
    order = {name: index for index, name in enumerate(OWN_TESTS)}
    judgements = sorted(_judgements(material, evaluate), key=lambda judgement: order[judgement.name])
    tests = tuple(_charged(judgements))
    if material.page.response is None and all(judgement.passed is not False for judgement in tests):
        return OwnGrade(score=None, grade=None, tests=tests)
    uncapped = max(0, FULL_SCORE - sum(judgement.points for judgement in tests))
    caps = {judgement.name: judgement.cap for judgement in tests if judgement.cap is not None}
    score = min((uncapped, *caps.values()))
    return OwnGrade(
        score=score,
        grade=letter(score),
        tests=tests,
        capped_by=tuple(name for name, cap in caps.items() if cap == score < uncapped),
    )


def letter(score: int) -> str:
    """The letter of a score of 0 to 100."""
    return next(grade for least, grade in _GRADES if score >= least)


def _judgements(material: Material, evaluate: Evaluate) -> Iterator[Judgement]:
    yield from judge_https(material)
    yield from judge_http(material)
    yield from judge_cookies(material)
    if material.page.response is None:
        return
    answer = Answer(material.page.response, material)
    sent = enforced_policies(answer)
    yield from judge_policies(answer, sent, evaluate)
    yield from judge_nonces(answer, sent)
    yield from judge_framing(answer, sent)
    yield from judge_reporting(answer, sent)
    for judge in (
        *(judge_strict_transport_security, judge_content_type_options, judge_content_type, judge_referrer_policy),
        *(judge_permissions_policy, judge_isolation, judge_integrity, judge_caching, judge_cross_origin_reading),
        *(judge_trusted_host, judge_disclosure, judge_obsolete_headers),
    ):
        yield from judge(answer)


def _charged(judgements: Sequence[Judgement]) -> Iterator[Judgement]:
    """With the points that each one takes: of a test the worst counts, and no group takes more than its limit."""
    taken: dict[str, int] = {}
    left = dict(GROUP_LIMITS)
    for judgement in judgements:
        name, group = judgement.name, OWN_TESTS[judgement.name].group
        points = max(0, judgement.points - taken.get(name, 0))
        taken[name] = taken.get(name, 0) + points
        if group is not None:
            points = min(points, left[group])
            left[group] -= points
        yield replace(judgement, points=points)
