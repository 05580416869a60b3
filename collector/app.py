"""The service: ingest in front, pages and health behind it, security headers around everything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from collector.health import Health, create_health_router
from collector.ingest.client import client_network, is_trusted_peer
from collector.ingest.counters import IngestCounters
from collector.ingest.endpoint import (
    PATH_PREFIX,
    STORED,
    Answer,
    KeyDirectory,
    Receive,
    ReportEndpoint,
    Scope,
    Send,
)
from collector.ingest.process_writer import ProcessWriter, WriterHome
from collector.ingest.whole import MadeAnswer, WholeReports
from collector.ingest.writer import GroupCommitWriter, Writer
from collector.listening import with_local_peer
from collector.logs import set_up_logs
from collector.review.access import Access
from collector.review.ingest_health import IngestHealth
from collector.review.keeper import SiteKeeper
from collector.review.keys import StoredKeys
from collector.review.pages import create_router
from collector.review.stored import StoredReview
from collector.review.try_page import create_try_router
from collector.security_headers import (
    DENY_ALL_FEATURES,
    HEALTH_PATHS,
    LOOPBACK_HOSTS,
    SecurityHeaders,
    SecurityHeadersMiddleware,
    harden,
    is_for_loopback,
)
from collector.self_testing import SelfTester
from collector.settings import IPNetwork, Settings, load_settings
from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.rehearsal import read_rehearsal_key, write_rehearsal_key
from policybuilder.reports.rules import Rules, load_rules
from policybuilder.stages import Stage, headers_for
from policybuilder.store.engine import describe_failure, open_for_writing
from policybuilder.store.sites import DEFAULT_SITE, ensure_default_site, ensure_rehearsal_key, find_key, get_site

SERVICE_HEADERS = SecurityHeaders(permissions_policy=DENY_ALL_FEATURES, coep="require-corp")
"""The pages load nothing from elsewhere and use none of these features, so the strictest costs them nothing."""


_PUBLISH_SECONDS = 0.5
"""How old what other processes know of this one may be."""

ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """An application ready to be served, and what its operator has to know."""

    app: ASGIApplication
    settings: Settings
    base_url: str
    report_key: str | None
    """Of the header lines to show at the start: the rehearsal key for this machine alone, else the newest public one.

    None when the default site answers no such key.
    """

    access: Access
    counters: IngestCounters
    whole_reports: WholeReports
    """Takes reports before there is anything of ASGI, from a server that can."""

    @property
    def has_try_page(self) -> bool:
        return self.settings.review and self.settings.listens_on_loopback


def create_service(
    settings: Settings,
    *,
    base_url: str | None = None,
    writer_home: WriterHome | None = None,
    counters: IngestCounters | None = None,
) -> Service:
    """Open the database (creating and migrating it), and put the application together.

    `base_url` is where browsers reach it, if not at the settings' host and port. With a `writer_home` a process of its
    own writes for it; else a thread of this one does. Raises CspbuildError when the database, the data
    directory or the rules cannot be used.
    """
    base = base_url or settings.base_url
    rules = load_rules(settings.rules)
    engine = open_for_writing(settings.database_url)
    ensure_default_site(engine, datetime.now(UTC))
    rehearsal_key = _rehearsal_key(engine, settings)
    key = rehearsal_key if settings.listens_on_loopback else get_site(engine, DEFAULT_SITE).key
    report_key = key if find_key(engine, key) else None

    counters = counters or IngestCounters()
    token = settings.admin_token.get_secret_value() if settings.admin_token else None
    access = Access(
        StoredKeys(engine),
        admin_token=token,
        client_network=lambda request: _client_network(request, settings),
    )
    ingest = _Ingest(settings, engine, counters, rules, writer_home=writer_home)
    inner = FastAPI(
        title="CSP report collector",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # It would lead to whatever host and scheme the request names, which behind a proxy are not those of a browser.
        redirect_slashes=False,
        lifespan=ingest.run,
    )
    health = Health(engine, lambda: ingest.writer)
    inner.include_router(create_health_router(engine, health, counters, access))
    if settings.review:
        is_local = settings.listens_on_loopback
        service = StoredReview(
            engine,
            base,
            lambda site: _rehearsal_key(engine, settings) if is_local and site == DEFAULT_SITE else None,
        )
        try_path = "/try" if is_local else None
        inner.include_router(
            create_router(
                service,
                access,
                try_path=try_path,
                ingest_health=lambda: _ingest_health(counters, health),
                keeper=SiteKeeper(engine, base, data_dir=settings.data_dir),
                send=SelfTester(ingest, base, rules).post,
            )
        )
        if try_path:
            inner.include_router(
                create_try_router(
                    lambda at: _try_headers(at, _rehearsal_key(engine, settings)),
                    next_commands=[f"{typed('cspbuild')} {command}" for command in ("summary", "suggest")],
                )
            )
    harden(
        inner,
        SERVICE_HEADERS,
        hosts=settings.allowed_hosts or _default_hosts(settings),
        # Ingest has its own list of hosts, and answers for its path without a key alike.
        exempt=(*HEALTH_PATHS, PATH_PREFIX),
    )
    secured = SecurityHeadersMiddleware(ingest, SERVICE_HEADERS)
    app = _ForwardedScheme(_Front(secured, inner), settings)
    return Service(app, settings, base, report_key, access, counters, _WholeReports(ingest, secured, settings))


def _rehearsal_key(engine: Engine, settings: Settings) -> str:
    """This installation's live rehearsal key, made anew when its file holds none; for pages, asked at each request.

    Raises CspbuildError when the file cannot be written, or the database fails.
    """
    kept = read_rehearsal_key(settings.data_dir)
    try:
        key = ensure_rehearsal_key(engine, DEFAULT_SITE, kept, datetime.now(UTC))
    except SQLAlchemyError as error:
        raise describe_failure(error) from None
    if key != kept:
        write_rehearsal_key(key, settings.data_dir)
    return key


class _Ingest:
    """The report endpoint, alive while the application is."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        counters: IngestCounters,
        rules: Rules,
        *,
        writer_home: WriterHome | None,
    ) -> None:
        self._writer_home = writer_home
        self._settings = settings
        self._engine = engine
        self._counters = counters
        self._rules = rules
        self.writer: Writer | None = None
        self._endpoint: ReportEndpoint | None = None

    @asynccontextmanager
    async def run(self, _app: FastAPI) -> AsyncIterator[None]:
        """Start the writer; at the end, commit what is pending."""
        self.writer = writer = self._new_writer()
        writer.start()
        self._endpoint = ReportEndpoint(self._settings, self._counters, KeyDirectory(self._engine), writer, self._rules)
        try:
            # Whoever asks meanwhile waits for a moment, and is not told that nothing can be stored.
            await writer.until_running()
            publishing = asyncio.create_task(self._publish(), name="counters")
            try:
                yield
            finally:
                publishing.cancel()
        finally:
            await writer.close()
            self._engine.dispose()

    async def _publish(self) -> None:
        while True:
            self._counters.publish()
            await asyncio.sleep(_PUBLISH_SECONDS)

    def _new_writer(self) -> Writer:
        settings = self._settings
        if self._writer_home is not None:
            return ProcessWriter(
                settings.database_url,
                self._counters,
                max_queued=settings.queue_reports,
                max_queued_bytes=settings.queue_bytes,
                home=self._writer_home,
            )
        return GroupCommitWriter(self._engine, self._counters, max_queued=settings.queue_reports)

    @property
    def endpoint(self) -> ReportEndpoint | None:
        return self._endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._endpoint is None:
            raise RuntimeError("a report arrived before the application's lifespan began")
        await self._endpoint(scope, receive, send)


