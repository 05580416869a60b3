"""Predicates: what is left out of a question for its answer to be remembered does not change the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import Verdict, Violation, decide, parse_serialized_policy, question_of
from policybuilder.reports.predicates import Context, is_a_contradiction
from tests.collector.ingest.builders import make_violation

_ORIGINS = ["https://shop.example", "http://shop.example:8080", "https://cdn.example", "wss://shop.example"]
_PATHS = ["", "/", "/a", "/a/b.png"]
_URLS = st.sampled_from([origin + path for origin in _ORIGINS for path in _PATHS])
_DIRECTIVES = ["img-src", "script-src", "script-src-elem", "style-src-attr", "frame-src", "base-uri", "form-action"]
_SOURCES = ["'self'", "*", "https:", "shop.example", "https://cdn.example/a/", "'unsafe-inline'", "'none'"]
_POLICIES = st.lists(
    st.builds("{} {}".format, st.sampled_from([*_DIRECTIVES, "default-src"]), st.sampled_from(_SOURCES)), min_size=1
).map("; ".join)


@given(
    st.builds(
        make_violation,
        document_uri=_URLS | st.sampled_from(["about", "blob", "data", "(invalid)"]),
        effective_directive=st.sampled_from([*_DIRECTIVES, "frame-ancestors"]),
        blocked_uri=_URLS | st.sampled_from(["inline", "eval", "data", "blob", "self", ""]),
        original_policy=_POLICIES,
    )
)
def test_a_contradiction_is_one_whatever_the_path_of_its_page(violation: Violation) -> None:
    policy = parse_serialized_policy(violation.original_policy)
    asked = make_violation(
        document_uri=violation.document_uri,
        effective_directive=violation.effective_directive,
        blocked_uri=violation.blocked_uri,
    )
    is_allowed = decide(policy, question_of(asked)).verdict is Verdict.ALLOW
    assert is_a_contradiction(Context(violation, "", "", ())) is is_allowed
