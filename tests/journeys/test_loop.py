"""The whole loop by commands alone: from nothing to an enforced policy, to a narrower one, and back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.evidence import canonical_text
from tests.support.service import Ran, RunningCollector, post, run_collector

SHOP = "https://shop.example"
LATER = ("--as-of", f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}")
"""After a week, by when the fortnight is over that the trial began a week ago."""

TRIAL_BEGAN = f"{datetime.now(UTC) - timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"

# (directive, blocked, page) of every visit
LOADS = [
    ("img-src", f"{SHOP}/logo.png", "/"),
    ("script-src-elem", f"{SHOP}/app.js", "/"),
    ("style-src-elem", f"{SHOP}/app.css", "/checkout"),
    ("font-src", "https://fonts.example/a.woff2", "/checkout"),
]


class Shop:
    """A site whose visitors send the headers that its operator was told to send."""

    def __init__(self, collector: RunningCollector) -> None:
        self.collector = collector
        added = self.done("site", "add", "shop", "--host", "shop.example", "--format", "json")
        self.key, self.rehearsal_key = added["key"], added["rehearsal_key"]

    def run(self, *arguments: str) -> Ran:
        return self.collector.cspbuild(*arguments)

    def done(self, *arguments: str) -> Any:
        ran = self.run(*arguments)
        assert ran.code == 0, ran.err
        return ran.json()

    def ask(self, *arguments: str) -> Any:
        """A command's JSON about the shop."""
        return self.done(*arguments, "--site", "shop", "--format", "json")

    def status(self, *more: str) -> Any:
        return self.ask("status", *more)

    def ready(self, *more: str) -> tuple[int, Any]:
        ran = self.run("ready", *more, "--site", "shop", "--format", "json")
        return ran.code, ran.json()

    def noticed(self, stage: str) -> list[Any]:
        """The deployments of a stage that nobody recorded."""
        return [
            each for each in self.ask("deploy", "list")["deployments"] if each["noticed"] and each["stage"] == stage
        ]

    def type(self, line: str, *more: str) -> Any:
        """Type a command that `status` names, as a shell would read it."""
        program, *arguments = shlex.split(line)
        assert Path(program).name == "cspbuild"
        return self.done(*arguments, *more, "--format", "json")

    def visit(self, policy: str, loads: list[tuple[str, str, str]], *, disposition: str, network: int | None) -> None:
        """One visit: by a visitor of a network, or, without one, by the operator who rehearses."""
        key = self.rehearsal_key if network is None else self.key
        client = [] if network is None else [("X-Forwarded-For", f"10.{network // 250}.{network % 250}.7")]
        for directive, blocked, page in loads:
            report = {
                "document-uri": SHOP + page,
                "effective-directive": directive,
                "violated-directive": directive,
                "original-policy": policy,
                "disposition": disposition,
                "blocked-uri": blocked,
                "status-code": 200,
            }
            body = json.dumps({"csp-report": report}).encode()
            headers = [("Content-Type", "application/csp-report"), *client]
            assert post(f"{self.collector.base_url}/report/{key}", body, headers)[0] == 204


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with run_collector(tmp_path) as collector:
        yield Shop(collector)


def value_of(headers: Any, name: str) -> str:
    [value] = [value for header, value in headers["headers"] if header == name]
    return str(value)


def failing(document: Any) -> set[str]:
    return {each["name"] for each in document["criteria"] if not each["passed"]}


