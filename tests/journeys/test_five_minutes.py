"""The newcomer's first five minutes, each step with what the step before printed; and what the service survives."""

from __future__ import annotations

import html
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import pytest

from policybuilder.csp import parse_serialized_policy
from tests.support.loopback import Request, Response, forward
from tests.support.service import Ran, RunningCollector, post, run_collector, run_program

RECORDING = Path(__file__).parent.parent / "data" / "reports" / "demo.jsonl"
SHOP = "https://shop.example"

REPORT = json.dumps(
    {
        "csp-report": {
            "document-uri": f"{SHOP}/",
            "referrer": "",
            "violated-directive": "img-src",
            "effective-directive": "img-src",
            "original-policy": "default-src 'none'; report-uri https://reports.shop.example/",
            "disposition": "report",
            "blocked-uri": f"{SHOP}/logo.png",
            "status-code": 200,
            "script-sample": "",
        }
    }
).encode()
CSP_REPORT = ("Content-Type", "application/csp-report")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    with run_collector(tmp_path) as running:
        yield running


def recorded_reports() -> Iterator[tuple[bytes, str]]:
    """Bodies and content types of a real browser's visits to a shop."""
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        recorded = json.loads(line)
        headers = {name.lower(): value for name, value in recorded["headers"]}
        yield recorded["body"].encode(), headers["content-type"]


def report_url(collector: RunningCollector) -> str:
    """Where the header line of the banner sends reports."""
    found = re.search(r"^  Content-Security-Policy-Report-Only: .*; report-uri (\S+)$", collector.banner, re.MULTILINE)
    assert found, collector.banner
    return found[1]


def post_recording(collector: RunningCollector) -> int:
    """Post the recording as its browser did; returns how many reports that were."""
    url = report_url(collector)
    answers = [post(url, body, [("Content-Type", kind)])[0] for body, kind in recorded_reports()]
    assert set(answers) == {204}
    return len(answers)


def done(ran: Ran) -> Any:
    """The JSON of a command that did what it should."""
    assert ran.code == 0, ran.err
    return ran.json()


def stored_reports(collector: RunningCollector) -> int:
    reports: int = done(collector.cspbuild("summary", "--format", "json"))["totals"]["reports"]
    return reports


def as_browser(collector: RunningCollector, method: str, path: str, *, cookie: str = "", **form: str) -> Response:
    """What the service answers to a browser of this machine, that follows a link or sends a form of our own page."""
    headers = [("Accept", "text/html")]
    if cookie:
        headers.append(("Cookie", cookie))
    if method == "POST":
        headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", collector.base_url)]
    return forward(Request(method, path, tuple(headers), urlencode(form).encode()), collector.base_url)


def log_in(collector: RunningCollector, token: str) -> Response:
    return as_browser(collector, "POST", "/login", link_token=token)


def login_token(collector: RunningCollector) -> str:
    return collector.login_link.partition("token=")[2]


def cookie_of(response: Response) -> str:
    [cookie] = [value for name, value in response.headers if name.lower() == "set-cookie"]
    return cookie.partition(";")[0]


def test_the_banner_says_what_to_do_next(collector: RunningCollector) -> None:
    own = collector.base_url
    assert urlsplit(own).hostname == "127.0.0.1"
    lines = [line.strip() for line in collector.banner.splitlines()]
    assert f"{own}/try" in lines
    assert report_url(collector) == f"{own}/report/{collector.rehearsal_key}"
    assert collector.login_link.startswith(f"{own}/login?token=")
    assert [line.rpartition("/")[2] for line in lines if "cspbuild" in line] == ["cspbuild summary", "cspbuild suggest"]


