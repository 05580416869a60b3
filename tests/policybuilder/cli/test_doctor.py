"""`cspbuild doctor` against a real collector and pages whose reporting is wired, or is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.loopback import Request, Response, serve
from tests.support.service import Ran, RunningCollector, run_collector, run_program

CSP, RO, RE = "Content-Security-Policy", "Content-Security-Policy-Report-Only", "Reporting-Endpoints"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with run_collector(tmp_path_factory.mktemp("doctor")) as running:
        yield running


@pytest.fixture(scope="module")
def key(collector: RunningCollector) -> str:
    """Of a site whose pages are on 127.0.0.1."""
    added = collector.cspbuild("site", "add", "shop", "--host", "127.0.0.1", "--format", "json")
    assert added.code == 0, added.err
    return str(added.json()["key"])


@contextmanager
def page(*headers: tuple[str, str]) -> Iterator[str]:
    with serve(lambda _: Response(200, (("Content-Type", "text/html"), *headers), b"<p>here")) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def doctor(cspbuild: Cspbuild, collector: RunningCollector) -> Callable[..., Ran]:
    """Runs the command over the collector's database."""

    def run(*arguments: str) -> Ran:
        database = f"sqlite:///{collector.directory}/data/csp.db"
        return cspbuild("doctor", *arguments, "--allow-private", "--database", database, NO_COLOR="1")

    return run


Examine = Callable[..., dict[str, Any]]


@pytest.fixture
def examined(doctor: Callable[..., Ran]) -> Examine:
    """The document, whose verdict is the exit code's."""

    def run(url: str, *options: str) -> dict[str, Any]:
        ran = doctor(url, "--format", "json", *options)
        document: dict[str, Any] = ran.json()
        assert document["schema"] == "doctor/1"
        assert ran.code == (0 if document["ok"] else 1), ran.err
        return document

    return run


def results(document: dict[str, Any]) -> list[tuple[str, bool | None]]:
    return [(check["name"], check["passed"]) for check in document["checks"]]


def failed(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [check for check in document["checks"] if check["passed"] is False]


def test_a_test_report_goes_all_the_way_by_report_uri_and_by_report_to(
    examined: Examine, collector: RunningCollector, key: str
) -> None:
    endpoint = f"{collector.base_url}/report/{key}"
    with page(
        (RO, f"img-src 'none'; report-uri {endpoint}"), (CSP, "img-src *; report-to a"), (RE, f'a="{endpoint}"')
    ) as url:
        document = examined(url, "--site", "shop")
    assert document["ok"]
    assert results(document) == [
        *((name, True) for name in ("page", "policy", "reporting-place", "endpoint", "endpoint", "preflight")),
        *((name, True) for name in ("database", "key", "test-report-uri", "test-report-to", "stored", "hosts")),
        ("status", None),
    ]
    stored = next(check for check in document["checks"] if check["name"] == "stored")
    assert stored["message"].startswith("2 test reports found in the database")
    # They are never evidence.
    summary = collector.cspbuild("summary", "--site", "shop", "--format", "json").json()
    assert summary["rows"] == []


def test_a_key_of_another_site_is_said(examined: Examine, collector: RunningCollector, key: str) -> None:
    with page((CSP, f"report-uri {collector.base_url}/report/{key}")) as url:
        document = examined(url, "--site", "default")
    (check,) = failed(document)
    assert (check["name"], check["message"]) == ("key", "its key belongs to site shop, not to default")
    assert "cspbuild header" in check["fix"]


def test_a_page_on_no_host_of_the_site_is_said(examined: Examine, collector: RunningCollector) -> None:
    added = collector.cspbuild("site", "add", "other", "--host", "other.example", "--format", "json").json()
    with page((CSP, f"report-uri {collector.base_url}/report/{added['key']}")) as url:
        document = examined(url)
    (check,) = failed(document)
    assert check["name"] == "hosts"
    assert f"cspbuild site set other --add-host {url.removeprefix('http://').rstrip('/')}" in check["fix"]


@pytest.mark.parametrize(
    ("headers", "broken"),
    [
        ([], ["policy"]),
        ([(CSP, "img-src *")], ["reporting-place"]),
        ([(CSP, "report-to a"), (RE, "a=BASE/report/KEY")], ["endpoint"]),
        ([(CSP, "report-to a"), (RE, 'b="BASE/report/KEY"')], ["endpoint"]),
        ([(CSP, "report-uri BASE/report/unknown")], ["key", "test-report-uri"]),
        ([(CSP, "report-uri http://127.0.0.1:1/report/KEY")], ["preflight"]),
    ],
    ids=["no policy", "no place", "unreadable endpoints", "another name", "unknown key", "nobody there"],
)
def test_what_is_broken_is_told_with_what_to_do(
    examined: Examine, collector: RunningCollector, key: str, headers: Sequence[tuple[str, str]], broken: list[str]
) -> None:
    filled = [(name, value.replace("BASE", collector.base_url).replace("KEY", key)) for name, value in headers]
    with page(*filled) as url:
        document = examined(url)
    assert [check["name"] for check in failed(document)] == broken
    assert all(check["fix"] for check in failed(document))


def test_why_a_key_is_not_answered_to_is_told_with_what_to_do(examined: Examine, collector: RunningCollector) -> None:
    def check_of(key: str) -> tuple[str, str]:
        with page((CSP, f"report-uri {collector.base_url}/report/{key}")) as url:
            (check,) = [each for each in failed(examined(url)) if each["name"] == "key"]
        return check["message"], check["fix"]

    added = collector.cspbuild("site", "add", "rotated", "--host", "127.0.0.1", "--format", "json").json()
    assert collector.cspbuild("site", "rotate", "rotated", "--revoke-old").code == 0
    message, fix = check_of(added["key"])
    assert message == "its key of site rotated was revoked"
    assert fix.endswith("cspbuild header --site rotated")

    added = collector.cspbuild("site", "add", "silent", "--host", "127.0.0.1", "--format", "json").json()
    assert collector.cspbuild("site", "off", "silent").code == 0
    message, fix = check_of(added["key"])
    assert message == "site silent, whose key it is, is switched off"
    assert fix.endswith("cspbuild site on silent")

    message, fix = check_of("nobodys")
    assert message == "this database does not know its key"
    assert fix.startswith("pass --database")


def test_a_site_that_is_not_there_is_said_and_not_advised(
    examined: Examine, collector: RunningCollector, key: str
) -> None:
    with page((CSP, f"report-uri {collector.base_url}/report/{key}")) as url:
        document = examined(url, "--site", "nobody")
    (check,) = failed(document)
    assert check["name"] == "site"
    assert "nobody" in check["message"]


def test_a_page_of_an_error_is_said_to_be_one(examined: Examine, collector: RunningCollector, key: str) -> None:
    policy = (CSP, f"report-uri {collector.base_url}/report/{key}")
    with serve(lambda _: Response(404, (policy,))) as port:
        document = examined(f"http://127.0.0.1:{port}/")
    first = document["checks"][0]
    assert (first["name"], first["passed"]) == ("page", None)
    assert "answered 404: an error" in first["message"]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 405, 415, 429, 500, 503])
