"""Diagnosis: is reporting wired, from the header of a page to the database; one part of the way after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from policybuilder import self_test
from policybuilder.csp.urls import parse_url
from policybuilder.errors import CspbuildError
from policybuilder.grading.material import EndpointAnswer
from policybuilder.plurals import plural
from policybuilder.program import site_flag, typed
from policybuilder.reporting_places import is_cross_origin
from policybuilder.reports.hosts import host_matches
from policybuilder.scanner.asking import ask_endpoint, post_report
from policybuilder.scanner.fetching import Budget, Fetcher, FetchError, Response
from policybuilder.scanner.pages import MISUSES
from policybuilder.scanner.retrieving import markup_of
from policybuilder.set_up import ArrivedTest
from policybuilder.store.arrivals import read_arrivals
from policybuilder.store.engine import Database, open_for_reading, shown_url
from policybuilder.store.reading import snapshot
from policybuilder.store.setting_up import read_set_up
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import DEFAULT_SITE, KeyKind, Site, find_key, find_silent_key, get_site
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window
from policybuilder.wiring import (
    REPORT_TO,
    Check,
    Endpoint,
    advice_of,
    check_headers,
    check_preflight,
    endpoints_of,
)
from policybuilder.workflow import WorkflowStage, standing_of

_KEY = re.compile(r"/report/([^/?#]+)/?$")
_MAX_ENDPOINTS = 8
_PATIENCE_SECONDS = 10.0
"""Until a report is in the database: at once, but for collectors that hand reports on to a stream first."""


def diagnose(fetcher: Fetcher, url: str, *, site: str | None, database: str) -> Iterator[Check]:
    """Each check as it is done. Without `site` it is the one that the endpoint's key belongs to.

    Posts test reports, which are never evidence, to the endpoints that the page names. Raises CspbuildError for a URL
    that must not be fetched.
    """
    with fetcher.within(Budget()):
        try:
            page = fetcher.fetch(url, needs_body=False)
        except FetchError as error:
            if error.reason in MISUSES and not error.redirects:
                raise
            message, fix = advice_of(error)
            yield Check(name="page", passed=False, message=message, fix=fix)
            return
        yield _check_page(page)
        yield from check_headers(page.headers, page.url, markup_of(page))
        endpoints = endpoints_of(page.headers, page.url)[:_MAX_ENDPOINTS]
        answers: dict[str, EndpointAnswer] = {}
        for endpoint in endpoints:
            answers[endpoint.url] = ask_endpoint(fetcher, endpoint.url, page.url)
            yield check_preflight(endpoint, answers[endpoint.url], page.url)
        yield from _follow_to_database(fetcher, page, endpoints, answers, site=site, database=database)


def _check_page(page: Response) -> Check:
    way = f" after {plural(len(page.redirects), 'redirect')}" if page.redirects else ""
    message = f"{page.url} answered {page.status}{way}"
    if page.status < 400:
        return Check(name="page", passed=True, message=message)
    message += ": an error, which may be sent with other headers than the site's pages"
    return Check(name="page", passed=None, message=message, fix="give the URL of a page that visitors see")


def _follow_to_database(
    fetcher: Fetcher,
    page: Response,
    endpoints: tuple[Endpoint, ...],
    answers: Mapping[str, EndpointAnswer],
    *,
    site: str | None,
    database: str,
) -> Iterator[Check]:
    engine: Database | None = None
    try:
        engine = open_for_reading(database)
    except CspbuildError as error:
        message, fix = advice_of(error)
        yield Check(name="database", passed=False, message=message, fix=fix)
    else:
        yield Check(name="database", passed=True, message=f"{shown_url(database)} opens")
    try:
        if engine is not None and site is not None and (unknown := _check_site(engine, site)) is not None:
            yield unknown
            site = None
        seen: dict[str, Site] = {}
        for endpoint in endpoints:
            reachable = answers[endpoint.url].failure is None
            found = None if engine is None else _site_of_key(engine, endpoint.url)
            if engine is not None:
                yield _check_key(engine, endpoint.url, found, site)
            if reachable:
                yield from _test(fetcher, page, endpoint, engine, None if found is None else found.site)
            if found is not None:
                seen.setdefault(found.site.name, found.site)
        yield from (_check_hosts(each, page.url) for each in seen.values())
        if engine is not None:
            for name in sorted(seen) or [site or DEFAULT_SITE]:
                yield _check_status(engine, name)
    finally:
        if engine is not None:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class _KeyedSite:
    site: Site
    kind: KeyKind


def _check_site(engine: Database, name: str) -> Check | None:
    """Nothing where there is such a site."""
    try:
        get_site(engine, name)
    except CspbuildError as error:
        message, fix = advice_of(error)
        return Check(name="site", passed=False, message=message, fix=fix)
    return None


def _key_of(url: str) -> str | None:
    """The key with which the address of an endpoint of our collector ends."""
    parsed = parse_url(url)
    match = _KEY.search(parsed.path or "") if parsed is not None else None
    return match[1] if match else None


def _site_of_key(engine: Database, url: str) -> _KeyedSite | None:
    """The site whose live key it is."""
    text = _key_of(url)
    key = find_key(engine, text) if text is not None else None
    return None if key is None else _KeyedSite(get_site(engine, key.site), key.kind)


def _check_key(engine: Database, url: str, found: _KeyedSite | None, site: str | None) -> Check:
    if found is None:
        key = _key_of(url)
        if key is None:
            message = "this is no address of our collector, so whether it stores anything cannot be checked from here"
            return Check(name="key", passed=None, message=message, url=url)
        message, fix = _why_silent(engine, key)
        return Check(name="key", passed=False, message=message, fix=fix, url=url)
    name = found.site.name
    if site is not None and name != site:
        message = f"its key belongs to site {name}, not to {site}"
        fix = f"send the headers of  {typed('cspbuild')} header{site_flag(site)}"
        return Check(name="key", passed=False, message=message, fix=fix, url=url)
    warning = ", which is for your own visits and never for the public" if found.kind is KeyKind.REHEARSAL else ""
    return Check(name="key", passed=True, message=f"it is a {found.kind} key of site {name}{warning}", url=url)


def _why_silent(engine: Database, key: str) -> tuple[str, str]:
    """Why nobody answers to the key, and what to do."""
    silent = find_silent_key(engine, key)
    if silent is None:
        return (
            "this database does not know its key",
            f"pass --database of the collector that listens there, or see  {typed('cspbuild')} site list",
        )
    if silent.is_revoked:
        fix = f"send the headers of  {typed('cspbuild')} header{site_flag(silent.site)}"
        return f"its key of site {silent.site} was revoked", fix
    return f"site {silent.site}, whose key it is, is switched off", f"{typed('cspbuild')} site on {silent.site}"


def _check_hosts(site: Site, page: str) -> Check:
    parsed = parse_url(page)
    host = "" if parsed is None else parsed.origin.partition("://")[2]
    if not site.hosts:
        return Check(name="hosts", passed=True, message=f"site {site.name} takes reports of any host")
    patterns = (*site.hosts, *(alias.alias for alias in site.aliases))
    if any(host_matches(pattern, host) for pattern in patterns):
        return Check(name="hosts", passed=True, message=f"{host} is a host of site {site.name}")
    return Check(
        name="hosts",
        passed=False,
        message=f"{host} is no host of site {site.name} ({', '.join(site.hosts)}): its reports count as noise",
        fix=f"{typed('cspbuild')} site set {site.name} --add-host {host}",
    )


def _test(
    fetcher: Fetcher, page: Response, endpoint: Endpoint, engine: Database | None, site: Site | None
) -> Iterator[Check]:
    """Post the reports that browsers would, and look for them."""
    before = _arrived(engine, site)
    posted = 0
    for directive in sorted(endpoint.directives, reverse=True):
        check = _post(fetcher, page.url, endpoint.url, directive)
        posted += check.passed is True
        yield check
    if engine is None or site is None or not posted:
        return
    if site.aliases and any(host_matches(alias.alias, self_test.HOST) for alias in site.aliases):
        message = f"an alias of site {site.name} means {self_test.HOST} too, so a test report counts for another host"
        yield Check(name="stored", passed=None, message=message, url=endpoint.url)
        return
    yield _check_stored(engine, site, before, posted, endpoint.url)


def _post(fetcher: Fetcher, page: str, url: str, directive: str) -> Check:
    is_api = directive == REPORT_TO
    name = "test-report-to" if is_api else "test-report-uri"
    body, content_type = (
        (self_test.api_body(), self_test.API_CONTENT_TYPE) if is_api else (self_test.body(), self_test.CONTENT_TYPE)
    )
    try:
        answer = post_report(fetcher, url, page, body, content_type)
    except FetchError as error:
        message, fix = advice_of(error)
        return Check(name=name, passed=False, message=message, fix=fix, url=url)
    if not 200 <= answer.status < 300:
        why, fix = _refusal(answer.status, is_ours=_key_of(url) is not None)
        return Check(
            name=name, passed=False, message=f"a test report was answered {answer.status}{why}", fix=fix, url=url
        )
    allowed = answer.header_values("access-control-allow-origin")
    if is_api and is_cross_origin(url, page) and not allowed:
        message = f"answered {answer.status}, without Access-Control-Allow-Origin: Firefox sends such reports again"
        fix = "answer the POST with Access-Control-Allow-Origin: *"
        return Check(name=name, passed=False, message=message, fix=fix, url=url)
    return Check(name=name, passed=True, message=f"a test report was taken ({answer.status})", url=url)


def _refusal(status: int, *, is_ours: bool) -> tuple[str, str]:
    """What the status means, and what to do about it."""
    match status:
        case HTTPStatus.BAD_REQUEST:
            return (
                ": the endpoint takes no reports for this host, or not of this kind",
                "see whether CSP_INGEST_HOSTS of the collector has the host, and what its log says",
            )
        case HTTPStatus.NOT_FOUND if is_ours:
            return ": the key is unknown there, or its site is off", "send the headers with a live key"
        case HTTPStatus.NOT_FOUND:
            return ": nothing takes reports there", "send the headers with the address of your collector"
        case HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return (
                ": the endpoint, or a proxy before it, refuses the type of reports",
                f"let {self_test.CONTENT_TYPE} and {self_test.API_CONTENT_TYPE} through",
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return ": the reports a second are used up", "try again soon"
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return ": its database, or the way to it, takes nothing now", "see its /readyz"
        case _ if 300 <= status < 400:
            return ": browsers follow no redirect with a report", "name the address that it leads to"
        case _:
            return "", "see what stands before the endpoint: browsers post without signing in"


def _arrived(engine: Database | None, site: Site | None) -> ArrivedTest | None:
    if engine is None or site is None:
        return None
    with snapshot(engine) as connection:
        return read_set_up(connection, site.name).test


def _check_stored(engine: Database, site: Site, before: ArrivedTest | None, posted: int, url: str) -> Check:
    wanted = (before.reports if before is not None else 0) + posted
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while (test := _arrived(engine, site)) is None or test.reports < wanted:
        if time.monotonic() >= ends_at:
            return Check(
                name="stored",
                passed=False,
                message=f"the report was taken, and is not in this database after {_PATIENCE_SECONDS:.0f} seconds",
                fix="pass --database of the collector that listens there, or see whether it sheds reports (/metrics)",
                url=url,
            )
        time.sleep(0.2)
    if test.rule != self_test.RULE:
        message = f"the test report counts as {test.evidence_class}, by the rule {test.rule or 'of nobody'}"
        fix = f"take the rule {self_test.RULE} out of what the file of CSP_RULES switches off"
        return Check(name="stored", passed=False, message=message, fix=fix, url=url)
    message = f"{plural(posted, 'test report')} found in the database, as {test.fingerprint[:8]}; never evidence"
    return Check(name="stored", passed=True, message=message, url=url)


def _check_status(engine: Database, name: str) -> Check:
    try:
        site = get_site(engine, name)
    except CspbuildError as error:
        message, fix = advice_of(error)
        return Check(name="status", passed=False, message=message, fix=fix)
    with snapshot(engine) as connection:
        record = read_site_record(connection, name, Window(None, datetime.now(UTC)), Thresholds())
        standing = standing_of(record, read_arrivals(connection, site))
    stage = standing.stage
    says = f"{name}: {stage.value.replace('-', ' ')}; {standing.why}"
    arrives = stage is not WorkflowStage.NOTHING_ARRIVES
    return Check(name="status", passed=True if arrives else None, message=says, fix=standing.next)
