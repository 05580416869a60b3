"""Tests of the share of page views that `cspbuild header` is for; keys and stages are tested with sites."""

from __future__ import annotations

import pytest

from policybuilder.rendering.snippets import DRAWING_FORMATS, SnippetFormat
from tests.policybuilder.cli.conftest import Cspbuild

pytestmark = pytest.mark.usefixtures("database")

PUBLIC = ("header", "--base-url", "https://csp.example")
TRIAL = (*PUBLIC, "--stage", "trial", "--policy", "img-src 'self'")
BY_HAND = ["text", "json", "header", "markdown"]
DRAWING = sorted(fmt.value for fmt in DRAWING_FORMATS)


@pytest.mark.parametrize("output_format", [*BY_HAND, *DRAWING])
@pytest.mark.parametrize("arguments", [PUBLIC, TRIAL])
def test_a_hundredth_of_the_public_reports(cspbuild: Cspbuild, arguments: tuple[str, ...], output_format: str) -> None:
    ran = cspbuild(*arguments, "--format", output_format)
    assert ran.code == 0
    assert "https://csp.example/report/default?r=0.01" in ran.out
    who = "send them" if output_format in BY_HAND else "this sends them"
    assert ran.err == f"{who} on 1 % of page views, as the report URL says (r=0.01); --sample 100% for all\n"


@pytest.mark.parametrize("output_format", DRAWING)
def test_what_draws_says_the_share_that_the_report_url_says(cspbuild: Cspbuild, output_format: str) -> None:
    ran = cspbuild(*TRIAL, "--sample", "0.29", "--format", output_format)
    assert "/report/default?r=0.29" in ran.out
    assert "29 % of them as r= in the report URL says" in ran.out


@pytest.mark.parametrize("output_format", DRAWING)
def test_nothing_is_drawn_of_what_all_page_views_get(cspbuild: Cspbuild, output_format: str) -> None:
    ran = cspbuild(*TRIAL, "--sample", "100%", "--format", output_format)
    assert (ran.code, ran.err) == (0, "")
    assert "?r=" not in ran.out
    assert "draw" not in ran.out.lower()


@pytest.mark.parametrize("output_format", DRAWING)
def test_a_rehearsal_is_for_every_page_view_unless_told_otherwise(cspbuild: Cspbuild, output_format: str) -> None:
    key = cspbuild("site", "rotate", "default", "--rehearsal", "--format", "json").json()["rehearsal_key"]
    arguments = (*TRIAL, "--rehearsal-key", key, "--format", output_format)
    assert f"/report/{key}?r=" not in cspbuild(*arguments).out
    assert f"/report/{key}?r=0.5" in cspbuild(*arguments, "--sample", "50%").out


@pytest.mark.parametrize("output_format", ["text", *(fmt.value for fmt in SnippetFormat)])
def test_an_enforced_policy_is_for_every_page_view(cspbuild: Cspbuild, output_format: str) -> None:
    ran = cspbuild(*PUBLIC, "--stage", "enforce", "--policy", "img-src 'self'", "--format", output_format)
    assert (ran.code, ran.err) == (0, "")
    assert "?r=" not in ran.out


def test_what_cannot_draw_says_that_everybody_gets_them(cspbuild: Cspbuild) -> None:
    ran = cspbuild(*TRIAL, "--format", "netlify")
    assert (ran.code, ran.err) == (0, "every page view gets them, since --format netlify cannot draw lots\n")
    assert "?r=" not in ran.out
    assert cspbuild(*TRIAL, "--format", "netlify", "--sample", "100%").err == ""


# (as typed, as written in the report URL)
SHARE_CASES = [("0.07%", "0.0007"), ("0.01%", "0.0001"), ("2.5%", "0.025"), ("1e-2", "0.01"), ("0.5", "0.5")]


@pytest.mark.parametrize(("typed", "written"), SHARE_CASES)
def test_a_share_is_the_decimal_fraction_that_was_typed(cspbuild: Cspbuild, typed: str, written: str) -> None:
    ran = cspbuild(*TRIAL, "--sample", typed, "--format", "json")
    [[_, value]] = ran.json()["headers"]
    assert value.endswith(f"/report/default?r={written}")
    assert ran.json()["sample"] == float(written)
