"""Judgements: our own grade of an answer, asked for one of its tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policybuilder.csp.parsing import Delivery
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.weakness import Weakness
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import Material
from policybuilder.grading.own import OwnGrade, grade
from policybuilder.grading.own.policies import Evaluate
from tests.support.answers import Given, make_material

HTML = {"Content-Type": "text/html; charset=utf-8"}


def nothing_weak(
    _text: str, /, *, delivery: Delivery = Delivery.HEADER, disposition: Disposition = Disposition.ENFORCE
) -> tuple[Weakness, ...]:
    """For tests of what does not hang on weaknesses."""
    assert delivery in Delivery
    assert disposition is Disposition.ENFORCE
    return ()


def graded(headers: Given = (), *, evaluate: Evaluate = nothing_weak, is_html: bool = True, **known: Any) -> OwnGrade:
    """The grade of a page with these headers, of a site that does everything else right."""
    given = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
    named = {name.lower() for name, _ in given}
    if is_html and "content-type" not in named:
        given = (*HTML.items(), *given)
    return grade(make_material(given, **known), evaluate=evaluate)


def judgements(name: str, headers: Given = (), *, evaluate: Evaluate = nothing_weak, **known: Any) -> list[Judgement]:
    """What the test `name` says of such a page."""
    return [each for each in graded(headers, evaluate=evaluate, **known).tests if each.name == name]


def results(name: str, headers: Given = (), **known: Any) -> list[str]:
    """The same, as results alone."""
    return [each.result for each in judgements(name, headers, **known)]


def results_of(name: str, material: Material) -> list[str]:
    """What the test `name` finds in some material."""
    return [each.result for each in grade(material, evaluate=nothing_weak).tests if each.name == name]
