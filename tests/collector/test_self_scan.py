"""The collector scans itself, over https and by its name, as an operator serves it: nothing to find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.loopback import Certificate, make_certificate
from tests.support.service import RunningCollector, run_collector

HOST = "csp.shop.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), HOST, days=300)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[RunningCollector]:
    options = ("--tls-certificate", str(certificate.path), "--tls-key", str(certificate.path), "--allowed-hosts", HOST)
    directory: Path = tmp_path_factory.mktemp("self")
    with run_collector(directory, *options, SSL_CERT_FILE=str(certificate.path)) as running:
        yield running


def scanned(collector: RunningCollector, path: str, *options: str) -> dict[str, Any]:
    # Where nobody listens, which is what an operator has in front of port 80 at the best.
    plain = ("--connect-to", f"{HOST}:80:127.0.0.1:1")
    secure = ("--connect-to", f"{HOST}:443:127.0.0.1:{urlsplit(collector.base_url).port}")
    ran = collector.cspbuild(
        *("scan", f"https://{HOST}{path}", *secure, *plain, "--allow-private", *options),
        *("--min-grade", "A+", "--format", "json"),
    )
    assert ran.code == 0, ran.out + ran.err
    document: dict[str, Any] = ran.json()
    return document


# (path, status): the login page, where anybody lands; an answer of the API; errors; the address of reports.
@pytest.mark.parametrize(
    ("path", "status"), [("/login", 200), ("/", 200), ("/api/sites", 401), ("/no/such/page", 404), ("/report/x", 405)]
)
def test_the_collector_has_the_best_grade_and_no_findings(collector: RunningCollector, path: str, status: int) -> None:
    document = scanned(collector, path)
    assert document["status"] == status
    assert document["certificate_problem"] is None
    assert document["tls"]["version"] == "TLSv1.3"
    assert document["observatory"]["grade"] == "A+"
    assert document["securityheaders"]["grade"] == "A+"
    assert (document["grade"], document["score"]) == ("A+", 100)
    assert [test for test in document["tests"] if test["passed"] is False] == []
    # Where reports are taken, any Host is: see CSP_INGEST_HOSTS. An answer of 405 to both names tells nothing.
    expected = "not-tested" if path.startswith("/report/") else "refused"
    assert {test["name"]: test["result"] for test in document["tests"]}["trusted-host"] == expected


def test_the_login_page_has_its_reporting_wired(collector: RunningCollector) -> None:
    checked = scanned(collector, "/login", "--host-check")["host_check"]
    assert checked["ok"], checked
