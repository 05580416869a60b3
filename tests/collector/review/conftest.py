"""A review side as the collector puts it together, over evidence held in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import Depends, FastAPI
from msgspec import structs
from starlette.testclient import TestClient

from collector.app import SERVICE_HEADERS
from collector.review.access import Access
from collector.review.ingest_health import IngestHealth
from collector.review.keeper import SiteKeeper
from collector.review.keys import StoredKeys
from collector.review.pages import create_router
from collector.review.service import ReviewService
from collector.review.throttle import FailureThrottle
from collector.review.try_page import create_try_router
from collector.security_headers import harden
from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.evidence import EvidenceClass, PageCount, ViolationGroup
from policybuilder.listing import ALARMING, Alarm, Filter, Listing, Place
from policybuilder.readiness.values import SiteRecord
from policybuilder.store.engine import open_unmigrated
from policybuilder.store.news import News
from policybuilder.store.schema import ReviewKeyRow
from policybuilder.store.tables import table_of
from policybuilder.suggestion.sorting import Grounds
from policybuilder.summary import DayCount, Figures, Summary, SummaryBy, row_key, summarize, trend_days_of
from policybuilder.times import Window, to_ms
from policybuilder.workflow import Arrivals, Standing, standing_of
from tests.support.listing import listing_of

_ON_BOTH_SYSTEMS = ("test_alarm.py", "test_violations_list.py", "test_initiators.py")
"""Of the pages, those with queries of their own. What others ask is tested on both with the store."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the other pages on PostgreSQL to `make soak`."""
    here = Path(__file__).parent
    for item in items:
        is_on_both = item.path.name in _ON_BOTH_SYSTEMS or "at_once" in item.name
        if item.path.is_relative_to(here) and not is_on_both:
            chosen = getattr(item, "callspec", None)
            if chosen is not None and chosen.params.get("database_url") == "postgresql":
                item.add_marker(pytest.mark.soak)


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADMIN_TOKEN = "correct-horse-battery-staple"
BASE_URL = "http://127.0.0.1:8000"
OBSERVE = "default-src 'none'; script-src 'report-sample'; report-uri http://127.0.0.1:8000/report/rehearsal"

_PLAIN = ViolationGroup(
    fingerprint="0" * 32,
    document_origin="https://shop.example",
    directive="script-src-elem",
    blocked="https://cdn.example.net/app/main.js",
    disposition=Disposition.REPORT,
    evidence_class=EvidenceClass.GENUINE,
    rule="first-party",
    sample="",
    sample_extent=SampleExtent.NONE,
    source_file="",
    line_number=None,
    reports=10,
    trusted_reports=0,
    reporters=3,
    estimated_reports=10,
    days=2,
    first_seen_ms=to_ms(NOON - timedelta(days=3)),
    last_seen_ms=to_ms(NOON),
    pages=(PageCount("https://shop.example/", 10),),
    policies=(),
)


def _make_group(fingerprint: int = 0, **changes: Any) -> ViolationGroup:
    return structs.replace(_PLAIN, fingerprint=f"{fingerprint:032x}", **changes)


