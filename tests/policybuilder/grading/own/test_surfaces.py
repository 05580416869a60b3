"""Which test of a page a weakness of its policies belongs to."""

from __future__ import annotations

import pytest

from policybuilder.evaluation.evaluating import evaluate
from policybuilder.grading.own.surfaces import TEXT, surface_of


@pytest.mark.parametrize(
    ("text", "code", "surface"),
    [
        ("script-src 'unsafe-inline'", "script-unsafe-inline", "csp-scripts"),
        ("script-src-elem 'self' 'unsafe-eval'", "source-without-effect", TEXT),
        ("script-src 'self' data", "scheme-without-colon", TEXT),
        ("script-src https://a.example/*", "star-in-path", TEXT),
        ("script-src 'self' 'self'", "redundant-source", TEXT),
        ("frame-ancestors *", "frame-ancestors-any-host", None),
    ],
)
def test_what_does_nothing_is_about_the_text(text: str, code: str, surface: str | None) -> None:
    (found,) = [each for each in evaluate(text) if each.code == code]
    assert surface_of(found) == surface
