"""Laws of evaluation: what a better text is better in, and what does not change what is found."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from policybuilder.csp import Delivery, parse_serialized_policy_list, subsumes
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation.baseline import compare, fingerprint_of
from policybuilder.evaluation.codes import CODES
from policybuilder.evaluation.evaluating import evaluate
from policybuilder.evaluation.weakness import Severity, Weakness

# A vocabulary in which weaknesses are frequent and meet each other.
SOURCES = [
    *("'self'", "'none'", "*", "http:", "https:", "ws:", "wss:", "data:", "blob:", "*:443", "https://*", "*.com"),
    *("'unsafe-inline'", "'UNSAFE-inline'", "'unsafe-eval'", "'unsafe-hashes'", "'strict-dynamic'", "'report-sample'"),
    *("'nonce-abc'", "'nonce-bm90IGEgc2VjcmV0IGF0IGFsbA=='", "'sha256-YWJj'", "'url-sha256-YWJj'"),
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    *("a.example", "https://a.example", "http://a.example:80/x", "https://a.example/js/", "https://a.example/js/b.js"),
    *("*.a.example", "https://cdn.jsdelivr.net", "https://cdn.jsdelivr.net/npm/angular@1/", "*.github.io", "a.b:*"),
    *("https://www.googletagmanager.com", "https://bit.ly", "https://www.googleapis.com", "localhost:1", "192.0.2.1"),
    *("https://unpkg.com/vue@3/", "https://www.google-analytics.com", "https://paypal.com", "https://paypa1.com"),
    *("'unsafe-inlnie'", "'sefl'", "self", "none", "unsafe-inline", "nonce-abc", "[::1]:x", "a.example/x?y", "img-src"),
    *("script-src", "‘self’", "\x00"),
]
NAMES = [
    *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-attr", "img-src"),
    *("connect-src", "frame-src", "child-src", "worker-src", "object-src", "font-src", "base-uri", "form-action"),
    *("frame-ancestors", "scirpt-src", "defualt-src", "img", "referrer"),
]
OTHERS = [
    *("sandbox", "sandbox allow-scripts", "sandbox allow-script", "upgrade-insecure-requests", "report-to csp"),
    *("require-trusted-types-for 'script'", "require-trusted-types-for", "require-trusted-types-for script"),
    *(
        "trusted-types *",
        "trusted-types a b!",
        "trusted-types",
        "report-uri http://r.example/",
        "report-uri /r",
        "report-to",
    ),
    *("block-all-mixed-content", "webrtc 'block'", ""),
]

directives = st.one_of(
    st.builds(
        lambda name, values: " ".join((name, *values)),
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(SOURCES), max_size=5),
    ),
    st.sampled_from(OTHERS),
)
policies = st.lists(directives, max_size=6).map("; ".join)
texts = st.lists(policies, min_size=1, max_size=3).map(", ".join)
deliveries = st.sampled_from(Delivery)

ORDER = list(Severity)


def name_of(weakness: Weakness) -> tuple[object, ...]:
    return weakness.code, weakness.directive, weakness.value, weakness.policy


@settings(max_examples=150, deadline=None)
@given(text=texts, delivery=deliveries)
def test_a_better_text_has_the_weakness_no_more_and_no_worse_one_instead(text: str, delivery: Delivery) -> None:
    found = evaluate(text, delivery=delivery)
    before = Counter(weakness.severity for weakness in found)
    for weakness in found:
        if weakness.fix is None:
            continue
        again = evaluate(weakness.fix, delivery=delivery)
        # A directive that stands three times is repeated twice, and then once.
        fewer = [sum(name_of(each) == name_of(weakness) for each in every) for every in (again, found)]
        assert fewer[0] < fewer[1], (weakness.code, weakness.fix)
        after = Counter(each.severity for each in again)
        for severity in ORDER[: ORDER.index(weakness.severity)]:
            assert after[severity] <= before[severity], (weakness.code, weakness.fix)


@settings(max_examples=100, deadline=None)
@given(text=texts, delivery=deliveries, disposition=st.sampled_from(Disposition))
def test_every_weakness_is_known_and_in_its_place(text: str, delivery: Delivery, disposition: Disposition) -> None:
    for weakness in evaluate(text, delivery=delivery, disposition=disposition, first_party=["a.example"]):
        assert weakness.code in CODES
        assert 0 <= weakness.start <= weakness.end <= len(text)
        if weakness.value is not None:
            assert text[weakness.start : weakness.end] == weakness.value
        assert weakness.fix is not None or weakness.advice is not None or weakness.code == "several-policies"
        assert weakness.fix != text


@settings(max_examples=100, deadline=None)
@given(policy=st.lists(directives, max_size=7, unique_by=lambda each: each.split(" ")[0]), seed=st.integers(0, 99))
def test_the_order_of_directives_does_not_count(policy: list[str], seed: int) -> None:
    def found(parts: list[str]) -> list[tuple[object, ...]]:
        return sorted((*map(str, name_of(each)), each.severity, each.certainty) for each in evaluate("; ".join(parts)))

    shuffled = Random(seed).sample(policy, len(policy))  # noqa: S311  (no secret)
    assert found(shuffled) == found(policy)


MORE = [severity for severity in Severity if severity is not Severity.INFO]
ABOUT_THE_TEXT = {
    *("redundant-source", "source-without-effect", "ignored-host", "several-policies", "size", "unknown-value"),
    *("lookalike-host", "scheme-without-colon", "star-in-path"),
    *("nonce-short", "dead-hash", "experimental-hash", "strict-dynamic-alone", "insecure-scheme", "report-to-unusable"),
    *("invalid-source", "non-ascii", "none-ignored", "unknown-directive", "unquoted-keyword", "duplicate-directive"),
    *("directive-as-source", "query-ignored", "unexpected-value", "removed-directive", "report-uri-ignored"),
}
"""What is said of a policy whatever others do."""


@settings(max_examples=100, deadline=None)
@given(one=policies, other=policies)
def test_one_policy_more_opens_nothing(one: str, other: str) -> None:
    """What two policies leave open one of them leaves open alone; a worse severity may come of neither."""
    alone = {each.code for text in (one, other) for each in evaluate(text)}
    together = {each.code for each in evaluate(f"{one}, {other}") if each.code not in ABOUT_THE_TEXT}
    if parse_serialized_policy_list(one).policies and parse_serialized_policy_list(other).policies:
        assert together <= alone | {"eval-unrestricted", "worker-unrestricted"}


NARROWING = {
    *("script-unsafe-inline", "script-unsafe-eval", "script-data", "script-open-hosting", "style-unsafe-inline"),
    *("base-uri-missing", "object-src-missing", "form-action-missing", "frame-ancestors-missing", "redundant-source"),
}


@settings(max_examples=60, deadline=None)
@given(text=policies)
def test_most_better_texts_admit_nothing_that_was_not_admitted(text: str) -> None:
    for weakness in evaluate(text):
        if weakness.code in NARROWING and weakness.fix is not None:
            assert subsumes(text, weakness.fix), (weakness.code, weakness.fix)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_is_evaluated(text: str) -> None:
    for weakness in evaluate(text):
        assert weakness.fix is None or isinstance(weakness.fix, str)


@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_nothing_is_new_beside_itself(text: str) -> None:
    found = evaluate(text)
    comparison = compare(found, map(fingerprint_of, found))
    assert not any(comparison.is_new)
    assert comparison.resolved == 0
    assert all(compare(found, ()).is_new)
