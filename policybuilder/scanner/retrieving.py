"""Retrieving: all that a scan looks at of one page and its server.

The page over https and over plain http, what sets cookies besides, and the questions that its tests put. A request of
each kind goes out once, and all of them together have a budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import ada_url

from policybuilder.csp.urls import parse_url
from policybuilder.grading.endpoints import named_endpoints
from policybuilder.grading.material import FORGED_HOST, PREFLIGHT_ORIGIN, EndpointAnswer, Material, SentCookie, Visit
from policybuilder.grading.preload import are_preloaded, is_preloaded, list_day
from policybuilder.markup import Markup, charset_of, read_markup
from policybuilder.reporting_places import reporting_places
from policybuilder.scanner.asking import ask_endpoint
from policybuilder.scanner.fetching import Budget, Fetcher, FetchError, FetchReason, Question, Response
from policybuilder.scanner.pages import MISUSES, header_values

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MAX_ENDPOINTS = 8
_MAX_ROBOTS_BYTES = 64 * 1024


def retrieve(fetcher: Fetcher, url: str, *, budget: Budget | None = None) -> Material:
    """All that can be seen of the page and its server from here.

    A page whose certificate does not hold is visited again without checking it, for this page alone, so that its other
    headers can be judged. Raises FetchError where the page is reached neither over https nor over plain http, and where
    the URL leads to where it must not.
    """
    with fetcher.within(budget or Budget()):
        return _retrieve(fetcher, fetcher.parse(url))


def _retrieve(fetcher: Fetcher, url: ada_url.URL) -> Material:
    https_url, http_url = _with_scheme(url, "https"), _with_scheme(url, "http")
    https = _visit(fetcher, https_url, asked=url)
    if url.port and https.visit.response is not None:
        # One port speaks one of the two; what a TLS server says to plain http is no page.
        http = _Visited(Visit(url=http_url, reason=FetchReason.UNREACHABLE, failure=f"port {url.port} speaks https"))
    else:
        http = _visit(fetcher, http_url, asked=url)
    page = https.visit if https.visit.response is not None else http.visit
    if page.response is None:
        own, other = (https, http) if url.protocol == "https:" else (http, https)
        raise own.error or other.error or FetchError(FetchReason.UNREACHABLE, f"{url.host} cannot be reached")
    lenient = not page.is_certificate_valid
    markup = markup_of(page.response)
    again = _again(fetcher, page.response, markup, is_lenient=lenient)
    forged, forged_failure = _ask_with_forged_host(fetcher, page.response.url, is_lenient=lenient)
    return Material(
        url=url.href.partition("#")[0],
        page=page,
        http=http.visit,
        https=https.visit,
        seen_at=datetime.now(UTC),
        foreign_origin=PREFLIGHT_ORIGIN,
        forged_name=FORGED_HOST,
        preflight=_ask_from_elsewhere(fetcher, page.response.url, is_lenient=lenient),
        cookies=(*cookies_of(page.response), *_cookies_of_robots(fetcher, page)),
        markup=markup,
        again=again,
        markup_again=None if again is None else markup_of(again),
        is_preloaded=is_preloaded(url.hostname),
        is_landing_preloaded=is_preloaded(ada_url.URL(page.response.url).hostname),
        preload_list_day=list_day(),
        preloaded_redirects=_are_all_preloaded(http.visit),
        endpoints=_ask_endpoints(fetcher, page.response),
        forged_host=forged,
        forged_host_failure=forged_failure,
    )


@dataclass(frozen=True, slots=True)
class _Visited:
    visit: Visit
    error: FetchError | None = None


def _with_scheme(url: ada_url.URL, scheme: str) -> str:
    """The same page by the other scheme; a port that is named stays."""
    if url.protocol == f"{scheme}:":
        return url.href.partition("#")[0]
    return f"{scheme}://{url.host}{url.pathname}{url.search}"


def _visit(fetcher: Fetcher, url: str, *, asked: ada_url.URL) -> _Visited:
    try:
        return _Visited(Visit(url=url, response=fetcher.fetch(url, needs_body=False)))
    except FetchError as error:
        if error.reason in MISUSES and not error.redirects and url.startswith(asked.protocol):
            raise
        response = _in_spite_of_certificate(fetcher, url) if error.reason is FetchReason.TLS else None
        if response is not None:
            visit = Visit(url=url, response=response, is_certificate_valid=False, certificate_problem=str(error))
            return _Visited(visit)
        visit = Visit(url=url, reason=error.reason, failure=str(error), redirects=error.redirects)
        return _Visited(visit, error)


def _in_spite_of_certificate(fetcher: Fetcher, url: str) -> Response | None:
    """The page, whoever answers; None where the trouble is another than the certificate."""
    try:
        return fetcher.fetch(url, believes_any_certificate=True, needs_body=False)
    except FetchError:
        return None


def cookies_of(response: Response) -> Iterator[SentCookie]:
    """The cookies that the answer and the redirects before it set."""
    sent = [*((redirect.url, redirect.headers) for redirect in response.redirects), (response.url, response.headers)]
    for url, headers in sent:
        yield from (SentCookie(url=url, text=value) for value in header_values(headers, "set-cookie"))


def _cookies_of_robots(fetcher: Fetcher, page: Visit) -> Iterator[SentCookie]:
    """Observatory asks for this page to see what a site sets everywhere."""
    url = ada_url.URL("/robots.txt", page.url).href
    try:
        answer = fetcher.fetch(
            url, believes_any_certificate=not page.is_certificate_valid, needs_body=False, max_bytes=_MAX_ROBOTS_BYTES
        )
    except FetchError:
        return
    yield from cookies_of(answer)


def markup_of(response: Response) -> Markup | None:
    """The answer read as HTML, if it says that it is."""
    content_type = next(iter(response.header_values("content-type")), "")
    if content_type.partition(";")[0].strip().lower() not in _HTML_TYPES:
        return None
    return read_markup(response.body, url=response.url, encoding_hint=charset_of(content_type))


def _again(fetcher: Fetcher, response: Response, markup: Markup | None, *, is_lenient: bool) -> Response | None:
    """The page asked for once more, where something in its policies is to be new in each answer."""
    policies = list(header_values(response.headers, "content-security-policy"))
    policies += [] if markup is None else [meta.text for meta in markup.policies]
    if not any("'nonce-" in text.lower() for text in policies):
        return None
    try:
        return fetcher.fetch(response.url, believes_any_certificate=is_lenient, needs_body=False)
    except FetchError:
        return None


def _ask_from_elsewhere(fetcher: Fetcher, url: str, *, is_lenient: bool) -> Response | None:
    headers = (("Accept", "*/*"), ("Origin", PREFLIGHT_ORIGIN), ("Access-Control-Request-Method", "GET"))
    question = Question(url=url, method="OPTIONS", headers=headers)
    try:
        return fetcher.ask(question, believes_any_certificate=is_lenient)
    except FetchError:
        return None


def _ask_endpoints(fetcher: Fetcher, response: Response) -> dict[str, EndpointAnswer]:
    places = reporting_places(response.headers, response.url)
    named = named_endpoints(response.headers, response.url)
    urls = list(dict.fromkeys([place.url for place in places if place.url is not None] + list(named.values())))
    return {url: ask_endpoint(fetcher, url, response.url) for url in urls[:_MAX_ENDPOINTS]}


def _ask_with_forged_host(fetcher: Fetcher, url: str, *, is_lenient: bool) -> tuple[Response | None, str | None]:
    """The answer, or why there is none; neither where nothing can be said."""
    try:
        return fetcher.ask(Question(url=url, host=FORGED_HOST), believes_any_certificate=is_lenient), None
    except FetchError as error:
        # A server that hangs up refuses. One that takes no connection has not heard the name, and one that is not
        # waited for says nothing.
        is_refusal = error.reason in {FetchReason.BROKEN_OFF, FetchReason.BAD_RESPONSE}
        return None, str(error) if is_refusal else None


def _are_all_preloaded(http: Visit) -> bool:
    """Whether browsers go to each host on the way from plain http over https alone."""
    steps = [http.url]
    if http.response is not None:
        steps += [redirect.url for redirect in http.response.redirects] + [http.response.url]
    return are_preloaded(url.host for url in map(parse_url, steps) if url is not None)
