"""Asking: the questions a browser puts to the place that reports go to, and a report posted as it does.

https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from __future__ import annotations

from policybuilder.grading.material import EndpointAnswer
from policybuilder.reporting_places import is_cross_origin
from policybuilder.scanner.fetching import Fetcher, FetchError, FetchReason, Question, Response
from policybuilder.scanner.pages import MISUSES
from policybuilder.wiring import origin_of


def ask_endpoint(fetcher: Fetcher, url: str, page: str) -> EndpointAnswer:
    """What the endpoint says to the preflight of a report from the page, whether or not a browser would ask first."""
    other = is_cross_origin(url, page)
    preflight = Question(
        url=url,
        method="OPTIONS",
        headers=(
            ("Accept", "*/*"),
            ("Origin", origin_of(page)),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
        ),
    )
    try:
        answer = fetcher.ask(preflight)
    except FetchError as error:
        is_ours = error.reason in MISUSES or error.reason is FetchReason.OVER_BUDGET
        return EndpointAnswer(url=url, is_cross_origin=other, failure=str(error), is_refused=is_ours)
    return EndpointAnswer(
        url=url, preflight_status=answer.status, preflight_headers=answer.headers, is_cross_origin=other
    )


def post_report(fetcher: Fetcher, url: str, page: str, body: bytes, content_type: str) -> Response:
    """The answer to a report posted as from the page. Raises FetchError."""
    headers = (("Accept", "*/*"), ("Origin", origin_of(page)), ("Content-Type", content_type))
    return fetcher.ask(Question(url=url, method="POST", headers=headers, body=body))
