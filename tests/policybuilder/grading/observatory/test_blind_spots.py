"""Where Observatory does not tell a weak site from a sound one, shown by its package, and our own tests do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import pytest

from policybuilder.evaluation.evaluating import evaluate
from policybuilder.grading import own
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import EndpointAnswer, Material
from policybuilder.grading.observatory import grade
from tests.support.materials import make_material
from tests.support.observatory import ask_peer, case_of

_POLICY = "Content-Security-Policy"
_NONCE = "'nonce-Jk3vO8m2Qb1cTz5xWq7nLw=='"
_ENDPOINT = "https://r.example/csp"


def policy(text: str) -> Material:
    return make_material((_POLICY, text))


def meta(text: str) -> Material:
    return make_material(body=f'<head><meta http-equiv="{_POLICY}" content="{text}"></head>')


def asked_twice(*nonces: str) -> Material:
    """A page whose policy holds the first nonce in the first answer, and the second in the next."""
    first, then = (policy(f"default-src 'self'; script-src {nonce}; base-uri 'none'") for nonce in nonces)
    return replace(first, again=then.page.response)


def reporting(answer: EndpointAnswer) -> Material:
    material = make_material(
        (_POLICY, "default-src 'self'; report-to csp"), ("Reporting-Endpoints", f'csp="{_ENDPOINT}"')
    )
    return replace(material, endpoints={_ENDPOINT: answer})


class BlindSpot(NamedTuple):
    """Two sites of which one is weaker, or that are alike; what Observatory gives the first, and what ours says."""

    weak: Material
    sound: Material
    test: str
    """Observatory's."""

    result: str
    """Of the weak one."""

    modifier: int
    own_test: str
    own_result: str
    """Of the weak one."""


