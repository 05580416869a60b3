"""The keeper of sites on the database: what the pages of deployments, settings and set-up show and change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder import self_test
from policybuilder.deploying import check_note, check_policies, parse_served, parse_views, serving_since
from policybuilder.deployments import Deployment, ServedStage, served
from policybuilder.errors import CspbuildError
from policybuilder.history import Chapter, Served, history
from policybuilder.noticing import NoticedDeployment
from policybuilder.readiness.judging import enforced_now, noticed_in, on_trial, probing, unrecorded_in
from policybuilder.rehearsal import read_rehearsal_key, rehearsal_key_path, write_rehearsal_key
from policybuilder.reports.hosts import host_matches
from policybuilder.rollback import Rollback, headers_of, reason_of, served_again, stopped_headers, way_back
from policybuilder.set_up import SetUp
from policybuilder.stages import Header
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.engine import describe_failure
from policybuilder.store.erasing import erase_site
from policybuilder.store.exporting import export_site
from policybuilder.store.reading import snapshot
from policybuilder.store.setting_up import read_set_up
from policybuilder.store.site_keys import KeyRecord, read_site_keys
from policybuilder.store.site_record import read_site_record
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import (
    KeyKind,
    Site,
    add_site,
    get_site,
    has_rehearsal_key,
    parse_alias,
    rotate_site,
    set_site_active,
)
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPolicies:
    """What a site serves and served."""

    enforced: Served | None
    trial: Deployment | None
    probe: Deployment | None
    report_only: Deployment | None
    """What is sent report-only, where it is neither tried nor a probe: to observe, or from before."""

    chapters: tuple[Chapter, ...]
    """Newest first."""

    unrecorded: tuple[NoticedDeployment, ...]
    way_back: WayBack | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The last good headers."""

    left: int
    """The number of the deployment that is served now, and no longer."""

    why: str
    headers: tuple[Header, ...]
    stopped: tuple[str, ...]
    """Names of headers that are not to be sent at all."""

    problem: str = ""
    """Why they cannot be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """A site, with its keys."""

    site: Site
    public_keys: tuple[KeyRecord, ...]
    """Those that are answered, newest first."""

    revoked_keys: tuple[KeyRecord, ...]
    """Public ones, newest first."""

    rehearsal_keys: tuple[KeyRecord, ...]
    """Those that are answered, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeys:
    """A site with a rehearsal key that was just made, to be shown once."""

    site: Site
    note: str = ""
    """What became of the file that held the old one."""

    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentForm:
    """A deployment as somebody typed it."""

    policy: str
    stage: str
    since: str = ""
    views: str = ""
    note: str = ""