def test_whatever_a_report_is_answered_there_is_something_to_do(examined: Examine, status: int) -> None:
    with serve(lambda _: Response(status)) as port, page((CSP, f"report-uri http://127.0.0.1:{port}/csp")) as url:
        document = examined(url)
    (check,) = failed(document)
    assert check["name"] == "test-report-uri"
    assert check["fix"]
    assert "key" not in check["message"]


def test_an_endpoint_of_somebody_else_is_asked_and_what_cannot_be_known_is_said(examined: Examine) -> None:
    posted: list[Request] = []

    def answer(request: Request) -> Response:
        posted.append(request)
        allowed = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "Content-Type"))
        return Response(204, allowed)

    with serve(answer) as port, page((CSP, "report-to a"), (RE, f'a="http://127.0.0.1:{port}/r"')) as url:
        document = examined(url)
    assert document["ok"]
    assert ("key", None) in results(document)
    assert ("test-report-to", True) in results(document)
    assert "stored" not in dict(results(document))
    options, post = posted
    assert (options.method, options.header("origin")) == ("OPTIONS", url.rstrip("/"))
    assert (post.method, post.header("content-type")) == ("POST", "application/reports+json")
    assert b"test-report.invalid" in post.body


def test_an_endpoint_that_answers_no_preflight_loses_reports(examined: Examine) -> None:
    with (
        serve(lambda _: Response(405)) as port,
        page((CSP, "report-to a"), (RE, f'a="http://127.0.0.1:{port}/r"')) as url,
    ):
        document = examined(url)
    assert [check["name"] for check in failed(document)] == ["preflight", "test-report-to"]


def test_a_missing_database_is_a_failed_check_and_makes_none(
    collector: RunningCollector, key: str, tmp_path: Path
) -> None:
    with page((CSP, f"report-uri {collector.base_url}/report/{key}")) as url:
        ran = run_program("cspbuild", "doctor", url, "--allow-private", "--format", "json", cwd=tmp_path)
    assert ran.code == 1
    (check,) = failed(ran.json())
    assert check["name"] == "database"
    assert "make run" in check["fix"]
    assert list(tmp_path.iterdir()) == []
    assert ("test-report-uri", True) in results(ran.json())


def test_a_page_that_is_not_reached_fails_and_one_that_must_not_be_is_refused(
    cspbuild: Cspbuild, doctor: Callable[..., Ran]
) -> None:
    ran = doctor("http://127.0.0.1:1/")
    assert ran.code == 1
    assert "refuses connections" in ran.out
    for url in ("http://127.0.0.1/", "http://2130706433/", "ftp://shop.example/", "http://shop.example:22/"):
        ran = cspbuild("doctor", url)
        assert ran.code == 2, ran.out
        assert "error: " in ran.err


def test_no_header_acts_on_the_terminal(doctor: Callable[..., Ran]) -> None:
    headers = [
        (CSP, "img-src \x1b]0;pwned\x07; report-uri /\x1b[31m /\x9b31m \xad"),
        (CSP, "report-to \x1b[2J"),
        (RE, 'a="/\x1b[31m"'),
    ]
    with page(*headers) as url:
        for options in ([], ["--format", "json"]):
            ran = doctor(url, *options)
            assert ran.code == 1
            assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())
