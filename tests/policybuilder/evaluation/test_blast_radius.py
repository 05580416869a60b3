"""Tests of the blast radius: what a better policy would have broken of what was recorded."""

from __future__ import annotations

import pytest

from policybuilder.evaluation.blast_radius import BlastRadius, Broken, blast_radii
from policybuilder.evaluation.evaluating import evaluate
from policybuilder.evidence import EvidenceClass, ViolationGroup
from tests.support.evidence import ORIGIN, make_group

PICTURE = make_group(
    "img-src", "https://img.example/a.png", reports=7, reporters=3, pages=(f"{ORIGIN}/a", f"{ORIGIN}/b")
)
OTHER_PICTURE = make_group("img-src", "https://pics.example/b.png", reports=2, reporters=5, pages=(f"{ORIGIN}/b",))
SCRIPT = make_group("script-src-elem", "https://cdn.example/a.js")
EXTENSION = make_group("img-src", "https://ads.example/c.png", evidence_class=EvidenceClass.EXTENSION)
EVAL = make_group("script-src", "eval", reports=4)


PAGES = (f"{ORIGIN}/b", f"{ORIGIN}/a")
"""Most reports first."""


def radius_of(text: str, code: str, *groups: ViolationGroup) -> BlastRadius | None:
    found = evaluate(text)
    radii = blast_radii(text, found, groups)
    return next(radius for weakness, radius in zip(found, radii, strict=True) if weakness.code == code)


def test_tells_groups_reports_networks_and_pages_of_what_would_have_been_blocked() -> None:
    radius = radius_of("default-src 'self'; img-src *", "exfiltration-any-host", PICTURE, OTHER_PICTURE, SCRIPT)
    assert radius == BlastRadius(
        groups=2,
        reports=9,
        reporters=5,
        pages=PAGES,
        examples=(
            Broken("img-src", "https://img.example/a.png"),
            Broken("img-src", "https://pics.example/b.png"),
        ),
    )


# (text, code, groups, how many the better text breaks)
CASES = [
    ("default-src 'self'; img-src *", "exfiltration-any-host", [EXTENSION], 0),
    # Refused by both: nothing differs.
    ("default-src 'self'; img-src 'none' data:; script-src 'unsafe-eval'", "script-unsafe-eval", [PICTURE], 0),
    ("default-src 'self'; script-src 'unsafe-eval'", "script-unsafe-eval", [EVAL, PICTURE], 1),
    ("default-src *", "script-any-host", [SCRIPT, PICTURE], 1),
    ("default-src *", "exfiltration-any-host", [SCRIPT, PICTURE], 2),
    ("script-src 'self'", "fetch-unrestricted", [PICTURE, SCRIPT], 1),
    ("img-src https: https://img.example", "redundant-source", [PICTURE], 0),
    ("default-src 'self'", "base-uri-missing", [PICTURE], 0),
    ("default-src 'self', img-src *", "form-action-missing", [make_group("form-action", "https://pay.example/")], 1),
]


@pytest.mark.parametrize(("text", "code", "groups", "broken"), CASES)
def test_counts_what_differs(text: str, code: str, groups: list[ViolationGroup], broken: int) -> None:
    radius = radius_of(text, code, *groups)
    assert radius is not None
    assert radius.groups == broken


def test_what_reports_do_not_tell_is_unknown() -> None:
    """Whether an inline script has a nonce that is listed no report says."""
    inline = make_group("script-src-elem", "inline")
    text = "script-src 'unsafe-inline'; script-src-attr 'none'"
    radius = radius_of(text, "script-unsafe-inline", inline)
    assert radius is not None
    assert radius.groups + radius.unknown == 1


@pytest.mark.parametrize(
    ("observed", "code", "unwatched"),
    [
        ("default-src 'none'", "form-action-missing", ("form-action",)),
        ("default-src 'none'; form-action 'none'", "form-action-missing", ()),
        ("default-src 'none'", "trusted-types-missing", ("require-trusted-types-for",)),
        ("default-src 'none'", "exfiltration-any-host", ()),
    ],
)
def test_what_no_policy_watched_was_not_recorded(observed: str, code: str, unwatched: tuple[str, ...]) -> None:
    picture = make_group("img-src", "https://img.example/a.png", policies=[observed])
    radius = radius_of("default-src 'self'; img-src *", code, picture)
    assert radius is not None
    assert radius.unwatched == unwatched


def test_where_nothing_changes_nothing_is_said() -> None:
    assert radius_of("script-src https://cdn.example", "script-allowlist", SCRIPT) is None
