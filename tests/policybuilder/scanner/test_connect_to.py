"""`--connect-to`, as curl reads it."""

from __future__ import annotations

import pytest

from policybuilder.errors import CspbuildError
from policybuilder.scanner.connect_to import Endpoint, destination, parse_detour

# (detours, host and port of the URL, host and port of the connection)
CASES = [
    ([], ("shop.example", 443), ("shop.example", 443)),
    (["shop.example:443:127.0.0.1:8443"], ("shop.example", 443), ("127.0.0.1", 8443)),
    (["shop.example:443:127.0.0.1:8443"], ("shop.example", 80), ("shop.example", 80)),
    (["shop.example:443:127.0.0.1:8443"], ("www.shop.example", 443), ("www.shop.example", 443)),
    (["SHOP.example:443:127.0.0.1:8443"], ("shop.example", 443), ("127.0.0.1", 8443)),
    (["::127.0.0.1:8443"], ("any.example", 80), ("127.0.0.1", 8443)),
    ([":443:127.0.0.1:8443"], ("any.example", 443), ("127.0.0.1", 8443)),
    (["shop.example::127.0.0.1:8443"], ("shop.example", 80), ("127.0.0.1", 8443)),
    (["shop.example:443::8443"], ("shop.example", 443), ("shop.example", 8443)),
    (["shop.example:443:staging.example:"], ("shop.example", 443), ("staging.example", 443)),
    (["shop.example:443:staging.example"], ("shop.example", 443), ("staging.example", 443)),
    (["shop.example:443::"], ("shop.example", 443), ("shop.example", 443)),
    (["[::1]:443:[2001:db8::1]:8443"], ("::1", 443), ("2001:db8::1", 8443)),
    (["a.example::1.example:", "::2.example:"], ("a.example", 80), ("1.example", 80)),
    (["a.example::1.example:", "::2.example:"], ("b.example", 80), ("2.example", 80)),
    # Not followed from one to the next.
    (["a.example::b.example:", "b.example::c.example:"], ("a.example", 80), ("b.example", 80)),
]


@pytest.mark.parametrize(("detours", "asked", "expected"), CASES)
def test_the_first_detour_that_covers_the_url_counts(
    detours: list[str], asked: tuple[str, int], expected: tuple[str, int]
) -> None:
    assert destination(Endpoint(*asked), [parse_detour(text) for text in detours]) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "shop.example", "shop.example:443", "shop.example:https:a:1", "a:1:b:2:3", "::::", "::1:443:a:1"),
        *("a:0:b:1", "a:65536:b:1", "a:1:b:99999999999999999999", "a b:1:c:2", "a:1:u@b:2", "a:1:[b]:2", "a:1:b:2\n"),
    ],
)
def test_other_text_is_a_mistake_in_one_line(text: str) -> None:
    with pytest.raises(CspbuildError, match=r"^no (port|--connect-to): [^\n]+$"):
        parse_detour(text)
