"""Scanning: what a scan saw of a page, judged by our own tests, by Observatory's, and as securityheaders.com might."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from policybuilder.evaluation.evaluating import evaluate
from policybuilder.grading import observatory, own, securityheaders
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import Material, Visit
from policybuilder.grading.observatory import ObservatoryGrade
from policybuilder.grading.own import OwnGrade
from policybuilder.grading.securityheaders import SecurityHeadersGrade

GRADES = observatory.GRADES
"""Ours and Observatory's, the best first."""

_MOST_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One page with all that is said of it."""

    material: Material
    own: OwnGrade
    observatory: ObservatoryGrade
    securityheaders: SecurityHeadersGrade

    @property
    def grade(self) -> str:
        """Our own; the worst where nothing could be judged."""
        return self.own.grade or GRADES[-1]

    @property
    def score(self) -> int:
        return self.own.score or 0


def judge(material: Material) -> Scan:
    """Raises ValueError for material without an answer."""
    return Scan(
        material=material,
        own=own.grade(material, evaluate=evaluate),
        observatory=observatory.grade(material),
        securityheaders=securityheaders.approximate(material),
    )


def without_bodies(scan: Scan) -> Scan:
    """The scan without what only judging needs: of a thousand pages nobody keeps the text."""
    material = scan.material
    slim = replace(
        material,
        page=_without_body(material.page),
        http=None if material.http is None else _without_body(material.http),
        https=None if material.https is None else _without_body(material.https),
        preflight=None,
        forged_host=None,
        cookies=(),
        markup=None,
    )
    return replace(scan, material=slim)


def _without_body(visit: Visit) -> Visit:
    response = visit.response
    return visit if response is None else replace(visit, response=replace(response, body=b""))


def worst_first(scans: Sequence[Scan]) -> list[Scan]:
    """By our own score, those alike in the order scanned."""
    return sorted(scans, key=lambda scan: scan.score)


def is_worse(scan: Scan, grade: str) -> bool:
    """Whether our own grade is below that one."""
    return GRADES.index(scan.grade) > GRADES.index(grade)


@dataclass(frozen=True, slots=True)
class Said:
    """What a test said, and of which pages."""

    judgement: Judgement
    """Of the first of them."""

    pages: tuple[str, ...]


def said_of(scans: Iterable[Scan]) -> list[Said]:
    """What is said of the pages, each thing once with the pages it is said of; in reading order."""
    found: dict[tuple[str, str, str | None], tuple[Judgement, list[str]]] = {}
    order: dict[str, None] = {}
    for scan in scans:
        for judgement in scan.own.tests:
            order.setdefault(judgement.name)
            # What a test found several times on one page are different things.
            key = (judgement.name, judgement.result, judgement.message)
            found.setdefault(key, (judgement, []))[1].append(scan.material.url)
    ranks = {name: index for index, name in enumerate(order)}
    said = [Said(judgement, tuple(dict.fromkeys(pages))) for judgement, pages in found.values()]
    return sorted(said, key=lambda each: ranks[each.judgement.name])


def differences(scan: Scan) -> tuple[str, ...]:
    """Why the three grades are not one, each reason as a line for people; nothing where they are."""
    if scan.grade == scan.observatory.grade == scan.securityheaders.grade:
        return ()
    return tuple(_differences(scan))


def _differences(scan: Scan) -> Iterator[str]:
    taken = sorted((each for each in scan.own.tests if each.points > 0), key=lambda each: -each.points)
    if taken:
        listed = [f"{each.name} ({each.result}) {-each.points}" for each in taken]
        yield f"ours takes points for {_named(listed)}"
    if scan.own.capped_by:
        yield f"ours is {scan.score} at most while {_named(scan.own.capped_by)} stands open, however good the rest is"
    tests = scan.observatory.tests
    lost = [f"{name} ({each.result}) {each.modifier}" for name, each in tests.items() if (each.modifier or 0) < 0]
    if lost:
        yield f"Observatory takes points for {_named(lost)}"
    bonus = [f"{name} +{each.modifier}" for name, each in tests.items() if (each.modifier or 0) > 0]
    if bonus and not lost:
        yield f"Observatory adds points, by which one header makes up for another: {_named(bonus)}"
    approximate = scan.securityheaders
    if approximate.grade == "R":
        yield "securityheaders.com gives no grade to a redirect"
    if approximate.missing:
        yield f"securityheaders.com misses {_named(approximate.missing)}"
    if approximate.warnings:
        yield f"securityheaders.com warns of {_named(approximate.warnings)}"
    if not approximate.missing and approximate.grade != "R":
        yield "securityheaders.com looks at which headers are there, and hardly at what they say"


def _named(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{listed} and {more} more" if more > 0 else listed