UNSEEN = {
    "1: any script at all, by script-src-elem": BlindSpot(
        policy("default-src 'self'; script-src-elem * 'unsafe-inline'"),
        policy("default-src 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "csp-scripts", "script-any-host"),
    ),
    "2: a host with old frameworks on it": BlindSpot(
        policy("default-src 'none'; script-src https://ajax.googleapis.com https://*.com"),
        policy("default-src 'none'; script-src 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe-default-src-none", 10),
        *("csp-scripts", "script-open-hosting"),
    ),
    "2: every host of a registry": BlindSpot(
        policy("default-src 'none'; script-src https://*.com"),
        policy("default-src 'none'; script-src 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe-default-src-none", 10),
        *("csp-scripts", "script-registry-wildcard"),
    ),
    "3: scripts out of blobs": BlindSpot(
        policy("default-src 'none'; script-src 'self' blob:"),
        policy("default-src 'none'; script-src 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe-default-src-none", 10),
        *("csp-scripts", "script-blob"),
    ),
    "4: scripts in attributes": BlindSpot(
        policy("default-src 'none'; script-src-attr 'unsafe-inline'"),
        policy("default-src 'none'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe-default-src-none", 10),
        *("csp-scripts", "script-unsafe-inline"),
    ),
    "5: forms that are sent anywhere": BlindSpot(
        policy("default-src 'none'; form-action *"),
        policy("default-src 'none'; form-action 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe-default-src-none", 10),
        *("csp-forms", "exfiltration-any-host"),
    ),
    "6: plugins out of data": BlindSpot(
        policy("default-src 'self'; object-src data:; base-uri *"),
        policy("default-src 'self'; object-src 'none'; base-uri 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "csp-plugins", "object-any-source"),
    ),
    "6: a base anywhere": BlindSpot(
        policy("default-src 'self'; object-src data:; base-uri *"),
        policy("default-src 'self'; object-src 'none'; base-uri 'self'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "csp-base", "base-uri-any-host"),
    ),
    "7: frames by anybody": BlindSpot(
        policy("default-src 'self'; frame-ancestors *"),
        policy("default-src 'self'; frame-ancestors 'none'"),
        *("x-frame-options", "x-frame-options-implemented-via-csp", 5, "framing", "anybody"),
    ),
    "7: frames, forbidden where browsers do not look": BlindSpot(
        meta("default-src 'self'; frame-ancestors 'none'"),
        policy("default-src 'self'; frame-ancestors 'none'"),
        *("x-frame-options", "x-frame-options-implemented-via-csp", 5, "framing", "only-in-meta"),
    ),
    "10: no Permissions-Policy": BlindSpot(
        policy("default-src 'self'"),
        make_material((_POLICY, "default-src 'self'"), ("Permissions-Policy", "camera=(), microphone=()")),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "permissions-policy", "missing"),
    ),
    "10: Trusted Types that lock nothing": BlindSpot(
        policy("default-src 'self'; require-trusted-types-for script"),
        policy("default-src 'self'; require-trusted-types-for 'script'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "trusted-types", "misspelt"),
    ),
    "10: a nonce that can be guessed": BlindSpot(
        policy("default-src 'self'; script-src 'nonce-1'; base-uri 'none'"),
        policy(f"default-src 'self'; script-src {_NONCE}; base-uri 'none'"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "csp-scripts", "nonce-short"),
    ),
    "10: a nonce that is the same in every answer": BlindSpot(
        asked_twice(_NONCE, _NONCE),
        asked_twice(_NONCE, "'nonce-x1fVb0sQ7uYd3rKz9mTe5A=='"),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "csp-nonces", "repeated"),
    ),
    "10: reports that no browser may deliver": BlindSpot(
        reporting(EndpointAnswer(url=_ENDPOINT, preflight_status=404, is_cross_origin=True)),
        reporting(
            EndpointAnswer(
                url=_ENDPOINT,
                preflight_status=204,
                preflight_headers=(
                    ("Access-Control-Allow-Origin", "*"),
                    ("Access-Control-Allow-Headers", "content-type"),
                ),
                is_cross_origin=True,
            )
        ),
        *("content-security-policy", "csp-implemented-with-no-unsafe", 5, "reporting", "preflight-refused"),
    ),
}

# What is no weakness, and costs points: the first of each two is the one that is punished.
PUNISHED = {
    "8: reports in the clear are no scripts in the clear": BlindSpot(
        policy("default-src 'self'; report-uri http://r.example/csp"),
        policy("default-src 'self'; report-uri https://r.example/csp"),
        *("content-security-policy", "csp-implemented-with-insecure-scheme", -20, "csp-scripts", "own-scripts"),
    ),
    "9: two places for reports": BlindSpot(
        policy("default-src 'none'; report-uri https://r.example/a; report-uri https://r.example/b"),
        policy("default-src 'none'; report-uri https://r.example/a"),
        *("content-security-policy", "csp-implemented-but-duplicate-directives", 0, "csp-scripts", "nothing-runs"),
    ),
}


@cache
def peers() -> Mapping[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What the package makes of the weak and of the sound one of each."""
    spots = {**UNSEEN, **PUNISHED}
    answers = ask_peer(case_of(each) for spot in spots.values() for each in (spot.weak, spot.sound))
    return dict(zip(spots, zip(answers[::2], answers[1::2], strict=True), strict=True))


def own_judgement(material: Material, test: str, result: str) -> Judgement | None:
    graded = own.grade(material, evaluate=evaluate)
    return next((each for each in graded.tests if (each.name, each.result) == (test, result)), None)


@pytest.mark.parametrize("name", UNSEEN)
def test_observatory_gives_a_weak_site_what_it_gives_a_sound_one(name: str) -> None:
    spot, (weak, sound) = UNSEEN[name], peers()[name]
    assert weak["tests"][spot.test] == {"result": spot.result, "modifier": spot.modifier, "passed": True}
    assert weak["score"] == sound["score"]
    assert grade(spot.weak).tests[spot.test].result == spot.result


@pytest.mark.parametrize("name", UNSEEN)
def test_our_own_tests_tell_them_apart(name: str) -> None:
    spot = UNSEEN[name]
    judgement = own_judgement(spot.weak, spot.own_test, spot.own_result)
    assert judgement is not None
    assert judgement.passed is False
    assert own_judgement(spot.sound, spot.own_test, spot.own_result) is None
    weak, sound = (own.grade(each, evaluate=evaluate).score or 0 for each in (spot.weak, spot.sound))
    # Trusted Types cost no points, since few sites can have them yet.
    assert weak < sound or spot.own_test == "trusted-types"


@pytest.mark.parametrize("name", PUNISHED)
def test_observatory_takes_points_for_what_lets_nothing_in(name: str) -> None:
    spot, (punished, other) = PUNISHED[name], peers()[name]
    assert punished["tests"][spot.test]["result"] == spot.result
    assert punished["tests"][spot.test]["modifier"] == spot.modifier
    assert punished["tests"][spot.test]["modifier"] < other["tests"][spot.test]["modifier"]
    assert grade(spot.weak).tests[spot.test].result == spot.result


@pytest.mark.parametrize("name", PUNISHED)
def test_our_own_tests_take_none_for_scripts_there(name: str) -> None:
    spot = PUNISHED[name]
    for material in (spot.weak, spot.sound):
        judgement = own_judgement(material, spot.own_test, spot.own_result)
        assert judgement is not None
        assert judgement.passed is True


def test_a_place_for_reports_in_the_clear_is_a_fault_of_reporting() -> None:
    spot = PUNISHED["8: reports in the clear are no scripts in the clear"]
    judgement = own_judgement(spot.weak, "reporting", "insecure")
    assert judgement is not None
    assert judgement.passed is False


def test_a_second_place_for_reports_costs_nothing() -> None:
    spot = PUNISHED["9: two places for reports"]
    assert own.grade(spot.weak, evaluate=evaluate).score == own.grade(spot.sound, evaluate=evaluate).score