@dataclass
class Evidence:
    """A `ReviewService` over groups in memory, summarised as the store's are."""

    groups: dict[str, list[ViolationGroup]] = field(default_factory=lambda: {"default": []})

    def sites(self) -> Sequence[str]:
        return list(self.groups)

    def as_of(self, _site: str, *_asked: Hashable) -> datetime | None:
        return None

    def summary(self, site: str, *, by: SummaryBy, include_noise: bool) -> Summary:
        groups = self.groups[site]
        reporters = {"": max((group.reporters for group in groups), default=0)}
        for group in groups:
            key = row_key(by, group)
            reporters[key] = max(reporters.get(key, 0), group.reporters)
        return summarize(
            groups,
            site=site,
            window=Window(None, NOON),
            by=by,
            include_noise=include_noise,
            figures=Figures(
                reporters=reporters,
                days=[
                    DayCount(group.fingerprint, f"{group.last_seen_at:%Y-%m-%d}", group.reports, group.reports)
                    for group in groups
                ],
                trends={
                    group.fingerprint: [
                        group.reports if day == f"{group.last_seen_at:%Y-%m-%d}" else 0
                        for day in trend_days_of(Window(None, NOON))
                    ]
                    for group in groups
                },
            ),
        )

    def standing(self, site: str) -> Standing:
        record = SiteRecord(site=site, window=Window(None, NOON), groups=self.groups[site], grounds=Grounds())
        return standing_of(record, Arrivals())

    def daily_reports(self, site: str) -> Mapping[tuple[str, EvidenceClass], int]:
        return {(f"{each.last_seen_at:%Y-%m-%d}", each.evidence_class): each.reports for each in self.groups[site]}

    def news(self, _site: str, since: datetime) -> News:
        return News(since, 0, 0, ())

    def last_arrival(self, site: str) -> datetime | None:
        return max((group.last_seen_at for group in self.groups[site]), default=None)

    def listing(self, site: str, wanted: Filter, *, include_noise: bool, after: Place | None, limit: int) -> Listing:
        groups = self.groups[site]
        reporters = max((group.reporters for group in groups), default=0)
        return listing_of(
            groups,
            wanted,
            now=NOON,
            reporters=reporters,
            include_noise=include_noise,
            after=after,
            limit=limit,
        )

    def alarm(self, site: str) -> Alarm | None:
        found = self.listing(site, ALARMING, include_noise=True, after=None, limit=3)
        return Alarm(found.found, found.rows) if found.found else None

    def header_lines(self, site: str) -> Sequence[str]:
        return [f"Content-Security-Policy-Report-Only: default-src 'none'; report-uri {BASE_URL}/report/{site}"]

    def next_command(self, site: str) -> str:
        return f"cspbuild suggest --site {site}"

    def snippet_command(self, site: str) -> str:
        return f"cspbuild header --site {site} --format nginx"


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Review:
    """The whole service as far as the review side goes, with handles to what is inside."""

    evidence: Evidence
    access: Access
    clock: Clock
    app: Any

    def client(self, base_url: str = BASE_URL) -> TestClient:
        return TestClient(self.app, base_url=base_url, follow_redirects=False)

    def browser(self, base_url: str = BASE_URL) -> TestClient:
        """A client that sends what browsers send with a form of their own page."""
        client = self.client(base_url)
        client.headers.update({"Accept": "text/html", "Origin": base_url})
        return client

    def logged_in(self) -> TestClient:
        browser = self.browser()
        link = self.access.new_login_link(BASE_URL)
        answer = browser.post("/login", data={"link_token": link.partition("token=")[2]})
        assert answer.status_code == 303
        return browser


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[StoredKeys]:
    engine = open_unmigrated(f"sqlite:///{tmp_path / 'keys.db'}")
    table_of(ReviewKeyRow).create(engine)
    yield StoredKeys(engine)
    engine.dispose()


@pytest.fixture
def start(keys: StoredKeys) -> Callable[..., Review]:
    def start(
        *,
        admin_token: str | None = None,
        evidence: Any = None,
        ingest_health: Any = IngestHealth,
        keeper: SiteKeeper | None = None,
        **access_options: Any,
    ) -> Review:
        clock = Clock()
        throttle = FailureThrottle(burst=3, refill_seconds=10, clock=clock)
        access = Access(keys, admin_token=admin_token, clock=clock, throttle=throttle, **access_options)
        evidence = evidence or Evidence()
        api = FastAPI(openapi_url=None)
        api.include_router(
            create_router(
                cast("ReviewService", evidence), access, try_path="/try", ingest_health=ingest_health, keeper=keeper
            )
        )
        api.include_router(
            create_try_router(
                lambda _base_url: [("Content-Security-Policy-Report-Only", OBSERVE)],
                next_commands=["cspbuild summary", "cspbuild suggest"],
            )
        )

        @api.get("/metrics", dependencies=[Depends(access.require_bearer)])
        def metrics() -> str:
            return "reports 1"

        hosts = ["127.0.0.1", "localhost", "[::1]", "*.example.com"]
        return Review(evidence, access, clock, harden(api, SERVICE_HEADERS, hosts=hosts))

    return start


@pytest.fixture
def review(start: Callable[..., Review]) -> Review:
    return start()


@pytest.fixture
def make_group() -> Callable[..., ViolationGroup]:
    return _make_group
