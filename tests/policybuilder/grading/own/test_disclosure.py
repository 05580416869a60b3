"""What headers give away, and those that nobody reads any more."""

from __future__ import annotations

import pytest

from tests.support.judgements import judgements, results

# Each row: header, value, result.
CASES = [
    ("Server", "nginx", "nothing"),
    ("Server", "cloudflare", "nothing"),
    ("Server", "Microsoft-HTTPAPI", "nothing"),
    ("Server", "nginx/1.24.0 (Ubuntu)", "version"),
    ("Server", "Apache/2.4.41 (Ubuntu) OpenSSL/1.1.1f", "version"),
    ("Server", "Microsoft-IIS/10.0", "version"),
    ("X-Powered-By", "PHP/8.1.2", "version"),
    ("X-Powered-By", "Express", "nothing"),
    ("X-Generator", "Drupal 10.2.1 (https://www.drupal.org)", "version"),
    ("X-AspNet-Version", "4.0.30319", "version"),
    ("Via", "1.1 varnish", "nothing"),
    ("Via", "HTTP/1.1 cache (squid/4.10)", "version"),
    ("Via", "HTTP/1.1 cache", "nothing"),
    ("Server", "ECS (nyd/D10E)", "nothing"),
    ("X-Powered-By", "Next.js 13.4", "version"),
    ("Server", "Werkzeug/3.0.1 Python/3.11.4", "debugging"),
    ("X-Debug-Token-Link", "https://shop.example/_profiler/abc", "debugging"),
    ("X-Backend", "10.1.2.3:8080", "internal-address"),
    ("X-Served-By", "http://[fd00::1]/", "internal-address"),
    ("Via", "1.1 ip-10-0-0-7.eu-west-1.compute.internal", "internal-address"),
    ("X-Host", "web.default.svc.cluster.local", "internal-address"),
    ("X-Backend", "192.0.2.1", "nothing"),
    ("X-App-Version", "10.1.2.3", "nothing"),
    ("X-Served-By", "8.8.8.8", "nothing"),
]


@pytest.mark.parametrize(("header", "value", "result"), CASES)
def test_what_headers_give_away(header: str, value: str, result: str) -> None:
    assert result in results("disclosure", {header: value})


def test_an_address_inside_is_no_news_inside() -> None:
    assert results("disclosure", {"X-Backend": "10.1.2.3"}, url="http://10.1.2.3/") == ["nothing"]


def test_a_judgement_names_all_releases() -> None:
    [found] = judgements("disclosure", {"Server": "nginx/1.18.0", "X-Powered-By": "PHP/7.4.3"})
    assert "nginx/1.18.0 and PHP/7.4.3" in found.message
    assert found.fix == "Leave the version out of Server and X-Powered-By."


# Each row: headers, names.
OBSOLETE: list[tuple[dict[str, str], str | None]] = [
    ({"X-XSS-Protection": "1; mode=block"}, "X-XSS-Protection is"),
    ({"X-XSS-Protection": "0"}, None),
    ({"Expect-CT": "max-age=1", "Public-Key-Pins": "x"}, "Expect-CT and Public-Key-Pins are"),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "names"), OBSOLETE)
def test_headers_that_nobody_reads(headers: dict[str, str], names: str | None) -> None:
    found = judgements("obsolete-headers", headers)
    assert [each.message for each in found] == ([] if names is None else [f"{names} read by no browser of today."])


def test_what_came_in_its_place_is_asked_for_where_it_is_missing() -> None:
    [found] = judgements("obsolete-headers", {"Feature-Policy": "camera 'none'"})
    assert found.fix == "Leave it out, and send Permissions-Policy instead."
    [found] = judgements("obsolete-headers", {"Feature-Policy": "camera 'none'", "Permissions-Policy": "camera=()"})
    assert found.fix == "Leave it out."
