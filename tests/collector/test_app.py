"""Tests of the service as it is put together: whose keys it answers, over restarts and rotations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.collector.ingest.builders import batch_body, envelope
from tests.support.loopback import Request, Response, forward
from tests.support.service import RunningCollector, post, run_collector

REPORT = b"""{"csp-report": {"document-uri": "https://shop.example/", "violated-directive": "img-src",
    "original-policy": "default-src 'none'", "blocked-uri": "https://img.example"}}"""


def get(collector: RunningCollector, path: str, *headers: tuple[str, str]) -> Response:
    return forward(Request("GET", path, headers), collector.base_url)


def key_of_try(collector: RunningCollector) -> str:
    """The key that a visit to /try reports to."""
    headers = {name.lower(): value for name, value in get(collector, "/try").headers}
    return report_key(headers["content-security-policy-report-only"])


def report_key(text: str) -> str:
    found = re.search(r"/report/([\w-]+)", text)
    assert found, text
    return found[1]


def answer_to(collector: RunningCollector, key: str) -> int:
    return post(f"{collector.base_url}/report/{key}", REPORT, [("Content-Type", "application/csp-report")])[0]


def rotate(collector: RunningCollector, **options: str) -> str:
    ran = collector.cspbuild("site", "rotate", "default", "--rehearsal", "--format", "json", **options)
    assert ran.code == 0, ran.err
    key: str = ran.json()["rehearsal_key"]
    return key


TOKEN = "correct-horse-battery-staple"


def test_a_rotation_while_serving_changes_the_key_of_every_page(tmp_path: Path) -> None:
    with run_collector(tmp_path, CSP_ADMIN_TOKEN=TOKEN) as collector:
        old = key_of_try(collector)
        assert old == collector.rehearsal_key == report_key(collector.banner)
        new = rotate(collector)
        assert new == collector.rehearsal_key != old
        assert key_of_try(collector) == new
        overview = get(collector, "/", ("Authorization", f"Bearer {TOKEN}")).body.decode()
        assert report_key(overview) == new
        assert [answer_to(collector, key) for key in (old, new)] == [404, 204]
    with run_collector(tmp_path) as again:
        assert again.rehearsal_key == report_key(again.banner) == new
        assert answer_to(again, new) == 204


def test_a_rotation_out_of_sight_of_the_file_gives_the_pages_another_live_key(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        elsewhere = rotate(collector, CSP_DATA_DIR=str(tmp_path / "elsewhere"))
        shown = key_of_try(collector)
        assert shown == collector.rehearsal_key != elsewhere
        assert [answer_to(collector, key) for key in (shown, elsewhere)] == [204, 204]


def test_no_address_leads_to_the_host_that_a_client_names(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        for path, host in (("/healthz/", "evil.example"), ("/violations/", "localhost:1"), ("/login//", "localhost:1")):
            answer = get(collector, path, ("Host", host))
            assert answer.status == 404
            assert "location" not in {name.lower() for name, _ in answer.headers}


@pytest.mark.parametrize("between", ["another database", "a lost file"])
def test_no_start_revokes_a_key(tmp_path: Path, between: str) -> None:
    with run_collector(tmp_path) as collector:
        pasted = collector.rehearsal_key
    if between == "another database":
        with run_collector(tmp_path, CSP_DATABASE_URL="sqlite:///data/another.db") as collector:
            assert answer_to(collector, pasted) == 404
            assert answer_to(collector, collector.rehearsal_key) == 204
    else:
        (tmp_path / "data" / "rehearsal-key").unlink()
    with run_collector(tmp_path) as collector:
        assert collector.rehearsal_key != pasted
        assert [answer_to(collector, key) for key in (pasted, collector.rehearsal_key)] == [204, 204]


def test_few_networks_behind_many_reports_are_a_warning_to_whoever_asks_and_nothing_else(tmp_path: Path) -> None:
    """A load balancer sees a service that is ready; nobody learns which site it is, or how many reports it had."""
    with run_collector(tmp_path) as collector:
        answer_to(collector, "default")
        answer = get(collector, "/readyz")
        assert (answer.status, json.loads(answer.body)) == (200, {"ready": True, "reasons": [], "warnings": []})
    batch = batch_body(*[envelope()] * 200)
    with run_collector(tmp_path) as collector:
        url = f"{collector.base_url}/report/default"
        assert post(url, batch, [("Content-Type", "application/reports+json")])[0] == 204
        answer = get(collector, "/readyz")
        document = json.loads(answer.body)
        (warning,) = document.pop("warnings")
        assert (answer.status, document) == (200, {"ready": True, "reasons": []})
        assert warning["code"] == "few-networks"
        assert "CSP_CLIENT_HEADER and CSP_TRUSTED_PROXIES" in warning["fix"]
        assert "default" not in answer.body.decode()
        assert "200" not in answer.body.decode()
