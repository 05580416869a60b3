"""Score and grade, and what one recorded response cannot show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.material import Material, Visit
from policybuilder.grading.observatory import GRADES, TestResult, grade, grade_of
from policybuilder.grading.observatory.grading import score_of
from policybuilder.scanner.pages import FetchReason, Redirect
from tests.support.answers import make_response
from tests.support.materials import Chance, make_material

# (modifiers, score)  evaluators: a bonus counts only for those who have 90 without any
SCORES = [
    ([], 100),
    ([5, 10, 10, 10, 10, 5, 5], 155),
    ([-10, 5], 95),
    ([-5, -5, 10], 100),
    ([-15, 50], 85),
    ([-25, -20, -20, -5, -50], 0),
]


@pytest.mark.parametrize(("modifiers", "score"), SCORES)
def test_a_score_has_a_floor_and_no_ceiling(modifiers: list[int], score: int) -> None:
    assert score_of(modifiers) == score


# Each grade from its least score to the greatest
GRADE_CASES = [
    *(("A+", 100, 155), ("A", 90, 99), ("A-", 85, 89), ("B+", 80, 84), ("B", 70, 79), ("B-", 65, 69), ("C+", 60, 64)),
    *(("C", 50, 59), ("C-", 45, 49), ("D+", 40, 44), ("D", 30, 39), ("D-", 25, 29), ("F", 0, 24)),
]


@pytest.mark.parametrize(("letter", "least", "most"), GRADE_CASES)
def test_a_grade_covers_its_scores(letter: str, least: int, most: int) -> None:
    assert {grade_of(score) for score in range(least, most + 1)} == {letter}
    assert letter in GRADES


def test_all_twelve_tests_answer_in_observatorys_order() -> None:
    assert list(grade(make_material()).tests) == [
        *("content-security-policy", "cookies", "cross-origin-resource-sharing", "redirection", "referrer-policy"),
        *("strict-transport-security", "subresource-integrity", "x-content-type-options", "x-frame-options"),
        *("cross-origin-resource-policy", "cross-origin-embedder-policy", "cross-origin-opener-policy"),
    ]


def test_a_site_that_does_everything_comes_to_more_than_a_hundred() -> None:
    material = make_material(
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Strict-Transport-Security", "max-age=63072000"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", 'require-corp; report-to="isolation"'),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Set-Cookie", "__Host-session=1; Secure; HttpOnly; Path=/; SameSite=Lax"),
        body="<script src=https://cdn.example/a.js integrity=sha384-x></script>",
    )
    graded = grade(replace(material, is_preloaded=True))
    assert (graded.score, graded.grade) == (165, "A+")


def test_one_recorded_response_does_not_show_the_way_from_plain_http() -> None:
    tests = grade(make_material()).tests
    assert tests["redirection"] == TestResult("not-tested", None, None)
    assert all(test.modifier is not None for name, test in tests.items() if name != "redirection")


def test_one_recorded_response_is_judged_as_if_its_certificate_held_and_nobody_preloaded_it() -> None:
    tests = grade(make_material(("Strict-Transport-Security", "max-age=31536000"))).tests
    assert tests["strict-transport-security"].result == "hsts-implemented-max-age-at-least-six-months"


# What a recorded response itself says to strangers: (Access-Control-Allow-Origin, result)
RECORDED_SHARING = [
    (None, "cross-origin-resource-sharing-not-implemented"),
    ("*", "cross-origin-resource-sharing-implemented-with-public-access"),
    ("https://partner.example", "cross-origin-resource-sharing-implemented-with-restricted-access"),
]


@pytest.mark.parametrize(("origin", "result"), RECORDED_SHARING)
def test_one_recorded_response_is_its_own_answer_to_a_preflight(origin: str | None, result: str) -> None:
    headers = [("Access-Control-Allow-Origin", origin)] if origin else []
    assert grade(make_material(*headers)).tests["cross-origin-resource-sharing"].result == result


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        (FetchReason.UNREACHABLE, "redirection-not-needed-no-http"),
        (FetchReason.TIMEOUT, "redirection-not-needed-no-http"),
        (FetchReason.NOT_PUBLIC, "not-tested"),
        (FetchReason.ODD_PORT, "not-tested"),
    ],
)
def test_where_we_would_not_look_nothing_is_known_of_plain_http(reason: FetchReason, result: str) -> None:
    http = Visit(url="http://shop.example/", reason=reason, failure="no answer")
    material = replace(make_material(), http=http, is_whole=True)
    assert grade(material).tests["redirection"].result == result


@pytest.mark.parametrize(
    ("urls", "result"),
    [
        (["http://shop.example/"] * 11, "redirection-not-to-https"),
        (["http://shop.example/", *(["https://shop.example/"] * 10)], "redirection-to-https"),
        ([], "redirection-not-needed-no-http"),
    ],
)
def test_redirects_without_end_are_judged_as_far_as_they_were_followed(urls: list[str], result: str) -> None:
    redirects = tuple(Redirect(url=url, status=302, location="/", headers=()) for url in urls)
    http = Visit(url="http://shop.example/", reason=FetchReason.TOO_MANY_REDIRECTS, redirects=redirects)
    material = replace(make_material(), http=http, is_whole=True)
    assert grade(material).tests["redirection"].result == result


def test_what_was_not_asked_for_is_not_tested() -> None:
    assert grade(replace(make_material(), is_whole=True)).tests["redirection"].result == "not-tested"


def test_a_page_that_did_not_answer_has_no_grade() -> None:
    nobody = Visit(url="https://shop.example/", reason=FetchReason.UNREACHABLE, failure="nobody there")
    with pytest.raises(ValueError, match="no answer"):
        grade(Material(url="https://shop.example/", page=nobody))


# Header values of 1.6, whose package is not to be had: (name, value, result, modifier), after its own tests.
ISOLATION_CASES = [
    ("Cross-Origin-Embedder-Policy", "require-corp", "coep-implemented-with-require-corp", 10),
    ("Cross-Origin-Embedder-Policy", "credentialless", "coep-implemented-with-credentialless", 10),
    ("Cross-Origin-Embedder-Policy", "unsafe-none", "coep-implemented-with-unsafe-none", 0),
    ("Cross-Origin-Embedder-Policy", 'require-corp; report-to="x"', "coep-implemented-with-require-corp", 10),
    ("Cross-Origin-Embedder-Policy", "require-corp; report-to", "coep-implemented-with-require-corp", 10),
    ("Cross-Origin-Embedder-Policy", "whimsy", "coep-header-invalid", -5),
    ("Cross-Origin-Embedder-Policy", '"require-corp"', "coep-header-invalid", -5),
    ("Cross-Origin-Embedder-Policy", "Require-Corp", "coep-header-invalid", -5),
    ("Cross-Origin-Embedder-Policy", "require-corp; report-to=a b", "coep-header-invalid", -5),
    ("Cross-Origin-Embedder-Policy", "require-corp, require-corp", "coep-header-invalid", -5),
    ("Cross-Origin-Embedder-Policy", "", "coep-not-implemented", 0),
    ("Cross-Origin-Embedder-Policy", "\xe9", "coep-header-invalid", -5),
    ("Cross-Origin-Opener-Policy", "same-origin", "coop-implemented-with-same-origin", 10),
    ("Cross-Origin-Opener-Policy", "same-origin-allow-popups", "coop-implemented-with-same-origin-allow-popups", 10),
    ("Cross-Origin-Opener-Policy", "noopener-allow-popups", "coop-implemented-with-noopener-allow-popups", 10),
    ("Cross-Origin-Opener-Policy", "unsafe-none", "coop-implemented-with-unsafe-none", 0),
    ("Cross-Origin-Opener-Policy", "same-origin-plus-coep", "coop-header-invalid", -5),
    ("Cross-Origin-Opener-Policy", "1", "coop-header-invalid", -5),
]


@pytest.mark.parametrize(("name", "value", "result", "modifier"), ISOLATION_CASES)
def test_isolation_is_told_by_a_structured_token(name: str, value: str, result: str, modifier: int) -> None:
    test = grade(make_material((name, value))).tests[name.lower()]
    assert test == TestResult(result, modifier, modifier >= 0)


def test_a_header_of_isolation_that_is_sent_twice_is_invalid() -> None:
    name = "Cross-Origin-Opener-Policy"
    assert grade(make_material((name, "same-origin"), (name, "same-origin"))).tests[name.lower()].passed is False


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *("Content-Security-Policy", "Strict-Transport-Security", "Set-Cookie", "Referrer-Policy"),
                    *("Cross-Origin-Opener-Policy", "X-Frame-Options", "Content-Type", "Access-Control-Allow-Origin"),
                ]
            ),
            st.text(max_size=200),
        ),
        max_size=8,
    ),
    body=st.text(max_size=200),
    url=st.sampled_from(["https://shop.example/", "http://[::1]:8000/", "https://", "nowhere", "\x00"]),
)
def test_no_answer_of_a_stranger_raises(headers: list[tuple[str, str]], body: str, url: str) -> None:
    response = make_response(headers, url=url, body=body)
    material = Material(url=url, page=Visit(url=url, response=response), http=Visit(url=url, response=response))
    graded = grade(material)
    assert graded.score >= 0
    assert graded.grade in GRADES


@pytest.mark.parametrize("seed", range(20))
def test_the_score_is_that_of_its_own_tests(seed: int) -> None:
    graded = grade(Chance(seed).material())
    modifiers = [test.modifier for test in graded.tests.values() if test.modifier is not None]
    assert graded.score == score_of(modifiers)
