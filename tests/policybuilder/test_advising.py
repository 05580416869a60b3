"""Advice: what should be allowed, what should not, and what each change opens besides."""

from __future__ import annotations

import pytest

from policybuilder.advising import Allow, advise
from policybuilder.csp import Violation
from policybuilder.smallest_change import SmallestChange

YES, NO, DECIDE = Allow.YES, Allow.NO, Allow.DECIDE
DIGEST = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

# (directive, sources; whether to allow them, words of a warning)
ADVICE = [
    ("img-src", ["'self'"], YES, ""),
    ("img-src", ["https://img.example"], YES, ""),
    ("img-src", ["data:"], YES, ""),
    ("img-src", ["http://img.example"], YES, "have the page ask over https:"),
    ("script-src", ["https://cdn.example/a.js"], DECIDE, "does not count after a redirect"),
    ("script-src", ["https://cdn.jsdelivr.net/npm/x@1/a.js"], DECIDE, "cdn.jsdelivr.net "),
    ("script-src-elem", ["https://somebody.github.io"], DECIDE, "somebody.github.io "),
    ("script-src", ["data:"], NO, "as good as 'unsafe-inline'"),
    ("script-src", ["blob:"], NO, "as good as 'unsafe-inline'"),
    ("object-src", ["data:"], NO, "as good as 'unsafe-inline'"),
    ("style-src", ["data:"], DECIDE, ""),
    ("script-src", ["'unsafe-eval'"], NO, "'unsafe-eval' opens eval"),
    ("script-src", ["'wasm-unsafe-eval'"], DECIDE, ""),
    ("script-src", ["'unsafe-inline'"], NO, "takes away what a policy is for"),
    ("style-src", ["'unsafe-inline'"], DECIDE, ""),
    ("script-src", [DIGEST], YES, ""),
    ("script-src", [DIGEST, "'unsafe-hashes'"], YES, "handlers of their own choice"),
    ("connect-src", ["https://api.example"], DECIDE, ""),
    ("form-action", ["https://pay.example"], DECIDE, ""),
    ("base-uri", ["https://cdn.example"], DECIDE, ""),
    ("trusted-types", ["shop"], DECIDE, ""),
]


@pytest.mark.parametrize(("directive", "sources", "allow", "warning"), ADVICE)
def test_each_source_is_judged_by_what_it_lets_in(
    directive: str, sources: list[str], allow: Allow, warning: str
) -> None:
    violation = Violation(
        document_uri="https://shop.example/", effective_directive=directive, blocked_uri="https://a.example/"
    )
    advice = advise(violation, SmallestChange(directive=directive, sources=tuple(sources)))
    assert advice.allow is allow
    assert advice.why
    if warning:
        assert any(warning in each for each in advice.warnings)
    else:
        assert advice.warnings == ()


@pytest.mark.parametrize("sources", [(), ("'nonce-{NONCE}'",)])
def test_a_nonce_is_advised_to_whoever_wrote_the_code(sources: tuple[str, ...]) -> None:
    violation = Violation(
        document_uri="https://shop.example/", effective_directive="script-src-elem", blocked_uri="inline"
    )
    advice = advise(violation, SmallestChange(directive="script-src", sources=sources, nonce="abc"))
    assert advice.allow is YES
    assert advice.why.startswith("if the code is yours")


def test_locked_sinks_stay_locked() -> None:
    violation = Violation(
        document_uri="https://shop.example/",
        effective_directive="require-trusted-types-for",
        blocked_uri="trusted-types-sink",
    )
    assert advise(violation, SmallestChange(directive="require-trusted-types-for")).allow is NO
