"""What is handed out: findings in their order, named differences, and one document."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.evaluation.csp_evaluator import DEFECTS, PeerSeverity, Side, evaluate_as_peer
from policybuilder.evaluation.csp_evaluator.values import _read_cached
from tests.peers.policies import BY_HAND


def codes_of(text: str) -> list[str]:
    return [finding.code for finding in evaluate_as_peer(text).findings]


TEXTS = st.text() | st.lists(
    st.sampled_from(
        [
            *(
                "script-src",
                "object-src",
                "base-uri",
                "img-src",
                "trusted-types",
                "'none'",
                "'self'",
                "https:",
                "*:1",
                "[::1]:x",
            ),
            *(
                "'nonce-MTIzNDU2Nzg='",
                "'strict-dynamic'",
                "a.example",
                "'report-sha256'",
                ";",
                ";",
                ",",
                "fenced-frame-src",
            ),
        ]
    ),
    max_size=20,
).map(" ".join)


@given(TEXTS)
def test_no_text_makes_it_raise_and_the_same_text_gives_the_same_answer(text: str) -> None:
    evaluation = evaluate_as_peer(text)
    assert evaluate_as_peer(text) == evaluation
    assert json.loads(json.dumps(evaluation.document()))["findings"] == evaluation.document()["findings"]


@given(TEXTS)
def test_the_worst_come_first(text: str) -> None:
    severities = [finding.severity for finding in evaluate_as_peer(text).findings]
    assert severities == sorted(severities)


@given(TEXTS)
def test_what_only_we_say_is_among_the_findings_and_what_only_the_peer_says_is_not(text: str) -> None:
    evaluation = evaluate_as_peer(text)
    found = Counter(finding.identity for finding in evaluation.findings)
    ours = Counter(each.finding.identity for each in evaluation.intended_differences if each.said_by is Side.OURS)
    assert ours <= found
    assert {each.defect for each in evaluation.intended_differences} <= DEFECTS.keys()


@given(st.lists(TEXTS.filter(lambda text: "," not in text), min_size=2, max_size=3))
def test_nothing_is_found_in_several_policies_that_is_in_none_of_them(texts: list[str]) -> None:
    together = Counter(finding.identity for finding in evaluate_as_peer(",".join(texts)).findings)
    apart = Counter(finding.identity for text in texts for finding in evaluate_as_peer(text).findings)
    assert together <= apart or not any(text.strip(" ;") for text in texts)


def test_of_more_policies_than_anybody_sends_the_first_are_judged() -> None:
    started = time.monotonic()
    found = evaluate_as_peer("a," * 500_000).findings
    assert time.monotonic() - started < 10
    assert len([each for each in found if each.code == "UNKNOWN_DIRECTIVE"]) == 1_000


def test_the_document_has_the_keys_that_are_promised() -> None:
    document = evaluate_as_peer("script-src *:443 https://www.google.com 'report-sha256'").document()
    assert document["worst"] == "HIGH"
    assert document["findings"] == sorted(document["findings"], key=lambda each: each["severity_number"])  # type: ignore[call-overload]
    assert {
        "code": "SCRIPT_ALLOWLIST_BYPASS",
        "severity": "HIGH",
        "severity_number": 10,
        "directive": "script-src",
        "value": "https://www.google.com",
        "message": "https://www.google.com covers a host known for JSONP or AngularJS, with which an attacker's code"
        " runs under this policy",
        "fix": "take https://www.google.com out, or use a nonce with 'strict-dynamic'",
    } in document["findings"]  # type: ignore[operator]
    assert document["intended_differences"] == [
        {
            "defect": 1,
            "code": "INVALID_KEYWORD",
            "severity": "SYNTAX",
            "directive": "script-src",
            "value": "'report-sha256'",
            "said_by": "csp_evaluator",
            "reason": "csp_evaluator takes newer keywords and directives for mistakes",
        },
        {
            "defect": 4,
            "code": "PLAIN_WILDCARD",
            "severity": "HIGH",
            "directive": "script-src",
            "value": "*:443",
            "said_by": "cspbuild",
            "reason": "csp_evaluator does not see that any host is any host with a port, too",
        },
    ]
    assert {
        "defect": 8,
        "directive": "frame-ancestors",
        "value": None,
        "message": "any site may frame the page, as no frame-ancestors says who may",
    } in document["not_judged"]  # type: ignore[operator]


def test_a_policy_with_nothing_wrong_has_no_worst() -> None:
    assert evaluate_as_peer("default-src 'none'; require-trusted-types-for 'script'").document()["worst"] is None


def test_the_numbers_of_severities_are_the_peers() -> None:
    assert {each.name: int(each) for each in PeerSeverity} == {
        "HIGH": 10,
        "SYNTAX": 20,
        "MEDIUM": 30,
        "HIGH_MAYBE": 40,
        "STRICT_CSP": 45,
        "MEDIUM_MAYBE": 50,
        "INFO": 60,
    }


@pytest.mark.parametrize("policy", BY_HAND)
def test_every_finding_says_where_it_is_and_what_to_do(policy: str) -> None:
    for finding in evaluate_as_peer(policy).findings:
        for sentence in (finding.message, finding.fix):
            assert sentence
            assert "{directive}" not in sentence
            assert "{value}" not in sentence


# (policies, what is missing of all of them)
MISSING = [
    ("default-src 'none', frame-ancestors 'none'", ["REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"]),
    ("img-src *, font-src *", ["MISSING_DIRECTIVES", "MISSING_DIRECTIVES", "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"]),
    ("object-src 'none', script-src 'none'; require-trusted-types-for 'script'", []),
    ("default-src 'none', require-trusted-types-for 'script', ;", []),
]


@pytest.mark.parametrize(("text", "missing"), MISSING)
def test_what_one_of_several_policies_has_is_missing_in_none(text: str, missing: list[str]) -> None:
    absences = {"MISSING_DIRECTIVES", "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"}
    assert [code for code in codes_of(text) if code in absences] == missing


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("default-src 'nonce-MTIzNDU2Nzg=', img-src *", 1),
        ("default-src 'nonce-MTIzNDU2Nzg=', base-uri 'none'", 0),
        ("default-src 'nonce-MTIzNDU2Nzg=', default-src 'nonce-MTIzNDU2Nzg='", 1),
        ("default-src 'self', img-src *", 0),
    ],
)
def test_a_nonce_in_one_policy_needs_base_uri_in_any(text: str, times: int) -> None:
    assert len([each for each in evaluate_as_peer(text).findings if each.directive == "base-uri"]) == times


@pytest.mark.parametrize("text", ["", ",", " ; , ;;,\t"])
def test_where_there_is_no_policy_everything_is_missing(text: str) -> None:
    assert codes_of(text) == ["MISSING_DIRECTIVES", "MISSING_DIRECTIVES", "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS"]


def test_two_halves_of_a_character_are_one_wherever_they_come_from() -> None:
    """As they are to JavaScript, where the texts are compared in halves."""
    (finding,) = (each for each in evaluate_as_peer("default-src 'none'; \ud83d\ude00").findings if each.code[0] == "U")
    assert finding.directive == "😀"


HOSTILE = {
    "one long token": "script-src " + "a." * 200_000,
    "many tokens": "script-src " + " ".join(f"h{number}.example" for number in range(40_000)),
    "many directives": ";".join(f"d{number} a:b" for number in range(40_000)),
    "many policies": ",".join(["script-src a.example [::1]:foo"] * 10_000),
    "one directive again and again": ";".join(["script-src x"] * 100_000),
    "commas": "," * 200_000,
    "stars": "script-src " + "*:" * 200_000,
    "punycode": "img-src xn--" + "kva" * 100_000,
    "letters of every kind": "img-src " + "".join(chr(0x4E00 + number % 20_000) for number in range(200_000)),
    "halves of characters": "img-src " + "\ud800" * 200_000,
    "nothing": "\0" * 400_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_text_and_not_by_its_square(text: str) -> None:
    """A generous deadline: the longest takes half a second, and would take hours."""
    began = time.process_time()
    evaluate_as_peer(text).document()
    assert time.process_time() - began < 10


def test_long_tokens_of_strangers_are_not_kept() -> None:
    evaluate_as_peer("img-src " + "a" * 1_000)
    kept = _read_cached.cache_info().currsize
    evaluate_as_peer("img-src " + "b" * 1_000)
    assert _read_cached.cache_info().currsize == kept
