"""A scan's judgements put together, of recorded responses."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policybuilder.documents.scan import scan_document, several_document
from policybuilder.scanner.recorded import read_response
from policybuilder.scanning import GRADES, Scan, differences, is_worse, judge, said_of, without_bodies, worst_first

GOOD = "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def scanned(*headers: str, url: str = "https://shop.example/") -> Scan:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", *headers])
    return judge(read_response(f"{head}\r\n\r\n<p>here".encode(), url))


def test_the_worst_page_comes_first_and_those_alike_as_scanned() -> None:
    good, bad, other = scanned(GOOD, url="https://a.example/"), scanned(), scanned(url="https://b.example/")
    assert worst_first([good, bad, other]) == [bad, other, good]


def test_a_page_is_worse_than_all_grades_above_its_own() -> None:
    scan = scanned()
    assert [grade for grade in GRADES if is_worse(scan, grade)] == list(GRADES[: GRADES.index(scan.grade)])


def test_what_is_said_of_many_pages_is_said_once() -> None:
    scans = [scanned(url=f"https://shop.example/{name}") for name in "abc"]
    said = said_of(scans)
    (scripts,) = [each for each in said if each.judgement.name == "csp-scripts"]
    assert scripts.pages == ("https://shop.example/a", "https://shop.example/b", "https://shop.example/c")
    assert len(said) == len(said_of(scans[:1]))


def test_why_grades_differ_is_said_and_nothing_where_they_do_not() -> None:
    scan = scanned("Content-Security-Policy: script-src 'unsafe-inline'", "Strict-Transport-Security: max-age=63072000")
    assert len({scan.grade, scan.observatory.grade, scan.securityheaders.grade}) > 1
    why = "\n".join(differences(scan))
    for words in ("ours takes points for csp-scripts", "Observatory takes points for", "securityheaders.com misses"):
        assert words in why
    assert all(line.isprintable() for line in differences(scan))
    agreeing = replace(
        scan,
        observatory=replace(scan.observatory, grade=scan.grade),
        securityheaders=replace(scan.securityheaders, grade=scan.grade),
    )
    assert differences(agreeing) == ()


def test_what_is_kept_of_a_page_prints_the_same_without_its_text() -> None:
    scan = scanned(GOOD, "Set-Cookie: a=b")
    slim = without_bodies(scan)
    assert scan_document(slim) == scan_document(scan)
    assert slim.material.page.response is not None
    assert slim.material.page.response.body == b""
    assert slim.material.markup is None


def test_of_several_pages_those_that_could_not_be_had_are_told() -> None:
    document = several_document([scanned()], {}, {"https://gone.example/": "no such host"})
    assert document["grade"] == document["pages"][0]["grade"]
    assert document["pages"][1] == {"url": "https://gone.example/", "error": "no such host"}
    assert several_document([], {}, {"https://gone.example/": "no such host"}).keys() == {"pages"}


_VALUES = st.text(st.characters(exclude_characters="\r\n", max_codepoint=255), max_size=40)
_NAMES = st.sampled_from(
    [
        *("Content-Security-Policy", "Content-Security-Policy-Report-Only", "Strict-Transport-Security", "Set-Cookie"),
        *("Reporting-Endpoints", "Permissions-Policy", "X-Frame-Options", "Content-Type", "Location", "Link"),
    ]
)


@given(headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=6), body=st.text(max_size=60))
def test_no_headers_are_too_odd_to_be_judged(headers: list[tuple[str, str]], body: str) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
    data = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body.encode("utf-8", "replace")
    scan = judge(read_response(data, "https://shop.example/"))
    assert scan.grade in GRADES
    assert 0 <= scan.score <= 100
    differences(scan)
    scan_document(scan)