class _Front:
    """Reports go to ingest, everything else to the application, behind its check of hosts."""

    def __init__(self, ingest: ASGIApplication, rest: ASGIApplication) -> None:
        self._ingest = ingest
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PATH_PREFIX):
            await self._ingest(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


class _WholeReports:
    """The report endpoint, to a server that has read the whole request; the answer is that of the application."""

    def __init__(self, ingest: _Ingest, secured: SecurityHeadersMiddleware, settings: Settings) -> None:
        self._ingest = ingest
        self._secured = secured
        self._proxies = settings.trusted_proxies
        self._stored = {hsts: self._made(STORED, hsts=hsts) for hsts in (False, True)}

    def wants(self, scope: Scope) -> bool:
        """Whether it is for reports at all."""
        path: str = scope["path"]
        return scope["method"] == "POST" and path.startswith(PATH_PREFIX)

    def take(self, scope: Scope, body: bytes, answer: Callable[[MadeAnswer], None]) -> bool:
        """Take the request, and answer it now or later; False where it is for the application."""
        endpoint = self._ingest.endpoint
        if endpoint is None:
            return False
        scope = with_local_peer(scope)
        is_secure = scope["scheme"] == "https" or _came_by_https(scope, self._proxies)
        hsts = is_secure and not is_for_loopback(scope)

        def made(given: Answer) -> None:
            answer(self._stored[hsts] if given is STORED else self._made(given, hsts=hsts))

        return endpoint.take_whole(scope, body, made)

    def _made(self, answer: Answer, *, hsts: bool) -> MadeAnswer:
        headers = self._secured.headers_of(answer.headers, hsts=hsts)
        lines = b"".join(b"%b: %b\r\n" % each for each in headers)
        return MadeAnswer(answer.status, lines, answer.body, closes=(b"connection", b"close") in headers)


class _ForwardedScheme:
    """Believes a trusted proxy that the visitor came by https: HSTS and the flags of cookies follow from it."""

    def __init__(self, app: ASGIApplication, settings: Settings) -> None:
        self._app = app
        self._proxies = settings.trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["scheme"] != "https" and _came_by_https(scope, self._proxies):
            scope = {**scope, "scheme": "https"}
        await self._app(scope, receive, send)


def _came_by_https(scope: Scope, proxies: Sequence[IPNetwork]) -> bool:
    """Whether a trusted proxy says so."""
    said = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    if not said or said[-1].strip().lower() != b"https":
        return False
    return is_trusted_peer(scope["client"][0] if scope.get("client") else None, proxies)


def _client_network(request: Request, settings: Settings) -> str:
    return client_network(
        request.client.host if request.client else None,
        request.headers.raw,
        trusted_proxies=settings.trusted_proxies,
        client_header=settings.client_header,
    )


def _ingest_health(counters: IngestCounters, health: Health) -> IngestHealth:
    totals = counters.totals()
    refused = [item for outcome in ("invalid", "shed", "filtered") for item in totals[outcome].items()]
    return IngestHealth(
        **{outcome: sum(reports.values()) for outcome, reports in totals.items()},
        reasons=dict(sorted(refused, key=lambda item: -item[1])),
        problems=health.reasons_now(),
    )


def _try_headers(base_url: str, rehearsal_key: str) -> Sequence[tuple[str, str]]:
    headers = headers_for(Stage.OBSERVE, report_url=f"{base_url}{PATH_PREFIX}{rehearsal_key}")
    return [(header.name, header.value) for header in headers]


def _default_hosts(settings: Settings) -> tuple[str, ...]:
    """Loopback names and the bound address; an address that means "all of them" names no host."""
    if settings.host in {"0.0.0.0", "::", "localhost"}:  # noqa: S104  (compared, not bound)
        return LOOPBACK_HOSTS
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return tuple(dict.fromkeys((*LOOPBACK_HOSTS, host)))


def __getattr__(name: str) -> Any:
    """`uvicorn collector.app:app`: the application is made when it is first asked for, from environment and file."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        settings = load_settings()
        set_up_logs(settings.log_format, settings.log_level)
        service = create_service(settings)
    except CspbuildError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  (there is no command line to say it on)
        raise SystemExit(int(error.exit_code)) from None
    globals()["app"] = service.app
    if service.settings.review and not service.access.has_admin_token:
        link = service.access.new_login_link(service.base_url)
        print(f"review pages, once within ten minutes: {link}", file=sys.stderr)  # noqa: T201  (the same)
    return service.app
