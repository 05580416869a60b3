"""The review service on the database."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from collector.review.charts import MAX_DAYS
from collector.review.remembered import Memory, Version
from collector.review.upkeep import ListKeeper
from policybuilder.csp import PolicyList
from policybuilder.deciding import Answer
from policybuilder.decisions import Decision
from policybuilder.deploying import check_note, check_policies, serving_since
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.explaining import Explanation, SiteKnowledge, explain_kept
from policybuilder.listing import ALARMING, Alarm, Filter, Listing, Place
from policybuilder.loading import Loader, loaders_of
from policybuilder.noticing import NoticedDeployment
from policybuilder.program import site_flag, typed
from policybuilder.readiness.judging import judge, noticed_in
from policybuilder.readiness.values import Readiness
from policybuilder.scripts import ReportedScript, reported_scripts
from policybuilder.stages import Stage, headers_for
from policybuilder.store.arrivals import read_arrivals
from policybuilder.store.decisions import (
    add_decision,
    add_decisions,
    read_decisions,
    read_standing_decisions,
    undo_decision,
)
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.detail import GroupDetail, read_detail
from policybuilder.store.engine import describe_failure
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.listing import read_first, read_listing
from policybuilder.store.listing_upkeep import read_counts
from policybuilder.store.news import News, read_last_arrival, read_news
from policybuilder.store.reading import read_daily_reports, read_script_hashes, read_vouched_hosts, snapshot
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import DEFAULT_SITE, Site, get_site, list_sites
from policybuilder.store.summarizing import read_summary
from policybuilder.store.versions import read_said_version, read_seen_version
from policybuilder.suggestion.propose import propose
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Suggestion
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import Window
from policybuilder.workflow import Standing, standing_of

_T = TypeVar("_T")

MAX_WORST = 3
"""Of what looks like an attack, on top of every page."""

MAX_NEWS = 10
"""Of those shown; a link leads to all."""


class StoredReview:
    """What the review pages show, read when asked for."""

    def __init__(self, engine: Engine, base_url: str, key_of: Callable[[str], str | None]) -> None:
        """`key_of` gives the rehearsal key to show for a site, or None where the public one is to be sent."""
        self._engine = engine
        self._base_url = base_url
        self._key_of = key_of
        self._keeper = ListKeeper(engine)
        self._memory = Memory()

    def sites(self) -> Sequence[str]:
        """Names of all sites, the default one first."""
        try:
            names = [site.name for site in list_sites(self._engine)]
        except SQLAlchemyError as error:
            raise describe_failure(error) from None
        return sorted(names, key=lambda name: (name != DEFAULT_SITE, name))

    def as_of(self, site: str, *asked: Hashable) -> datetime | None:
        """When such an answer was found that was given last: None where that was just then."""
        return self._memory.as_of((site, *asked))

    def _tell(self, site: str, *asked: Hashable, find: Callable[[Connection], _T]) -> _T:
        """What is found in the database, or was before, see `remembered`."""

        def version() -> Version:
            now = datetime.now(UTC)
            with self._reading(site) as connection:
                return Version(read_said_version(connection, site, now), read_seen_version(connection, site, now))

        def found() -> _T:
            with self._reading(site) as connection:
                return find(connection)

        return self._memory.tell((site, *asked), version, found)

    def summary(self, site: str, *, by: SummaryBy, include_noise: bool) -> Summary:
        """All the evidence there is; as of now where that is quickly read."""

        def find(connection: Connection) -> Summary:
            window = Window(None, datetime.now(UTC))
            return read_summary(connection, site, window, by=by, include_noise=include_noise)

        if by is SummaryBy.GROUP:
            # Too large to be kept; no page asks for it.
            with self._reading(site) as connection:
                return find(connection)
        return self._tell(site, "summary", by, include_noise, find=find)

    def listing(self, site: str, wanted: Filter, *, include_noise: bool, after: Place | None, limit: int) -> Listing:
        """As of now where a site is small or nothing happened; else as of a moment ago, and it says so."""
        self._site(site)
        self._keeper.before_reading(site)
        with self._reading(site) as connection:
            listing = read_listing(
                connection,
                site,
                wanted,
                include_noise=include_noise,
                after=after,
                limit=limit,
                now=datetime.now(UTC),
            )
        self._keeper.after_reading(site, listing)
        return listing

    def alarm(self, site: str) -> Alarm | None:
        """As far as it is listed, which on a small site is all."""
        self._keeper.before_reading(site)
        with self._reading(site) as connection:
            violations = read_counts(connection, site).alarming
            if not violations:
                return None
            worst = read_first(connection, site, ALARMING, limit=MAX_WORST, now=datetime.now(UTC))
        return Alarm(violations, worst)

    def standing(self, site: str) -> Standing:
        """As `cspbuild status` tells it; as of now where that is quickly found out."""
        return self._judged(site)[0]

    def readiness(self, site: str) -> Readiness:
        """As `cspbuild ready` tells it, of the same moment as `standing`."""
        return self._judged(site)[1]

    def _judged(self, site: str) -> tuple[Standing, Readiness]:
        found = self._site(site)

        def find(connection: Connection) -> tuple[Standing, Readiness]:
            record = read_site_record(connection, site, Window(None, datetime.now(UTC)), Thresholds())
            standing = standing_of(record, read_arrivals(connection, found))
            return standing, standing.readiness or judge(standing.case)

        return self._tell(site, "standing", find=find)

    def daily_reports(self, site: str) -> Mapping[tuple[str, EvidenceClass], int]:
        """Of as many days as a chart has room for."""

        def find(connection: Connection) -> Mapping[tuple[str, EvidenceClass], int]:
            now = datetime.now(UTC)
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return read_daily_reports(connection, site, Window(midnight - timedelta(days=MAX_DAYS - 1), now))

        return self._tell(site, "daily_reports", find=find)

    def news(self, site: str, since: datetime) -> News:
        """Some of what is new, and how many there are."""
        with self._reading(site) as connection:
            return read_news(connection, site, since, most=MAX_NEWS)

    def last_arrival(self, site: str) -> datetime | None:
        """By the collector's own clock."""
        with self._reading(site) as connection:
            return read_last_arrival(connection, site)

    def loaders(self, site: str) -> Sequence[Loader]:
        """By all the evidence there is; as of now where that is quickly read."""

        def find(connection: Connection) -> Sequence[Loader]:
            now = datetime.now(UTC)
            groups = read_evidence(connection, site, Window(None, now))
            return loaders_of(groups, read_standing_decisions(connection, site, now))

        return self._tell(site, "loaders", find=find)

    def detail(self, site: str, fingerprint: str) -> GroupDetail | None:
        """All that is kept of a group, as of now."""
        with self._reading(site) as connection:
            return read_detail(connection, site, fingerprint, Window(None, datetime.now(UTC)))

    def explanation(self, site: str, detail: GroupDetail) -> Explanation:
        """Of its first sample, or else of the violation that stands for the group."""
        found = self._site(site)
        group = detail.group
        policy = next((count.policy for count in group.policies), "")
        violation = detail.samples[0] if detail.samples else group.violation(policy)
        # Pages on a host that stands for another are the site's, too.
        hosts = (*found.hosts, *(alias.alias for alias in found.aliases)) if found.hosts else ()
        return explain_kept(violation, site=SiteKnowledge(hosts=hosts, deployments=detail.deployments))

    def suggestion(self, site: str) -> Suggestion | None:
        """As `cspbuild suggest` makes it, without options, as of now."""
        window, thresholds = Window(None, datetime.now(UTC)), Thresholds()
        with self._reading(site) as connection:
            groups = read_evidence(connection, site, window)
            if not groups:
                return None
            grounds = read_grounds(connection, site, window, groups, thresholds)
        return propose(site, groups, grounds)

    def scripts(self, site: str) -> Sequence[ReportedScript]:
        """As `cspbuild scripts` lists them, as of now."""
        hosts = self._site(site).hosts
        with self._reading(site) as connection:
            own = (*hosts, *read_vouched_hosts(connection, site))
            return reported_scripts(read_script_hashes(connection, site), Window(None, datetime.now(UTC)), own)

    def decisions(self, site: str) -> Sequence[Decision]:
        """Every answer that was ever given, newest first."""
        with self._reading(site) as connection:
            return read_decisions(connection, site, undone_too=True)[::-1]

    def decide(
        self, site: str, make: Callable[[Sequence[Decision]], Answer], *, note: str, until: datetime | None
    ) -> Decision:
        """Keep an answer. Raises CspbuildError where it cannot be kept."""
        now = datetime.now(UTC)
        with self._reading(site) as connection:
            answer = make(read_standing_decisions(connection, site, now))
        try:
            kept = add_decision(self._engine, site, answer, note=note, until=until, now=now)
        except SQLAlchemyError as error:
            raise describe_failure(error) from None
        self._keeper.decided(site)
        return kept

    def decide_all(self, site: str, answers: Sequence[Answer], *, note: str, until: datetime | None) -> None:
        """In one transaction."""
        try:
            get_site(self._engine, site)
            add_decisions(self._engine, site, answers, note=note, until=until, now=datetime.now(UTC))
        except SQLAlchemyError as error:
            raise describe_failure(error) from None
        self._keeper.decided(site)

    def undo(self, site: str, number: int) -> Decision:
        """Take an answer back. Raises CspbuildError where none of this number stands."""
        try:
            get_site(self._engine, site)
            undone = undo_decision(self._engine, site, number, datetime.now(UTC))
        except SQLAlchemyError as error:
            raise describe_failure(error) from None
        self._keeper.decided(site)
        return undone

    def registered(self) -> Sequence[Site]:
        """As `cspbuild site list` lists them."""
        try:
            return list_sites(self._engine)
        except SQLAlchemyError as error:
            raise describe_failure(error) from None

    def deployments(self, site: str) -> tuple[Sequence[Deployment], Sequence[NoticedDeployment]]:
        """As `cspbuild deploy list` lists them, as of now."""
        with self._reading(site) as connection:
            record = read_site_record(connection, site, Window(None, datetime.now(UTC)), Thresholds())
            return read_deployments(connection, site), noticed_in(record)

    def record_deployment(
        self,
        site: str,
        policies: PolicyList,
        stage: ServedStage,
        *,
        since: str | None,
        views_per_day: int | None,
        note: str,
    ) -> Deployment:
        """As `cspbuild deploy record` keeps it. Raises CspbuildError where it cannot be kept."""
        check_note(note)
        check_policies(policies)
        since_at = serving_since(since, datetime.now(UTC))
        try:
            return record_deployment(
                self._engine,
                get_site(self._engine, site).name,
                policy=str(policies),
                stage=stage,
                since_at=since_at,
                views_per_day=views_per_day,
                note=note,
            )
        except SQLAlchemyError as error:
            raise describe_failure(error) from None

    def _site(self, name: str) -> Site:
        try:
            return get_site(self._engine, name)
        except SQLAlchemyError as error:
            raise describe_failure(error) from None

    @contextmanager
    def _reading(self, site: str) -> Iterator[Connection]:
        try:
            get_site(self._engine, site)
            with snapshot(self._engine) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise describe_failure(error) from None

    def header_lines(self, site: str) -> Sequence[str]:
        """The observe headers of the site."""
        key = self._key_of(site) or self._site(site).key
        return observe_lines(f"{self._base_url}/report/{key}")

    def next_command(self, site: str) -> str:
        """What follows looking: a policy."""
        return f"{typed('cspbuild')} suggest{site_flag(site)}"

    def snippet_command(self, site: str) -> str:
        """The observe headers for nginx, as an example of the formats there are."""
        return f"{typed('cspbuild')} header{site_flag(site)} --base-url {self._base_url} --format nginx"


def observe_lines(report_url: str) -> list[str]:
    """The header lines of the observe stage."""
    return [f"{header.name}: {header.value}" for header in headers_for(Stage.OBSERVE, report_url=report_url)]
