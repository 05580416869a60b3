"""What a reader of the list of violations waits for: the pages as a browser gets them, of a hundred thousand groups.

Every page is asked for as the application serves it, in this process: the login is looked up, the list is compared with
what was recorded, filtered, counted and made HTML. A browser gets so many bytes of it, since nothing is compressed.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.testclient import TestClient

from collector.app import create_service
from collector.review.violations_page import MAX_ROWS
from collector.settings import Settings
from policybuilder.decisions import DecisionAction
from policybuilder.store.engine import open_for_writing
from policybuilder.store.listing_upkeep import list_in_portions
from tests.benchmarks.population import Population, multiply, store

MUST_MILLISECONDS = 200.0
MUST_BYTES = 100_000

_TIMES_THE_REPORTS = 2_500
"""Of the 400,000 that are stored: a milliard, counted."""

_ORIGIN = "http://127.0.0.1:8000"

_ASKED = {
    "first page": "",
    "noise too": "noise=1",
    "one directive": "directive=img-src",
    "one class": "noise=1&kind=extension",
    "blocked alone": "disposition=enforce",
    "nobody decided": "decision=none",
    "one host, and those below": "host=vendor1.example",
    "text of an address": "q=assets/12",
    "text that stands everywhere": "q=example",
    "text that stands nowhere": "q=nowhere-at-all",
    "text of a page": "page=catalogue/12",
    "seen within 30 days": "seen=30d",
    "new within a day": "new=24h",
    "all of it": "q=assets&directive=img-src&host=example&page=catalogue&seen=30d&decision=none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCost:
    """What one page costs."""

    name: str
    rows: int
    milliseconds: float
    """On the clock, in the best round: what disturbs a round only adds to it."""

    middle_milliseconds: float
    bytes: int

    @property
    def is_met(self) -> bool:
        return self.milliseconds <= MUST_MILLISECONDS and self.bytes <= MUST_BYTES


def measure_pages(population: Population, rounds: int) -> Iterator[PageCost]:
    """The first page, what each filter finds, and the last page."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-bench-") as directory:
        path = Path(directory) / "csp.db"
        store(population, path)
        multiply(path, _TIMES_THE_REPORTS)
        yield from measure_pages_of(path, rounds)


def measure_pages_of(path: Path, rounds: int) -> Iterator[PageCost]:
    """The same of a database that there is."""
    engine = open_for_writing(f"sqlite:///{path}")
    for _ in list_in_portions(engine, "default"):
        pass
    engine.dispose()
    with _client(path) as client:
        for name, asked in _ASKED.items():
            yield _cost(client, name, f"/violations?site=default&{asked}", rounds)
        yield _cost(client, "last page", _last_page(path), rounds)
        yield _after_a_decision(client, rounds)


@contextmanager
def _client(path: Path) -> Iterator[TestClient]:
    """A browser that is logged in, since its pages have forms."""
    service = create_service(Settings(database_url=f"sqlite:///{path}", data_dir=path.parent))
    client = TestClient(service.app, base_url=_ORIGIN, follow_redirects=False)
    with closing(client):
        client.headers.update({"Accept": "text/html", "Origin": _ORIGIN})
        link = service.access.new_login_link(_ORIGIN)
        answer = client.post("/login", data={"link_token": link.partition("token=")[2]})
        if answer.status_code != 303:
            raise RuntimeError(f"the login answers {answer.status_code}")
        yield client


def _cost(client: TestClient, name: str, address: str, rounds: int) -> PageCost:
    times = []
    body = b""
    for _ in range(rounds):
        began = time.perf_counter()
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        times.append(1_000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answers {answer.status_code}")
        body = answer.content
    return PageCost(
        name=name,
        rows=body.count(b'class="to-group"'),
        milliseconds=min(times),
        middle_milliseconds=statistics.median(times),
        bytes=len(body),
    )


def _last_page(path: Path) -> str:
    """Where one arrives who has turned all pages but one."""
    with closing(sqlite3.connect(path)) as connection:
        (place,) = connection.execute(
            "SELECT reporters || '.' || reports || '.' || fingerprint FROM violation_listing"
            " WHERE evidence_class = 'genuine' ORDER BY reporters, reports, fingerprint DESC LIMIT 1 OFFSET ?",
            (MAX_ROWS,),
        ).fetchone()
    return f"/violations?site=default&after={place}"


def _after_a_decision(client: TestClient, rounds: int) -> PageCost:
    """The list after somebody decided about a host with thousands of violations."""
    token = client.get("/decisions").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"site": "default", "action": DecisionAction.REJECT.value, "pattern": "*.vendor0.example", "group": ""}
    answer = client.post("/decide", data={**form, "csrf_token": token})
    if answer.status_code != 303:
        raise RuntimeError(f"the decision answers {answer.status_code}")
    return _cost(client, "after a decision", "/violations?site=default&decision=reject", rounds)
