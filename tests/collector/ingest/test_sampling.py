"""Tests of the sampling rate in report URLs, whoever wrote them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.sampling import MAX_STANDS_FOR, stands_for
from policybuilder.stages import Stage, headers_for


@pytest.mark.parametrize(
    ("query", "reports"),
    [
        (b"r=0.01", 100),
        (b"r=0.5", 2),
        (b"r=0.03", 33),
        (b"r=0.7", 1),
        (b"r=.25", 4),
        (b"r=1", 1),
        (b"r=1.0", 1),
        (b"r=0.0001", 10_000),
        (b"a=1&r=0.1", 10),
        (b"r=0.1&b=2", 10),
        (b"r=0.5&r=0.1", 10),
        (b"r=0.1&r=x&rr=0.5", 1),
        # Less than anybody samples.
        (b"r=0.00001", MAX_STANDS_FOR),
        (b"r=0." + b"0" * 29 + b"1", MAX_STANDS_FOR),
        # Nonsense is no error, and no estimate.
        *(
            (query, 1)
            for query in (
                *(b"", b"r", b"r=", b"r=.", b"r=0", b"r=0.0", b"r=-0.1", b"r=1.5", b"r=2", b"r=100", b"r=1e-2"),
                *(b"r=nan", b"r=inf", b"r=0_1", b"r=%30.1", b"r=0,1", b"r=0.1x", b" r=0.1", b"R=0.1", b"xr=0.1"),
                *(b"r=0.1%00", b"r=\xd9\xa0.\xd9\xa1", b"r=0." + b"1" * 4_096, b"&" * 1_000_000),
            )
        ),
    ],
)
def test_a_share_is_read_as_what_a_report_stands_for(query: bytes, reports: int) -> None:
    assert stands_for(query) == reports


@given(st.binary(max_size=64).map(lambda rest: b"r=" + rest))
def test_any_query_stands_for_a_bounded_number(query: bytes) -> None:
    assert 1 <= stands_for(query) <= MAX_STANDS_FOR


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01, 0.0001])
def test_what_a_header_says_is_read_back(share: float) -> None:
    (header, *_) = headers_for(Stage.OBSERVE, report_url="https://csp.example/report/shop?x=1", sample=share)
    url = header.value.rpartition(" ")[2]
    assert stands_for(urlsplit(url).query.encode()) == round(1 / share)