class SiteKeeper:
    """What `cspbuild site`, `deploy` and `rollback` do, for the review pages and by the same checks.

    Every method may wait for the database, and raises CspbuildError where it cannot be asked.
    """

    def __init__(self, engine: Engine, base_url: str, *, data_dir: Path | None = None) -> None:
        """`data_dir` is where this installation keeps its rehearsal key, if not where the commands look for it."""
        self._engine = engine
        self._base_url = base_url.rstrip("/")
        self._data_dir = data_dir

    def report_url(self, key: str) -> str:
        """Where browsers post to."""
        return f"{self._base_url}/report/{key}"

    # Deployments

    def served(self, site: str) -> ServedPolicies:
        """What `cspbuild deploy list` tells, and `rollback`, as of now."""
        found = self.site(site)
        with self._reading() as connection:
            record = read_site_record(connection, site, Window(None, datetime.now(UTC)), Thresholds())
            deployments = read_deployments(connection, site)
        trial, probe = on_trial(record.deployments), probing(record.deployments)
        reported = served(record.deployments, ServedStage.REPORT_ONLY)
        back = way_back(deployments)
        return ServedPolicies(
            enforced=enforced_now(record),
            trial=trial,
            probe=probe,
            report_only=None if reported in {trial, probe} else reported,
            chapters=history(deployments, noticed_in(record)),
            unrecorded=unrecorded_in(record),
            way_back=None if back is None else self._way_back(back, found),
        )

    def _way_back(self, back: Rollback, site: Site) -> WayBack:
        headers: tuple[Header, ...] = ()
        problem = "" if site.key else "the site has no live key to report to"
        try:
            if site.key:
                headers = headers_of(back, self.report_url(site.key))
        except CspbuildError as error:
            problem = str(error)
        return WayBack(
            left=back.left.number,
            why=reason_of(back),
            headers=headers,
            stopped=stopped_headers(back),
            problem=problem if back.enforced or back.report_only else "",
        )

    def record(self, site: str, form: DeploymentForm) -> Deployment:
        """Keep a deployment. Raises CspbuildError for what `cspbuild deploy record` refuses."""
        check_note(form.note)
        policies = parse_served(form.policy)
        check_policies(policies)
        if form.stage not in set(ServedStage):
            raise CspbuildError("choose how it is served: report-only, or enforced")
        views_per_day = parse_views(form.views)
        since_at = serving_since(form.since.strip() or None, datetime.now(UTC))
        with _asking():
            return record_deployment(
                self._engine,
                get_site(self._engine, site).name,
                policy=str(policies),
                stage=ServedStage(form.stage),
                since_at=since_at,
                views_per_day=views_per_day,
                note=form.note,
            )

    def record_way_back(self, site: str, left: str) -> Deployment:
        """Keep that the headers are served which were good before the deployment of the number `left`.

        Raises CspbuildError where that is not what the site serves: sent twice, it would go back twice.
        """
        with self._reading() as connection:
            known = read_deployments(connection, site)
        back = way_back(known)
        if back is None or str(back.left.number) != left:
            raise CspbuildError("the site serves something else by now; look at its deployments again")
        again = served_again(back, datetime.now(UTC))
        with _asking():
            return record_deployment(
                self._engine,
                site,
                policy=again.policy,
                stage=again.stage,
                since_at=again.since_at,
                note=again.note,
                after=max(each.number for each in known),
            )

    # Settings

    def site(self, name: str) -> Site:
        """Raises CspbuildError for an unknown one."""
        with _asking():
            return get_site(self._engine, name)

    def settings(self, name: str) -> SiteSettings:
        """The site with its keys."""
        site = self.site(name)
        with self._reading() as connection:
            keys = read_site_keys(connection, name)
        live = [each for each in keys if each.revoked_at is None]
        return SiteSettings(
            site=site,
            public_keys=tuple(each for each in live if each.kind is KeyKind.PUBLIC),
            revoked_keys=tuple(each for each in keys if each.kind is KeyKind.PUBLIC and each.revoked_at is not None),
            rehearsal_keys=tuple(each for each in live if each.kind is KeyKind.REHEARSAL),
        )

    def add(self, name: str, hosts: Sequence[str], aliases: Sequence[str]) -> NewKeys:
        """Register a site. Raises CspbuildError for what `cspbuild site add` refuses."""
        parsed = [parse_alias(alias) for alias in aliases]
        with _asking():
            return NewKeys(site=add_site(self._engine, name, hosts, datetime.now(UTC), aliases=parsed))

    def change(self, name: str, changes: SiteChanges) -> Site:
        """Change a site. Raises CspbuildError for what `cspbuild site set` refuses."""
        with _asking():
            return change_site(self._engine, name, changes)

    def rotate(self, name: str, *, revoke_old: bool) -> Site:
        """A new public key beside the old ones, or the newest alone."""
        with _asking():
            return rotate_site(self._engine, name, rehearsal=False, revoke_old=revoke_old, now=datetime.now(UTC))

    def rotate_rehearsal(self, name: str) -> NewKeys:
        """A new rehearsal key in the place of all others, in this installation's file too where that held one."""
        kept = read_rehearsal_key(self._data_dir)
        with _asking():
            is_kept = kept is not None and has_rehearsal_key(self._engine, name, kept)
            site = rotate_site(self._engine, name, rehearsal=True, revoke_old=False, now=datetime.now(UTC))
        if not is_kept or site.rehearsal_key is None:
            return NewKeys(site=site)
        try:
            write_rehearsal_key(site.rehearsal_key, self._data_dir)
        except CspbuildError as error:
            return NewKeys(site=site, problem=str(error))  # a new key that is seen nowhere is lost
        return NewKeys(site=site, note=f"{rehearsal_key_path(self._data_dir)} held the old one, and now holds this one")

    def switch(self, name: str, *, active: bool) -> None:
        """Switch a site on or off."""
        with _asking():
            set_site_active(self._engine, name, active=active)

    def erase(self, name: str) -> None:
        """Delete a site with all that is kept of it, for good; of the default one the evidence alone."""
        with _asking():
            erase_site(self._engine, name)

    def export(self, name: str) -> Iterator[str]:
        """All that is kept of a site as JSON lines, of one state of the database."""
        with snapshot(self._engine) as connection:
            for line in export_site(connection, name):
                yield json.dumps(line) + "\n"

    # Set-up

    def set_up(self, site: str) -> SetUp:
        """What shows of the site's set-up, as of now."""
        self.site(site)
        with self._reading() as connection:
            return read_set_up(connection, site)

    def key_to_test(self, name: str) -> str:
        """The key that a test report goes to. Raises CspbuildError where none could be told from evidence."""
        site = self.site(name)
        if not site.key:
            raise CspbuildError("the site has no live public key; make one under Settings")
        if any(host_matches(alias.alias, self_test.HOST) for alias in site.aliases):
            raise CspbuildError(f"an alias means {self_test.HOST} too, so a test report would count for another host")
        return site.key

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _asking(), snapshot(self._engine) as connection:
            yield connection


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise describe_failure(error) from None
