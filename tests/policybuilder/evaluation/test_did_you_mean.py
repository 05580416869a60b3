"""Tests of guesses at what was meant."""

from __future__ import annotations

import pytest

from policybuilder.csp.directives import KNOWN_DIRECTIVES
from policybuilder.evaluation.did_you_mean import nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("scirpt-src", "script-src"),
        ("Defualt-Src", "default-src"),
        ("frame-ancestor", "frame-ancestors"),
        ("upgrade-insecure-request", "upgrade-insecure-requests"),
        ("x-frame-options", None),
        ("", None),
        ("script-src" * 20, None),
    ],
)
def test_the_nearest_word_is_meant_if_one_is_near(word: str, meant: str | None) -> None:
    assert nearest(word, KNOWN_DIRECTIVES) == meant
