"""What kind of thing an answer is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policybuilder.grading.material import Visit
from tests.support.answers import PAGE, make_material, make_response
from tests.support.judgements import results_of


@pytest.mark.parametrize(("status", "expected"), [(200, True), (204, False), (205, False), (404, True)])
def test_an_answer_with_which_browsers_stay_where_they_are_is_no_page(status: int, *, expected: bool) -> None:
    visit = Visit(url=PAGE, response=make_response(status=status))
    material = replace(make_material(), page=visit, https=visit)
    assert bool(results_of("csp-scripts", material)) is expected
    assert bool(results_of("framing", material)) is expected
