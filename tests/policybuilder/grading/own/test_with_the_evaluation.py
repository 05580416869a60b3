"""The grade with the real evaluation of policies: what others are blind to, and sites as there are many."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.evaluation.evaluating import evaluate
from policybuilder.grading.own import OwnGrade, grade
from tests.support.answers import GOOD_HEADERS, Given, make_material, make_response, recorded
from tests.support.loopback import Request, forward
from tests.support.service import run_collector

CSP = "Content-Security-Policy"
ANSWERS = Path(__file__).parents[3] / "data" / "answers"
SOUND = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


FORMS = "form-action 'self'"


def judged(headers: Given, *, body: str = "<!doctype html><meta charset=utf-8>") -> OwnGrade:
    return grade(make_material(headers, body=body), evaluate=evaluate)


def failing(found: OwnGrade) -> set[str]:
    return {each.name for each in found.tests if each.passed is False}


def with_policy(*policies: str) -> OwnGrade:
    others = [pair for pair in GOOD_HEADERS if pair[0] != CSP]
    return judged([*others, *((CSP, policy) for policy in policies)])


def test_a_page_that_leaves_nothing_open_has_no_findings() -> None:
    found = judged(GOOD_HEADERS)
    assert failing(found) == set()
    assert found.grade == "A+"


# Each row: policy for which Observatory gives points, the test of ours that does not pass.
BLIND_SPOTS = [
    (f"default-src 'self'; script-src-elem * 'unsafe-inline'; {SOUND}", "csp-scripts"),
    (f"script-src https://ajax.googleapis.com https://*.com; default-src 'self'; {SOUND}", "csp-scripts"),
    (f"default-src 'none'; script-src 'self' blob:; {SOUND}", "csp-scripts"),
    (f"default-src 'none'; script-src-attr 'unsafe-inline'; {SOUND}", "csp-scripts"),
    ("default-src 'none'; object-src 'none'; base-uri 'none'; form-action *; frame-ancestors 'none'", "csp-forms"),
    ("default-src 'self'; object-src data:; base-uri 'none'; form-action 'self'", "csp-plugins"),
    ("default-src 'none'; script-src 'nonce-abcdefghijklmnopqrst'; base-uri *; form-action 'self'", "csp-base"),
    ("default-src 'none'; form-action 'self'; frame-ancestors *", "framing"),
    (f"default-src 'none'; script-src 'nonce-a'; {SOUND}", "csp-scripts"),
    (f"default-src 'none'; report-uri http://collector.example/; {SOUND}", "reporting"),
]


@pytest.mark.parametrize(("policy", "name"), BLIND_SPOTS)
def test_what_others_are_blind_to(policy: str, name: str) -> None:
    assert name in failing(with_policy(policy))


def test_where_reports_go_has_no_bearing_on_what_runs() -> None:
    """To Observatory an http address there is an insecure source, and two of them a fault."""
    found = with_policy(f"default-src 'none'; report-uri /a https://collector.example/; {SOUND}")
    assert failing(found) == set()


def test_what_a_meta_element_cannot_say_is_not_believed() -> None:
    others = [pair for pair in GOOD_HEADERS if pair[0] not in {CSP, "X-Frame-Options"}]
    found = judged(others, body=f"<meta http-equiv={CSP} content=\"default-src 'none'; {SOUND}\">")
    assert "framing" in failing(found)
    assert "csp-scripts" not in failing(found)


@pytest.mark.parametrize("missing", ["Permissions-Policy", "Cross-Origin-Opener-Policy"])
def test_headers_that_others_do_not_look_for_are_missed(missing: str) -> None:
    found = judged([pair for pair in GOOD_HEADERS if pair[0] != missing])
    assert failing(found) == {missing.lower()}


# Each row: policies, the codes of the weaknesses that are left on their surfaces.
TOGETHER: list[tuple[tuple[str, ...], set[str]]] = [
    ((f"default-src 'self'; base-uri https://*.com; {FORMS}",), {"base-uri-any-host"}),
    ((f"default-src 'self'; base-uri https://*.com; {FORMS}", "base-uri 'none'"), set()),
    ((f"default-src 'self'; base-uri 'none'; {FORMS}", "script-src 'unsafe-inline'"), set()),
    (
        ("script-src 'unsafe-inline'; default-src 'self'; base-uri 'none'; form-action 'self'",),
        {"script-unsafe-inline"},
    ),
    ((f"default-src 'self'; script-src data:; base-uri 'none'; {FORMS}", "script-src 'self'"), set()),
    (
        (f"default-src 'self'; script-src https://cdn.jsdelivr.net; base-uri 'none'; {FORMS}", "script-src 'self'"),
        set(),
    ),
    (("default-src 'self'; base-uri 'none'",), {"form-action-missing"}),
    (("default-src 'self'; base-uri 'none'", "form-action 'self'"), set()),
]


@pytest.mark.parametrize(("policies", "left"), TOGETHER)
def test_a_weakness_counts_where_no_other_policy_makes_up_for_it(policies: tuple[str, ...], left: set[str]) -> None:
    found = with_policy(*policies)
    assert {each.result for each in found.tests if each.name.startswith("csp-") and each.passed is False} == left


_SOURCES = st.sampled_from(
    [
        *("'self'", "'none'", "*", "https:", "http:", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"),
        *("'nonce-abcdefghijklmnopqrst'", "'nonce-a'", "'strict-dynamic'", "'unsafe-hashes'", "https://*.com"),
        *("https://cdn.jsdelivr.net", "https://ajax.googleapis.com", "https://cdn.example", "*.github.io", "*:443"),
    ]
)
_DIRECTIVES = st.sampled_from(
    [
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "object-src", "base-uri", "form-action"),
        *("style-src", "connect-src", "img-src", "frame-ancestors", "worker-src", "frame-src"),
    ]
)
_POLICIES = st.lists(
    st.tuples(_DIRECTIVES, st.lists(_SOURCES, max_size=3)).map(lambda each: " ".join((each[0], *each[1]))),
    min_size=1,
    max_size=4,
).map("; ".join)


def policy_points(found: OwnGrade) -> int:
    return sum(each.points for each in found.tests if each.name.startswith("csp-") or each.name == "framing")


@given(st.lists(_POLICIES, min_size=1, max_size=3))
def test_one_more_policy_never_costs_points(policies: list[str]) -> None:
    others = [pair for pair in GOOD_HEADERS if pair[0] not in {CSP, "X-Frame-Options"}]
    points = [
        policy_points(judged([*others, *((CSP, policy) for policy in policies[:count])]))
        for count in range(len(policies) + 1)
    ]
    assert points == sorted(points, reverse=True)


# Each row: kind of site, the grade. Written by hand, as sites of each kind answer when nobody has looked after more.
SITES = [
    ("strict", "A"),
    ("news", "F"),
    ("api", "A"),
    ("strict-api", "A+"),
    ("wordpress", "D"),
    ("django", "D"),
    ("nginx", "D"),
    ("express", "F"),
    ("helmet", "A"),
    ("old-shop", "F"),
    ("static-host", "C-"),
    ("sign-in-by-window", "A+"),
]


@pytest.mark.parametrize(("kind", "expected"), SITES)
def test_sites_as_there_are_many(kind: str, expected: str) -> None:
    head, _, body = (ANSWERS / f"{kind}.txt").read_text().partition("\n\n")
    assert judged(recorded(head), body=body).grade == expected


def test_data_is_told_nothing_of_pages() -> None:
    found = judged(recorded("content-type: application/json"), body="{}")
    assert failing(found) == {"strict-transport-security", "x-content-type-options"}


def test_the_collector_has_all_points_and_no_findings(tmp_path: Path) -> None:
    """Its pages as a visitor gets them behind a proxy that ends TLS."""
    token = "correct-horse-battery-staple"
    host, proxied = ("Host", "csp.example"), ("X-Forwarded-Proto", "https")
    with run_collector(tmp_path, CSP_ADMIN_TOKEN=token, CSP_ALLOWED_HOSTS="csp.example") as collector:

        def get(path: str, *headers: tuple[str, str]) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
            answer = forward(Request("GET", path, headers), collector.base_url)
            return answer.status, answer.headers, answer.body

        forged = get("/", ("Host", "forged.example"), proxied)
        for path in ("/login", "/", "/nowhere", "/healthz"):
            url = f"https://csp.example{path}"
            status, headers, body = get(
                path, host, proxied, ("Authorization", f"Bearer {token}"), ("Accept", "text/html")
            )
            refusal = make_response(forged[1], url=url, status=forged[0], body=forged[2])
            material = make_material(headers, url=url, body=body, forged_host=refusal)
            found = grade(material, evaluate=evaluate)
            assert (found.score, failing(found)) == (100, set()), (path, status, found.tests)
