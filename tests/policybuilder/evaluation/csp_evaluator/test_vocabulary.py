"""The peer's vocabulary: what its package says, and what has come since."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.sources import HashSource, parse_source_expression
from policybuilder.evaluation.csp_evaluator import vocabulary
from tests.peers.asking import run_in_node


def test_names_and_keywords_are_those_of_the_installed_package() -> None:
    directives, keywords = run_in_node(
        "import { Directive, Keyword } from 'csp_evaluator/dist/csp.js';"
        "console.log(JSON.stringify([Directive, Keyword].map(Object.values)))"
    )
    assert set(directives) == set(vocabulary.DIRECTIVES)
    assert set(keywords) == set(vocabulary.KEYWORDS)


def test_what_is_newer_is_unknown_to_it_and_known_to_browsers() -> None:
    assert vocabulary.NEWER_DIRECTIVES.isdisjoint(vocabulary.DIRECTIVES)
    assert vocabulary.NEWER_KEYWORDS.isdisjoint(vocabulary.KEYWORDS)
    assert FALLBACKS.keys() >= vocabulary.NEWER_DIRECTIVES
    assert all(parse_source_expression(keyword) is not None for keyword in vocabulary.NEWER_KEYWORDS)


def test_javascript_has_whitespace_of_its_own() -> None:
    spaces = run_in_node(
        r"const codes = Array.from({ length: 0x10000 }, (_, code) => code);"
        r"console.log(JSON.stringify(codes.filter((code) => /\s/.test(String.fromCharCode(code)))))"
    )
    assert [code for code in range(0x10000) if not vocabulary.TOKEN.match(chr(code))] == spaces


def digests() -> st.SearchStrategy[bytes]:
    sizes = st.sampled_from([32, 48, 64])
    return st.binary(max_size=70) | sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(bits=st.sampled_from([256, 384, 512]), digest=digests(), padding=st.sampled_from(["=", ""]))
def test_a_digest_is_what_decodes_to_the_bytes_of_its_algorithm(bits: int, digest: bytes, padding: str) -> None:
    text = base64.urlsafe_b64encode(digest).decode().replace("=", padding)
    source = f"'sha{bits}-{text}'"
    parsed = parse_source_expression(source)
    is_digest = isinstance(parsed, HashSource) and len(parsed.digest) == bits // 8
    assert (vocabulary.DIGEST.fullmatch(source) is not None) == is_digest


@pytest.mark.parametrize("padding", ["==", "==="])
def test_too_much_padding_is_no_digest(padding: str) -> None:
    assert vocabulary.DIGEST.fullmatch(f"'sha256-{'A' * 43}{padding}'") is None
    assert vocabulary.DIGEST.fullmatch(f"'sha384-{'A' * 64}{padding}'") is None