def test_what_the_banner_names_answers_at_once(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        assert as_browser(collector, "GET", "/try").status == 200
    with run_collector(tmp_path) as collector:
        assert post(report_url(collector), REPORT, [CSP_REPORT])[0] == 204


def test_the_banner_and_the_header_command_say_the_same(collector: RunningCollector) -> None:
    headers = collector.cspbuild("header", "--format", "header", "--base-url", collector.base_url)
    assert headers.code == 0
    assert headers.out.strip() in [line.strip() for line in collector.banner.splitlines()]


def test_from_the_first_report_to_the_headers_to_enforce(collector: RunningCollector, tmp_path: Path) -> None:
    reports = post_recording(collector)

    summary = done(collector.cspbuild("summary", "--format", "json"))
    assert summary["totals"]["reports"] == reports
    assert sum(row["reports"] for row in summary["rows"]) == reports - summary["totals"]["noise_reports"]

    suggestion = done(collector.cspbuild("suggest", "--format", "json"))
    policy = suggestion["policy"]
    assert suggestion["replay"]["allow"] > 0
    assert suggestion["replay"]["block"] == 0
    suggested = parse_serialized_policy(policy)
    for directive in ("script-src", "style-src", "img-src", "connect-src"):
        found = suggested.directive(directive)
        assert found is not None
        assert "'self'" in found.values

    (tmp_path / "policy.txt").write_text(policy + "\n")
    replayed = collector.cspbuild("replay", "--policy", "@policy.txt", "--format", "json")
    result = replayed.json()
    assert replayed.code == (1 if result["genuine"]["block"] else 0)
    assert result["totals"]["allow"] >= suggestion["replay"]["allow"]
    # What it blocks is what the suggestion shows as held or unresolved, and nothing that it accepted.
    shown = {entry["directive"] for entry in (*suggestion["held"], *suggestion["unresolved"])}
    blocked = {row["directive"] for row in result["rows"] if row["class"] == "genuine" and row["verdict"] == "block"}
    assert {directive.removesuffix("-elem").removesuffix("-attr") for directive in blocked} <= shown

    at = ("--base-url", collector.base_url, "--format", "json")
    for stage, name in (("trial", "Content-Security-Policy-Report-Only"), ("enforce", "Content-Security-Policy")):
        [header] = done(collector.cspbuild("header", "--stage", stage, "--policy", "@policy.txt", *at))["headers"]
        assert header == [name, f"{policy}; report-uri {report_url(collector)}"]


def test_what_is_said_before_the_first_report_is_what_to_do(collector: RunningCollector) -> None:
    suggestion = collector.cspbuild("suggest")
    assert suggestion.code == 2
    assert suggestion.err.count("\n") == 1
    assert "cspbuild header" in suggestion.err


def test_the_banners_link_opens_the_review_pages_once(collector: RunningCollector) -> None:
    assert post(report_url(collector), REPORT, [CSP_REPORT])[0] == 204
    token = login_token(collector)

    asked = as_browser(collector, "GET", f"/login?token={token}")
    assert asked.status == 200
    assert b'<button type="submit"' in asked.body
    assert "set-cookie" not in {name.lower() for name, _ in asked.headers}

    answered = log_in(collector, token)
    assert answered.status == 303
    assert as_browser(collector, "GET", "/", cookie=cookie_of(answered)).status == 200
    listed = as_browser(collector, "GET", "/violations", cookie=cookie_of(answered))
    assert listed.status == 200
    text = html.unescape(listed.body.decode())
    assert f"{SHOP}/logo.png" in text
    assert "img-src" in text

    again = log_in(collector, token)
    assert again.status == 403
    assert "set-cookie" not in {name.lower() for name, _ in again.headers}
    assert as_browser(collector, "GET", "/").status == 303


def test_a_page_under_another_name_reads_nothing(collector: RunningCollector) -> None:
    """DNS rebinding: a stranger's page whose host name now points here."""
    cookie = cookie_of(log_in(collector, login_token(collector)))
    for path in ("/", "/login", "/try"):
        headers = (("Host", "rebound.example"), ("Cookie", cookie), ("Accept", "text/html"))
        refused = forward(Request("GET", path, headers), collector.base_url)
        assert refused.status == 400
        assert SHOP.encode() not in refused.body
    assert as_browser(collector, "GET", "/", cookie=cookie).status == 200


def test_a_restart_keeps_the_rehearsal_key_and_what_was_stored(tmp_path: Path) -> None:
    with run_collector(tmp_path) as first:
        key = first.rehearsal_key
        assert post(report_url(first), REPORT, [CSP_REPORT])[0] == 204
        first.stop()
    with run_collector(tmp_path) as second:
        assert report_url(second) == f"{second.base_url}/report/{key}"
        assert post(report_url(second), REPORT, [CSP_REPORT])[0] == 204
        assert login_token(second) != login_token(first)
        # Nobody used it yet.
        assert [log_in(second, login_token(first)).status for _ in range(2)] == [303, 403]
        assert stored_reports(second) == 2
        [row] = done(second.cspbuild("summary", "--format", "json"))["rows"]
        assert row["trusted_reports"] == 2


class Visitors:
    """Browsers that post as fast as they are answered, until the service is gone."""

    def __init__(self, url: str, *, number: int) -> None:
        self.acknowledged = 0
        self.sent = 0
        self._url = url
        self._lock = threading.Lock()
        self.has_begun = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(number)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while True:
            with self._lock:
                self.sent += 1
            try:
                status = post(self._url, REPORT, [CSP_REPORT])[0]
            except OSError:
                return
            if status == 204:
                with self._lock:
                    self.acknowledged += 1
                    if self.acknowledged >= 50:
                        self.has_begun.set()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_stored_however_the_service_ends(
    collector: RunningCollector, end: signal.Signals
) -> None:
    with Visitors(report_url(collector), number=4) as visitors:
        assert visitors.has_begun.wait(30)
        collector.process.send_signal(end)
        collector.process.wait(10)
    # A report may be stored whose answer was lost with the service, never the other way round.
    assert visitors.acknowledged <= stored_reports(collector) <= visitors.sent


def test_a_client_in_the_middle_of_a_report_does_not_keep_the_service_from_ending(collector: RunningCollector) -> None:
    parts = urlsplit(report_url(collector))
    assert parts.port is not None
    with socket.create_connection(("127.0.0.1", parts.port)) as dawdler:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(REPORT)}\r\n\r\n"
        dawdler.sendall(head.encode() + REPORT[:10])
        assert post(report_url(collector), REPORT, [CSP_REPORT])[0] == 204
        # Eight seconds of grace, and then it ends; without a bound it would wait for as long as the client likes.
        collector.stop(timeout=30)
    assert stored_reports(collector) == 1


def test_a_port_in_use_is_one_line(collector: RunningCollector, tmp_path: Path) -> None:
    port = str(urlsplit(collector.base_url).port)
    second = run_program("csp-collector", "serve", "--port", port, cwd=tmp_path)
    assert second.code == 3
    assert second.out == ""
    assert second.err.count("\n") == 1
    assert port in second.err
    assert "--port" in second.err