def test_a_site_goes_from_nothing_to_enforced_to_narrower_and_back(shop: Shop) -> None:
    # Nothing arrives, and what to do about it is one command.
    status = shop.status()
    assert status["stage"] == "nothing-arrives"
    assert len(status["causes"]) == 3
    observe = value_of(shop.type(status["next"]), "Content-Security-Policy-Report-Only")
    assert f"/report/{shop.key}" in observe

    # The operator rehearses, and some visitors come.
    shop.visit(observe, LOADS, disposition="report", network=None)
    for network in range(55):
        shop.visit(observe, LOADS[:2], disposition="report", network=network)
    status = shop.status()
    assert status["stage"] == "suggestion-ready"
    suggested = shop.ask("suggest")["policy"]
    assert shlex.quote(suggested) in status["next"]

    # On trial, and a week of it is over: not ready yet, since all that was seen is new today.
    trial, record = status["next"], status["then"][0]
    assert value_of(shop.type(trial), "Content-Security-Policy-Report-Only").startswith(f"{suggested}; report-uri ")
    shop.type(record, "--views-per-day", "4000", "--at", TRIAL_BEGAN)
    status = shop.status()
    assert (status["stage"], status["ready"]["ready"]) == ("trial", False)
    asked = ("--routes", "routes.txt", "--critical", "/checkout")
    (shop.collector.directory / "routes.txt").write_text("/\n/checkout\n")
    code, document = shop.ready(*asked)
    assert (code, failing(document)) == (1, {"quiet-period"}), document["verdict"]
    assert document["verdict"] == "Not ready: quiet-period fails."

    # A week later nothing new was seen. The routes were given to `ready` alone, so that `status` needs a word.
    code, document = shop.ready(*asked, *LATER)
    assert (code, document["policy"], document["policy_from"]) == (0, suggested, "trial"), document["verdict"]
    assert shop.status(*LATER)["ready"]["failing"] == ["page-coverage"]
    code, document = shop.ready("--waive", "page-coverage", "--note", "two pages, both rehearsed", *LATER)
    assert (code, document["verdict"]) == (0, "Ready to be enforced, without page-coverage, as waived.")
    status = shop.status(*LATER)
    assert status["stage"] == "ready"

    # Enforced. Reports say so before anybody records it.
    enforce, record = status["next"], status["then"][0]
    assert value_of(shop.type(enforce), "Content-Security-Policy").startswith(f"{suggested}; report-uri ")
    shop.visit(suggested, [("img-src", "https://tracker.example/a.gif", "/")], disposition="enforce", network=None)
    [noticed] = shop.noticed("enforce")
    assert (noticed["policy"], noticed["trusted"]) == (canonical_text(suggested), True)
    assert shlex.split(shop.status()["next"])[1:3] == ["deploy", "record"]
    shop.type(record)
    assert shop.noticed("enforce") == []
    # Were an enforced source not known to be in use, `status` would have it probed now; the rehearsal saw them all.
    status = shop.status()
    assert (status["stage"], shlex.split(status["next"])[1]) == ("enforced", "suggest")
    # It saw the tracker blocked, too, and has to be asked whether that is wanted.
    assert (status["repairs"], shlex.split(status["then"][-1])[-2:]) == (1, ["--mode", "repair"])

    # The font is given up, and so the evidence speaks for less than is enforced: the loop begins anew.
    shop.ask("decide", "reject", "fonts.example", "--note", "we host it ourselves now")
    shop.ask("decide", "ignore", "tracker.example")
    status = shop.status()
    assert (status["stage"], status["repairs"]) == ("narrowing", 0)
    narrower = shop.ask("suggest")["policy"]
    assert "fonts.example" in suggested
    assert "fonts.example" not in narrower
    shop.type(status["then"][0])
    status = shop.status(*LATER)
    assert (status["stage"], status["enforced"]["policy"]) == ("ready", suggested)
    shop.type(status["then"][0])
    assert shop.status()["enforced"]["policy"] == narrower

    # It broke something after all: back to what was enforced before, and then to nothing.
    back = shop.ask("rollback", "--record")
    assert value_of(back, "Content-Security-Policy").startswith(f"{suggested}; report-uri ")
    assert shop.status()["enforced"]["policy"] == suggested
    back = shop.ask("rollback", "--record")
    assert (back["way"], back["stop"]) == ("stop-enforcing", ["Content-Security-Policy"])
    assert shop.status()["enforced"] is None
