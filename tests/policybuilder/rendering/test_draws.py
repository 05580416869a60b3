"""Tests of draws."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.rendering.draws import divided, hexadecimal_bound, percent, written
from policybuilder.stages import ENFORCED, REPORT_ONLY, REPORTING_ENDPOINTS, Header

WATCHED = Header(REPORT_ONLY, "img-src 'self'; report-to csp-endpoint")
ENDPOINTS = Header(REPORTING_ENDPOINTS, 'csp-endpoint="https://csp.example/"')
PLAIN = Header(ENFORCED, "default-src 'self'")
REPORTED = Header(ENFORCED, "default-src 'self'; report-to csp-endpoint")

# (headers, what every response gets, what is drawn)
DIVIDED_CASES = [
    ([WATCHED, ENDPOINTS], [], [WATCHED, ENDPOINTS]),
    ([WATCHED, PLAIN, ENDPOINTS], [PLAIN], [WATCHED, ENDPOINTS]),
    ([WATCHED, REPORTED, ENDPOINTS], [REPORTED, ENDPOINTS], [WATCHED]),
    ([PLAIN], [PLAIN], []),
    ([], [], []),
]


@pytest.mark.parametrize(("headers", "always", "drawn"), DIVIDED_CASES)
def test_enforced_policies_and_their_endpoints_are_never_drawn(
    headers: list[Header], always: list[Header], drawn: list[Header]
) -> None:
    assert divided(headers, 0.01) == (always, drawn)
    assert divided(headers, 1) == (headers, [])


# (share, for people, for programs)
TEXT_CASES = [
    (0.01, "1 %", "0.01"),
    (0.29, "29 %", "0.29"),
    (0.1, "10 %", "0.1"),
    (0.00001, "0.001 %", "0.00001"),
    (1 / 3, "33.33333333333333 %", "0.3333333333333333"),
    (1.0, "100 %", "1.0"),
]


@pytest.mark.parametrize(("share", "people", "programs"), TEXT_CASES)
def test_a_share_is_written_without_the_noise_of_floats(share: float, people: str, programs: str) -> None:
    assert (percent(share), written(share)) == (people, programs)


@given(share=st.floats(0, 1, exclude_min=True, exclude_max=True))
@example(share=5e-324)
@example(share=0.9999999999999999)
def test_a_share_of_all_numbers_sorts_before_its_bound(share: float) -> None:
    bound = hexadecimal_bound(share)
    assert len(bound) == 8
    assert abs(int(bound, 16) / 2**32 - share) <= 2**-32
    assert "00000000" < bound <= "ffffffff"
